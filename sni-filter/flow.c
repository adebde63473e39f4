/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a fixed array of flows behind a hash table. Each agent has a list of its flows
 * per state, oldest first, so that deadlines (the same for all flows of a state) are found at a
 * list's head. An agent may use its share of flows, chunks and held packets only. When the
 * share is full, its flows that have waited longest for a server's answer are given up: most
 * were answered long ago, in the kernel, which does not tell; if not, their connection is
 * refused when it next comes to user space. Held packets are a list per flow in stream order.
 * Nothing is allocated after init.
 */
#include "sni-filter/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"

#define GIVE_UP_AFTER_US 1000000u

bool flow_table_init(struct flow_table *table, uint32_t nr_flows, uint32_t nr_chunks,
                     uint32_t nr_held, uint32_t nr_agents, const uint8_t hash_key[16])
{
    *table = (struct flow_table) {
        .nr_flows = nr_flows,
        .nr_buckets = 1024,
        .free_head = INDEX_NONE,
        .nr_held_max = nr_held,
        .held_free = HELD_NONE,
        .nr_agents = nr_agents,
        .nr_chunks_max = nr_chunks,
        .stalls = index_list_empty,
    };
    memcpy(table->hash_key, hash_key, sizeof(table->hash_key));
    flow_table_share(table, nr_agents - 1); /* tag 0 is nobody */
    while (table->nr_buckets < nr_flows)
        table->nr_buckets *= 2;
    table->flows = calloc(nr_flows, sizeof(*table->flows));
    table->buckets = malloc(table->nr_buckets * sizeof(*table->buckets));
    table->held = calloc(nr_held, sizeof(*table->held));
    table->agents = calloc(nr_agents, sizeof(*table->agents));
    if (!chunk_pool_init(&table->pool, nr_chunks) || table->flows == NULL ||
        table->buckets == NULL || table->held == NULL || table->agents == NULL) {
        flow_table_clear(table);
        return false;
    }
    memset(table->buckets, 0xff, table->nr_buckets * sizeof(*table->buckets));
    for (uint32_t i = 0; i < nr_agents; i++)
        for (size_t state = 0; state < NR_FLOW_STATES; state++)
            table->agents[i].lists[state] = index_list_empty;
    return true;
}

void flow_table_share(struct flow_table *table, uint32_t nr)
{
    const uint32_t shares = nr > 0 ? nr : 1;

    table->flows_per_agent = table->nr_flows / shares;
    table->chunks_per_agent = table->nr_chunks_max / shares;
    table->held_per_agent = table->nr_held_max / shares;
}

void flow_table_clear(struct flow_table *table)
{
    free(table->flows);
    free(table->buckets);
    free(table->held);
    free(table->agents);
    chunk_pool_clear(&table->pool);
    *table = (struct flow_table) { 0 };
}

static uint32_t *bucket_of(struct flow_table *table, const struct flow_key *key)
{
    return &table->buckets[siphash(table->hash_key, key, sizeof(*key)) &
                           (table->nr_buckets - 1)];
}

struct flow *flow_find(struct flow_table *table, const struct flow_key *key)
{
    static_assert(sizeof(*key) == 38, "struct flow_key has padding, which must not be hashed");

    for (uint32_t i = *bucket_of(table, key); i != INDEX_NONE; i = table->flows[i].next_hash)
        if (memcmp(&table->flows[i].key, key, sizeof(*key)) == 0)
            return &table->flows[i];
    return NULL;
}

static uint32_t index_of(const struct flow_table *table, const struct flow *flow)
{
    return (uint32_t)(flow - table->flows);
}

/* A flow is in two lists. */
static struct index_links state_links(const struct flow_table *table)
{
    return (struct index_links) { &table->flows->by_state, sizeof(*table->flows) };
}

static struct index_links stall_links(const struct flow_table *table)
{
    return (struct index_links) { &table->flows->by_stall, sizeof(*table->flows) };
}

static struct index_list *state_list(struct flow_table *table, const struct flow *flow)
{
    return &table->agents[flow->source_tag].lists[flow->state];
}

void flow_set_state(struct flow_table *table, struct flow *flow, enum flow_state state,
                    uint64_t now_us)
{
    uint32_t index = index_of(table, flow);

    index_list_remove(state_list(table, flow), state_links(table), index);
    flow->state = (uint8_t)state;
    flow->state_us = now_us;
    index_list_append(state_list(table, flow), state_links(table), index);
}

struct flow *flow_oldest(struct flow_table *table, uint32_t source_tag, enum flow_state state)
{
    uint32_t index = table->agents[source_tag].lists[state].oldest;

    return index != INDEX_NONE ? &table->flows[index] : NULL;
}

/* Give up the agent's flow that has been longest in a state; never one that holds packets. */
static bool give_up(struct flow_table *table, uint32_t source_tag, enum flow_state state,
                    const struct flow *not_this, uint64_t now_us)
{
    struct flow *flow = flow_oldest(table, source_tag, state);

    if (flow == NULL || flow == not_this || flow->nr_held > 0 ||
        now_us - flow->state_us < GIVE_UP_AFTER_US)
        return false;
    flow_free(table, flow);
    return true;
}

static uint32_t take_index(struct flow_table *table)
{
    uint32_t index = table->free_head;

    if (index != INDEX_NONE)
        table->free_head = table->flows[index].next_hash;
    else if (table->nr_touched < table->nr_flows)
        index = table->nr_touched++;
    return index;
}

