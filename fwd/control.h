/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The unix socket through which other commands speak to the running gateway. One request at a
 * time: in a line what is asked for and the length of the text, the text, the end; then one
 * line of answer. Without all of it there is no request: a client that dies half-way, or only
 * looks whether somebody answers, changes nothing. Root only.
 */
#ifndef FWD_CONTROL_H
#define FWD_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"

#define CONTROL_PATH_MAX 108 /* of a unix socket's address */

#define CONTROL_ANSWER_MAX (128u << 10)

enum control_verb {
    CONTROL_POLICY, /* text: sections of a policy */
    CONTROL_ATTACH, /* text: a link, "NAME OUTER INNER4 [INNER6]" */
    CONTROL_DETACH, /* text: its name */
    CONTROL_STATUS, /* text: "json" or "text" */
    NR_CONTROL_VERBS,
};

struct control {
    char path[CONTROL_PATH_MAX];
    int listen_fd, client_fd; /* -1: none */
    char *text;               /* of the request so far; without its first line once whole */
    size_t len, size;
    bool is_whole; /* to be answered */
    enum control_verb verb;
    uint64_t deadline_ms; /* for the client to have said all */
};

/** control_path - state/control, or with no state directory /run/secctl.NETNS.sock */
MUST_CHECK bool control_path(const char *state, char path[CONTROL_PATH_MAX], struct err *err);

/** control_open - listen; refused when another gateway answers there */
MUST_CHECK bool control_open(struct control *control, const char *state, struct err *err);
void control_close(struct control *control);

/** control_accept, control_read - when listen_fd, client_fd is readable */
void control_accept(struct control *control, uint64_t now_ms);
void control_read(struct control *control);

/** control_tick - give up on a client that is too slow */
void control_tick(struct control *control, uint64_t now_ms);

/** control_answer - "ok TEXT" or "error TEXT", and the end; nothing when nobody waits. The text
 * may have lines. */
void control_answer(struct control *control, bool is_ok, const char *text);

/**
 * control_ask - the other side: hand over a text, wait for the answer
 *
 * answer: its text without "ok" or "error", malloc'd and given. Returns 1 for ok, 0 for error,
 * -1 with *err, answer untouched, when nobody answered.
 */
MUST_CHECK int control_ask(const char *path, enum control_verb verb, const char *text,
                           size_t len, char **answer, struct err *err);

#endif
