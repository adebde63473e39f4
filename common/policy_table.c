/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/policy_internal.h"

#include <stdlib.h>
#include <string.h>

#define HASH_START 0xcbf29ce484222325u
#define HASH_PRIME 0x100000001b3u /* FNV-1a, 64 bits */

static uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * HASH_PRIME;
}

static uint64_t hash_key(const char *key, size_t len)
{
    uint64_t hash = HASH_START;

    while (len--)
        hash = hash_byte(hash, (uint8_t)key[len]);
    return hash;
}

static size_t slot_of(const struct policy *policy, uint64_t hash)
{
    return (size_t)(hash ^ hash >> 29) & (policy->nr_slots - 1);
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

/* The node of a key, or POLICY_NONE. */
static uint32_t find(const struct policy *policy, uint64_t hash, const char *key, size_t len)
{
    if (policy->nr_slots == 0)
        return POLICY_NONE;
    for (size_t i = slot_of(policy, hash);; i = (i + 1) & (policy->nr_slots - 1)) {
        const struct slot *slot = &policy->slots[i];
        const struct node *node;

        if (slot->node == POLICY_NONE)
            return POLICY_NONE;
        if (slot->tag != tag_of(hash))
            continue;
        node = policy_node(policy, slot->node);
        if (node->key_len == len && memcmp(policy_text(policy, node->key), key, len) == 0)
            return slot->node;
    }
}

/* Make room for nr more items; indices stay below POLICY_NONE. */
static bool reserve(struct array *array, size_t nr, size_t item_size)
{
    size_t size = array->size ? array->size : 64;
    void *items;

    if (nr > POLICY_NONE - 1 - array->nr)
        return false;
    if (array->nr + nr <= array->size)
        return true;
    while (size < array->nr + nr)
        size += size / 2;
    items = realloc(array->items, size * item_size);
    if (items == NULL)
        return false;
    array->items = items;
    array->size = size;
    return true;
}

bool policy_add_text(struct policy *policy, const char *text, size_t len, uint32_t *offset)
{
    char *end;

    if (!reserve(&policy->pool, len + 1, 1))
        return false;
    end = (char *)policy->pool.items + policy->pool.nr;
    memcpy(end, text, len);
    end[len] = '\0';
    *offset = (uint32_t)policy->pool.nr;
    policy->pool.nr += len + 1;
    return true;
}

static void put_slot(struct policy *policy, uint64_t hash, uint32_t node)
{
    size_t i = slot_of(policy, hash);

    while (policy->slots[i].node != POLICY_NONE)
        i = (i + 1) & (policy->nr_slots - 1);
    policy->slots[i] = (struct slot) { tag_of(hash), node };
}

/* Keep at least half of the slots free. */
static bool reserve_slot(struct policy *policy)
{
    size_t nr = policy->nr_slots ? policy->nr_slots * 2 : 64;
    struct slot *slots;

    if ((policy->nodes.nr + 1) * 2 <= policy->nr_slots)
        return true;
    slots = malloc(nr * sizeof(*slots));
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < nr; i++)
        slots[i] = (struct slot) { 0, POLICY_NONE };
    free(policy->slots);
    policy->slots = slots;
    policy->nr_slots = nr;
    for (uint32_t i = 0; i < policy->nodes.nr; i++) {
        const struct node *node = policy_node(policy, i);

        put_slot(policy, hash_key(policy_text(policy, node->key), node->key_len), i);
    }
    return true;
}

/* The node of the len bytes at offset key of the pool; made when missing. */
static bool get_node(struct policy *policy, uint32_t key, size_t len, uint32_t *index)
{
    uint64_t hash = hash_key(policy_text(policy, key), len);

    *index = find(policy, hash, policy_text(policy, key), len);
    if (*index != POLICY_NONE)
        return true;
    if (!reserve(&policy->nodes, 1, sizeof(struct node)) || !reserve_slot(policy))
        return false;
    *index = (uint32_t)policy->nodes.nr++;
    ((struct node *)policy->nodes.items)[*index] = (struct node) {
        .key = key,
        .key_len = (uint8_t)len,
        .first_rule = POLICY_NONE,
    };
    put_slot(policy, hash, *index);
    return true;
}

/* Note that agent (0: everybody) is allowed something below a node. */
static void mark_child(struct policy *policy, uint32_t index, uint8_t agent)
{
    struct node *node = (struct node *)policy->nodes.items + index;

    if (agent == 0)
        node->has_child = true;
    else
        node->child_agents |= UINT64_C(1) << (agent - 1);
}

/* Nodes for a name and all of its ancestors; *index is the name's own. */
static bool get_name_nodes(struct policy *policy, const struct parsed_rule *parsed,
                           uint32_t key, uint8_t agent, uint32_t *index)
{
    size_t len = strlen(parsed->name);
    bool is_allow = !(parsed->flags & RULE_DENY);

    for (size_t start = len; start-- > 0;) {
        if (start > 0 && parsed->name[start - 1] != '.')
            continue;
        if (!get_node(policy, key + (uint32_t)start, len - start, index))
            return false;
        if (is_allow && (start > 0 || parsed->flags & RULE_BELOW))
            mark_child(policy, *index, agent);
    }
    return true;
}

static void make_addr_key(const struct prefix *prefix, unsigned bits, char key[ADDR_KEY_LEN])
{
    uint8_t bytes[16] = { 0 };
    size_t whole = bits / 8;

    memcpy(bytes, prefix->addr.bytes, whole);
    if (bits % 8)
        bytes[whole] = prefix->addr.bytes[whole] & (uint8_t)(0xffu << (8 - bits % 8));
    key[0] = (char)prefix->addr.family; /* no name starts with this byte */
    key[1] = (char)bits;
    memcpy(key + 2, bytes, sizeof(bytes));
}

