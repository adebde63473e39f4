/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/build_log.h"
#include "ctl/image_source.h"
#include "ctl/json_get.h"
#include "ctl/json_make.h"
#include "ctl/stack_spec.h"
#include "ctl/terminal.h"

#define COLUMNS_DEFAULT 80

const char *image_name(const struct settings *settings, enum image_kind kind)
{
    return kind == IMAGE_GATEWAY ? settings->gateway_image : settings->agent_image;
}

/* What is known of an image that is there. */
struct present {
    char id[80];     /* "" when there is none */
    char source[65]; /* its LABEL_SOURCE, "" when it has none */
};

static bool look(struct engine *engine, const char *name, struct present *present,
                 struct err *err)
{
    char path[ENGINE_PATH_MAX], quoted[3 * SETTINGS_IMAGE_MAX];
    const char *id = "", *source = "";
    cJSON *answer = NULL;
    bool is_good;

    memset(present, 0, sizeof(*present));
    if (!http_quote(name, quoted, sizeof(quoted)))
        return err_set(err, EINVAL, "image %.80s...: the name is too long", name);
    engine_path(path, "/images/%s/json", quoted);
    if (!engine_call(engine, "GET", path, NULL, &answer, err, "look at image %s", name))
        return err->code == ENOENT;
    is_good = (json_string(answer, "Id", &id, err) &&
               json_string_or(answer, "Config/Labels/" LABEL_SOURCE, "", &source, err)) ||
              err_wrap(err, "look at image %s", name);
    if (is_good) {
        snprintf(present->id, sizeof(present->id), "%.79s", id);
        snprintf(present->source, sizeof(present->source), "%.64s", source);
    }
    cJSON_Delete(answer);
    return is_good;
}

/* How progress is shown: one line that changes on a terminal, else a line a step. */
struct display {
    const char *image;
    bool is_terminal;
    unsigned columns;
};

static void show(const struct build_log *log, bool is_step, void *arg)
{
    const struct display *display = arg;
    char text[2 * BUILD_STEP_MAX + 300];

    if (!display->is_terminal) {
        if (is_step)
            fprintf(stderr, "%s: %s\n", display->image, log->step);
        return;
    }
    snprintf(text, sizeof(text), "%.80s: %s%s%s", display->image, log->step,
             log->step[0] && log->last[0] ? ": " : "", log->last);
    fprintf(stderr, "\r\033[K%.*s", (int)display->columns - 1, text);
}

static bool take(void *arg, const void *bytes, size_t len, struct err *err)
{
    return build_log_take(arg, bytes, len, err);
}

/* {"KEY":"VALUE"} as a query's value, quoted, given. */
static char *quote_args(const char *digest, const char *const *build_args, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *object = json_make_object(&make, NULL, NULL);
    char *text = NULL, *quoted = NULL, key[128];

    json_put(&make, object, "SOURCE", digest);
    for (; build_args && *build_args; build_args++) {
        size_t len = strcspn(*build_args, "=");

        snprintf(key, sizeof(key), "%.*s", (int)len, *build_args);
        json_put(&make, object, key, *build_args + len + ((*build_args)[len] == '='));
    }
    object = json_finish(&make, object, err);
    if (object)
        text = json_text(object, err);
    if (text)
        quoted = malloc(3 * strlen(text) + 4);
    if (quoted && !http_quote(text, quoted, 3 * strlen(text) + 4)) {
        free(quoted);
        quoted = NULL;
    }
    if (text && quoted == NULL)
        err_set(err, ENOMEM, "out of memory");
    cJSON_free(text);
    cJSON_Delete(object);
    return quoted;
}

static void end_display(const struct display *display, const struct build_log *log,
                        bool is_failed)
{
    if (display->is_terminal)
        fprintf(stderr, "\r\033[K");
    if (is_failed && log->step[0])
        fprintf(stderr, "%s\n%s%s", log->step, log->tail,
                log->tail_len && log->tail[log->tail_len - 1] != '\n' ? "\n" : "");
}

