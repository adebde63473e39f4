/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a fixed array of slots, found through two hash tables of chains: by (agent,
 * address, name) for the verdict on a hello, by (agent, address) for the verdict on a SYN. Each
 * agent's bindings also form a list by their last refresh; its oldest makes room when the
 * agent's share is full. Nothing is allocated after init. A binding that has run out is
 * invisible at once and freed later.
 */
#include "sni-filter/binding.h"

#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"

struct addr_key {
    uint32_t source_tag;
    struct addr addr;
    uint8_t zero[3];
};

static uint32_t addr_bucket(const struct binding_table *table, uint32_t source_tag,
                            const struct addr *addr)
{
    struct addr_key key;

    memset(&key, 0, sizeof(key));
    key.source_tag = source_tag;
    key.addr = *addr;
    return (uint32_t)(siphash(table->key, &key, sizeof(key)) & (table->nr_buckets - 1));
}

static uint32_t pair_bucket(const struct binding_table *table, uint32_t source_tag,
                            const struct addr *addr, const char *name)
{
    struct {
        struct addr_key addr;
        char name[HOSTNAME_MAX + 1];
    } key;
    size_t len = strlen(name);

    memset(&key.addr, 0, sizeof(key.addr));
    key.addr.source_tag = source_tag;
    key.addr.addr = *addr;
    memcpy(key.name, name, len);
    return (uint32_t)(siphash(table->key, &key, sizeof(key.addr) + len) &
                      (table->nr_buckets - 1));
}

static uint32_t *new_heads(uint32_t nr)
{
    uint32_t *heads = malloc(nr * sizeof(*heads));

    if (heads != NULL)
        memset(heads, 0xff, nr * sizeof(*heads));
    return heads;
}

bool binding_table_init(struct binding_table *table, uint32_t nr_slots, uint32_t nr_agents,
                        const uint8_t key[16])
{
    uint32_t nr_buckets = 1024;

    while (nr_buckets < nr_slots)
        nr_buckets *= 2;
    *table = (struct binding_table) {
        .slots = calloc(nr_slots, sizeof(*table->slots)),
        .by_pair = new_heads(nr_buckets),
        .by_addr = new_heads(nr_buckets),
        .agents = calloc(nr_agents, sizeof(*table->agents)),
        .nr_slots = nr_slots,
        .nr_buckets = nr_buckets,
        .nr_agents = nr_agents,
        .free_head = BINDING_NONE,
        .per_agent_max = nr_slots / (nr_agents > 2 ? nr_agents - 1 : 1),
    };
    memcpy(table->key, key, sizeof(table->key));
    if (table->slots == NULL || table->by_pair == NULL || table->by_addr == NULL ||
        table->agents == NULL) {
        binding_table_clear(table);
        return false;
    }
    for (uint32_t i = 0; i < nr_agents; i++)
        table->agents[i] = (struct binding_agent) { BINDING_NONE, BINDING_NONE, 0 };
    return true;
}

void binding_table_clear(struct binding_table *table)
{
    free(table->slots);
    free(table->by_pair);
    free(table->by_addr);
    free(table->agents);
    *table = (struct binding_table) { 0 };
}

static void list_remove(struct binding_table *table, uint32_t index)
{
    struct binding *b = &table->slots[index];
    struct binding_agent *agent = &table->agents[b->source_tag];

    if (b->older != BINDING_NONE)
        table->slots[b->older].newer = b->newer;
    else
        agent->oldest = b->newer;
    if (b->newer != BINDING_NONE)
        table->slots[b->newer].older = b->older;
    else
        agent->newest = b->older;
    agent->nr--;
}

static void list_append(struct binding_table *table, uint32_t index)
{
    struct binding *b = &table->slots[index];
    struct binding_agent *agent = &table->agents[b->source_tag];

    b->older = agent->newest;
    b->newer = BINDING_NONE;
    if (agent->newest != BINDING_NONE)
        table->slots[agent->newest].newer = index;
    else
        agent->oldest = index;
    agent->newest = index;
    agent->nr++;
}

static void drop(struct binding_table *table, uint32_t index)
{
    struct binding *b = &table->slots[index];
    uint32_t *link;

    link = &table->by_pair[pair_bucket(table, b->source_tag, &b->addr, b->name)];
    while (*link != index)
        link = &table->slots[*link].next_pair;
    *link = b->next_pair;
    link = &table->by_addr[addr_bucket(table, b->source_tag, &b->addr)];
    while (*link != index)
        link = &table->slots[*link].next_addr;
    *link = b->next_addr;
    list_remove(table, index);
    b->source_tag = 0;
    b->next_pair = table->free_head;
    table->free_head = index;
}