static bool get_addr_node(struct policy *policy, const struct prefix *prefix, uint32_t *index)
{
    char key[ADDR_KEY_LEN];
    uint32_t offset;

    make_addr_key(prefix, prefix->bits, key);
    policy->has_bits[prefix->addr.family == ADDR_V6][prefix->bits] = true;
    return policy_add_text(policy, key, sizeof(key), &offset) &&
           get_node(policy, offset, sizeof(key), index);
}

static bool same_ports(const struct ports *a, const struct ports *b, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        if (a[i].kind != b[i].kind || a[i].first != b[i].first || a[i].last != b[i].last)
            return false;
    return true;
}

/* Neighbouring rules mostly have the same services: they share the list of the last rule. */
static bool add_services(struct policy *policy, const struct parsed_rule *parsed,
                         struct rule *rule)
{
    const struct rule *last = NULL;
    size_t nr = parsed->nr_services;

    rule->nr_services = (uint16_t)nr;
    if (policy->rules.nr)
        last = policy_rule(policy, (uint32_t)policy->rules.nr - 1);
    if (last && last->nr_services == nr &&
        same_ports(policy_ports(policy, last), parsed->services, nr)) {
        rule->services = last->services;
        return true;
    }
    if (!reserve(&policy->services, nr, sizeof(struct ports)))
        return false;
    rule->services = (uint32_t)policy->services.nr;
    if (nr)
        memcpy((struct ports *)policy->services.items + rule->services, parsed->services,
               nr * sizeof(struct ports));
    policy->services.nr += nr;
    return true;
}

/* Append to the node's list, unless the same rule is on it already: the first one speaks. */
static bool append(struct policy *policy, uint32_t node, const struct rule *rule)
{
    uint32_t *link = &((struct node *)policy->nodes.items)[node].first_rule;
    struct rule *rules;

    if (!reserve(&policy->rules, 1, sizeof(*rule)))
        return false;
    rules = policy->rules.items;
    while (*link != POLICY_NONE) {
        const struct rule *old = &rules[*link];

        if (old->agent == rule->agent && old->flags == rule->flags &&
            old->nr_services == rule->nr_services &&
            same_ports(policy_ports(policy, old), policy_ports(policy, rule),
                       rule->nr_services))
            return true;
        link = &rules[*link].next;
    }
    *link = (uint32_t)policy->rules.nr;
    rules[policy->rules.nr++] = *rule;
    return true;
}

bool policy_add_rule(struct policy *policy, const struct parsed_rule *parsed, uint16_t source,
                     uint8_t agent)
{
    struct rule rule = {
        .line = parsed->line,
        .next = POLICY_NONE,
        .source = source,
        .agent = agent,
        .flags = (uint8_t)parsed->flags,
    };
    size_t name_len = strlen(parsed->name);
    uint32_t node, key;

    if (!policy_add_text(policy, parsed->target, parsed->target_len, &rule.target) ||
        !add_services(policy, parsed, &rule))
        return false;
    if (name_len == 0)
        return get_addr_node(policy, &parsed->prefix, &node) && append(policy, node, &rule);
    /* Most names are written in their canonical form: the target's end serves as the key. */
    if (parsed->target_len >= name_len &&
        memcmp(parsed->target + parsed->target_len - name_len, parsed->name, name_len) == 0)
        key = rule.target + (uint32_t)(parsed->target_len - name_len);
    else if (!policy_add_text(policy, parsed->name, name_len, &key))
        return false;
    return get_name_nodes(policy, parsed, key, agent, &node) && append(policy, node, &rule);
}

static void trim(struct array *array, size_t item_size)
{
    void *items = array->nr ? realloc(array->items, array->nr * item_size) : NULL;

    if (items) {
        array->items = items;
        array->size = array->nr;
    }
}

void policy_trim(struct policy *policy)
{
    trim(&policy->pool, 1);
    trim(&policy->rules, sizeof(struct rule));
    trim(&policy->nodes, sizeof(struct node));
    trim(&policy->services, sizeof(struct ports));
}

void policy_path_name(const struct policy *policy, const char *name, size_t len,
                      struct path *path)
{
    uint64_t hash = HASH_START;
    size_t start = len;

    path->nr = 0;
    path->is_whole = false;
    while (start > 0 && path->nr < PATH_MAX_NODES) {
        uint32_t node;

        do /* the dot before the label that was looked up, then the next label */
            hash = hash_byte(hash, (uint8_t)name[--start]);
        while (start > 0 && name[start - 1] != '.');
        node = find(policy, hash, name + start, len - start);
        if (node == POLICY_NONE)
            return;
        path->nodes[path->nr++] = node;
        path->is_whole = start == 0;
    }
}

void policy_path_prefix(const struct policy *policy, const struct prefix *prefix,
                        struct path *path)
{
    const bool *has_bits = policy->has_bits[prefix->addr.family == ADDR_V6];
    char key[ADDR_KEY_LEN];

    path->nr = 0;
    path->is_whole = true;
    for (unsigned bits = 0; bits <= prefix->bits; bits++) {
        uint32_t node;

        if (!has_bits[bits])
            continue;
        make_addr_key(prefix, bits, key);
        node = find(policy, hash_key(key, sizeof(key)), key, sizeof(key));
        if (node != POLICY_NONE)
            path->nodes[path->nr++] = node;
    }
}
