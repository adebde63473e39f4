/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Are the images there, and what can the engine's kernel do? The latter is asked of "fwd
 * probe", in a container of the gateway's image that is removed again.
 */
#include "ctl/doctor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/engine_frames.h"
#include "ctl/image.h"
#include "ctl/json_get.h"
#include "ctl/json_make.h"
#include "ctl/signals.h"

#define ANSWER_MAX 4096

/* Standard output and standard error of the probe, each cut at ANSWER_MAX. */
struct words {
    struct frames frames;
    char out[ANSWER_MAX], errors[ANSWER_MAX];
    size_t out_len, errors_len;
};

static bool take_words(void *arg, const void *bytes, size_t len, struct err *err)
{
    struct words *words = arg;
    const uint8_t *at = bytes;
    struct frames_part part;

    while (len) {
        bool is_out;
        char *text;
        size_t *used, n;

        if (!frames_next(&words->frames, &at, &len, &part, err))
            return false;
        is_out = part.stream == FRAME_OUTPUT;
        text = is_out ? words->out : words->errors;
        used = is_out ? &words->out_len : &words->errors_len;
        n = part.len < ANSWER_MAX - 1 - *used ? part.len : ANSWER_MAX - 1 - *used;
        if (n)
            memcpy(text + *used, part.bytes, n);
        *used += n;
    }
    return true;
}

static cJSON *make_body(const char *image, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL), *host, *log, *labels;

    json_put(&make, body, "Image", image);
    json_append(&make, json_make_array(&make, body, "Cmd"), "probe");
    labels = json_make_object(&make, body, "Labels");
    json_put(&make, labels, "secctl.throwaway", "doctor");
    host = json_make_object(&make, body, "HostConfig");
    json_put(&make, host, "NetworkMode", "none");
    json_put_bool(&make, host, "ReadonlyRootfs", true);
    json_append(&make, json_make_array(&make, host, "CapDrop"), "ALL");
    json_append(&make, json_make_array(&make, host, "CapAdd"), "NET_ADMIN");
    json_append(&make, json_make_array(&make, host, "SecurityOpt"), "no-new-privileges");
    /* whatever the engine does with other containers' output, this one's is to be read */
    log = json_make_object(&make, host, "LogConfig");
    json_put(&make, log, "Type", "json-file");
    return json_finish(&make, body, err);
}

static bool run_container(struct engine *engine, const char *id, struct words *words,
                          struct err *err)
{
    char path[ENGINE_PATH_MAX];
    struct engine_transfer transfer = { .method = "GET",
                                        .sink = take_words,
                                        .sink_arg = words };

    engine_path(path, "/containers/%s/start", id);
    if (!engine_call(engine, "POST", path, NULL, NULL, err, "start the probe"))
        return false;
    engine_path(path, "/containers/%s/wait", id);
    if (!engine_call(engine, "POST", path, NULL, NULL, err, "wait for the probe"))
        return false;
    engine_path(path, "/containers/%s/logs?stdout=1&stderr=1", id);
    transfer.path = path;
    return engine_transfer(engine, &transfer, err, "the probe's answer");
}

static bool run_probe(struct engine *engine, const char *image, struct words *words,
                      struct err *err)
{
    cJSON *body = make_body(image, err), *answer = NULL;
    char path[ENGINE_PATH_MAX];
    const char *id = NULL;
    struct err untold;
    bool is_good;

    if (body == NULL)
        return false;
    is_good = engine_call(engine, "POST", "/containers/create", body, &answer, err,
                          "a container for the probe") &&
              json_string(answer, "Id", &id, err) && run_container(engine, id, words, err);
    if (id) {
        signals_hold(true);
        engine_path(path, "/containers/%s?force=1", id);
        (void)!engine_call(engine, "DELETE", path, NULL, NULL, &untold, "remove the probe");
        signals_hold(false);
    }
    cJSON_Delete(answer);
    cJSON_Delete(body);
    return is_good;
}

