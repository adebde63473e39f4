/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/settings.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/file.h"
#include "common/nearest.h"
#include "ctl/env_file.h"

#define ENV_FILE_MAX (1u << 20)
#define WHY_MAX      300

#define PIDS_LEAST   32
#define PIDS_MOST    4194304 /* the kernel's PID_MAX_LIMIT */
#define MEMORY_LEAST (16ul << 20)
#define MEMORY_MOST  (1ul << 50)
#define CPUS_LEAST   10000000 /* the engine's, in billionths */
#define CPUS_MOST    8192

/* What a value is read with. */
struct context {
    const char *base, *user_home;
    char *why; /* WHY_MAX bytes: out, what is wrong and what was expected */
};

static bool reject(const struct context *context, const char *why)
{
    snprintf(context->why, WHY_MAX, "%s", why);
    return false;
}

/* A key or token goes into a header as it is. */
static bool read_secret(const struct context *context, const char *value, void *field)
{
    for (const char *p = value; *p; p++)
        if (*p <= ' ' || *p > '~')
            return reject(context, "has a byte that no key has, expected letters, digits and "
                                   "punctuation without blanks");
    if (strlen(value) >= SETTINGS_SECRET_MAX)
        return reject(context, "is too long for a key, expected at most 1023 bytes");
    memcpy(field, value, strlen(value) + 1);
    return true;
}

static bool read_path(const struct context *context, const char *value, void *field)
{
    const char *folder = context->base;
    struct err err;

    for (const char *p = value; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return reject(context, "has a control character, expected a path");
    if (value[0] == '~' && (value[1] == '/' || value[1] == '\0')) {
        if (!context->user_home || context->user_home[0] != '/')
            return reject(context, "starts with \"~\" and HOME is not set, expected an "
                                   "absolute path");
        folder = context->user_home;
        value += value[1] ? 2 : 1;
        if (path_join(field, folder, value, &err))
            return true;
    } else if (value[0] == '\0') {
        *(char *)field = '\0';
        return true;
    } else if (value[0] != '/') {
        if (path_join(field, folder, value, &err))
            return true;
    } else if (strlen(value) < FOLDER_PATH_MAX) {
        memcpy(field, value, strlen(value) + 1);
        return true;
    }
    return reject(context, "is too long, expected a path of at most 4095 bytes");
}

/* No address that a network out there could have. The benchmark network (RFC 2544) is one. */
static bool is_private(const struct prefix *prefix)
{
    static const char *const networks[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                            "100.64.0.0/10", "198.18.0.0/15" };

    for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
        struct prefix network;

        if (prefix_parse(networks[i], strlen(networks[i]), &network) &&
            prefix_contains(&network, &prefix->addr))
            return true;
    }
    return false;
}

static bool read_subnet(const struct context *context, const char *value, void *field)
{
    struct prefix prefix;

    if (!prefix_parse(value, strlen(value), &prefix) || prefix.addr.family != ADDR_V4)
        return reject(context, "is no IPv4 network, expected one such as 10.213.76.0/24, its "
                               "host bits zero");
    if (prefix.bits != 24)
        return reject(context, "has another size, expected a /24");
    if (!is_private(&prefix))
        return reject(context, "is no private network, expected one within 10.0.0.0/8, "
                               "172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or "
                               "198.18.0.0/15");
    *(struct prefix *)field = prefix;
    return true;
}

static bool read_ipv6(const struct context *context, const char *value, void *field)
{
    static const char *const words[] = {
        [EXTERNAL_IPV6_AUTO] = "auto",
        [EXTERNAL_IPV6_ON] = "on",
        [EXTERNAL_IPV6_OFF] = "off",
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(value, words[i]) == 0) {
            *(enum external_ipv6 *)field = (enum external_ipv6)i;
            return true;
        }
    return reject(context, "is no choice, expected auto, on or off");
}

static bool read_image(const struct context *context, const char *value, void *field)
{
    const struct token token = { value, strlen(value) };

    if (token.len == 0 || token.len >= SETTINGS_IMAGE_MAX || strchr("./_-:@", value[0]) ||
        !token_has_only(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "./_-:@"))
        return reject(context, "is no image, expected one such as name:tag or "
                               "registry.example/name:tag");
    memcpy(field, value, strlen(value) + 1);
    return true;
}

/* What the agent may use. 0: no limit. */
static bool read_pids(const struct context *context, const char *value, void *field)
{
    unsigned long number;

    if (!token_number((struct token) { value, strlen(value) }, PIDS_MOST, &number) ||
        (number > 0 && number < PIDS_LEAST))
        return reject(context, "is no number of processes, expected 32 to 4194304, or 0 for no "
                               "limit");
    *(int64_t *)field = (int64_t)number;
    return true;
}

