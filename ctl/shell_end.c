/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/shell_end.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/rand.h>

#include "ctl/json_get.h"
#include "ctl/session.h"
#include "ctl/signals.h"

#define LOOK_MS 50
#define KILL_MS 2000 /* for the engine to notice */

/* Built-in commands only. $1: the signal, $2: the mark. */
static const char script[] =
    "marked() {\n"
    "    while read -r line || [ \"$line\" ]; do\n"
    "        case $line in *\"$2\"*) return 0 ;; esac\n"
    "    done <\"$1/environ\"\n"
    "    return 1\n"
    "}\n"
    "for folder in /proc/[0-9]*; do\n"
    "    marked \"$folder\" \"$2\" || continue\n"
    "    while read -r key value; do\n"
    "        [ \"$key $value\" != 'PPid: 0' ] || kill -s \"$1\" \"${folder#/proc/}\"\n"
    "    done <\"$folder/status\"\n"
    "done 2>/dev/null\n";

bool shell_mark_make(char mark[SHELL_MARK_MAX], struct err *err)
{
    unsigned char bytes[8];
    size_t used = (size_t)snprintf(mark, SHELL_MARK_MAX, "SECCTL_SHELL=");

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return err_set(err, EIO, "no random bytes for a mark");
    for (size_t i = 0; i < sizeof(bytes); i++)
        used += (size_t)snprintf(mark + used, SHELL_MARK_MAX - used, "%02x", bytes[i]);
    return true;
}

static void send_signal(struct stack *stack, const char *container, const char *mark,
                        const char *signal)
{
    const char *const argv[] = { "sh", "-c", script, "sh", signal, mark, NULL };
    struct engine_output output;
    struct err untold;

    if (engine_exec(stack->engine, container, argv, NULL, 0, &output, &untold))
        engine_output_clear(&output);
}

/* Does it run? Not, as far as we can know, when the engine does not say so. */
static bool is_running(struct stack *stack, const char *id)
{
    char path[ENGINE_PATH_MAX];
    cJSON *answer = NULL;
    bool is_there = false;
    struct err untold;

    engine_path(path, "/exec/%s/json", id);
    if (!engine_call(stack->engine, "GET", path, NULL, &answer, &untold, "look at a command") ||
        !json_bool(answer, "Running", &is_there, &untold))
        is_there = false;
    cJSON_Delete(answer);
    return is_there;
}

/* Returns true when it has ended. */
static bool wait_for_end(struct stack *stack, const char *id, unsigned ms)
{
    uint64_t end_ms = stack_now_ms() + ms;
    unsigned nr = signals_count();
    struct err untold;

    while (is_running(stack, id)) {
        if (stack_now_ms() > end_ms || signals_count() != nr || !stack_pause(LOOK_MS, &untold))
            return false;
    }
    return true;
}

void shell_end(struct stack *stack, const char *container, const char *id, const char *mark,
               const char *signal)
{
    signals_hold(true);
    if (is_running(stack, id)) {
        send_signal(stack, container, mark, signal);
        if (!wait_for_end(stack, id, SESSION_GRACE_MS)) {
            send_signal(stack, container, mark, "KILL");
            (void)!wait_for_end(stack, id, KILL_MS);
        }
    }
    signals_hold(false);
}