static void judge(struct doctor *doctor, const cJSON *answer)
{
    bool has_vxlan, has_nftables, has_v6, has_flowtable;
    const char *queue;
    struct err err;

    if (!json_string(answer, "queue", &queue, &err) ||
        !json_bool(answer, "vxlan", &has_vxlan, &err) ||
        !json_bool(answer, "nftables", &has_nftables, &err) ||
        !json_bool_or(answer, "ipv6", false, &has_v6, &err) ||
        !json_bool_or(answer, "flowtable", false, &has_flowtable, &err)) {
        doctor_add(doctor, FINDING_PROBLEM, "kernel",
                   "\"secctl build\" makes a gateway image of this version", "fwd probe: %s",
                   err.text);
        return;
    }
    if (!has_nftables)
        doctor_add(doctor, FINDING_PROBLEM, "kernel",
                   "a kernel with nf_tables (Debian's, Ubuntu's, Docker Desktop's have it)",
                   "no nftables, which the gateway's rules are made of");
    if (strcmp(queue, "native") != 0 && strcmp(queue, "target") != 0)
        doctor_add(doctor, FINDING_PROBLEM, "kernel",
                   "a kernel with nft_queue, or nft_compat and xt_NFQUEUE: on the engine's "
                   "machine, modprobe nft_queue",
                   "no packet queue, neither native nor as a target");
    if (!has_vxlan)
        doctor_add(doctor, FINDING_PROBLEM, "kernel",
                   "on the engine's machine: modprobe vxlan (its package may be "
                   "linux-modules-extra)",
                   "no VXLAN, which joins agents to the gateway");
    if (has_nftables && has_vxlan && strcmp(queue, "none") != 0)
        doctor_add(doctor, FINDING_OK, "kernel", "", "nftables, queue (%.20s), vxlan%s%s",
                   queue, has_v6 ? ", IPv6" : "", has_flowtable ? ", flowtable" : "");
}

static void probe(struct doctor *doctor, const char *image)
{
    struct words *words = calloc(1, sizeof(*words));
    cJSON *answer = NULL;
    struct err err;

    if (words == NULL)
        return;
    if (!run_probe(doctor->engine, image, words, &err))
        doctor_add(doctor, FINDING_PROBLEM, "kernel", "", "%s", err.text);
    else if (words->out_len == 0)
        doctor_add(doctor, FINDING_PROBLEM, "kernel",
                   "\"secctl build\" makes a gateway image of this version",
                   "fwd probe in image %.200s said nothing: %.150s", image, words->errors);
    else if ((answer = json_parse("fwd probe", words->out, words->out_len, &err)) == NULL)
        doctor_add(doctor, FINDING_PROBLEM, "kernel",
                   "\"secctl build\" makes a gateway image of this version", "%s", err.text);
    else
        judge(doctor, answer);
    cJSON_Delete(answer);
    free(words);
}

static bool has_image(struct doctor *doctor, enum image_kind kind)
{
    const char *name = image_name(&doctor->settings, kind);
    char path[ENGINE_PATH_MAX], quoted[SETTINGS_IMAGE_MAX * 3];
    struct err err;

    if (!http_quote(name, quoted, sizeof(quoted)))
        return false;
    engine_path(path, "/images/%s/json", quoted);
    if (engine_call(doctor->engine, "GET", path, NULL, NULL, &err, "image %s", name)) {
        doctor_add(doctor, FINDING_OK, "image", "", "%.200s", name);
        return true;
    }
    if (err.code == ENOENT)
        doctor_add(doctor, FINDING_DIFFERENT, "image",
                   "\"secctl build\", or \"secctl start\"; when secctl is installed, \"make "
                   "images\" in its source tree",
                   "%.200s is not there", name);
    else
        doctor_add(doctor, FINDING_PROBLEM, "image", "", "%s", err.text);
    return false;
}

void doctor_images(struct doctor *doctor)
{
    (void)has_image(doctor, IMAGE_AGENT);
    if (has_image(doctor, IMAGE_GATEWAY))
        probe(doctor, image_name(&doctor->settings, IMAGE_GATEWAY));
    else
        doctor_add(doctor, FINDING_WARNING, "kernel", "once it is built, run doctor again",
                   "not tried: that is done in the gateway's image");
}