static bool read_memory(const struct context *context, const char *value, void *field)
{
    static const char units[] = "kmg";
    size_t len = strlen(value);
    const char *unit = len ? strchr(units, value[len - 1] | 0x20) : NULL;
    unsigned shift = unit ? (unsigned)(unit - units + 1) * 10 : 0;
    unsigned long number;

    if (!token_number((struct token) { value, len - (unit != NULL) }, MEMORY_MOST >> shift,
                      &number) ||
        (number > 0 && number << shift < MEMORY_LEAST))
        return reject(context,
                      "is no size of memory, expected one such as 8g or 512m, at least "
                      "16m, or 0 for no limit");
    *(int64_t *)field = (int64_t)(number << shift);
    return true;
}

/* Whole ones and up to three decimals, kept in billionths. */
static bool read_cpus(const struct context *context, const char *value, void *field)
{
    const char *point = strchr(value, '.');
    size_t whole_len = point ? (size_t)(point - value) : strlen(value);
    size_t part_len = point ? strlen(point + 1) : 0;
    unsigned long whole, part = 0;
    int64_t billionths;

    if (!token_number((struct token) { value, whole_len }, CPUS_MOST, &whole) || part_len > 3 ||
        (point && !token_number((struct token) { point + 1, part_len }, 999, &part)))
        return reject(context,
                      "is no number of CPUs, expected one such as 2 or 1.5, or 0 for no "
                      "limit");
    for (size_t i = part_len; i < 3; i++)
        part *= 10;
    billionths = (int64_t)whole * 1000000000 + (int64_t)part * 1000000;
    if (billionths && billionths < CPUS_LEAST)
        return reject(context, "is too small a part of a CPU, expected at least 0.01");
    *(int64_t *)field = billionths;
    return true;
}

static const struct key {
    const char *name;
    size_t offset;
    bool (*read)(const struct context *context, const char *value, void *field);
    const char *fallback; /* NULL: the empty field */
} keys[] = {
    { "ANTHROPIC_API_KEY", offsetof(struct settings, anthropic_api_key), read_secret, NULL },
    { "CLAUDE_CODE_OAUTH_TOKEN", offsetof(struct settings, claude_code_oauth_token),
      read_secret, NULL },
    { "WORKSPACE_DIR", offsetof(struct settings, workspace_dir), read_path, NULL },
    { "CA_FILE", offsetof(struct settings, ca_file), read_path, NULL },
    { "INTERNAL_SUBNET", offsetof(struct settings, internal_subnet), read_subnet,
      "10.213.76.0/24" },
    { "TUNNEL_SUBNET", offsetof(struct settings, tunnel_subnet), read_subnet,
      "10.213.77.0/24" },
    { "EXTERNAL_IPV6", offsetof(struct settings, external_ipv6), read_ipv6, "auto" },
    { "GATEWAY_IMAGE", offsetof(struct settings, gateway_image), read_image,
      "claude-secure-gateway:latest" },
    { "AGENT_IMAGE", offsetof(struct settings, agent_image), read_image,
      "claude-secure-claude:latest" },
    { "AGENT_PIDS", offsetof(struct settings, agent_pids), read_pids, "4096" },
    { "AGENT_MEMORY", offsetof(struct settings, agent_memory), read_memory, "0" },
    { "AGENT_CPUS", offsetof(struct settings, agent_nano_cpus), read_cpus, "0" },
};

/* Of compose.yaml, which reads the same file. */
static const char *const compose_keys[] = { "INTERNAL_PREFIX",  "TUNNEL_PREFIX",
                                            "INTERNAL_NETWORK", "EXTERNAL_NETWORK",
                                            "GATEWAY_TARGET",   "COMPOSE_PROJECT_NAME",
                                            "TUNNEL_PREFIX6",   "EXTERNAL_PREFIX6" };

static bool is_of_compose(struct token name)
{
    for (size_t i = 0; i < ARRAY_LEN(compose_keys); i++)
        if (token_is(name, compose_keys[i]))
            return true;
    return false;
}

const char *settings_key(size_t i)
{
    return i < ARRAY_LEN(keys) ? keys[i].name : NULL;
}

static const struct key *find_key(struct token name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (token_is(name, keys[i].name))
            return &keys[i];
    return NULL;
}

/* An empty value stands for the default. */
static bool read_value(const struct key *key, const struct context *context, const char *value,
                       struct settings *settings)
{
    if (value[0] == '\0' && key->fallback)
        value = key->fallback;
    return key->read(context, value, (char *)settings + key->offset);
}

void settings_defaults(struct settings *settings)
{
    char why[WHY_MAX];
    const struct context context = { "/", NULL, why };

    memset(settings, 0, sizeof(*settings));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        (void)read_value(&keys[i], &context, "", settings);
}

/* Is the value of this key a secret, which no message shows? */
static bool is_secret(const struct key *key)
{
    return key->read == read_secret;
}

