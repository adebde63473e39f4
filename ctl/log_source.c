/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/log_source.h"

#include <errno.h>
#include <string.h>

#include "ctl/escape.h"
#include "ctl/json_get.h"
#include "ctl/json_make.h"
#include "ctl/signals.h"
#include "ctl/stack_spec.h"
#include "ctl/tar_read.h"

#define LOG_FILE    LOG_FOLDER "/verdicts.log"
#define MESSAGE_MAX 300

bool log_source_gateway(struct engine *engine, bool is_following, const char *since,
                        http_sink *sink, void *arg, struct err *err)
{
    const char *argv[6] = { STACK_FWD, "log" };
    struct engine_output output;
    char message[MESSAGE_MAX];
    size_t nr = 2;
    bool is_good;

    if (is_following)
        argv[nr++] = "-f";
    if (since[0]) {
        argv[nr++] = "--since";
        argv[nr++] = since;
    }
    if (!engine_exec_follow(engine, STACK_GATEWAY, argv, sink, arg, &output, err))
        return false;
    /* the gateway's end ends one that follows too, without a word */
    is_good = output.status == 0 || (is_following && output.errors[0] == '\0');
    if (!is_good) {
        escape_line(output.errors, message, sizeof(message));
        err_set(err, EIO, "the gateway's log: %s",
                message[0] ? message : "fwd log failed and gave no reason");
    }
    engine_output_clear(&output);
    return is_good;
}

/* --- the volume -------------------------------------------------------------------------- */

/* Takes an archive apart on its way to another sink. */
struct unpack {
    struct tar_read tar;
    http_sink *sink;
    void *arg;
};

static bool unpack(void *arg, const void *bytes, size_t len, struct err *err)
{
    struct unpack *unpack = arg;
    const uint8_t *at = bytes;
    struct tar_part part;

    while (len) {
        if (!tar_read_next(&unpack->tar, &at, &len, &part, err))
            return false;
        if (part.len && !unpack->sink(unpack->arg, part.bytes, part.len, err))
            return false;
    }
    return true;
}

static bool read_member(struct engine *engine, const char *id, const char *path,
                        http_sink *sink, void *arg, struct err *err)
{
    struct unpack state = { .sink = sink, .arg = arg };

    return engine_archive_get(engine, id, path, unpack, &state, err) || err->code == ENOENT;
}

static cJSON *make_body(const char *image, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL), *host, *mount, *labels;

    json_put(&make, body, "Image", image);
    json_append(&make, json_make_array(&make, body, "Cmd"), "help");
    labels = json_make_object(&make, body, "Labels");
    json_put(&make, labels, "secctl.throwaway", "logs");
    host = json_make_object(&make, body, "HostConfig");
    json_put(&make, host, "NetworkMode", "none");
    mount = json_make_object(&make, json_make_array(&make, host, "Mounts"), NULL);
    json_put(&make, mount, "Type", "volume");
    json_put(&make, mount, "Source", VOLUME_LOG);
    json_put(&make, mount, "Target", LOG_FOLDER);
    json_put_bool(&make, mount, "ReadOnly", true);
    return json_finish(&make, body, err);
}

static bool create(struct engine *engine, const char *image, cJSON **answer, const char **id,
                   struct err *err)
{
    cJSON *body = make_body(image, err);
    bool is_good;

    if (body == NULL)
        return false;
    is_good = engine_call(engine, "POST", "/containers/create", body, answer, err,
                          "a container to read the log in");
    cJSON_Delete(body);
    if (!is_good && err->code == ENOENT)
        return err_set(err, ENOENT,
                       "the log is in volume " VOLUME_LOG
                       ", and image %.200s, which it is read with, is not there, expected it "
                       "from \"secctl build\"",
                       image);
    return is_good && json_string(*answer, "Id", id, err);
}

static void remove_container(struct engine *engine, const char *id)
{
    char path[ENGINE_PATH_MAX];
    struct err untold;

    signals_hold(true);
    engine_path(path, "/containers/%s?force=1", id);
    (void)!engine_call(engine, "DELETE", path, NULL, NULL, &untold, "remove container");
    signals_hold(false);
}

bool log_source_volume(struct engine *engine, const char *image, http_sink *sink, void *arg,
                       struct err *err)
{
    cJSON *answer = NULL;
    const char *id = NULL;
    bool is_good;

    /* a container that names a volume would make it */
    if (!engine_call(engine, "GET", "/volumes/" VOLUME_LOG, NULL, NULL, err,
                     "the log's volume")) {
        if (err->code == ENOENT)
            err_set(err, ENOENT,
                    "there is no log: no gateway is running, and no volume " VOLUME_LOG
                    " is there, expected one after the first \"secctl start\"");
        return false;
    }
    is_good = create(engine, image, &answer, &id, err);
    if (is_good) {
        is_good = read_member(engine, id, LOG_FILE ".1", sink, arg, err) &&
                  read_member(engine, id, LOG_FILE, sink, arg, err);
        remove_container(engine, id);
    }
    cJSON_Delete(answer);
    return is_good;
}
