/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: a fixed array of connections behind a hash table whose key is the pair of
 * sockets; those of one pair stand in one chain, and are told apart by their IDs. Each agent
 * has a list of its connections per state, oldest first, and may use its share of connections,
 * chunks and held datagrams only. When a share is full, what is least needed is given up:
 * tombstones, then connections whose server has answered (a late copy of their hello is then
 * dropped), then those that have waited for an answer for a while. Never one that holds a
 * datagram. Held datagrams are a list per connection, first in, first out. Nothing is allocated
 * after init.
 */
#include "sni-filter/quic_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"

#define GIVE_UP_AFTER_US 1000000u

bool quic_table_init(struct quic_table *table, uint32_t nr_conns, uint32_t nr_chunks,
                     uint32_t nr_held, uint32_t nr_agents, const uint8_t hash_key[16])
{
    *table = (struct quic_table) {
        .nr_entries = nr_conns,
        .nr_buckets = 1024,
        .free_head = INDEX_NONE,
        .nr_held_max = nr_held,
        .held_free = HELD_NONE,
        .nr_chunks_max = nr_chunks,
        .nr_agents = nr_agents,
    };
    memcpy(table->hash_key, hash_key, sizeof(table->hash_key));
    while (table->nr_buckets < nr_conns)
        table->nr_buckets *= 2;
    table->entries = calloc(nr_conns, sizeof(*table->entries));
    table->buckets = malloc(table->nr_buckets * sizeof(*table->buckets));
    table->held = calloc(nr_held, sizeof(*table->held));
    table->agents = calloc(nr_agents, sizeof(*table->agents));
    if (!chunk_pool_init(&table->pool, nr_chunks) || table->entries == NULL ||
        table->buckets == NULL || table->held == NULL || table->agents == NULL) {
        quic_table_clear(table);
        return false;
    }
    memset(table->buckets, 0xff, table->nr_buckets * sizeof(*table->buckets));
    for (uint32_t i = 0; i < nr_agents; i++)
        for (size_t state = 0; state < NR_QUIC_STATES; state++)
            table->agents[i].lists[state] = index_list_empty;
    quic_table_share(table, nr_agents > 2 ? nr_agents - 1 : 1); /* tag 0 is nobody */
    return true;
}

void quic_table_clear(struct quic_table *table)
{
    free(table->entries);
    free(table->buckets);
    free(table->held);
    free(table->agents);
    chunk_pool_clear(&table->pool);
    *table = (struct quic_table) { 0 };
}

void quic_table_share(struct quic_table *table, uint32_t nr)
{
    if (nr == 0)
        nr = 1;
    table->conns_per_agent = table->nr_entries / nr;
    table->chunks_per_agent = table->nr_chunks_max / nr;
    table->held_per_agent = table->nr_held_max / nr;
}

static uint32_t *bucket_of(struct quic_table *table, const struct flow_key *key)
{
    static_assert(sizeof(*key) == 38, "struct flow_key has padding, which must not be hashed");

    return &table->buckets[siphash(table->hash_key, key, sizeof(*key)) &
                           (table->nr_buckets - 1)];
}

/* The first of a hash chain, from index on, that lies between this pair of sockets. */
static struct quic_entry *same_flow(struct quic_table *table, uint32_t index,
                                    const struct flow_key *key)
{
    for (; index != INDEX_NONE; index = table->entries[index].next_hash)
        if (memcmp(&table->entries[index].key, key, sizeof(*key)) == 0)
            return &table->entries[index];
    return NULL;
}

struct quic_entry *quic_table_first(struct quic_table *table, const struct flow_key *key)
{
    return same_flow(table, *bucket_of(table, key), key);
}

struct quic_entry *quic_table_next(struct quic_table *table, const struct quic_entry *entry)
{
    return same_flow(table, entry->next_hash, &entry->key);
}

struct quic_entry *quic_table_owner(struct quic_table *table, const struct flow_key *key,
                                    const struct quic_cid *dcid)
{
    struct quic_entry *entry = quic_table_first(table, key);

    while (entry != NULL && !quic_conn_owns(&entry->conn, dcid))
        entry = quic_table_next(table, entry);
    return entry;
}

