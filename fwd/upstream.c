/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/upstream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/textfile.h"

#define RESOLV_MAX     (64u << 10)
#define RESOLV_DEFAULT "/etc/resolv.conf"
#define RESOLV_BEHIND  "/run/systemd/resolve/resolv.conf" /* what systemd's stub itself asks */
#define SYSTEMD_STUB   "127.0.0.53"
#define DNS_PORT       53

size_t resolv_parse(const char *text, size_t len, struct addr out[RESOLV_SERVERS_MAX])
{
    size_t nr = 0;

    while (len > 0 && nr < RESOLV_SERVERS_MAX) {
        const char *end = memchr(text, '\n', len);
        struct token line = { text, end ? (size_t)(end - text) : len }, word;

        if (token_next(&line, &word) && token_is(word, "nameserver") &&
            token_next(&line, &word)) {
            if (word.text[word.len - 1] == '\r')
                word.len--;
            if (addr_parse(word.text, word.len, &out[nr]))
                nr++;
        }
        len -= line.len + (size_t)(line.text - text);
        text = line.text + line.len;
        if (len > 0) {
            text++;
            len--;
        }
    }
    return nr;
}

static bool is_loopback(const struct addr *addr)
{
    static const uint8_t one[16] = { [15] = 1 };

    return addr->family == ADDR_V4 ? addr->bytes[0] == 127 : memcmp(addr->bytes, one, 16) == 0;
}

/* Does anything listen there in this network namespace? Loopback answers at once. */
static bool is_reachable(const struct addr *addr)
{
    const bool is_v4 = addr->family == ADDR_V4;
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT) };
    const struct timeval patience = { .tv_usec = 200000 };
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there;

    if (fd < 0)
        return false;
    memcpy(&v4.sin_addr, addr->bytes, sizeof(v4.sin_addr));
    memcpy(&v6.sin6_addr, addr->bytes, sizeof(v6.sin6_addr));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    is_there = connect(fd, is_v4 ? (const void *)&v4 : (const void *)&v6,
                       is_v4 ? sizeof(v4) : sizeof(v6)) == 0;
    close(fd);
    return is_there;
}

static size_t resolv_read(const char *path, struct addr out[RESOLV_SERVERS_MAX])
{
    struct err err = { 0 };
    size_t len, nr;
    char *text = file_read(path, RESOLV_MAX, &len, &err);

    if (!text) {
        log_warn("event=upstream detail=\"%s\"", err.text);
        return 0;
    }
    nr = resolv_parse(text, len, out);
    free(text);
    return nr;
}

static bool names_stub(const struct addr *servers, size_t nr)
{
    struct addr stub;

    if (!addr_parse(SYSTEMD_STUB, strlen(SYSTEMD_STUB), &stub))
        return false;
    for (size_t i = 0; i < nr; i++)
        if (addr_equal(&servers[i], &stub))
            return true;
    return false;
}

static size_t resolv_servers(const char *path, struct addr out[RESOLV_SERVERS_MAX])
{
    size_t nr = resolv_read(path, out), kept = 0;

    if (strcmp(path, RESOLV_DEFAULT) == 0 && names_stub(out, nr) &&
        access(RESOLV_BEHIND, R_OK) == 0)
        nr = resolv_read(RESOLV_BEHIND, out);
    for (size_t i = 0; i < nr; i++)
        if (!is_loopback(&out[i]) || is_reachable(&out[i]))
            out[kept++] = out[i];
    return kept;
}

static void add(struct upstream *list, const char *name, const struct addr *addr, uint16_t port)
{
    struct ipc_upstream *one;

    if (list->nr == IPC_UPSTREAMS_MAX)
        return;
    one = &list->list[list->nr++];
    memset(one, 0, sizeof(*one)); /* lists are compared as bytes */
    one->addr = *addr;
    one->port = port;
    snprintf(one->name, sizeof(one->name), "%s", name);
}

static bool has_changed(struct upstream *upstream, const char *path)
{
    struct stat now;
    bool is_same;

    if (stat(path, &now) != 0)
        return false;
    is_same = now.st_dev == upstream->seen.st_dev && now.st_ino == upstream->seen.st_ino &&
              now.st_size == upstream->seen.st_size &&
              now.st_mtim.tv_sec == upstream->seen.st_mtim.tv_sec &&
              now.st_mtim.tv_nsec == upstream->seen.st_mtim.tv_nsec;
    upstream->seen = now;
    return !is_same;
}

bool upstream_has_docker(const struct upstream *upstream)
{
    static const struct addr docker = { ADDR_V4, { 127, 0, 0, 11 } };

    for (size_t i = 0; i < upstream->nr; i++)
        if (addr_equal(&upstream->list[i].addr, &docker))
            return true;
    return false;
}

bool upstream_refresh(struct upstream *upstream)
{
    const struct conf *conf = upstream->conf;
    struct addr servers[RESOLV_SERVERS_MAX];
    struct upstream next = { .conf = conf };
    size_t nr = 0;

    if (conf->resolv_conf[0] && has_changed(upstream, conf->resolv_conf)) {
        nr = resolv_servers(conf->resolv_conf, servers);
        if (nr == 0) /* tried again next time: a server on loopback may come up */
            memset(&upstream->seen, 0, sizeof(upstream->seen));
    }
    if (conf->resolv_conf[0] && nr == 0 && upstream->nr > 0)
        return false;
    for (size_t i = 0; i < nr; i++)
        add(&next, "", &servers[i], DNS_PORT);
    for (size_t i = 0; i < conf->nr_upstreams; i++)
        if (conf->upstreams[i].addr.family != ADDR_NONE)
            add(&next, conf->upstreams[i].name, &conf->upstreams[i].addr,
                conf->upstreams[i].port);
    if (next.nr == upstream->nr &&
        memcmp(next.list, upstream->list, next.nr * sizeof(next.list[0])) == 0)
        return false;
    memcpy(upstream->list, next.list, sizeof(next.list));
    upstream->nr = next.nr;
    return true;
}
