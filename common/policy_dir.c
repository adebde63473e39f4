/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/file.h"
#include "common/policy.h"

#define POLICY_FILE_MAX (16u << 20)
#define PATH_LEN_MAX    4096
#define AGENTS_DIR      "agents"

static bool join(char out[PATH_LEN_MAX], const char *folder, const char *name, struct err *err)
{
    int n = snprintf(out, PATH_LEN_MAX, "%s/%s", folder, name);

    if (n < 0 || n >= PATH_LEN_MAX)
        return err_set(err, ENAMETOOLONG,
                       "read %.80s...: the path is too long, expected at most %d bytes", folder,
                       PATH_LEN_MAX - 1);
    return true;
}

static void source_clear(struct policy_source *source)
{
    free((char *)source->file);
    free((char *)source->agent);
    free((char *)source->text);
    *source = (struct policy_source) { .file = NULL };
}

/* Read folder/file; agent: NULL or whose it is. */
static bool read_source(const char *folder, const char *file, const char *agent,
                        struct policy_source *source, struct err *err)
{
    char path[PATH_LEN_MAX];

    *source = (struct policy_source) { .file = NULL };
    if (!join(path, folder, file, err))
        return false;
    source->text = file_read(path, POLICY_FILE_MAX, &source->len, err);
    if (source->text == NULL)
        return false;
    source->file = strdup(file);
    source->agent = agent ? strdup(agent) : NULL;
    if (source->file == NULL || (agent && source->agent == NULL)) {
        source_clear(source);
        return err_set(err, ENOMEM, "read %s: %s", path, strerror(ENOMEM));
    }
    return true;
}

/* Not even a link is there. What is there and cannot be read is an error: half a policy is
 * none. */
static bool is_absent(const char *path)
{
    struct stat st;

    return lstat(path, &st) != 0 && errno == ENOENT;
}

static bool read_ceiling(const char *path, struct policy_dir *dir, struct err *err)
{
    char file[PATH_LEN_MAX];

    if (!join(file, path, "ceiling", err))
        return false;
    if (is_absent(file))
        return true;
    dir->ceiling = malloc(sizeof(*dir->ceiling));
    if (dir->ceiling == NULL)
        return err_set(err, ENOMEM, "read %s/ceiling: %s", path, strerror(ENOMEM));
    if (read_source(path, "ceiling", NULL, dir->ceiling, err))
        return true;
    free(dir->ceiling);
    dir->ceiling = NULL;
    return false;
}

/* Hidden files are an editor's or a volume's, not agents'. */
static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool add_agent(const char *path, const char *name, struct policy_dir *dir,
                      struct err *err)
{
    char file[sizeof(AGENTS_DIR) + 256];
    struct policy_source *bigger;

    if (!conf_agent_name_is_valid(name, strlen(name)))
        return err_set(err, EINVAL,
                       "read %s/" AGENTS_DIR
                       "/%s: no agent's name, expected 1 to 63 of a-z, 0-9, "
                       "\"_\" and \"-\"",
                       path, name);
    bigger = realloc(dir->sources, (dir->nr_sources + 1) * sizeof(*bigger));
    if (bigger == NULL)
        return err_set(err, ENOMEM, "read %s: %s", path, strerror(ENOMEM));
    dir->sources = bigger;
    snprintf(file, sizeof(file), AGENTS_DIR "/%s", name);
    if (!read_source(path, file, name, &bigger[dir->nr_sources], err))
        return false;
    dir->nr_sources++;
    return true;
}

static bool read_agents(const char *path, struct policy_dir *dir, struct err *err)
{
    char folder[PATH_LEN_MAX];
    struct dirent **entries;
    bool is_good = true;
    int nr;

    if (!join(folder, path, AGENTS_DIR, err))
        return false;
    if (is_absent(folder))
        return true;
    nr = scandir(folder, &entries, is_shown, alphasort);
    if (nr < 0)
        return err_set(err, errno, "read folder %s: %s", folder, strerror(errno));
    for (int i = 0; i < nr; i++) {
        is_good = is_good && add_agent(path, entries[i]->d_name, dir, err);
        free(entries[i]);
    }
    free(entries);
    return is_good;
}

bool policy_dir_read(const char *path, struct policy_dir *dir, struct err *err)
{
    *dir = (struct policy_dir) { .sources = malloc(sizeof(struct policy_source)) };
    if (dir->sources == NULL)
        return err_set(err, ENOMEM, "read %s: %s", path, strerror(ENOMEM));
    if (read_source(path, "allowlist", NULL, &dir->sources[0], err)) {
        dir->nr_sources = 1;
        if (read_agents(path, dir, err) && read_ceiling(path, dir, err))
            return true;
    }
    policy_dir_clear(dir);
    return false;
}

void policy_dir_clear(struct policy_dir *dir)
{
    for (size_t i = 0; i < dir->nr_sources; i++)
        source_clear(&dir->sources[i]);
    if (dir->ceiling)
        source_clear(dir->ceiling);
    free(dir->sources);
    free(dir->ceiling);
    *dir = (struct policy_dir) { .sources = NULL };
}
