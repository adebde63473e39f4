/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/target.h"

#include <errno.h>
#include <string.h>

#include "common/textfile.h"

static const struct {
    const char *name;
    enum service_kind kind;
    uint16_t port; /* 0: none is usual */
} protos[] = {
    { "tls", SERVICE_TLS, 443 }, { "quic", SERVICE_QUIC, 443 }, { "http", SERVICE_HTTP, 80 },
    { "tcp", SERVICE_TCP, 0 },   { "udp", SERVICE_UDP, 0 },
};

static bool read_proto(const char *text, struct token proto, struct target *target,
                       struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(protos); i++) {
        if (!token_is(proto, protos[i].name))
            continue;
        target->kind = protos[i].kind;
        target->has_kind = true;
        if (target->port == 0)
            target->port = protos[i].port;
        return target->port != 0 ||
               err_set(err, EINVAL, "target \"%s\": %s without a port, expected %.*s:PORT/%s",
                       text, protos[i].name, (int)(proto.text - text - 1), text,
                       protos[i].name);
    }
    return err_set(err, EINVAL,
                   "target \"%s\": unknown protocol \"%.*s\", expected tls, quic, http, tcp or "
                   "udp",
                   text, TOKEN_SHOWN(proto));
}

static void guess_kind(struct target *target)
{
    if (target->port == 0)
        target->port = 443;
    if (target->port == 443)
        target->kind = SERVICE_TLS;
    else
        target->kind = target->port == 80 ? SERVICE_HTTP : SERVICE_TCP;
}

/* Cut ":PORT" off *host. An IPv6 address has a port only in brackets. */
static bool read_port(const char *text, struct token *host, struct target *target,
                      struct err *err)
{
    struct token port = { NULL, 0 };
    unsigned long number;
    const char *end;

    if (host->len && host->text[0] == '[') {
        end = token_find(*host, ']');
        if (end == NULL)
            return err_set(err, EINVAL, "target \"%s\": no \"]\", expected [ADDRESS]:PORT",
                           text);
        port = token_tail(*host, end);
        *host = token_tail(token_head(*host, end), host->text);
        if (port.len && port.text[0] != ':')
            return err_set(err, EINVAL, "target \"%s\": expected \":\" after \"]\"", text);
        if (!token_find(*host, ':'))
            return err_set(err, EINVAL, "target \"%s\": expected an IPv6 address in brackets",
                           text);
        if (port.len == 0)
            return true;
        port = token_tail(port, port.text);
    } else {
        end = token_find(*host, ':');
        if (end == NULL || token_find(token_tail(*host, end), ':'))
            return true;
        port = token_tail(*host, end);
        *host = token_head(*host, end);
    }
    if (!token_number(port, 65535, &number) || number == 0)
        return err_set(err, EINVAL, "target \"%s\": bad port \"%.*s\", expected 1 to 65535",
                       text, TOKEN_SHOWN(port));
    target->port = (uint16_t)number;
    return true;
}

static bool read_host(const char *text, struct token host, struct target *target,
                      struct err *err)
{
    char name[HOSTNAME_MAX * 4 + 1];

    if (addr_parse(host.text, host.len, &target->addr))
        return true;
    if (text[0] == '[' || token_find(host, ':'))
        return err_set(err, EINVAL,
                       "target \"%s\": \"%.*s\" is no IPv6 address, expected one "
                       "such as 2001:db8::1",
                       text, TOKEN_SHOWN(host));
    if (host.len >= sizeof(name))
        return err_set(err, EINVAL,
                       "target \"%.80s...\": the name is %zu bytes long, expected at "
                       "most 253",
                       text, host.len);
    memcpy(name, host.text, host.len);
    name[host.len] = '\0';
    return hostname_from_user(name, target->name, err) || err_wrap(err, "target");
}

bool target_parse(const char *text, struct target *out, struct err *err)
{
    struct target target = { .port = 0 };
    struct token host = { text, strlen(text) };
    const char *slash = token_find(host, '/');
    struct token proto = { NULL, 0 };

    if (strstr(text, "://"))
        return err_set(err, EINVAL, "target \"%s\" is a URL, expected NAME[:PORT][/PROTO]",
                       text);
    if (slash) {
        proto = token_tail(host, slash);
        host = token_head(host, slash);
    }
    if (!read_port(text, &host, &target, err) || !read_host(text, host, &target, err))
        return false;
    if (slash && !read_proto(text, proto, &target, err))
        return false;
    if (!slash)
        guess_kind(&target);
    *out = target;
    return true;
}
