/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

#define KEPT        "options"
#define WORD_FILE   "config "
#define WORD_SET    "set "
#define SETTING_SRC "--set"

bool run_path(const char *state, const char *what, char *path, size_t size, struct err *err)
{
    struct stat netns;
    int n;

    if (state[0]) {
        n = snprintf(path, size, "%s/%s", state, what);
    } else {
        if (stat("/proc/self/ns/net", &netns) != 0)
            return err_set(err, errno, "read /proc/self/ns/net: %s", strerror(errno));
        n = snprintf(path, size, "/run/secctl.%llu.%s", (unsigned long long)netns.st_ino, what);
    }
    if (n < 0 || (size_t)n >= size)
        return err_set(err, ENAMETOOLONG, "name %s/%s: expected a path below %zu bytes", state,
                       what, size);
    return true;
}

bool config_add(struct config *config, bool is_setting, const char *text, struct err *err)
{
    const char *const what = is_setting ? "--set" : "--config";

    if (config->nr == CONFIG_SOURCES_MAX)
        return err_set(err, E2BIG, "%s %.80s: expected at most %d of --config and --set", what,
                       text, CONFIG_SOURCES_MAX);
    if (text[0] == 0 || strchr(text, '\n'))
        return err_set(err, EINVAL, "%s \"%.80s\": expected %s", what, text,
                       is_setting ? "KEY=VALUE in one line" : "a file");
    config->list[config->nr++] = (struct config_source) { is_setting, text };
    return true;
}

static bool add_file(const char *path, struct conf *conf, struct err *err)
{
    size_t len;
    char *text = file_read(path, CONFIG_FILE_MAX, &len, err);
    const bool is_added = text && conf_add(conf, path, text, len, err);

    free(text);
    return is_added;
}

bool config_read(const struct config *config, struct conf *conf, struct err *err)
{
    const char *last = SETTING_SRC;

    conf_init(conf);
    for (size_t i = 0; i < config->nr; i++) {
        const struct config_source *source = &config->list[i];

        if (source->is_setting) {
            if (!conf_add(conf, SETTING_SRC, source->text, strlen(source->text), err))
                return false;
            continue;
        }
        last = source->text;
        if (!add_file(source->text, conf, err))
            return false;
    }
    return conf_finish(conf, last, err);
}

bool config_keep(const struct config *config, const char *state, struct err *err)
{
    char path[PATH_MAX], temporary[PATH_MAX], whole[PATH_MAX];
    FILE *out;
    bool is_written;

    if (!run_path(state, KEPT, path, sizeof(path), err) ||
        !run_path(state, KEPT ".new", temporary, sizeof(temporary), err))
        return false;
    out = fopen(temporary, "we");
    if (!out)
        return err_set(err, errno, "write %s: %s", temporary, strerror(errno));
    for (size_t i = 0; i < config->nr; i++) {
        const struct config_source *source = &config->list[i];
        const bool is_whole = !source->is_setting && realpath(source->text, whole);

        fprintf(out, "%s%s\n", source->is_setting ? WORD_SET : WORD_FILE,
                is_whole ? whole : source->text);
    }
    is_written = !ferror(out);
    is_written = fclose(out) == 0 && is_written && rename(temporary, path) == 0;
    return is_written || err_set(err, errno, "write %s: %s", path, strerror(errno));
}

void config_forget(const char *state)
{
    char path[PATH_MAX];
    struct err unused;

    if (!state[0] && run_path(state, KEPT, path, sizeof(path), &unused))
        unlink(path);
}

bool config_parse(char *text, struct config *config)
{
    struct err unused;

    *config = (struct config) { .nr = 0 };
    while (*text) {
        char *end = strchr(text, '\n');
        const bool is_setting = strncmp(text, WORD_SET, strlen(WORD_SET)) == 0;
        const size_t word = strlen(is_setting ? WORD_SET : WORD_FILE);

        if (!end || (!is_setting && strncmp(text, WORD_FILE, word) != 0))
            return false;
        *end = 0;
        if (!config_add(config, is_setting, text + word, &unused))
            return false;
        text = end + 1;
    }
    return config->nr > 0;
}

static bool recall(const char *state, struct config *config, struct err *err)
{
    char path[PATH_MAX];
    size_t len;
    char *text;

    if (!run_path(state, KEPT, path, sizeof(path), err))
        return false;
    text = file_read(path, CONFIG_FILE_MAX, &len, err);
    if (!text)
        return false;
    if (!config_parse(text, config)) {
        free(text);
        return err_set(err, EINVAL, "%s: expected lines \"config FILE\" and \"set KEY=VALUE\"",
                       path);
    }
    config->owned = text;
    return true;
}

bool config_recall(const char *state, struct config *config, struct err *err)
{
    struct err first = { 0 };

    if (state)
        return recall(state, config, err);
    return recall("", config, &first) || recall(STATE_DEFAULT, config, err) ||
           err_set(err, ENOENT,
                   "find the running gateway's configuration: none in " STATE_DEFAULT
                   ", expected --config FILE");
}

void config_clear(struct config *config)
{
    free(config->owned);
    *config = (struct config) { .nr = 0 };
}
