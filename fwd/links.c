/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/links.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/textfile.h"
#include "fwd/config.h"

#define LINKS_FILE     "links"
#define LINKS_FILE_MAX 65536
#define PATH_LEN       512

_Static_assert(LINKS_MAX == IPC_AGENTS_MAX, "a link is an agent");
_Static_assert(LINKS_MAX *LINK_SOURCES <= IPC_PREFIXES_MAX, "all links fit a setup");

size_t links_find(const struct links *links, const char *agent)
{
    size_t at = 0;

    while (at < LINKS_MAX && (agent[0] == 0 || strcmp(links->list[at].agent, agent) != 0))
        at++;
    return at;
}

static bool is_inside(const struct conf_tunnel_address *network, const struct addr *addr)
{
    struct prefix prefix = { .addr = network->addr, .bits = network->bits };

    return prefix_contains(&prefix, addr) && !addr_equal(&network->addr, addr);
}

/* An inner address is in the tunnel's network of its family, and not the gateway's own. */
static bool check_inner(const struct conf *conf, const struct addr *inner, struct err *err)
{
    char text[ADDR_TEXT_MAX];

    if (inner->family == ADDR_NONE)
        return true;
    for (size_t i = 0; i < conf->nr_tunnel_addresses; i++)
        if (conf->tunnel_addresses[i].addr.family == inner->family &&
            is_inside(&conf->tunnel_addresses[i], inner))
            return true;
    return err_set(err, EINVAL,
                   "inner address %s: expected one in the network of tunnel.address, and not "
                   "the gateway's own",
                   addr_format(inner, text));
}

static bool check_clash(const struct links *links, const struct conf *conf,
                        const struct link *link, struct err *err)
{
    char text[LINK_TEXT_MAX];
    struct addr internal;

    if (addr_parse(conf->internal, strlen(conf->internal), &internal) &&
        addr_equal(&internal, &link->outer))
        return err_set(err, EADDRINUSE, "link %s: %s is the gateway's own outer address",
                       link->agent, conf->internal);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        const struct link *other = &links->list[i];
        const struct addr *clash;

        if (!other->agent[0])
            continue;
        if (strcmp(other->agent, link->agent) == 0)
            return err_set(
                err, EEXIST,
                "link %s is there already, with other addresses: %s; detach it first",
                link->agent, link_format(other, text));
        clash = link_clash(link, other);
        if (clash)
            return err_set(err, EADDRINUSE,
                           "link %s: %s is link %s's too, expected each address at one link",
                           link->agent, addr_format(clash, text), other->agent);
    }
    return true;
}

enum links_rc links_add(struct links *links, const struct conf *conf, const struct link *link,
                        bool is_static, struct err *err)
{
    size_t at = links_find(links, link->agent);

    if (at < LINKS_MAX && link_equal(&links->list[at], link))
        return LINKS_SAME;
    if (!check_clash(links, conf, link, err) || !check_inner(conf, &link->inner4, err) ||
        !check_inner(conf, &link->inner6, err))
        return LINKS_BAD;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        at = (links->next + i) % LINKS_MAX;
        if (links->list[at].agent[0])
            continue;
        links->list[at] = *link;
        links->is_static[at] = is_static;
        links->next = at + 1;
        return LINKS_CHANGED;
    }
    err_set(err, ENOSPC, "link %s: there are %d links, expected no more", link->agent,
            LINKS_MAX);
    return LINKS_BAD;
}

enum links_rc links_remove(struct links *links, const char *agent, struct err *err)
{
    size_t at = links_find(links, agent);

    if (at == LINKS_MAX)
        return LINKS_SAME;
    if (links->is_static[at]) {
        err_set(err, EPERM,
                "link %s is in the configuration (link.%s), expected one that was "
                "attached",
                agent, agent);
        return LINKS_BAD;
    }
    memset(&links->list[at], 0, sizeof(links->list[at]));
    return LINKS_CHANGED;
}

