/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What tests against a reference model share: random choices that a seed repeats, and notes of
 * what was done, shown when engine and model disagree. One run at a time.
 */
#ifndef TESTS_SUPPORT_MODEL_H
#define TESTS_SUPPORT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/hostname.h"
#include "common/record.h"

/** model_repeat - call run nr times, each with a seed of its own; nothing but model_pick() may
 * make them differ. In the environment: MODEL_SEED (the first), MODEL_RUNS (how many). */
void model_repeat(unsigned nr, void (*run)(void));

/** model_pick - 0 .. below - 1 */
uint32_t model_pick(uint32_t below);
/** model_chance - true in percent of 100 cases */
bool model_chance(uint32_t percent);
/** model_size - 1 .. most, small ones, middling ones and most itself alike */
uint32_t model_size(uint32_t most);

void model_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** model_differs - show seed and notes, fail the test */
void model_differs(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- what is allowed ------------------------------------------------------------------------
 * A policy of rules without files or agents, and addresses that were given out for names. */

struct model_rule {
    bool is_denied;
    enum { MODEL_NAME, MODEL_BELOW, MODEL_NAME_AND_BELOW, MODEL_ADDR } how;
    const char *target, *services; /* services: as in a policy; "" of a name: the default */
};

struct model_given {
    const char *addr, *name;
    uint64_t until_us; /* 0: for ever */
};

struct model_world {
    const struct model_rule *rules;
    size_t nr_rules;
    const struct model_given *given;
    size_t nr_given;
    uint64_t now_us;
};

/** model_start - an engine with these rules, and all given addresses bound; model_wait - some
 * time goes by: how much, in microseconds, which the world's clock has moved on by */
struct rig;
void model_start(struct model_world *world, struct rig *rig);
uint32_t model_wait(struct model_world *world);

/** model_policy - the rules as a policy's text; out: size bytes */
void model_policy(const struct model_world *world, char *out, size_t size);

struct model_client { /* whom a name is judged for */
    const char *server;
    bool has_bindings;   /* false: another agent, which was given no address */
    const char *service; /* "tls/443" */
};

struct model_decision {
    bool is_allowed, is_by_addr;
    enum reason reason;
};

/** model_judge - by a name; NULL: there is none; a dotted quad: it is an address; is_hidden:
 * the true name cannot be read */
struct model_decision model_judge(const struct model_world *world,
                                  const struct model_client *client, const char *name,
                                  bool is_hidden);
/** model_may_send - could any name be allowed there? */
bool model_may_send(const struct model_world *world, const struct model_client *client);

/** model_hostname - canonical form of a name as it was sent; false: it is none */
bool model_hostname(const uint8_t *name, size_t len, char out[HOSTNAME_MAX + 1]);
void model_copy(char out[HOSTNAME_MAX + 1], const char *name);
bool model_is_quad(const uint8_t *name, size_t len);

#endif
