/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/conf_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/nearest.h"

#define DURATION_MAX_S (366ul * 86400)
#define LOG_MAX_LEAST  (UINT64_C(64) << 10)
#define LOG_MAX_MOST   (UINT64_C(64) << 30)
#define INTERFACE_MAX  15 /* IFNAMSIZ - 1 */
#define NAME_CHARS     "abcdefghijklmnopqrstuvwxyz0123456789_-"

/* One key. read() stores value; it is called once a line. */
struct key {
    const char *name;
    bool (*read)(struct conf_reader *reader, struct token value);
    bool has_suffix; /* name stands for name.SOMETHING, which may occur many times */
};

bool conf_agent_name_is_valid(const char *name, size_t len)
{
    return len >= 1 && len <= 63 && token_has_only((struct token) { name, len }, NAME_CHARS);
}

bool conf_fail(const struct conf_reader *reader, struct token value, const char *expected)
{
    return textfile_fail(&reader->file, value.text, "%.*s = \"%.*s\", expected %s",
                         TOKEN_SHOWN(reader->key), TOKEN_SHOWN(value), expected);
}

bool conf_copy(const struct conf_reader *reader, struct token value, char *out, size_t size)
{
    if (value.len >= size)
        return textfile_fail(&reader->file, value.text,
                             "%.*s is %zu bytes long, expected at most %zu",
                             TOKEN_SHOWN(reader->key), value.len, size - 1);
    memcpy(out, value.text, value.len);
    out[value.len] = '\0';
    return true;
}

/* A path; a relative one starts at the folder of the file that is read. */
static bool copy_path(const struct conf_reader *reader, struct token value, char *out,
                      size_t size)
{
    const char *slash = strrchr(reader->file.file, '/');
    size_t folder = slash ? (size_t)(slash - reader->file.file) + 1 : 0;

    if (value.text[0] == '/' || folder == 0)
        return conf_copy(reader, value, out, size);
    if (folder >= size)
        return conf_fail(reader, value, "a shorter path of the file's folder");
    if (!conf_copy(reader, value, out + folder, size - folder))
        return false;
    memcpy(out, reader->file.file, folder);
    return true;
}

static bool read_mode(struct conf_reader *reader, struct token value)
{
    bool is_learn = token_is(value, "learn");

    if (!is_learn && !token_is(value, "enforce"))
        return conf_fail(reader, value, "enforce or learn");
    reader->conf->mode = is_learn ? CONF_LEARN : CONF_ENFORCE;
    return true;
}

static bool read_interface(struct conf_reader *reader, struct token value, char *out,
                           size_t size)
{
    struct addr addr;

    if (!addr_parse(value.text, value.len, &addr) &&
        (value.len > INTERFACE_MAX || token_find(value, '/') || token_find(value, ' ') ||
         token_find(value, '\t') || token_find(value, ':') || token_find(value, '"')))
        return conf_fail(reader, value, "an interface's name or an address on it");
    return conf_copy(reader, value, out, size);
}

static bool read_internal(struct conf_reader *reader, struct token value)
{
    return read_interface(reader, value, reader->conf->internal,
                          sizeof(reader->conf->internal));
}

static bool read_external(struct conf_reader *reader, struct token value)
{
    return read_interface(reader, value, reader->conf->external,
                          sizeof(reader->conf->external));
}

static bool read_tunnel(struct conf_reader *reader, struct token value)
{
    const bool is_vxlan = token_is(value, "vxlan");

    if (!is_vxlan && !token_is(value, "none"))
        return conf_fail(reader, value, "none or vxlan");
    reader->conf->has_tunnel = is_vxlan;
    return true;
}

static bool read_policy(struct conf_reader *reader, struct token value)
{
    return copy_path(reader, value, reader->conf->policy, sizeof(reader->conf->policy));
}

static bool read_state(struct conf_reader *reader, struct token value)
{
    return copy_path(reader, value, reader->conf->state, sizeof(reader->conf->state));
}

static bool read_log(struct conf_reader *reader, struct token value)
{
    if (token_is(value, "-"))
        return conf_copy(reader, value, reader->conf->log, sizeof(reader->conf->log));
    return copy_path(reader, value, reader->conf->log, sizeof(reader->conf->log));
}

/* Bytes from "1048576", "64K", "64M" or "1G". */
static bool read_log_max(struct conf_reader *reader, struct token value)
{
    static const char units[] = "KMG";
    const char *unit = strchr(units, value.text[value.len - 1]);
    struct token digits = value;
    unsigned long number;
    uint64_t factor = 1;

    if (unit && *unit) {
        factor = UINT64_C(1024) << 10 * (unit - units);
        digits.len--;
    }
    if (!token_number(digits, LOG_MAX_MOST / factor, &number) ||
        number * factor < LOG_MAX_LEAST)
        return conf_fail(reader, value, "a size such as 64M, from 64K to 64G");
    reader->conf->log_max = number * factor;
    return true;
}

