/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/policy_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "fwd/upstream.h"

#define MARKER               "%% "
#define MARKER_LEN           3
#define ALLOWLIST            "allowlist"
#define AGENTS               "agents/"
#define AGENTS_LEN           7
#define WHOLE                "whole"
#define POLICY_FILE_PATH_MAX 512

/* --- sections ---------------------------------------------------------------------------- */

static bool is_word(const char *name, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(name, word, len) == 0;
}

static bool section_name(const char *name, size_t len, struct section *section, struct err *err)
{
    const bool is_agent = len > AGENTS_LEN && memcmp(name, AGENTS, AGENTS_LEN) == 0 &&
                          conf_agent_name_is_valid(name + AGENTS_LEN, len - AGENTS_LEN);

    if (is_word(name, len, "ceiling"))
        return err_set(err, EPERM,
                       "section \"ceiling\": the ceiling is changed in the gateway's policy "
                       "directory only, expected allowlist or agents/NAME");
    if (!is_agent && !is_word(name, len, ALLOWLIST) && !is_word(name, len, SECTION_RESOLV))
        return err_set(err, EINVAL,
                       "section \"%.*s\": expected allowlist, agents/NAME or resolv.conf%s",
                       (int)(len < 80 ? len : 80), name,
                       is_word(name, len, WHOLE) ? "; whole stands in the first line" : "");
    snprintf(section->file, sizeof(section->file), "%.*s", (int)len, name);
    section->agent = is_agent ? section->file + AGENTS_LEN : NULL;
    return true;
}

static struct section *section_add(struct sections *sections, const char *name, size_t len,
                                   struct err *err)
{
    struct section *section = &sections->list[sections->nr];

    if (sections->nr == SECTIONS_MAX) {
        err_set(err, E2BIG, "read the policy: more than %d sections", SECTIONS_MAX);
        return NULL;
    }
    if (!section_name(name, len, section, err))
        return NULL;
    for (size_t i = 0; i < sections->nr; i++) {
        if (strcmp(sections->list[i].file, section->file) == 0) {
            err_set(err, EEXIST, "section \"%s\": given twice", section->file);
            return NULL;
        }
    }
    sections->nr++;
    return section;
}

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!strchr(" \t\r\n", text[i]) || text[i] == 0)
            return false;
    return true;
}

/* The next marker line from at on, or the end. */
static const char *next_marker(const char *at, const char *end)
{
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        if ((size_t)(end - at) >= MARKER_LEN && memcmp(at, MARKER, MARKER_LEN) == 0)
            return at;
        at = newline ? newline + 1 : end;
    }
    return end;
}

/* Skip "%% whole", which is all of the first line, if it is there. */
static const char *skip_whole(const char *text, const char *end, struct sections *sections)
{
    const size_t word = MARKER_LEN + strlen(WHOLE);
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    const char *line_end = newline ? newline : end;

    sections->is_whole = (size_t)(line_end - text) >= word &&
                         memcmp(text, MARKER WHOLE, word) == 0 &&
                         is_blank(text + word, (size_t)(line_end - text) - word);
    if (!sections->is_whole)
        return text;
    return newline ? newline + 1 : end;
}

bool sections_parse(const char *text, size_t len, struct sections *sections, struct err *err)
{
    const char *const end = text + len;
    const char *at;
    struct section *section;

    sections->nr = 0;
    text = skip_whole(text, end, sections);
    at = next_marker(text, end);
    if (sections->is_whole && at == end && is_blank(text, (size_t)(end - text)))
        return true;
    if (at == end || !is_blank(text, (size_t)(at - text))) {
        section = section_add(sections, ALLOWLIST, strlen(ALLOWLIST), err);
        section->text = text;
        section->len = (size_t)(at - text);
    }
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *name_end = newline ? newline : end;

        at += MARKER_LEN;
        while (name_end > at && is_blank(name_end - 1, 1))
            name_end--;
        section = section_add(sections, at, (size_t)(name_end - at), err);
        if (!section)
            return false;
        section->text = newline ? newline + 1 : end;
        at = next_marker(section->text, end);
        section->len = (size_t)(at - section->text);
    }
    return true;
}

