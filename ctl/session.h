/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * This terminal, or these pipes, joined to a command in a container.
 */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/engine.h"

struct session {
    struct engine *engine;
    struct http_stream *stream; /* of attach or exec; owned by the caller */
    const char *object;         /* "/containers/ID" or "/exec/ID": what is resized */
    const char *container;      /* signals go to it; NULL: to nobody */
    bool has_terminal;          /* the command has one: its output is no frames */
    void (*look)(void *arg);    /* called about every SESSION_LOOK_MS; NULL: nothing is */
    void *look_arg;
};

enum session_end {
    SESSION_ENDED,  /* the command closed its output: whole, it has been written */
    SESSION_KILLED, /* secctl was told to end, and the command did not follow in time */
    SESSION_CLOSED, /* nobody reads secctl's output any more */
    SESSION_FAILED, /* *err */
};

/**
 * session_run - move bytes until there is an end
 *
 * With a terminal it is raw meanwhile, its size is told at once and after each change, Ctrl-C
 * is a byte as any other. Without: standard output and standard error apart, the end of
 * standard input is passed on. A signal that asks secctl to end is passed to the container;
 * SESSION_KILLED follows when the command goes on for SESSION_GRACE_MS, or a second signal
 * comes.
 */
enum session_end session_run(const struct session *session, struct err *err);

#define SESSION_GRACE_MS 5000
#define SESSION_LOOK_MS  5000

#endif