/* Seconds from "90", "90s", "15m", "24h" or "7d". */
static bool read_duration(struct conf_reader *reader, struct token value, unsigned long min,
                          uint32_t *out)
{
    static const struct {
        char unit;
        unsigned seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    struct token digits = value;
    unsigned long number, factor = 1;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (value.text[value.len - 1] == units[i].unit) {
            factor = units[i].seconds;
            digits.len--;
        }
    }
    if (!token_number(digits, DURATION_MAX_S / factor, &number) || number * factor < min)
        return conf_fail(reader, value,
                         min ? "a duration such as 90s, 15m, 24h or 7d, from 1s to 366d"
                             : "a duration such as 90s, 15m, 24h or 7d, at most 366d");
    *out = (uint32_t)(number * factor);
    return true;
}

static bool read_keep(struct conf_reader *reader, struct token value)
{
    return read_duration(reader, value, 1, &reader->conf->dns_keep_s);
}

static bool read_min_ttl(struct conf_reader *reader, struct token value)
{
    return read_duration(reader, value, 0, &reader->conf->dns_min_ttl_s);
}

static bool read_queues(struct conf_reader *reader, struct token value)
{
    if (!token_is(value, "auto") && !token_is(value, "1"))
        return conf_fail(reader, value, "auto or 1");
    reader->conf->queues = 1;
    return true;
}

static bool read_user(struct conf_reader *reader, struct token value)
{
    if (value.len > 32 || !token_has_only(value, NAME_CHARS "."
                                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return conf_fail(reader, value, "a user's name or number");
    if (token_is(value, "root") || token_has_only(value, "0"))
        return conf_fail(reader, value, "a user other than root");
    return conf_copy(reader, value, reader->conf->user, sizeof(reader->conf->user));
}

static bool read_ech(struct conf_reader *reader, struct token value)
{
    bool is_allow = token_is(value, "allow");

    if (!is_allow && !token_is(value, "deny"))
        return conf_fail(reader, value, "allow or deny");
    reader->conf->is_ech_allowed = is_allow;
    return true;
}

static const struct key keys[] = {
    { "mode", read_mode, false },
    { "internal", read_internal, false },
    { "external", read_external, false },
    { "tunnel", read_tunnel, false },
    { "tunnel.address", conf_read_tunnel_address, false },
    { "link.", conf_read_link, true },
    { "policy", read_policy, false },
    { "state", read_state, false },
    { "dns.upstream", conf_read_upstreams, false },
    { "dns.upstream.", conf_read_upstreams_of, true },
    { "dns.keep", read_keep, false },
    { "dns.min-ttl", read_min_ttl, false },
    { "queues", read_queues, false },
    { "log", read_log, false },
    { "log.max", read_log_max, false },
    { "user", read_user, false },
    { "ech", read_ech, false },
    { "private.allow", conf_read_private, false },
    { "private.deny", conf_read_private_denied, false },
    { "agent.", conf_read_agent, true },
};

static bool fail_unknown_key(const struct conf_reader *reader)
{
    const char *names[ARRAY_LEN(keys)], *nearest = NULL;
    char text[80];

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        names[i] = keys[i].name;
    if (reader->key.len < sizeof(text)) {
        memcpy(text, reader->key.text, reader->key.len);
        text[reader->key.len] = '\0';
        nearest = nearest_word(text, names, ARRAY_LEN(names));
    }
    if (nearest)
        return textfile_fail(&reader->file, reader->key.text,
                             "unknown key \"%.*s\", expected \"%s\"?", TOKEN_SHOWN(reader->key),
                             nearest);
    return textfile_fail(
        &reader->file, reader->key.text,
        "unknown key \"%.*s\", expected one of mode, internal, external, tunnel, "
        "tunnel.address, link.NAME, policy, state, dns.upstream, dns.upstream.NAME, "
        "dns.keep, dns.min-ttl, queues, log, log.max, user, ech, private.allow, "
        "private.deny, agent.NAME",
        TOKEN_SHOWN(reader->key));
}

/* Find reader->key; sets reader->suffix. */
static const struct key *find_key(struct conf_reader *reader)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        size_t len = strlen(keys[i].name);

        if (!keys[i].has_suffix && token_is(reader->key, keys[i].name))
            return &keys[i];
        if (keys[i].has_suffix && reader->key.len >= len &&
            memcmp(reader->key.text, keys[i].name, len) == 0) {
            reader->suffix = token_tail(reader->key, reader->key.text + len - 1);
            return &keys[i];
        }
    }
    return NULL;
}

/* A comment starts at the line's beginning or after a blank: "192.0.2.53#5353" has none. */
static struct token without_comment(struct token line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.text[i] == '#' &&
            (i == 0 || line.text[i - 1] == ' ' || line.text[i - 1] == '\t'))
            return token_head(line, line.text + i);
    return line;
}

