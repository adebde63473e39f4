/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The stack on an engine: networks, gateway, links, agents.
 *
 * How it works: the engine is the only memory. Names are claims: whoever creates the container
 * claude-secure-gateway-1 or claude-secure-link-N has it, and everybody else gets a conflict
 * and looks again. What one step left half made when it failed, or when secctl was killed, the
 * next start finds by its labels and removes (LABEL_OWNER says whether its maker lives).
 */
#ifndef CTL_STACK_H
#define CTL_STACK_H

#include "ctl/engine.h"
#include "ctl/ipv6.h"
#include "ctl/settings.h"
#include "ctl/stack_list.h"

struct stack {
    struct engine *engine;
    const struct settings *settings;
    struct stack_list list; /* as of the last stack_refresh() */
    char owner[OWNER_TEXT_MAX];
    bool is_unverified; /* the gateway runs, stack_verify() has not looked at it */
    struct ipv6 ipv6;   /* once is_ipv6_chosen: see stack_ipv6() */
    bool is_ipv6_chosen;
};

/** stack_open - find the engine and what is there of the stack. stack_close() also after a
 * failure. */
MUST_CHECK bool stack_open(struct stack *stack, const struct settings *settings,
                           struct err *err);
void stack_close(struct stack *stack);

/** stack_refresh - list the containers anew; pointers into the old list end */
MUST_CHECK bool stack_refresh(struct stack *stack, struct err *err);

/**
 * stack_up - what is missing is made, what differs is replaced, what is left over is removed:
 * after it the gateway forwards by the policy of the home folder
 *
 * Safe to run in several processes at once. A line on stderr when it takes long. A gateway that
 * was there before has yet to be looked at by stack_verify(), which stack_run_link() does
 * beside its own work.
 */
MUST_CHECK bool stack_up(struct stack *stack, struct err *err);

/** stack_verify - does the running gateway work, by the home folder's policy, for the links
 * that are there? Makes it so. */
MUST_CHECK bool stack_verify(struct stack *stack, struct err *err);

/** stack_ipv6 - choose, once, whether the agents have IPv6 (see ipv6.h); stack->ipv6 says so */
MUST_CHECK bool stack_ipv6(struct stack *stack, struct err *err);

/** stack_network_ensure - the network exists, as it should be; one that differs and that nobody
 * is on is made anew */
MUST_CHECK bool stack_network_ensure(struct stack *stack, const char *name, struct err *err);

/** stack_network_check - difference: a phrase, "" when there is none; ENOENT when there is no
 * network */
MUST_CHECK bool stack_network_check(struct stack *stack, const char *name, char *difference,
                                    size_t size, struct err *err);

/** stack_sweep - remove what killed secctls left; living ones are not touched */
MUST_CHECK bool stack_sweep(struct stack *stack, struct err *err);

/** stack_is_leftover - has this link or agent nobody who will remove it, and is of no use? */
bool stack_is_leftover(const struct stack_list *list, const struct stack_container *container);

/* One container. ENOENT from the engine counts as done for stack_remove(). */
MUST_CHECK bool stack_remove(struct stack *stack, const char *id, struct err *err);
MUST_CHECK bool stack_start(struct stack *stack, const char *id, struct err *err);

/** stack_create - POST /containers/create. id: out. body is given to it; NULL passes *err on.
 */
MUST_CHECK bool stack_create(struct stack *stack, const char *name, cJSON *body, char id[72],
                             struct err *err);

/** stack_last_words - the last line that a container printed, "" when none; for errors */
void stack_last_words(struct stack *stack, const char *id, char *text, size_t size);

/**
 * stack_ask - run fwd in a container
 *
 * argv: starts with STACK_FWD. answer: NULL, or its standard output, given. Returns false with
 * *err, its own sentence, unless it ends with 0; *status is its status, -1 when it did not run.
 */
MUST_CHECK bool stack_ask(struct stack *stack, const char *id, const char *const *argv,
                          char **answer, int *status, struct err *err);

/**
 * stack_wait_ready - ask a container's fwd until it is ready
 *
 * argv: the command that ends with 0 then. what: "the gateway". Returns false with *err when
 * the container ends or starts over, which names its last words, or after a minute.
 */
MUST_CHECK bool stack_wait_ready(struct stack *stack, const char *id, const char *what,
                                 const char *const *argv, struct err *err);

/* An agent that this process runs. Zeroed: none. */
struct stack_run {
    unsigned n;
    char agent[64];
    char link_id[72], agent_id[72];
    bool is_attached; /* the gateway knows it */
};

/**
 * stack_run_link - claim a slot and make its link, the gateway knowing it
 *
 * name: what the agent is to be called, NULL: by its slot. On failure nothing is left.
 */
MUST_CHECK bool stack_run_link(struct stack *stack, const char *name, struct stack_run *run,
                               struct err *err);

/** stack_run_end - remove agent and link, tell the gateway. Goes on after failures; false with
 * the first. */
MUST_CHECK bool stack_run_end(struct stack *stack, struct stack_run *run, struct err *err);

/** stack_attach, stack_detach - make the gateway know a link, or forget it */
MUST_CHECK bool stack_attach(struct stack *stack, const char *agent, unsigned n,
                             struct err *err);
MUST_CHECK bool stack_detach(struct stack *stack, const char *agent, struct err *err);

/** stack_forget - detach an agent that has no link container any more */
MUST_CHECK bool stack_forget(struct stack *stack, const char *agent, struct err *err);

/** stack_down - remove every container of the stack; networks and volumes stay. nr: out, how
 * many */
MUST_CHECK bool stack_down(struct stack *stack, size_t *nr, struct err *err);

/** stack_pause - a moment before looking again; false with *err (EINTR) after a signal */
MUST_CHECK bool stack_pause(unsigned ms, struct err *err);

/** stack_now_ms - a clock that never goes back */
uint64_t stack_now_ms(void);

#endif
