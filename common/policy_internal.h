/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the parts of the policy share: the reader (policy_parse.c), the compiled form
 * (policy_table.c), the building of it (policy.c) and the questions to it (policy_decide.c).
 */
#ifndef COMMON_POLICY_INTERNAL_H
#define COMMON_POLICY_INTERNAL_H

#include "common/hostname.h"
#include "common/policy.h"
#include "common/textfile.h"

#define POLICY_AGENTS_MAX 64
#define POLICY_NONE       UINT32_MAX /* no index */

/* The shortest service, "tls/1", and the blank before it. */
#define POLICY_SERVICES_MAX (TEXTFILE_LINE_MAX / 6 + 1)

struct ports {
    uint8_t kind; /* enum service_kind */
    uint16_t first, last;
};

enum rule_flag {
    RULE_DENY = 1,
    RULE_SELF = 2,  /* matches the name itself */
    RULE_BELOW = 4, /* matches every name below it; address rules have this and SELF */
    RULE_INTRANET = 8,
    RULE_ALL_SERVICES = 16, /* no ports listed: all of them; "!" rules only */
};

/* One rule as read. */
struct parsed_rule {
    unsigned line;
    size_t column;      /* of the target */
    const char *target; /* as written, "!" included; points into the text */
    size_t target_len;
    unsigned flags;
    char name[HOSTNAME_MAX + 1]; /* canonical; "": an address rule */
    struct prefix prefix;
    struct ports services[POLICY_SERVICES_MAX];
    size_t nr_services;
};

/**
 * policy_parse_next - read on to the next rule
 *
 * is_ceiling: the text allows nothing by itself, so it may cover a public suffix or everything.
 *
 * Returns 1 with *rule, 0 at the end, -1 with *file->err "FILE:LINE:COLUMN: ...".
 */
MUST_CHECK int policy_parse_next(struct textfile *file, bool is_ceiling,
                                 struct parsed_rule *rule);

/* One rule as kept, 24 bytes; texts are offsets into the pool. */
struct rule {
    uint32_t target;
    uint32_t line;
    uint32_t next;     /* of the same node, or POLICY_NONE; in order of appearance */
    uint32_t services; /* first of nr_services in policy->services */
    uint16_t nr_services;
    uint16_t source;
    uint8_t agent; /* 0: all */
    uint8_t flags;
};

/* A name or prefix that a rule names, or an ancestor of such a name. */
struct node {
    uint64_t child_agents; /* bit n: agent n + 1 is allowed something below it */
    uint32_t key;          /* offset into the pool */
    uint32_t first_rule;
    uint8_t key_len;
    bool has_child; /* all agents are allowed something below it */
};

struct slot {
    uint32_t tag;  /* high half of the key's hash */
    uint32_t node; /* POLICY_NONE: empty */
};

struct array {
    void *items;
    size_t nr, size;
};

/* How it works: one open hash table holds a node for each name that a rule names and for each
 * of its ancestors, and for each prefix. A question walks from the top-level label down and
 * stops at the first name that has no node: nothing below it is named either. A name's hash is
 * taken from its last byte backwards, so that one pass over it yields the hash of every suffix.
 */
struct policy {
    struct array pool; /* char: texts and keys */
    struct array rules, nodes, services;
    struct slot *slots; /* nr_slots, a power of two, at most half of them used */
    size_t nr_slots;
    uint32_t *source_files; /* offsets into the pool */
    size_t nr_sources;
    uint32_t agents[POLICY_AGENTS_MAX]; /* offsets of their names */
    size_t nr_agents;
    size_t nr_counted;
    bool has_bits[2][129]; /* prefix lengths that occur: IPv4, IPv6 */
    char id[POLICY_ID_MAX];
};

#define ADDR_KEY_LEN   18
#define PATH_MAX_NODES 130 /* labels of a name, or lengths of a prefix */

/* The nodes that matter for one name or address, least specific first. */
struct path {
    uint32_t nodes[PATH_MAX_NODES];
    unsigned nr;
    bool is_whole; /* the last node is the name itself; always for addresses */
};

static inline const char *policy_text(const struct policy *policy, uint32_t offset)
{
    return (const char *)policy->pool.items + offset;
}

static inline const struct rule *policy_rule(const struct policy *policy, uint32_t index)
{
    return (const struct rule *)policy->rules.items + index;
}

static inline const struct node *policy_node(const struct policy *policy, uint32_t index)
{
    return (const struct node *)policy->nodes.items + index;
}

static inline const struct ports *policy_ports(const struct policy *policy,
                                               const struct rule *rule)
{
    /* a policy whose rules all mean every service has no list at all */
    return rule->nr_services ? (const struct ports *)policy->services.items + rule->services
                             : NULL;
}

/* Adding fails, false, when memory runs out or an offset would not fit. */
MUST_CHECK bool policy_add_text(struct policy *policy, const char *text, size_t len,
                                uint32_t *offset);
MUST_CHECK bool policy_add_rule(struct policy *policy, const struct parsed_rule *parsed,
                                uint16_t source, uint8_t agent);
void policy_trim(struct policy *policy);

void policy_path_name(const struct policy *policy, const char *name, size_t len,
                      struct path *path);
/* Prefixes that contain all of prefix. */
void policy_path_prefix(const struct policy *policy, const struct prefix *prefix,
                        struct path *path);

/**
 * policy_ceiling_covers - does the ceiling allow all that a rule allows?
 *
 * If not, false with *err, which names the ceiling's file.
 */
MUST_CHECK bool policy_ceiling_covers(const struct policy *ceiling, const char *ceiling_file,
                                      const char *file, const struct parsed_rule *rule,
                                      struct err *err);

#endif
