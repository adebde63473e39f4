/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/policy_internal.h"

#include <string.h>

#include <libpsl.h>

#define SERVICES_WANTED                                                                        \
    "expected tls/PORT, quic/PORT, http/PORT, tcp/PORT, udp/PORT or \"intranet\""

const char *service_name(enum service_kind kind)
{
    static const char *const names[NR_SERVICE_KINDS] = {
        [SERVICE_TLS] = "tls", [SERVICE_QUIC] = "quic", [SERVICE_HTTP] = "http",
        [SERVICE_TCP] = "tcp", [SERVICE_UDP] = "udp",
    };

    return kind < NR_SERVICE_KINDS ? names[kind] : "-";
}

static enum service_kind find_kind(struct token token)
{
    unsigned kind = 0;

    while (kind < NR_SERVICE_KINDS && !token_is(token, service_name((enum service_kind)kind)))
        kind++;
    return (enum service_kind)kind;
}

/* On the public-suffix list to keep cookies apart; its operator alone makes the names below it.
 */
static bool is_one_operators(const char *suffix)
{
    static const char *const suffixes[] = { "githubusercontent.com" };

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (strcmp(suffix, suffixes[i]) == 0)
            return true;
    return false;
}

/* Read a port number, which is all of token. */
static bool read_port(const struct textfile *file, struct token token, uint16_t *port)
{
    unsigned long value;

    if (token.len == 0 || !token_has_only(token, "0123456789"))
        return textfile_fail(file, token.text,
                             "\"%.*s\" is no port, expected a number 1 to 65535",
                             TOKEN_SHOWN(token));
    if (!token_number(token, 65535, &value) || value == 0)
        return textfile_fail(file, token.text, "port %.*s is out of range, expected 1 to 65535",
                             TOKEN_SHOWN(token));
    *port = (uint16_t)value;
    return true;
}

static bool read_service(const struct textfile *file, struct token token, struct ports *out)
{
    const char *slash = token_find(token, '/'), *dash;
    struct token kind = slash ? token_head(token, slash) : token;
    struct token first, last;

    out->kind = (uint8_t)find_kind(kind);
    if (out->kind == NR_SERVICE_KINDS)
        return textfile_fail(file, token.text, "unknown service \"%.*s\", " SERVICES_WANTED,
                             TOKEN_SHOWN(token));
    if (!slash)
        return textfile_fail(file, token.text,
                             "service \"%.*s\" has no port, expected %.*s/PORT",
                             TOKEN_SHOWN(token), TOKEN_SHOWN(token));
    first = token_tail(token, slash);
    dash = token_find(first, '-');
    if (dash) {
        last = token_tail(first, dash);
        first = token_head(first, dash);
    }
    if (!read_port(file, first, &out->first))
        return false;
    out->last = out->first;
    if (dash && !read_port(file, last, &out->last))
        return false;
    if (out->last < out->first)
        return textfile_fail(file, first.text,
                             "port range %u-%u is reversed, expected the smaller port first",
                             out->first, out->last);
    return true;
}

/* Read what follows the target. */
static bool read_services(const struct textfile *file, struct token rest,
                          struct parsed_rule *rule)
{
    struct token token;

    while (token_next(&rest, &token)) {
        if (rule->flags & RULE_INTRANET)
            return textfile_fail(file, token.text,
                                 "\"%.*s\" after \"intranet\", expected the end of the line",
                                 TOKEN_SHOWN(token));
        if (token_is(token, "intranet")) {
            if (rule->flags & RULE_DENY)
                return textfile_fail(
                    file, token.text,
                    "\"intranet\" on a \"!\" rule, expected services or nothing");
            if (rule->name[0] == '\0')
                return textfile_fail(
                    file, token.text,
                    "\"intranet\" on an address, expected it on a name only: it says "
                    "that the name may resolve to a private address");
            rule->flags |= RULE_INTRANET;
            continue;
        }
        /* The line is bounded, so the array is long enough; stay closed all the same. */
        if (rule->nr_services == POLICY_SERVICES_MAX)
            return textfile_fail(file, token.text, "too many services, expected at most %d",
                                 POLICY_SERVICES_MAX);
        if (!read_service(file, token, &rule->services[rule->nr_services]))
            return false;
        rule->nr_services++;
    }
    if (rule->nr_services == 0 && rule->flags & RULE_DENY) {
        rule->flags |= RULE_ALL_SERVICES;
    } else if (rule->nr_services == 0) {
        rule->services[0] = (struct ports) { SERVICE_TLS, 443, 443 };
        rule->services[1] = (struct ports) { SERVICE_QUIC, 443, 443 };
        rule->nr_services = 2;
    }
    return true;
}