static uint32_t index_of(const struct quic_table *table, const struct quic_entry *entry)
{
    return (uint32_t)(entry - table->entries);
}

static struct index_list *list_of(struct quic_table *table, const struct quic_entry *entry)
{
    return &table->agents[entry->source_tag].lists[entry->state];
}

static struct index_links state_links(const struct quic_table *table)
{
    return (struct index_links) { &table->entries->by_state, sizeof(*table->entries) };
}

static uint32_t chunks_of(const struct quic_entry *entry)
{
    return entry->conn.crypto[QUIC_CLIENT].stream.nr_chunks +
           entry->conn.crypto[QUIC_SERVER].stream.nr_chunks;
}

static void drop_chunks(struct quic_table *table, struct quic_entry *entry)
{
    table->agents[entry->source_tag].nr_chunks -= chunks_of(entry);
    quic_conn_clear(&entry->conn, &table->pool);
}

void quic_table_set_state(struct quic_table *table, struct quic_entry *entry,
                          enum quic_state state, uint64_t now_us)
{
    uint32_t index = index_of(table, entry);

    index_list_remove(list_of(table, entry), state_links(table), index);
    entry->state = (uint8_t)state;
    entry->state_us = now_us;
    index_list_append(list_of(table, entry), state_links(table), index);
    if (state == QUIC_REFUSED)
        drop_chunks(table, entry);
}

struct quic_entry *quic_table_oldest(struct quic_table *table, uint32_t source_tag,
                                     enum quic_state state)
{
    uint32_t index = table->agents[source_tag].lists[state].oldest;

    return index != INDEX_NONE ? &table->entries[index] : NULL;
}

void quic_table_free(struct quic_table *table, struct quic_entry *entry)
{
    uint32_t index = index_of(table, entry), *link = bucket_of(table, &entry->key);

    assert(entry->nr_held == 0);
    drop_chunks(table, entry);
    while (*link != index)
        link = &table->entries[*link].next_hash;
    *link = entry->next_hash;
    index_list_remove(list_of(table, entry), state_links(table), index);
    table->agents[entry->source_tag].nr_conns--;
    table->nr_used--;
    entry->state = QUIC_FREE;
    entry->next_hash = table->free_head;
    table->free_head = index;
}

static bool is_dispensable(const struct quic_entry *entry, uint64_t now_us)
{
    return entry->nr_held == 0 &&
           (entry->state == QUIC_REFUSED || entry->state == QUIC_ANSWERED ||
            (entry->state == QUIC_PINNED && now_us - entry->state_us >= GIVE_UP_AFTER_US));
}

/* Give up the agent's entry that is needed least; not_this: the one that asks, or NULL. */
static bool give_up(struct quic_table *table, uint32_t source_tag,
                    const struct quic_entry *not_this, uint64_t now_us)
{
    static const enum quic_state order[] = { QUIC_REFUSED, QUIC_ANSWERED, QUIC_PINNED };

    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct quic_entry *entry = quic_table_oldest(table, source_tag, order[i]);

        if (entry == not_this && entry != NULL)
            entry = entry->by_state.newer != INDEX_NONE ? &table->entries[entry->by_state.newer]
                                                        : NULL;
        if (entry != NULL && is_dispensable(entry, now_us)) {
            quic_table_free(table, entry);
            return true;
        }
    }
    return false;
}

/* Room for one more between this pair of sockets. */
static bool make_room(struct quic_table *table, const struct flow_key *key, uint64_t now_us)
{
    struct quic_entry *entry, *least = NULL;
    unsigned nr = 0;

    for (entry = quic_table_first(table, key); entry != NULL;
         entry = quic_table_next(table, entry)) {
        nr++;
        if (is_dispensable(entry, now_us) &&
            (least == NULL || entry->state > least->state ||
             (entry->state == least->state && entry->state_us < least->state_us)))
            least = entry;
    }
    if (nr < QUIC_CONNS_PER_FLOW)
        return true;
    if (least == NULL)
        return false;
    quic_table_free(table, least);
    return true;
}

