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

bool conf_read_agent_name(struct conf_reader *reader, char name[64])
{
    if (!conf_agent_name_is_valid(reader->suffix.text, reader->suffix.len))
        return textfile_fail(&reader->file, reader->suffix.text,
                             "bad agent name \"%.*s\", expected 1 to 63 of a-z, 0-9, \"_\" and "
                             "\"-\"",
                             TOKEN_SHOWN(reader->suffix));
    memcpy(name, reader->suffix.text, reader->suffix.len);
    name[reader->suffix.len] = '\0';
    return true;
}

bool conf_fail_twice(const struct conf_reader *reader)
{
    return textfile_fail(&reader->file, reader->key.text,
                         "\"%.*s\" is set twice, expected it once", TOKEN_SHOWN(reader->key));
}

/* What earlier texts said of these servers is forgotten; false when this one did. */
static bool forget_upstreams(struct conf *conf, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < conf->nr_upstreams; i++) {
        if (strcmp(conf->upstreams[i].name, name) != 0)
            conf->upstreams[kept++] = conf->upstreams[i];
        else if (conf->upstreams[i].layer == conf->nr_layers)
            return false;
    }
    conf->nr_upstreams = kept;
    return true;
}

static bool forget_agent(struct conf *conf, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < conf->nr_agents; i++) {
        if (strcmp(conf->agents[i].name, name) != 0)
            conf->agents[kept++] = conf->agents[i];
        else if (conf->agents[i].layer == conf->nr_layers)
            return false;
    }
    conf->nr_agents = kept;
    return true;
}

static bool read_upstream(struct conf_reader *reader, struct token item, const char *name)
{
    struct conf *conf = reader->conf;
    const char *hash = token_find(item, '#');
    struct token host = hash ? token_head(item, hash) : item;
    struct conf_upstream upstream = { .port = 53, .layer = conf->nr_layers };
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

    (void)forget_upstreams(reader->conf, ""); /* repeated keys were refused before */
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
    if (!forget_upstreams(reader->conf, name))
        return conf_fail_twice(reader);
    while (next_item(&value, &item))
        if (!read_upstream(reader, item, name))
            return false;
    return true;
}

static bool read_networks(struct conf_reader *reader, struct token value, struct prefix *list,
                          size_t *nr)
{
    struct prefix prefix;
    struct token item;

    *nr = 0;
    while (next_item(&value, &item)) {
        if (!prefix_parse(item.text, item.len, &prefix) || prefix.bits == 0)
            return conf_fail(reader, item,
                             "networks such as 10.20.0.0/16, without host bits, not /0");
        if (*nr == CONF_LIST_MAX)
            return fail_full(reader, item);
        list[(*nr)++] = prefix;
    }
    return true;
}

bool conf_read_private(struct conf_reader *reader, struct token value)
{
    return read_networks(reader, value, reader->conf->private_allowed,
                         &reader->conf->nr_private_allowed);
}

bool conf_read_private_denied(struct conf_reader *reader, struct token value)
{
    return read_networks(reader, value, reader->conf->private_denied,
                         &reader->conf->nr_private_denied);
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
    struct conf_agent agent = { .layer = conf->nr_layers };
    struct token item;

    if (!conf_read_agent_name(reader, agent.name))
        return false;
    if (!forget_agent(conf, agent.name))
        return conf_fail_twice(reader);
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

/* --- the tunnel -------------------------------------------------------------------------- */

static bool read_tunnel_item(struct token item, enum addr_family family,
                             struct conf_tunnel_address *out)
{
    const char *slash = token_find(item, '/');
    const unsigned long max = family == ADDR_V4 ? 30 : 126;
    struct token host = slash ? token_head(item, slash) : item;
    unsigned long bits;

    if (!slash || !addr_parse(host.text, host.len, &out->addr) || out->addr.family != family ||
        !token_number(token_tail(item, slash), max, &bits) || bits < 8)
        return false;
    out->bits = (uint8_t)bits;
    return true;
}

bool conf_read_tunnel_address(struct conf_reader *reader, struct token value)
{
    struct conf *conf = reader->conf;
    struct token item;

    conf->nr_tunnel_addresses = 0;
    while (next_item(&value, &item)) {
        const size_t nr = conf->nr_tunnel_addresses;

        if (nr == ARRAY_LEN(conf->tunnel_addresses) ||
            !read_tunnel_item(item, nr == 0 ? ADDR_V4 : ADDR_V6, &conf->tunnel_addresses[nr]))
            return conf_fail(reader, item,
                             "an IPv4 address with its network's size such as 10.213.77.1/24, "
                             "then at most one of IPv6");
        conf->nr_tunnel_addresses++;
    }
    return true;
}

static bool forget_link(struct conf *conf, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < conf->nr_links; i++) {
        if (strcmp(conf->links[i].link.agent, name) != 0)
            conf->links[kept++] = conf->links[i];
        else if (conf->links[i].layer == conf->nr_layers)
            return false;
    }
    conf->nr_links = kept;
    return true;
}

bool conf_read_link(struct conf_reader *reader, struct token value)
{
    struct conf *conf = reader->conf;
    struct conf_link one = { .layer = conf->nr_layers };
    char text[ADDR_TEXT_MAX];

    if (!conf_read_agent_name(reader, one.link.agent))
        return false;
    if (!forget_link(conf, one.link.agent))
        return conf_fail_twice(reader);
    if (!link_parse(value.text, value.len, &one.link))
        return conf_fail(reader, value, LINK_SHAPE);
    for (size_t i = 0; i < conf->nr_links; i++) {
        const struct addr *clash = link_clash(&one.link, &conf->links[i].link);

        if (clash)
            return textfile_fail(&reader->file, value.text,
                                 "%s is link %s's too, expected each address at one link",
                                 addr_format(clash, text), conf->links[i].link.agent);
    }
    if (conf->nr_links == LINKS_MAX)
        return fail_full(reader, value);
    conf->links[conf->nr_links++] = one;
    return true;
}