/* seen: the line that each key was set in, or 0 */
static bool read_line(struct conf_reader *reader, struct token line,
                      unsigned seen[ARRAY_LEN(keys)])
{
    const char *equals = token_find(line, '=');
    const struct key *key;
    struct token value;

    if (equals == NULL)
        return textfile_fail(&reader->file, line.text, "no \"=\", expected key = value");
    reader->key = token_trim(token_head(line, equals));
    value = token_trim(token_tail(line, equals));
    if (reader->key.len == 0)
        return textfile_fail(&reader->file, line.text,
                             "no key before \"=\", expected key = value");
    key = find_key(reader);
    if (key == NULL)
        return fail_unknown_key(reader);
    if (value.len == 0)
        return textfile_fail(&reader->file, equals + 1,
                             "%.*s has no value, expected key = value",
                             TOKEN_SHOWN(reader->key));
    if (!key->has_suffix && seen[key - keys])
        return textfile_fail(&reader->file, reader->key.text,
                             "\"%.*s\" is set twice, in line %u first, expected it once",
                             TOKEN_SHOWN(reader->key), seen[key - keys]);
    seen[key - keys] = reader->file.line;
    return key->read(reader, value);
}

void conf_init(struct conf *conf)
{
    *conf = (struct conf) {
        .mode = CONF_ENFORCE,
        .policy = ".",
        .resolv_conf = "/etc/resolv.conf",
        .dns_keep_s = 24 * 3600,
        .dns_min_ttl_s = 60,
        .queues = 1,
        .log = "-",
        .log_max = UINT64_C(64) << 20,
        .user = "13",
        .is_ech_allowed = true,
    };
}

/* policy is the folder of the first file itself until a line says otherwise. */
static bool take_folder(struct conf *conf, const char *file)
{
    const char *slash = strrchr(file, '/');
    size_t len = slash ? (size_t)(slash - file) : 1;

    if (len >= sizeof(conf->policy))
        return false;
    if (slash && conf->nr_layers == 0) {
        len = len ? len : 1;
        memcpy(conf->policy, file, len);
        conf->policy[len] = '\0';
    }
    return true;
}

bool conf_add(struct conf *conf, const char *file, const char *text, size_t len,
              struct err *err)
{
    unsigned seen[ARRAY_LEN(keys)] = { 0 };
    struct conf_reader reader = {
        .file = { .file = file, .text = text, .len = len, .start = text, .err = err },
        .conf = conf,
    };
    struct token line;
    int rc;

    if (!take_folder(conf, file))
        return err_set(err, ENAMETOOLONG,
                       "%s:1:1: the file's path is too long, expected at most "
                       "%zu bytes",
                       file, sizeof(conf->policy) - 1);
    conf->nr_layers++;
    while ((rc = textfile_next(&reader.file, &line)) == 1) {
        line = token_trim(without_comment(line));
        if (line.len && !read_line(&reader, line, seen))
            return false;
    }
    return rc == 0;
}

/* The tunnel's keys go together. */
static bool finish_tunnel(const struct conf *conf, const char *file, struct err *err)
{
    struct addr outer;

    if (conf->has_tunnel && conf->nr_tunnel_addresses == 0)
        return err_set(err, EINVAL,
                       "%s: the configuration ends, expected tunnel.address = ADDRESS/BITS in "
                       "it: tunnel = vxlan is set",
                       file);
    if (conf->has_tunnel && conf->nr_agents > 0)
        return err_set(err, EINVAL,
                       "%s: agent.%s is set, expected link.%s: with tunnel = vxlan agents are "
                       "known by their links",
                       file, conf->agents[0].name, conf->agents[0].name);
    if (!conf->has_tunnel && conf->nr_links > 0)
        return err_set(err, EINVAL,
                       "%s: link.%s is set, expected tunnel = vxlan with it, or agent.%s", file,
                       conf->links[0].link.agent, conf->links[0].link.agent);
    if (conf->has_tunnel && addr_parse(conf->internal, strlen(conf->internal), &outer) &&
        outer.family != ADDR_V4)
        return err_set(
            err, EINVAL,
            "%s: internal = %s, expected an interface or an IPv4 address: it carries "
            "the tunnel",
            file, conf->internal);
    return true;
}

bool conf_finish(const struct conf *conf, const char *file, struct err *err)
{
    if (conf->internal[0] == '\0')
        return err_set(
            err, EINVAL,
            "%s: the configuration ends, expected internal = INTERFACE or ADDRESS in "
            "it",
            file);
    if (conf->external[0] == '\0')
        return err_set(err, EINVAL,
                       "%s: the configuration ends, expected external = INTERFACE, ADDRESS or "
                       "auto in it",
                       file);
    return finish_tunnel(conf, file, err);
}

bool conf_parse(const char *file, const char *text, size_t len, struct conf *conf,
                struct err *err)
{
    conf_init(conf);
    return conf_add(conf, file, text, len, err) && conf_finish(conf, file, err);
}
