/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a tree in memory holds every binding that has not expired, BINDINGS_MAX at most
 * (what comes when it is full and nothing has expired is not kept: the agent asks again). The
 * file is a journal of lines, the last one for an (address, name, agent) counts; it is written
 * anew, by rename, when it has more than four times as many lines as there are bindings. A line
 * that was written in part makes one bad line: each write begins a line of its own.
 */
#include "fwd/bindings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/file.h"
#include "common/log.h"
#include "common/textfile.h"

#define BINDINGS_FILE     "bindings"
#define BINDINGS_FILE_MAX (64u << 20)
#define EXPIRES_MAX       (1ull << 40)
#define COMPACT_FLOOR     1024 /* lines below which a file is never too long */

struct kept {
    struct addr addr;
    uint64_t expires_wall_s;
    size_t name_len;
    char text[]; /* name NUL agent NUL */
};

static const char *kept_agent(const struct kept *kept)
{
    return kept->text + kept->name_len + 1;
}

static int compare(const void *one, const void *other)
{
    const struct kept *a = one, *b = other;
    int rc = memcmp(&a->addr, &b->addr, sizeof(a->addr));

    if (rc == 0)
        rc = strcmp(a->text, b->text);
    return rc != 0 ? rc : strcmp(kept_agent(a), kept_agent(b));
}

static struct kept *kept_new(const struct ipc_binding *binding)
{
    const size_t name_len = strlen(binding->name), agent_len = strlen(binding->agent);
    struct kept *kept = calloc(1, sizeof(*kept) + name_len + agent_len + 2);

    if (!kept)
        return NULL;
    kept->addr = binding->addr;
    kept->expires_wall_s = binding->expires_wall_s;
    kept->name_len = name_len;
    memcpy(kept->text, binding->name, name_len + 1);
    memcpy(kept->text + name_len + 1, binding->agent, agent_len + 1);
    return kept;
}

static void kept_binding(const struct kept *kept, struct ipc_binding *binding)
{
    memset(binding, 0, sizeof(*binding));
    binding->addr = kept->addr;
    binding->expires_wall_s = kept->expires_wall_s;
    snprintf(binding->name, sizeof(binding->name), "%s", kept->text);
    snprintf(binding->agent, sizeof(binding->agent), "%s", kept_agent(kept));
}

/* --- one line ---------------------------------------------------------------------------- */

size_t binding_format(const struct ipc_binding *binding, char line[BINDING_LINE_MAX])
{
    char addr[ADDR_TEXT_MAX];
    int n =
        snprintf(line, BINDING_LINE_MAX, "%s %s %s %" PRIu64, addr_format(&binding->addr, addr),
                 binding->name, binding->agent, binding->expires_wall_s);

    return n > 0 && n < BINDING_LINE_MAX ? (size_t)n : 0;
}

static bool is_canonical_name(const char *name, size_t len)
{
    char folded[HOSTNAME_MAX + 1];

    return len > 0 && hostname_canonical((const uint8_t *)name, len, folded) == len &&
           memcmp(folded, name, len) == 0;
}

bool binding_parse(const char *line, size_t len, struct ipc_binding *binding)
{
    struct token fields[4], rest = { line, len };
    struct ipc_binding found = { .expires_wall_s = 0 };
    const char *space;
    unsigned long expires;

    for (size_t i = 0; i < 3; i++) {
        space = token_find(rest, ' ');
        if (!space)
            return false;
        fields[i] = token_head(rest, space);
        rest = token_tail(rest, space);
    }
    fields[3] = rest;
    if (!addr_parse(fields[0].text, fields[0].len, &found.addr) ||
        !is_canonical_name(fields[1].text, fields[1].len) ||
        !conf_agent_name_is_valid(fields[2].text, fields[2].len) ||
        !token_number(fields[3], EXPIRES_MAX, &expires))
        return false;
    memcpy(found.name, fields[1].text, fields[1].len);
    memcpy(found.agent, fields[2].text, fields[2].len);
    found.expires_wall_s = expires;
    *binding = found;
    return true;
}