void binding_table_share(struct binding_table *table, uint32_t nr)
{
    table->per_agent_max = table->nr_slots / (nr > 0 ? nr : 1);
    for (uint32_t tag = 1; tag < table->nr_agents; tag++)
        while (table->agents[tag].nr > table->per_agent_max)
            drop(table, table->agents[tag].oldest);
}

void binding_drop_agent(struct binding_table *table, uint32_t source_tag)
{
    while (table->agents[source_tag].oldest != BINDING_NONE)
        drop(table, table->agents[source_tag].oldest);
}

/* A free slot for this agent; its own oldest binding makes room when its share is used up. */
static uint32_t take_slot(struct binding_table *table, uint32_t source_tag)
{
    struct binding_agent *agent = &table->agents[source_tag];
    uint32_t index;

    if (agent->nr >= table->per_agent_max)
        drop(table, agent->oldest);
    if (table->free_head != BINDING_NONE) {
        index = table->free_head;
        table->free_head = table->slots[index].next_pair;
        return index;
    }
    return table->nr_used < table->nr_slots ? table->nr_used++ : BINDING_NONE;
}

static bool is_pair(const struct binding *b, uint32_t source_tag, const struct addr *addr,
                    const char *name)
{
    return b->source_tag == source_tag && addr_equal(&b->addr, addr) &&
           strcmp(b->name, name) == 0;
}

static uint32_t find_pair(const struct binding_table *table, uint32_t source_tag,
                          const struct addr *addr, const char *name)
{
    uint32_t i = table->by_pair[pair_bucket(table, source_tag, addr, name)];

    while (i != BINDING_NONE && !is_pair(&table->slots[i], source_tag, addr, name))
        i = table->slots[i].next_pair;
    return i;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t insert(struct binding_table *table, uint32_t source_tag,
                       const struct addr *addr, const char *name)
{
    uint32_t index = take_slot(table, source_tag);
    uint32_t *pair_head, *addr_head;
    struct binding *b;

    if (index == BINDING_NONE)
        return index;
    b = &table->slots[index];
    *b = (struct binding) { .source_tag = source_tag, .addr = *addr };
    memcpy(b->name, name, strlen(name));
    pair_head = &table->by_pair[pair_bucket(table, source_tag, addr, name)];
    addr_head = &table->by_addr[addr_bucket(table, source_tag, addr)];
    b->next_pair = *pair_head;
    b->next_addr = *addr_head;
    *pair_head = *addr_head = index;
    list_append(table, index);
    return index;
}

struct binding *binding_put(struct binding_table *table, uint32_t source_tag,
                            const struct addr *addr, const char *name, uint64_t until_us,
                            uint64_t until_plain_us)
{
    uint32_t index;
    struct binding *b;

    if (source_tag == 0 || source_tag >= table->nr_agents || strlen(name) > HOSTNAME_MAX)
        return NULL;
    index = find_pair(table, source_tag, addr, name);
    if (index == BINDING_NONE) {
        index = insert(table, source_tag, addr, name);
        if (index == BINDING_NONE)
            return NULL;
    } else {
        list_remove(table, index);
        list_append(table, index);
    }
    b = &table->slots[index];
    b->until_us = later(b->until_us, until_us);
    b->until_plain_us = later(b->until_plain_us, until_plain_us);
    return b;
}

static bool is_alive(const struct binding *b, uint64_t now_us)
{
    return b->until_us > now_us || b->until_plain_us > now_us;
}

struct binding *binding_find(struct binding_table *table, uint32_t source_tag,
                             const struct addr *addr, const char *name, uint64_t now_us)
{
    uint32_t i = find_pair(table, source_tag, addr, name);

    return i != BINDING_NONE && is_alive(&table->slots[i], now_us) ? &table->slots[i] : NULL;
}

struct binding *binding_next(struct binding_table *table, uint32_t source_tag,
                             const struct addr *addr, const struct binding *at, uint64_t now_us)
{
    uint32_t i =
        at != NULL ? at->next_addr : table->by_addr[addr_bucket(table, source_tag, addr)];

    for (; i != BINDING_NONE; i = table->slots[i].next_addr) {
        struct binding *b = &table->slots[i];

        if (b->source_tag == source_tag && addr_equal(&b->addr, addr) && is_alive(b, now_us))
            return b;
    }
    return NULL;
}

void binding_expire(struct binding_table *table, uint64_t now_us, uint32_t max)
{
    for (uint32_t tag = 1; tag < table->nr_agents; tag++) {
        uint32_t i = table->agents[tag].oldest;

        for (uint32_t n = 0; n < max && i != BINDING_NONE; n++) {
            uint32_t newer = table->slots[i].newer;

            if (!is_alive(&table->slots[i], now_us))
                drop(table, i);
            i = newer;
        }
    }
}