/* --- candidates -------------------------------------------------------------------------- */

static bool candidate_check(struct candidate *candidate, struct err *err)
{
    struct policy *policy = policy_new(candidate->dir.sources, candidate->dir.nr_sources,
                                       candidate->dir.ceiling, err);

    if (!policy) {
        candidate_clear(candidate);
        return false;
    }
    snprintf(candidate->id, sizeof(candidate->id), "%s", policy_id(policy));
    candidate->nr_rules = policy_nr_rules(policy);
    policy_free(policy);
    return true;
}

bool candidate_read(const char *path, struct candidate *candidate, struct err *err)
{
    memset(candidate, 0, sizeof(*candidate));
    if (!policy_dir_read(path, &candidate->dir, err))
        return false;
    /* the policy's errors start with a file's name inside the folder */
    return candidate_check(candidate, err) || err_set(err, err->code, "%s/%s", path, err->text);
}

static bool source_copy(const struct policy_source *from, struct policy_source *to)
{
    char *text = malloc(from->len + 1);

    *to = (struct policy_source) { .file = strdup(from->file),
                                   .agent = from->agent ? strdup(from->agent) : NULL,
                                   .text = text,
                                   .len = from->len };
    if (text) {
        memcpy(text, from->text, from->len);
        text[from->len] = 0;
    }
    return text && to->file && (to->agent || !from->agent);
}

static const struct section *section_find(const struct sections *sections, const char *file)
{
    for (size_t i = 0; i < sections->nr; i++)
        if (strcmp(sections->list[i].file, file) == 0)
            return &sections->list[i];
    return NULL;
}

static bool has_source(const struct policy_dir *dir, const char *file)
{
    for (size_t i = 0; i < dir->nr_sources; i++)
        if (strcmp(dir->sources[i].file, file) == 0)
            return true;
    return false;
}

static bool add_source(struct policy_dir *dir, const struct policy_source *source,
                       const struct section *instead)
{
    struct policy_source from = *source;

    if (instead) {
        from.text = instead->text;
        from.len = instead->len;
    }
    return source_copy(&from, &dir->sources[dir->nr_sources++]);
}

static bool merge(const struct candidate *base, const struct sections *sections,
                  struct policy_dir *dir)
{
    const size_t most = base->dir.nr_sources + sections->nr;

    dir->sources = calloc(most, sizeof(*dir->sources));
    if (!dir->sources)
        return false;
    for (size_t i = 0; i < base->dir.nr_sources; i++) {
        const struct policy_source *source = &base->dir.sources[i];
        const struct section *instead = section_find(sections, source->file);

        if (sections->is_whole && source->agent && !instead)
            continue;
        if (!add_source(dir, source, instead))
            return false;
    }
    for (size_t i = 0; i < sections->nr; i++) {
        const struct section *section = &sections->list[i];
        const struct policy_source source = { section->file, section->agent, section->text,
                                              section->len };

        if (strcmp(section->file, SECTION_RESOLV) != 0 &&
            !has_source(&base->dir, section->file) && !add_source(dir, &source, NULL))
            return false;
    }
    return true;
}

/* Move the ceiling out of the directory's present state; false when that cannot be read. */
static bool take_ceiling(const char *path, struct policy_dir *dir, struct err *err)
{
    struct policy_dir disk;

    if (!policy_dir_read(path, &disk, err))
        return false;
    dir->ceiling = disk.ceiling;
    disk.ceiling = NULL;
    policy_dir_clear(&disk);
    return true;
}

