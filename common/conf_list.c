/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/conf_internal.h"

#include <stdio.h>
#include <string.h>

/* Cut the next item off a comma list; false at its end. An empty item is one of length 0. */
static bool next_item(struct token *rest, struct token *item)
{
    const char *comma;

    if (rest->text == NULL)
        return false;
    comma = token_find(*rest, ',');
    if (comma) {
        *item = token_trim(token_head(*rest, comma));
        *rest = token_tail(*rest, comma);
    } else {
        *item = token_trim(*rest);
        *rest = (struct token) { NULL, 0 };
    }
    return true;
}

static bool fail_full(const struct conf_reader *reader, struct token item)
{
    char expected[48];

    snprintf(expected, sizeof(expected), "at most %d such entries", CONF_LIST_MAX);
    return conf_fail(reader, item, expected);
}

static bool read_upstream(struct conf_reader *reader, struct token item, const char *name)
{
    struct conf *conf = reader->conf;
    const char *hash = token_find(item, '#');
    struct token host = hash ? token_head(item, hash) : item;
    struct conf_upstream upstream = { .port = 53 };
    unsigned long port = 53;

    if (!addr_parse(host.text, host.len, &upstream.addr) ||
        (hash && (!token_number(token_tail(item, hash), 65535, &port) || port == 0)))
        return conf_fail(reader, item,
                         *name ? "addresses such as 192.0.2.53 or 192.0.2.53#5353"
                               : "addresses such as 192.0.2.53 or 192.0.2.53#5353, or the path "
                                 "of a resolv.conf");
    if (conf->nr_upstreams == CONF_LIST_MAX)
        return fail_full(reader, item);
    upstream.port = (uint16_t)port;
    memcpy(upstream.name, name, strlen(name) + 1);
    conf->upstreams[conf->nr_upstreams++] = upstream;
    return true;
}

bool conf_read_upstreams(struct conf_reader *reader, struct token value)
{
    struct token item;

    if (value.text[0] == '/')
        return conf_copy(reader, value, reader->conf->resolv_conf,
                         sizeof(reader->conf->resolv_conf));
    reader->conf->resolv_conf[0] = '\0';
    while (next_item(&value, &item))
        if (!read_upstream(reader, item, ""))
            return false;
    return true;
}

bool conf_read_upstreams_of(struct conf_reader *reader, struct token value)
{
    char text[HOSTNAME_MAX * 4 + 1], name[HOSTNAME_MAX + 1];
    struct token item;
    struct err why;

    if (!conf_copy(reader, reader->suffix, text, sizeof(text)))
        return false;
    if (!hostname_from_user(text, name, &why))
        return textfile_fail(&reader->file, reader->suffix.text,
                             "%s, expected dns.upstream.NAME", why.text);
    for (size_t i = 0; i < reader->conf->nr_upstreams; i++)
        if (strcmp(reader->conf->upstreams[i].name, name) == 0)
            return textfile_fail(&reader->file, reader->key.text,
                                 "\"%.*s\" is set twice, expected it once",
                                 TOKEN_SHOWN(reader->key));
    while (next_item(&value, &item))
        if (!read_upstream(reader, item, name))
            return false;
    return true;
}

bool conf_read_private(struct conf_reader *reader, struct token value)
{
    struct conf *conf = reader->conf;
    struct prefix prefix;
    struct token item;

    while (next_item(&value, &item)) {
        if (!prefix_parse(item.text, item.len, &prefix) || prefix.bits == 0)
            return conf_fail(reader, item,
                             "networks such as 10.20.0.0/16, without host bits, not /0");
        if (conf->nr_private_allowed == CONF_LIST_MAX)
            return fail_full(reader, item);
        conf->private_allowed[conf->nr_private_allowed++] = prefix;
    }
    return true;
}

/* An address belongs to one agent: the log and the policy rest on it. */
static const struct conf_agent *find_other(const struct conf *conf,
                                           const struct conf_agent *agent)
{
    for (size_t i = 0; i < conf->nr_agents; i++) {
        const struct conf_agent *other = &conf->agents[i];

        if (strcmp(other->name, agent->name) != 0 &&
            (prefix_contains(&other->prefix, &agent->prefix.addr) ||
             prefix_contains(&agent->prefix, &other->prefix.addr)))
            return other;
    }
    return NULL;
}

bool conf_read_agent(struct conf_reader *reader, struct token value)
{
    struct conf *conf = reader->conf;
    struct conf_agent agent;
    struct token item;

    if (!conf_agent_name_is_valid(reader->suffix.text, reader->suffix.len))
        return textfile_fail(&reader->file, reader->suffix.text,
                             "bad agent name \"%.*s\", expected 1 to 63 of a-z, 0-9, \"_\" and "
                             "\"-\"",
                             TOKEN_SHOWN(reader->suffix));
    memcpy(agent.name, reader->suffix.text, reader->suffix.len);
    agent.name[reader->suffix.len] = '\0';
    for (size_t i = 0; i < conf->nr_agents; i++)
        if (strcmp(conf->agents[i].name, agent.name) == 0)
            return textfile_fail(&reader->file, reader->key.text,
                                 "\"%.*s\" is set twice, expected it once",
                                 TOKEN_SHOWN(reader->key));
    while (next_item(&value, &item)) {
        const struct conf_agent *other;

        if (!prefix_parse(item.text, item.len, &agent.prefix) || agent.prefix.bits == 0)
            return conf_fail(reader, item,
                             "addresses or networks such as 10.213.77.2 or 10.213.77.0/24");
        other = find_other(conf, &agent);
        if (other)
            return textfile_fail(
                &reader->file, item.text,
                "\"%.*s\" is agent %s's too, expected each address at one agent",
                TOKEN_SHOWN(item), other->name);
        if (conf->nr_agents == CONF_LIST_MAX)
            return fail_full(reader, item);
        conf->agents[conf->nr_agents++] = agent;
    }
    return true;
}
