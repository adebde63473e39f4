/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/policy_hand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/escape.h"
#include "ctl/stack_spec.h"

#define WHOLE       "%% whole\n"
#define RESOLV_CONF "%% resolv.conf\n"
#define NO_COMMAND  126 /* and 127: the engine's, for a program that is not there */

static void add(char **at, const char *text, size_t len)
{
    memcpy(*at, text, len);
    *at += len;
}

char *policy_hand_text(const struct policy_dir *dir, const char *resolv_conf, size_t *len)
{
    size_t size = sizeof(WHOLE) + sizeof(RESOLV_CONF) + (resolv_conf ? strlen(resolv_conf) : 0);
    char *text, *at;

    for (size_t i = 0; i < dir->nr_sources; i++)
        size += strlen(dir->sources[i].file) + dir->sources[i].len + sizeof("%% \n\n");
    text = at = malloc(size);
    if (text == NULL)
        return NULL;
    add(&at, WHOLE, strlen(WHOLE));
    for (size_t i = 0; i < dir->nr_sources; i++) {
        const struct policy_source *source = &dir->sources[i];

        at += sprintf(at, "%%%% %s\n", source->file);
        add(&at, source->text, source->len);
        if (at[-1] != '\n')
            *at++ = '\n';
    }
    if (resolv_conf) {
        add(&at, RESOLV_CONF, strlen(RESOLV_CONF));
        add(&at, resolv_conf, strlen(resolv_conf));
    }
    *len = (size_t)(at - text);
    return text;
}

enum policy_hand policy_hand_over(struct engine *engine, const char *text, size_t len,
                                  char answer[POLICY_ANSWER_MAX], struct err *err)
{
    static const char *const argv[] = { STACK_FWD, "load", "-", NULL };
    struct engine_output output;
    enum policy_hand hand = HAND_REFUSED;

    answer[0] = '\0';
    if (!engine_exec(engine, STACK_GATEWAY, argv, text, len, &output, err))
        return err->code == ENOENT || err->code == EEXIST ? HAND_ABSENT : HAND_UNKNOWN;
    if (output.status == 0) {
        escape_line(output.out, answer, POLICY_ANSWER_MAX);
        hand = HAND_TAKEN;
    } else {
        escape_line(output.errors[0] ? output.errors : output.out, answer, POLICY_ANSWER_MAX);
        err_set(err, EPERM, "the gateway keeps the policy it has: %s",
                answer[0] ? answer : "it gave no reason");
        if (output.status == NO_COMMAND || output.status == NO_COMMAND + 1)
            err_wrap(err, "fwd cannot be run in the gateway's container");
    }
    engine_output_clear(&output);
    return hand;
}