/* An address with a bad prefix length or with host bits; parsed is its address. */
static bool fail_prefix(const struct textfile *file, struct token token, const char *slash,
                        const struct addr *addr)
{
    unsigned max = addr->family == ADDR_V4 ? 32 : 128;
    struct token tail = token_tail(token, slash);
    unsigned long bits;
    char text[PREFIX_TEXT_MAX];
    struct prefix fixed = { .addr = *addr };

    if (!token_number(tail, max, &bits) || (tail.len > 1 && tail.text[0] == '0'))
        return textfile_fail(file, slash + 1,
                             "bad prefix length \"%.*s\", expected a number 1 to %u",
                             TOKEN_SHOWN(tail), max);
    fixed.bits = (uint8_t)bits;
    for (unsigned bit = fixed.bits; bit < max; bit++)
        fixed.addr.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
    return textfile_fail(file, token.text, "\"%.*s\" has host bits set, expected %s",
                         TOKEN_SHOWN(token), prefix_format(&fixed, text));
}

/* Is the first ":" that of "https://"? */
static bool has_scheme(struct token token)
{
    const char *colon = token_find(token, ':');
    struct token rest = colon ? token_tail(token, colon) : (struct token) { NULL, 0 };

    return rest.len >= 2 && rest.text[0] == '/' && rest.text[1] == '/';
}

/* Does a target that is no address look as if one was meant? Says so then. */
static bool fail_if_numeric(const struct textfile *file, struct token token)
{
    const char *colon = token_find(token, ':');

    if (token.text[0] >= '0' && token.text[0] <= '9' && token_has_only(token, "0123456789./"))
        return !textfile_fail(
            file, token.text,
            "\"%.*s\" is no IPv4 address, expected four numbers 0 to 255 without "
            "leading zeros, and /BITS if it is a network",
            TOKEN_SHOWN(token));
    if (token.text[0] == '[')
        return !textfile_fail(
            file, token.text,
            "\"%.*s\" has brackets, expected the IPv6 address alone and its ports as "
            "services such as tls/443",
            TOKEN_SHOWN(token));
    if (colon && token_find(token_tail(token, colon), ':') && !has_scheme(token))
        return !textfile_fail(
            file, token.text,
            "\"%.*s\" is no IPv6 address, expected one such as 2001:db8::1, and /BITS "
            "if it is a network",
            TOKEN_SHOWN(token));
    return false;
}

/* 1: it is an address or network, 0: something else, -1: an error */
static int read_address(const struct textfile *file, struct token token,
                        struct parsed_rule *rule)
{
    const char *slash = token_find(token, '/');
    struct addr addr;

    if (!prefix_parse(token.text, token.len, &rule->prefix)) {
        if (slash && addr_parse(token.text, (size_t)(slash - token.text), &addr))
            return fail_prefix(file, token, slash, &addr) ? 1 : -1;
        return fail_if_numeric(file, token) ? -1 : 0;
    }
    rule->flags |= RULE_SELF | RULE_BELOW;
    return 1;
}

/* A wildcard on a public suffix allows what anybody can register. */
static bool check_suffix(const struct textfile *file, struct token token,
                         const struct parsed_rule *rule)
{
    const psl_ctx_t *psl = psl_builtin();

    if (psl == NULL)
        return textfile_fail(
            file, token.text,
            "\"%.*s\" cannot be checked, expected libpsl with its built-in list",
            TOKEN_SHOWN(token));
    if (psl_is_public_suffix2(psl, rule->name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) &&
        !is_one_operators(rule->name))
        return textfile_fail(
            file, token.text,
            "\"%.*s\" covers the public suffix \"%s\", below which anybody can register "
            "a name, expected a wildcard on a name below it",
            TOKEN_SHOWN(token), rule->name);
    /* A top-level name that nobody has listed: new, or private to a network. */
    if (strchr(rule->name, '.') == NULL && !(rule->flags & RULE_INTRANET))
        return textfile_fail(
            file, token.text,
            "\"%.*s\" covers the top-level name \"%s\", below which anybody might "
            "register a name, expected a wildcard on a name below it, or \"intranet\"",
            TOKEN_SHOWN(token), rule->name);
    return true;
}