struct flow *flow_new(struct flow_table *table, const struct flow_key *key, uint32_t source_tag,
                      uint64_t now_us)
{
    struct flow_agent *agent = &table->agents[source_tag];
    uint32_t index, *bucket = bucket_of(table, key);
    struct flow *flow;

    if (agent->nr_flows >= table->flows_per_agent &&
        !give_up(table, source_tag, FLOW_REFUSED, NULL, now_us) &&
        !give_up(table, source_tag, FLOW_HTTP_END, NULL, now_us) &&
        !give_up(table, source_tag, FLOW_PINNED, NULL, now_us) &&
        !give_up(table, source_tag, FLOW_HTTP, NULL, now_us))
        return NULL;
    index = take_index(table);
    if (index == INDEX_NONE)
        return NULL;
    flow = &table->flows[index];
    *flow = (struct flow) {
        .key = *key,
        .state = FLOW_OPEN,
        .source_tag = source_tag,
        .number = ++table->nr_made,
        .first_us = now_us,
        .last_new_us = now_us,
        .state_us = now_us,
        .held_head = HELD_NONE,
        .next_hash = *bucket,
    };
    stream_init(&flow->client);
    stream_init(&flow->server);
    *bucket = index;
    index_list_append(state_list(table, flow), state_links(table), index);
    agent->nr_flows++;
    table->nr_used++;
    return flow;
}

void flow_drop_streams(struct flow_table *table, struct flow *flow)
{
    table->agents[flow->source_tag].nr_chunks -=
        flow->client.nr_chunks + flow->server.nr_chunks;
    stream_clear(&flow->client, &table->pool);
    stream_clear(&flow->server, &table->pool);
}

void flow_free(struct flow_table *table, struct flow *flow)
{
    uint32_t index = index_of(table, flow), *link = bucket_of(table, &flow->key);

    assert(flow->nr_held == 0);
    flow_calm(table, flow);
    flow_drop_streams(table, flow);
    while (*link != index)
        link = &table->flows[*link].next_hash;
    *link = flow->next_hash;
    index_list_remove(state_list(table, flow), state_links(table), index);
    table->agents[flow->source_tag].nr_flows--;
    table->nr_used--;
    flow->state = FLOW_FREE;
    flow->next_hash = table->free_head;
    table->free_head = index;
}

enum stream_rc flow_put(struct flow_table *table, struct flow *flow, struct stream *stream,
                        uint32_t offset, struct cursor segment, uint64_t now_us,
                        uint32_t *nr_new)
{
    struct flow_agent *agent = &table->agents[flow->source_tag];
    uint32_t before = stream->nr_chunks;
    uint32_t worst = (uint32_t)(segment.len / CHUNK_SIZE) + 2;
    enum stream_rc rc;

    while (agent->nr_chunks + worst > table->chunks_per_agent)
        if (!give_up(table, flow->source_tag, FLOW_PINNED, flow, now_us))
            return STREAM_FULL;
    rc = stream_put(stream, &table->pool, offset, segment, nr_new);
    agent->nr_chunks += stream->nr_chunks - before;
    return rc;
}

uint32_t flow_pass(struct flow_table *table, struct flow *flow, struct stream *stream,
                   uint32_t to)
{
    uint32_t before = stream->nr_chunks, moved = stream_pass(stream, &table->pool, to);

    table->agents[flow->source_tag].nr_chunks -= before - stream->nr_chunks;
    if (stream != &flow->client || moved == 0)
        return moved;
    for (uint32_t i = flow->held_head; i != HELD_NONE; i = table->held[i].next) {
        struct held *held = &table->held[i];

        held->offset = held->offset > moved ? held->offset - moved : 0;
        held->end = held->end > moved ? held->end - moved : 0;
    }
    return moved;
}

bool flow_hold(struct flow_table *table, struct flow *flow, uint32_t id, uint32_t offset,
               uint32_t end)
{
    uint32_t index = table->held_free, *link = &flow->held_head;
    struct flow_agent *agent = &table->agents[flow->source_tag];

    if (flow->nr_held >= FLOW_HELD_MAX || agent->nr_held >= table->held_per_agent ||
        table->nr_held >= table->nr_held_max)
        return false;
    if (index != HELD_NONE)
        table->held_free = table->held[index].next;
    else
        index = table->nr_held_touched++;
    while (*link != HELD_NONE && table->held[*link].offset <= offset)
        link = &table->held[*link].next;
    table->held[index] = (struct held) { id, offset, end, *link };
    *link = index;
    flow->nr_held++;
    agent->nr_held++;
    table->nr_held++;
    return true;
}

bool flow_unhold(struct flow_table *table, struct flow *flow, uint32_t end, struct held *out)
{
    uint32_t *link = &flow->held_head, index;

    while (*link != HELD_NONE && table->held[*link].end > end)
        link = &table->held[*link].next;
    if (*link == HELD_NONE)
        return false;
    index = *link;
    *out = table->held[index];
    *link = table->held[index].next;
    table->held[index].next = table->held_free;
    table->held_free = index;
    flow->nr_held--;
    table->agents[flow->source_tag].nr_held--;
    table->nr_held--;
    return true;
}

void flow_touch(struct flow_table *table, struct flow *flow, uint64_t now_us)
{
    flow_calm(table, flow);
    flow->last_new_us = now_us;
    index_list_append(&table->stalls, stall_links(table), index_of(table, flow));
    flow->is_stall_listed = true;
}

void flow_calm(struct flow_table *table, struct flow *flow)
{
    if (!flow->is_stall_listed)
        return;
    index_list_remove(&table->stalls, stall_links(table), index_of(table, flow));
    flow->is_stall_listed = false;
}