/* --- the tree ---------------------------------------------------------------------------- */

struct expired {
    uint64_t now_s;
    struct kept **list;
    size_t nr;
};

static void find_expired(const void *node, VISIT visit, void *arg)
{
    struct expired *expired = arg;
    struct kept *kept = *(struct kept *const *)node;

    if ((visit == postorder || visit == leaf) && kept->expires_wall_s <= expired->now_s)
        expired->list[expired->nr++] = kept;
}

static void drop_expired(struct bindings *bindings, uint64_t now_s)
{
    struct expired expired = { .now_s = now_s,
                               .list = calloc(bindings->nr + 1, sizeof(struct kept *)) };

    if (!expired.list)
        return;
    twalk_r(bindings->tree, find_expired, &expired);
    for (size_t i = 0; i < expired.nr; i++) {
        tdelete(expired.list[i], &bindings->tree, compare);
        free(expired.list[i]);
    }
    bindings->nr -= expired.nr;
    free(expired.list);
}

/* True when this changed something. */
static bool remember(struct bindings *bindings, const struct ipc_binding *binding,
                     uint64_t now_s)
{
    struct kept *kept = kept_new(binding), **found;

    if (!kept)
        return false;
    found = tfind(kept, &bindings->tree, compare);
    if (found) {
        const bool is_news = (*found)->expires_wall_s != binding->expires_wall_s;

        (*found)->expires_wall_s = binding->expires_wall_s;
        free(kept);
        return is_news;
    }
    if (bindings->nr >= BINDINGS_MAX)
        drop_expired(bindings, now_s);
    if (bindings->nr >= BINDINGS_MAX || !tsearch(kept, &bindings->tree, compare)) {
        if (!bindings->is_full)
            log_warn("event=bindings detail=\"%u are kept already, no more fit\"",
                     BINDINGS_MAX);
        bindings->is_full = true;
        free(kept);
        return false;
    }
    bindings->nr++;
    return true;
}

struct each {
    uint64_t now_s;
    void (*call)(const struct ipc_binding *binding, void *arg);
    void *arg;
};

static void visit_each(const void *node, VISIT visit, void *arg)
{
    const struct each *each = arg;
    const struct kept *kept = *(struct kept *const *)node;
    struct ipc_binding binding;

    if ((visit != postorder && visit != leaf) || kept->expires_wall_s <= each->now_s)
        return;
    kept_binding(kept, &binding);
    each->call(&binding, each->arg);
}

void bindings_each(const struct bindings *bindings, uint64_t now_s,
                   void (*call)(const struct ipc_binding *binding, void *arg), void *arg)
{
    struct each each = { now_s, call, arg };

    twalk_r(bindings->tree, visit_each, &each);
}

/* --- the file ---------------------------------------------------------------------------- */

static void write_line(const struct ipc_binding *binding, void *arg)
{
    char line[BINDING_LINE_MAX];

    if (binding_format(binding, line) > 0)
        fprintf(arg, "%s\n", line);
}

