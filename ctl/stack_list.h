/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The stack's containers, as GET /containers/json lists them. Pure but for stack_list_fetch().
 */
#ifndef CTL_STACK_LIST_H
#define CTL_STACK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/owner.h"
#include "ctl/stack_spec.h"

enum stack_service {
    STACK_SERVICE_GATEWAY,
    STACK_SERVICE_LINK,
    STACK_SERVICE_AGENT,
    STACK_SERVICE_OTHER
};

struct stack_container {
    char id[72];
    char name[STACK_NAME_MAX];
    char image[256], image_id[80];
    enum stack_service service;
    unsigned number;              /* its slot; 0: none */
    char agent[64];               /* "" unless a link or an agent */
    char spec[STACK_SPEC_MAX];    /* "": docker compose made it */
    char owner[OWNER_TEXT_MAX];   /* "": likewise */
    char state[24];               /* created running paused restarting removing exited dead */
    char status[64];              /* as docker ps says it: "Up 2 minutes (healthy)" */
    char internal[ADDR_TEXT_MAX]; /* its address on claude-internal, "" when none */
    int64_t created_s;
    bool is_running;
    bool has_external; /* is it on proxy-external? */
};

struct stack_list {
    struct stack_container *all;
    size_t nr;
};

/** stack_list_parse - read the answer; false with *err, *list empty */
MUST_CHECK bool stack_list_parse(const cJSON *answer, struct stack_list *list, struct err *err);
void stack_list_clear(struct stack_list *list);

/** stack_list_find - by its name; NULL when there is none */
const struct stack_container *stack_list_find(const struct stack_list *list, const char *name);

/** stack_list_slot - the link or the agent of slot n; NULL when there is none */
const struct stack_container *stack_list_slot(const struct stack_list *list,
                                              enum stack_service service, unsigned n);

/** stack_list_agent - the link or agent container of the agent of that name; NULL */
const struct stack_container *stack_list_agent(const struct stack_list *list,
                                               enum stack_service service, const char *agent);

/** stack_list_free_slot - the lowest slot from first on that neither container nor address
 * takes; 0 when all are taken */
unsigned stack_list_free_slot(const struct stack_list *list, const struct prefix *internal,
                              unsigned first);

/** stack_container_health - "healthy", "unhealthy", "starting", "" when the engine does not
 * check it */
const char *stack_container_health(const struct stack_container *container);

#endif
