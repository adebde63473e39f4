/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef COMMON_POLICY_H
#define COMMON_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/err.h"

enum service_kind {
    SERVICE_TLS,
    SERVICE_QUIC,
    SERVICE_HTTP,
    SERVICE_TCP, /* any bytes */
    SERVICE_UDP, /* any bytes */
    NR_SERVICE_KINDS,
};

/** service_name - "tls", "quic", "http", "tcp", "udp"; "-" for anything else */
const char *service_name(enum service_kind kind);

/* One text of the policy. */
struct policy_source {
    const char *file;  /* as errors and records name it; kept (copied) */
    const char *agent; /* NULL: for all agents */
    const char *text;  /* borrowed */
    size_t len;
};

#define POLICY_ID_MAX (sizeof("sha256:") + 64)

struct policy; /* immutable once made */

/**
 * policy_new - compile the texts of a policy
 *
 * sources: the base allowlist (agent NULL) and any number of agents' files, any order.
 * ceiling: NULL, or what may be allowed at most: a rule outside it is an error; its own "!"
 * rules are in force for everybody. At most 64 different agents. Returns NULL with *err =
 * "FILE:LINE:COLUMN: what is wrong, what was expected" (columns count from 1, in bytes). Heap
 * only; given to the caller, policy_free() accepts NULL.
 */
struct policy *policy_new(const struct policy_source *sources, size_t nr_sources,
                          const struct policy_source *ceiling, struct err *err);
void policy_free(struct policy *policy);

/** policy_id - "sha256:" + 64 hex digits over all sources and the ceiling (file names, agents,
 * texts), whatever order they came in */
const char *policy_id(const struct policy *policy);

/** policy_agent - the number to ask with for an agent's name; one without a file of its own
 * has the number of "base rules only", 0. Numbers hold for this policy object only. */
unsigned policy_agent(const struct policy *policy, const char *name);

struct policy_answer {
    enum policy_result {
        POLICY_UNKNOWN, /* no rule names it */
        POLICY_ALLOWED,
        POLICY_DENIED,        /* a "!" rule matches */
        POLICY_OTHER_SERVICE, /* allowed, but not for this service or port */
    } result;
    bool is_intranet; /* ALLOWED: a rule that allows it has the word "intranet" */
    const char *rule; /* the rule's target as written ("!" included), NULL for UNKNOWN; lives as
                         long as the policy */
    const char *file; /* NULL for UNKNOWN */
    unsigned line;    /* 0 for UNKNOWN */
};

/**
 * policy_name - may this agent use this service at this port of this name?
 *
 * name: canonical (hostname_canonical), NUL-terminated. O(labels), no allocation, under 300 ns.
 * "!" wins over any allow, in whichever file; of the rules that decide, the most specific is
 * reported.
 */
struct policy_answer policy_name(const struct policy *policy, unsigned agent, const char *name,
                                 enum service_kind kind, uint16_t port);

/** policy_addr - the same for the address rules */
struct policy_answer policy_addr(const struct policy *policy, unsigned agent,
                                 const struct addr *addr, enum service_kind kind,
                                 uint16_t port);

/** policy_denies_name - is there a "!" rule for name with this service? (an address rule allows
 * a hello's address, its name may still be forbidden) */
bool policy_denies_name(const struct policy *policy, unsigned agent, const char *name,
                        enum service_kind kind, uint16_t port, struct policy_answer *answer);

/**
 * policy_dns - may this agent ask for this name at all: is any service of it allowed?
 *
 * has_child: out, true when some allowed name or wildcard lies below it (answer NODATA then,
 * not NXDOMAIN);
 *   "!" rules for single names below are not looked at.
 */
struct policy_answer policy_dns(const struct policy *policy, unsigned agent, const char *name,
                                bool *has_child);

/**
 * policy_some_name - is there a name that may use this service at this port?
 *
 * ALLOWED with the first rule that says so ("!" rules are not looked at), else OTHER_SERVICE
 * without a rule. Reads every rule: not for the packet path.
 */
struct policy_answer policy_some_name(const struct policy *policy, unsigned agent,
                                      enum service_kind kind, uint16_t port);

struct policy_service {
    enum service_kind kind;
    uint16_t port_first, port_last; /* first <= last; equal but for ranges */
    bool is_intranet;
};

/**
 * policy_services - everything that is allowed for a name, "!" rules applied
 *
 * Returns how many were written to out, at most max; without duplicates. For the kernel's set
 * of bound addresses and for a binding's lifetime.
 */
size_t policy_services(const struct policy *policy, unsigned agent, const char *name,
                       struct policy_service *out, size_t max);

/**
 * policy_nearest - the target of the allow rule that is most like name, for a message
 *
 * At most two edits away, else with the most labels in common at the end, at least two; NULL
 * when there is none. Reads every rule: not for the packet path.
 */
const char *policy_nearest(const struct policy *policy, unsigned agent, const char *name);

/** policy_nr_rules - rules in all sources, ceiling not counted */
size_t policy_nr_rules(const struct policy *policy);

#endif