/* The file written anew, by rename; bindings->fd then is the new one. */
static bool compact(struct bindings *bindings, uint64_t now_s, struct err *err)
{
    char path[512], temporary[512];
    FILE *out;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", bindings->dir, BINDINGS_FILE);
    snprintf(temporary, sizeof(temporary), "%s/.%s.new", bindings->dir, BINDINGS_FILE);
    drop_expired(bindings, now_s);
    fd =
        open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    out = fd >= 0 ? fdopen(dup(fd), "a") : NULL;
    if (!out) {
        err_set(err, errno, "write %s: %s", temporary, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    bindings_each(bindings, now_s, write_line, out);
    if (fflush(out) != 0 || fsync(fd) != 0 || rename(temporary, path) != 0) {
        err_set(err, errno, "write %s: %s", path, strerror(errno));
        fclose(out);
        close(fd);
        unlink(temporary);
        return false;
    }
    fclose(out);
    if (bindings->fd >= 0)
        close(bindings->fd);
    bindings->fd = fd;
    bindings->nr_lines = bindings->nr;
    return true;
}

static void load(struct bindings *bindings, char *text, size_t len, uint64_t now_s)
{
    struct ipc_binding binding;

    for (size_t n; len > 0; text += n, len -= n) {
        const char *end = memchr(text, '\n', len);
        const size_t line_len = end ? (size_t)(end - text) : len;

        n = line_len + (end != NULL);
        if (line_len == 0)
            continue;
        if (!binding_parse(text, line_len, &binding))
            bindings->nr_bad++;
        else if (binding.expires_wall_s > now_s)
            (void)remember(bindings, &binding, now_s);
    }
}

bool bindings_open(struct bindings *bindings, const char *dir, uint64_t now_s, struct err *err)
{
    struct err why = { 0 };
    char path[512], *text;
    size_t len;

    *bindings = (struct bindings) { .dir = dir, .fd = -1 };
    if (!dir || !*dir)
        return true;
    snprintf(path, sizeof(path), "%s/%s", dir, BINDINGS_FILE);
    text = file_read(path, BINDINGS_FILE_MAX, &len, &why);
    if (text) {
        load(bindings, text, len, now_s);
        free(text);
    } else if (why.code != ENOENT) {
        log_warn("event=bindings detail=\"%s\"", why.text);
    }
    if (bindings->nr_bad > 0)
        log_warn("event=bindings file=%s detail=\"%zu lines are no bindings, expected "
                 "ADDRESS NAME AGENT EXPIRES: left out\"",
                 path, bindings->nr_bad);
    return compact(bindings, now_s, err) || err_wrap(err, "keep bindings");
}

void bindings_close(struct bindings *bindings)
{
    tdestroy(bindings->tree, free);
    if (bindings->fd >= 0)
        close(bindings->fd);
    *bindings = (struct bindings) { .fd = -1 };
}

static void append(struct bindings *bindings, const struct ipc_binding *binding, uint64_t now_s)
{
    char line[BINDING_LINE_MAX + 2] = "\n";
    const size_t len = binding_format(binding, line + 1) + 1;
    const char *start = line + 1;
    struct err err = { 0 };
    ssize_t n;

    line[len] = '\n';
    if (bindings->is_broken)
        start = line; /* the last line may have been cut off: not joined to this one */
    n = write(bindings->fd, start, len + 1 - (size_t)(start - line));
    if (n != (ssize_t)(len + 1 - (size_t)(start - line))) {
        if (!bindings->is_broken)
            log_error("event=bindings detail=\"write %s/%s: %s\"", bindings->dir, BINDINGS_FILE,
                      n < 0 ? strerror(errno) : "disk full");
        bindings->is_broken = true;
        return;
    }
    bindings->is_broken = false;
    bindings->nr_lines++;
    if (bindings->nr_lines > COMPACT_FLOOR && bindings->nr_lines > 4 * bindings->nr &&
        !compact(bindings, now_s, &err)) {
        log_error("event=bindings detail=\"%s\"", err.text);
        bindings->nr_lines = bindings->nr; /* tried again after as many lines */
    }
}

void bindings_put(struct bindings *bindings, const struct ipc_binding *binding, uint64_t now_s)
{
    char line[BINDING_LINE_MAX];
    struct ipc_binding copy = *binding;
    size_t len;

    copy.name[sizeof(copy.name) - 1] = 0;
    copy.agent[sizeof(copy.agent) - 1] = 0;
    len = binding_format(&copy, line);
    if (len == 0 || !binding_parse(line, len, &copy) || copy.expires_wall_s <= now_s)
        return;
    if (remember(bindings, &copy, now_s) && bindings->fd >= 0)
        append(bindings, &copy, now_s);
}