bool candidate_merge(const struct candidate *base, const char *path,
                     const struct sections *sections, struct candidate *candidate,
                     struct err *err)
{
    memset(candidate, 0, sizeof(*candidate));
    if (!merge(base, sections, &candidate->dir)) {
        candidate_clear(candidate);
        return err_set(err, ENOMEM, "put the policy together: %s", strerror(ENOMEM));
    }
    if (!take_ceiling(path, &candidate->dir, err)) {
        candidate_clear(candidate);
        return false;
    }
    return candidate_check(candidate, err);
}

void candidate_clear(struct candidate *candidate)
{
    policy_dir_clear(&candidate->dir);
    memset(candidate, 0, sizeof(*candidate));
}

/* --- disk -------------------------------------------------------------------------------- */

static bool has_text(const char *path, const char *text, size_t len)
{
    struct err unread;
    size_t size;
    char *found = file_read(path, POLICY_INPUT_MAX, &size, &unread);
    const bool is_same = found && size == len && memcmp(found, text, len) == 0;

    free(found);
    return is_same;
}

/* temporary: a name in the same folder. */
static bool file_keep(const char *path, const char *temporary, const char *text, size_t len,
                      struct err *err)
{
    int fd, rc;

    if (has_text(path, text, len))
        return true;
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return err_set(err, errno, "write %s: %s", temporary, strerror(errno));
    rc = file_write_synced(fd, text, len);
    close(fd);
    if (rc == 0 && rename(temporary, path) != 0)
        rc = -errno;
    if (rc != 0) {
        unlink(temporary);
        return err_set(err, -rc, "write %s: %s", path, strerror(-rc));
    }
    file_sync_name(path);
    return true;
}

static bool section_keep(const struct section *section, const char *dir, struct err *err)
{
    char path[POLICY_FILE_PATH_MAX], temporary[POLICY_FILE_PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", dir, section->file);
    if (section->agent) {
        snprintf(temporary, sizeof(temporary), "%s/agents", dir);
        mkdir(temporary, 0755);
        snprintf(temporary, sizeof(temporary), "%s/agents/.%s.new", dir, section->agent);
    } else {
        snprintf(temporary, sizeof(temporary), "%s/.%s.new", dir, section->file);
    }
    return file_keep(path, temporary, section->text, section->len, err);
}

/* The files of agents that are not among them go. */
static bool remove_others(const struct sections *sections, const char *dir, struct err *err)
{
    char path[POLICY_FILE_PATH_MAX], file[POLICY_FILE_PATH_MAX];
    struct dirent *entry;
    bool is_done = true;
    DIR *folder;

    snprintf(path, sizeof(path), "%s/agents", dir);
    folder = opendir(path);
    if (!folder)
        return errno == ENOENT || err_set(err, errno, "read %s: %s", path, strerror(errno));
    while (is_done && (entry = readdir(folder))) {
        snprintf(file, sizeof(file), "agents/%s", entry->d_name);
        if (entry->d_name[0] == '.' || section_find(sections, file))
            continue;
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            is_done =
                err_set(err, errno, "remove %s/%s: %s", path, entry->d_name, strerror(errno));
    }
    closedir(folder);
    return is_done;
}

bool sections_keep(const struct sections *sections, const char *path, struct err *err)
{
    for (size_t i = 0; i < sections->nr; i++)
        if (strcmp(sections->list[i].file, SECTION_RESOLV) != 0 &&
            !section_keep(&sections->list[i], path, err))
            return false;
    return !sections->is_whole || remove_others(sections, path, err);
}

bool sections_keep_resolv(const struct sections *sections, const char *state, struct err *err)
{
    const struct section *section = section_find(sections, SECTION_RESOLV);
    struct addr servers[RESOLV_SERVERS_MAX];

    if (!section)
        return true;
    if (!state[0])
        return err_set(
            err, ENOENT,
            "section \"resolv.conf\": this gateway has no state directory to keep it "
            "in");
    if (resolv_parse(section->text, section->len, servers) == 0)
        return err_set(err, EINVAL,
                       "section \"resolv.conf\": no server in it, expected a line such as "
                       "\"nameserver 192.0.2.53\"");
    return section_keep(section, state, err);
}