/* The request itself. The image that is there stays until the new one is whole. */
static bool send_build(struct engine *engine, const char *name, const char *query,
                       const struct image_source *source, struct err *err)
{
    struct display display = { .image = name,
                               .is_terminal = isatty(STDERR_FILENO) != 0,
                               .columns = COLUMNS_DEFAULT };
    struct build_log log = { .told = show, .arg = &display };
    struct engine_transfer transfer = { .method = "POST",
                                        .path = query,
                                        .type = "application/x-tar",
                                        .sink = take,
                                        .sink_arg = &log,
                                        .is_long = true };
    unsigned rows;
    bool is_good;

    if (!terminal_size(&rows, &display.columns))
        display.columns = COLUMNS_DEFAULT;
    is_good = tar_finish(source->context, &transfer.body, &transfer.len, err) &&
              engine_transfer(engine, &transfer, err, "build image %s", name);
    if (is_good)
        is_good = build_log_end(&log, err) || err_wrap(err, "build image %s", name);
    end_display(&display, &log, !is_good && err->code != EINTR);
    build_log_clear(&log);
    return is_good;
}

static bool build(struct engine *engine, const char *name, bool has_cache,
                  const char *const *build_args, const struct image_source *source,
                  struct err *err)
{
    char quoted[3 * SETTINGS_IMAGE_MAX];
    char *args = quote_args(source->digest, build_args, err), *query;
    size_t size;
    bool is_good;

    if (args == NULL)
        return false;
    if (!http_quote(name, quoted, sizeof(quoted))) {
        free(args);
        return err_set(err, EINVAL, "image %.80s...: the name is too long", name);
    }
    size = strlen(args) + sizeof(quoted) + 256;
    query = malloc(size);
    if (query)
        snprintf(query, size,
                 "/build?t=%s&dockerfile=%s&target=%s&buildargs=%s&rm=1&forcerm=1%s", quoted,
                 source->dockerfile, source->target ? source->target : "", args,
                 has_cache ? "" : "&nocache=1");
    is_good = query ? send_build(engine, name, query, source, err)
                    : err_set(err, ENOMEM, "out of memory");
    free(query);
    free(args);
    return is_good;
}

/* The image that lost its name to the new one, unless something still uses it. */
static void remove_old(struct engine *engine, const char *name, const struct present *old)
{
    struct present now;
    struct err ignored;
    char path[ENGINE_PATH_MAX];

    if (old->id[0] == '\0' || !look(engine, name, &now, &ignored) ||
        strcmp(now.id, old->id) == 0)
        return;
    engine_path(path, "/images/%s", old->id);
    if (!engine_call(engine, "DELETE", path, NULL, NULL, &ignored, "remove the old image"))
        return; /* in use, or under another name too */
}

bool image_build(struct engine *engine, const struct settings *settings, enum image_kind kind,
                 enum image_wish wish, const char *const *build_args, bool *is_built,
                 struct err *err)
{
    const char *name = image_name(settings, kind);
    struct image_source source;
    struct present present;
    bool is_good;

    *is_built = false;
    is_good =
        image_source_find(settings, kind, &source, err) && look(engine, name, &present, err);
    if (is_good && source.context == NULL) {
        /* an installed secctl without sources uses what is there */
        if (present.id[0] == '\0' || wish != IMAGE_IF_OUTDATED)
            is_good = err_set(err, ENOENT,
                              "image %s: no %s to build it from, expected \"make images\" in "
                              "secctl's source tree before, or %s to name one that is there",
                              name, source.looked_in,
                              kind == IMAGE_GATEWAY ? "GATEWAY_IMAGE" : "AGENT_IMAGE");
    } else if (is_good &&
               (wish != IMAGE_IF_OUTDATED || strcmp(present.source, source.digest) != 0)) {
        fprintf(stderr, "secctl: building %s\n", name);
        is_good = build(engine, name, wish != IMAGE_NO_CACHE, build_args, &source, err);
        *is_built = is_good;
        if (is_good)
            remove_old(engine, name, &present);
    }
    image_source_clear(&source);
    return is_good;
}