/* The commonest mistakes, each with what to write instead; true when one was reported. */
static bool fail_if_mistaken(const struct textfile *file, struct token name)
{
    const char *colon = token_find(name, ':'), *slash = token_find(name, '/');
    const char *star = token_find(name, '*');
    size_t host_len = colon ? (size_t)(colon - name.text) : name.len;

    if (has_scheme(name)) {
        struct token host = token_tail(name, colon + 2);
        size_t n = 0;

        while (n < host.len && strchr("/:?", host.text[n]) == NULL)
            n++;
        host.len = n;
        return !textfile_fail(file, name.text,
                              "\"%.*s\" is a URL, expected the name alone: \"%.*s\"",
                              TOKEN_SHOWN(name), TOKEN_SHOWN(host));
    }
    if (star)
        return !textfile_fail(
            file, star, "\"*\" inside \"%.*s\", expected it only as \"*.\" at the beginning",
            TOKEN_SHOWN(name));
    if (colon && !(slash && slash < colon))
        return !textfile_fail(
            file, colon,
            "\":\" in \"%.*s\", expected the name alone and its port as a service: "
            "%.*s tls/PORT",
            TOKEN_SHOWN(name), (int)(host_len < 80 ? host_len : 80), name.text);
    if (slash)
        return !textfile_fail(file, slash,
                              "\"/\" in \"%.*s\", expected the name alone, without a path",
                              TOKEN_SHOWN(name));
    return false;
}

static bool read_name(const struct textfile *file, struct token token, struct parsed_rule *rule)
{
    struct token name = token;
    struct hostname_fault fault = { 0, "" };
    char text[HOSTNAME_MAX * 4 + 1];
    struct err why;

    if (name.len >= 2 && memcmp(name.text, "*.", 2) == 0) {
        rule->flags |= RULE_BELOW;
        name = (struct token) { name.text + 2, name.len - 2 };
    } else if (name.text[0] == '.') {
        rule->flags |= RULE_SELF | RULE_BELOW;
        name = (struct token) { name.text + 1, name.len - 1 };
    } else {
        rule->flags |= RULE_SELF;
    }
    if (fail_if_mistaken(file, name))
        return false;
    if (hostname_canonical((const uint8_t *)name.text, name.len, rule->name) != 0)
        return true;
    if (name.len >= sizeof(text))
        return textfile_fail(file, name.text,
                             "the name is %zu bytes long, expected at most 253", name.len);
    memcpy(text, name.text, name.len);
    text[name.len] = '\0';
    /* A name in another script is judged after its conversion, an ASCII one byte by byte. */
    for (size_t i = 0; i < name.len; i++) {
        if ((uint8_t)text[i] < 0x80)
            continue;
        if (hostname_from_user(text, rule->name, &why))
            return true;
        return textfile_fail(file, name.text, "%s, expected a name in letters", why.text);
    }
    return !hostname_check((const uint8_t *)name.text, name.len, &fault) &&
           textfile_fail(file, name.text + fault.at,
                         "bad name \"%.*s\": %s, expected a host name such as api.example.com",
                         TOKEN_SHOWN(name), fault.why);
}

static bool read_rule(const struct textfile *file, struct token rest, struct token target,
                      struct parsed_rule *rule)
{
    struct token token = target;
    int is_address;

    rule->line = file->line;
    rule->column = (size_t)(target.text - file->start) + 1;
    rule->target = target.text;
    rule->target_len = target.len;
    rule->flags = 0;
    rule->name[0] = '\0';
    rule->nr_services = 0;
    if (token.text[0] == '!') {
        rule->flags |= RULE_DENY;
        token = (struct token) { token.text + 1, token.len - 1 };
        if (token.len == 0)
            return textfile_fail(file, token.text,
                                 "\"!\" alone, expected a target right after it");
    }
    is_address = read_address(file, token, rule);
    if (is_address < 0 || (is_address == 0 && !read_name(file, token, rule)) ||
        !read_services(file, rest, rule))
        return false;
    return true;
}

/* More than anybody means to allow: every address, or names that anybody can register. */
static bool is_too_wide(const struct textfile *file, struct token target,
                        const struct parsed_rule *rule)
{
    bool is_address = rule->name[0] == '\0';

    if (rule->flags & RULE_DENY)
        return false;
    if (is_address && rule->prefix.bits == 0)
        return !textfile_fail(file, target.text,
                              "\"%.*s\" would open every address there is, expected a prefix "
                              "length of at least 1",
                              TOKEN_SHOWN(target));
    return !is_address && (rule->flags & RULE_BELOW) && !check_suffix(file, target, rule);
}

int policy_parse_next(struct textfile *file, bool is_ceiling, struct parsed_rule *rule)
{
    struct token line, target;
    int rc;

    while ((rc = textfile_next(file, &line)) == 1) {
        const char *comment = token_find(line, '#');

        if (comment)
            line = token_head(line, comment);
        if (token_next(&line, &target))
            return read_rule(file, line, target, rule) &&
                           (is_ceiling || !is_too_wide(file, target, rule))
                       ? 1
                       : -1;
    }
    return rc;
}