struct quic_entry *quic_table_new(struct quic_table *table, const struct flow_key *key,
                                  uint32_t source_tag, const struct quic_conn *conn,
                                  uint64_t now_us)
{
    struct quic_agent *agent = &table->agents[source_tag];
    uint32_t index, *bucket = bucket_of(table, key);
    struct quic_entry *entry;

    if (!make_room(table, key, now_us) || (agent->nr_conns >= table->conns_per_agent &&
                                           !give_up(table, source_tag, NULL, now_us)))
        return NULL;
    index = table->free_head;
    if (index != INDEX_NONE)
        table->free_head = table->entries[index].next_hash;
    else if (table->nr_touched < table->nr_entries)
        index = table->nr_touched++;
    else
        return NULL;
    entry = &table->entries[index];
    *entry = (struct quic_entry) {
        .key = *key,
        .conn = *conn,
        .state = QUIC_OPEN,
        .source_tag = source_tag,
        .first_us = now_us,
        .state_us = now_us,
        .held_head = HELD_NONE,
        .held_tail = HELD_NONE,
        .next_hash = *bucket,
    };
    *bucket = index;
    index_list_append(list_of(table, entry), state_links(table), index);
    agent->nr_conns++;
    table->nr_used++;
    return entry;
}

/* Memory for what one datagram can bring at most. */
static bool has_memory(struct quic_table *table, const struct quic_entry *entry,
                       uint64_t now_us)
{
    const struct quic_agent *agent = &table->agents[entry->source_tag];

    while (agent->nr_chunks + QUIC_CHUNKS_WORST > table->chunks_per_agent)
        if (!give_up(table, entry->source_tag, entry, now_us))
            return false;
    return true;
}

enum quic_rc quic_table_client(struct quic_table *table, struct quic_entry *entry,
                               struct quic_cipher *cipher, struct cursor datagram,
                               uint8_t *scratch, uint64_t now_us)
{
    uint32_t before = chunks_of(entry);
    enum quic_rc rc;

    if (!has_memory(table, entry, now_us))
        return QUIC_FULL;
    rc = quic_conn_client(&entry->conn, &table->pool, cipher, datagram, scratch);
    table->agents[entry->source_tag].nr_chunks += chunks_of(entry) - before;
    return rc;
}

enum quic_answer quic_table_server(struct quic_table *table, struct quic_entry *entry,
                                   struct quic_cipher *cipher, struct cursor datagram,
                                   uint8_t *scratch, uint64_t now_us)
{
    uint32_t before = chunks_of(entry);
    enum quic_answer answer;

    if (!has_memory(table, entry, now_us))
        return QUIC_ANSWER_NONE;
    answer = quic_conn_server(&entry->conn, &table->pool, cipher, datagram, scratch);
    table->agents[entry->source_tag].nr_chunks += chunks_of(entry) - before;
    return answer;
}

bool quic_table_hold(struct quic_table *table, struct quic_entry *entry, uint32_t id)
{
    struct quic_agent *agent = &table->agents[entry->source_tag];
    uint32_t index = table->held_free;

    if (entry->nr_held >= QUIC_HELD_PER_CONN || agent->nr_held >= table->held_per_agent ||
        table->nr_held >= table->nr_held_max)
        return false;
    if (index != HELD_NONE)
        table->held_free = table->held[index].next;
    else
        index = table->nr_held_touched++;
    table->held[index] = (struct quic_held) { id, HELD_NONE };
    if (entry->held_tail != HELD_NONE)
        table->held[entry->held_tail].next = index;
    else
        entry->held_head = index;
    entry->held_tail = index;
    entry->nr_held++;
    agent->nr_held++;
    table->nr_held++;
    return true;
}

bool quic_table_unhold(struct quic_table *table, struct quic_entry *entry, uint32_t *id)
{
    uint32_t index = entry->held_head;

    if (index == HELD_NONE)
        return false;
    *id = table->held[index].id;
    entry->held_head = table->held[index].next;
    if (entry->held_head == HELD_NONE)
        entry->held_tail = HELD_NONE;
    table->held[index].next = table->held_free;
    table->held_free = index;
    entry->nr_held--;
    table->agents[entry->source_tag].nr_held--;
    table->nr_held--;
    return true;
}