static void warn_unknown(struct settings *settings, const struct textfile *file,
                         struct token name)
{
    const char *names[ARRAY_LEN(keys)], *nearest;
    size_t used = strlen(settings->warnings);
    char text[81];

    snprintf(text, sizeof(text), "%.*s", TOKEN_SHOWN(name));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        names[i] = keys[i].name;
    nearest = nearest_word(text, names, ARRAY_LEN(names));
    snprintf(settings->warnings + used, sizeof(settings->warnings) - used,
             "%s:%u:%zu: unknown key \"%s\" is passed over%s%s%s\n", file->file, file->line,
             (size_t)(name.text - file->start) + 1, text, nearest ? ", expected \"" : "",
             nearest ? nearest : "", nearest ? "\"?" : "");
}

static bool take_pair(struct settings *settings, const struct textfile *file,
                      const struct env_pair *pair, const struct context *context,
                      unsigned first_lines[ARRAY_LEN(keys)])
{
    const struct key *key = find_key(pair->key);
    unsigned *first_line;

    if (key == NULL) {
        if (!is_of_compose(pair->key))
            warn_unknown(settings, file, pair->key);
        return true;
    }
    first_line = &first_lines[key - keys];
    if (*first_line)
        return textfile_fail(file, pair->key.text, "%s again, expected it once: line %u has it",
                             key->name, *first_line);
    *first_line = file->line;
    if (read_value(key, context, pair->value, settings))
        return true;
    if (is_secret(key))
        return textfile_fail(file, pair->value_at, "%s %s", key->name, context->why);
    return textfile_fail(file, pair->value_at, "%s \"%.80s\" %s", key->name, pair->value,
                         context->why);
}

bool settings_parse(struct settings *settings, const char *file, const char *text, size_t len,
                    const char *base, const char *user_home, struct err *err)
{
    struct textfile in = { .file = file, .text = text, .len = len, .err = err };
    unsigned first_lines[ARRAY_LEN(keys)] = { 0 };
    char why[WHY_MAX];
    const struct context context = { base, user_home, why };
    struct env_pair pair;
    int rc;

    while ((rc = env_file_next(&in, &pair)) == 1)
        if (!take_pair(settings, &in, &pair, &context, first_lines))
            return false;
    return rc == 0;
}

bool settings_set(struct settings *settings, const char *key, const char *value,
                  const char *base, const char *user_home, struct err *err)
{
    const struct key *found = find_key((struct token) { key, strlen(key) });
    char why[WHY_MAX];
    const struct context context = { base, user_home, why };

    if (found == NULL)
        return err_set(err, EINVAL, "environment: %s is no key", key);
    if (read_value(found, &context, value, settings))
        return true;
    if (is_secret(found))
        return err_set(err, EINVAL, "environment: %s %s", key, why);
    return err_set(err, EINVAL, "environment: %s \"%.80s\" %s", key, value, why);
}

bool settings_check(const struct settings *settings, struct err *err)
{
    char text[PREFIX_TEXT_MAX];

    /* both are of one size: they overlap when they are the same */
    if (!addr_equal(&settings->internal_subnet.addr, &settings->tunnel_subnet.addr))
        return true;
    return err_set(err, EINVAL,
                   "settings: INTERNAL_SUBNET and TUNNEL_SUBNET are both %s, expected two "
                   "different networks",
                   prefix_format(&settings->internal_subnet, text));
}

static bool read_file(struct settings *settings, struct err *err)
{
    size_t len;
    char *text;
    bool is_good;

    if (access(settings->env_file, F_OK) != 0 && errno == ENOENT)
        return true;
    text = file_read(settings->env_file, ENV_FILE_MAX, &len, err);
    if (text == NULL)
        return false;
    is_good = settings_parse(settings, settings->env_file, text, len, settings->home,
                             getenv("HOME"), err);
    free(text);
    return is_good;
}

static bool read_environment(struct settings *settings, struct err *err)
{
    char base[FOLDER_PATH_MAX];

    if (getcwd(base, sizeof(base)) == NULL)
        memcpy(base, "/", 2);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *value = getenv(keys[i].name);

        if (value && !settings_set(settings, keys[i].name, value, base, getenv("HOME"), err))
            return false;
    }
    return true;
}

static void print_warnings(const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");

        fprintf(stderr, "secctl: warning: %.*s\n", (int)len, lines);
        lines += len + (lines[len] == '\n');
    }
}

bool settings_folders(struct settings *settings, struct err *err)
{
    settings_defaults(settings);
    return folder_home(settings->home, err) &&
           path_join(settings->policy, settings->home, "policy", err) &&
           path_join(settings->env_file, settings->home, ".env", err);
}

bool settings_read(struct settings *settings, struct err *err)
{
    if (!settings_folders(settings, err) || !read_file(settings, err) ||
        !read_environment(settings, err) || !settings_check(settings, err))
        return false;
    print_warnings(settings->warnings);
    return true;
}