bool links_parse_one(const char *text, size_t len, struct link *link, struct err *err)
{
    struct token rest = { text, len }, name;

    memset(link, 0, sizeof(*link));
    if (!token_next(&rest, &name) || !conf_agent_name_is_valid(name.text, name.len))
        return err_set(err, EINVAL,
                       "bad agent name \"%.*s\", expected 1 to 63 of a-z, 0-9, \"_\" and \"-\"",
                       TOKEN_SHOWN(name));
    memcpy(link->agent, name.text, name.len);
    rest = token_trim(rest);
    return link_parse(rest.text, rest.len, link) ||
           err_set(err, EINVAL, "link %s: \"%.*s\", expected " LINK_SHAPE, link->agent,
                   TOKEN_SHOWN(rest));
}

/* "PLACE REST": REST stays in *line. */
static bool parse_place(struct token *line, size_t *place)
{
    struct token word;
    unsigned long number;

    if (!token_next(line, &word) || !token_number(word, LINKS_MAX - 1, &number))
        return false;
    *place = number;
    *line = token_trim(*line);
    return true;
}

size_t links_parse(struct links *links, const struct conf *conf, const char *text, size_t len)
{
    struct err err = { 0 };
    struct textfile file = { .file = LINKS_FILE, .text = text, .len = len, .err = &err };
    struct token line;
    struct link link;
    size_t nr_bad = 0;
    int rc;

    while ((rc = textfile_next(&file, &line)) == 1)
        if (!parse_place(&line, &links->next) ||
            !links_parse_one(line.text, line.len, &link, &err) ||
            links_add(links, conf, &link, false, &err) == LINKS_BAD)
            nr_bad++;
    return nr_bad + (rc < 0);
}

bool links_load(struct links *links, const struct conf *conf, struct err *err)
{
    struct err unread = { 0 };
    char path[PATH_LEN];
    size_t len, nr_bad;
    char *text;

    memset(links, 0, sizeof(*links));
    for (size_t i = 0; i < conf->nr_links; i++)
        if (links_add(links, conf, &conf->links[i].link, true, err) == LINKS_BAD)
            return false;
    if (!conf->has_tunnel || !conf->state[0])
        return true;
    if (!run_path(conf->state, LINKS_FILE, path, sizeof(path), err))
        return false;
    text = file_read(path, LINKS_FILE_MAX, &len, &unread);
    if (!text)
        return unread.code == ENOENT || err_set(err, unread.code, "%s", unread.text);
    nr_bad = links_parse(links, conf, text, len);
    free(text);
    if (nr_bad > 0)
        log_warn("event=links detail=\"%s: %zu lines are no links that fit, left out\"", path,
                 nr_bad);
    return true;
}

bool links_keep(const struct links *links, const char *state, struct err *err)
{
    char path[PATH_LEN], temporary[PATH_LEN], text[LINK_TEXT_MAX];
    bool is_written;
    FILE *out;

    if (!state[0])
        return true;
    if (!run_path(state, LINKS_FILE, path, sizeof(path), err) ||
        !run_path(state, LINKS_FILE ".new", temporary, sizeof(temporary), err))
        return false;
    out = fopen(temporary, "we");
    if (!out)
        return err_set(err, errno, "write %s: %s", temporary, strerror(errno));
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (links->list[i].agent[0] && !links->is_static[i])
            fprintf(out, "%zu %s\n", i, link_format(&links->list[i], text));
    is_written = fflush(out) == 0 && fsync(fileno(out)) == 0;
    is_written = fclose(out) == 0 && is_written && rename(temporary, path) == 0;
    return is_written || err_set(err, errno, "write %s: %s", path, strerror(errno));
}

static void put_source(struct ipc_setup *setup, size_t at, const struct link *link,
                       const struct addr *addr)
{
    struct ipc_source *source = &setup->sources[at];

    if (addr->family == ADDR_NONE)
        return;
    source->prefix = (struct prefix) { *addr, addr->family == ADDR_V4 ? 32 : 128 };
    snprintf(source->agent, sizeof(source->agent), "%s", link->agent);
    setup->nr_sources = (uint32_t)at + 1;
}

void links_setup(const struct links *links, struct ipc_setup *setup)
{
    memset(setup->sources, 0, sizeof(setup->sources));
    setup->nr_sources = 0;
    for (size_t i = 0; i < LINKS_MAX; i++) {
        put_source(setup, LINK_SOURCES * i, &links->list[i], &links->list[i].inner4);
        put_source(setup, LINK_SOURCES * i + 1, &links->list[i], &links->list[i].inner6);
    }
}
