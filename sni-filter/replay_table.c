/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/replay_table.h"

#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"

static size_t put_endpoint(uint8_t *out, const struct replay_endpoint *endpoint)
{
    out[0] = endpoint->addr.family;
    memcpy(out + 1, endpoint->addr.bytes, 16);
    out[17] = (uint8_t)(endpoint->port >> 8);
    out[18] = (uint8_t)endpoint->port;
    return 19;
}

/* The same for both directions: the lower endpoint first. */
static void make_key(uint8_t protocol, const struct replay_endpoint *a,
                     const struct replay_endpoint *b, uint8_t key[REPLAY_KEY_LEN])
{
    uint8_t first[19], second[19];
    size_t len = put_endpoint(first, a);

    (void)put_endpoint(second, b);
    if (memcmp(first, second, len) <= 0) {
        memcpy(key, first, len);
        memcpy(key + len, second, len);
    } else {
        memcpy(key, second, len);
        memcpy(key + len, first, len);
    }
    key[2 * len] = protocol;
}

bool replay_table_init(struct replay_table *table, uint32_t nr_slots, const uint8_t seed[16])
{
    *table = (struct replay_table) {
        .nr_slots = nr_slots, .nr_heads = 1, .oldest = REPLAY_NONE, .newest = REPLAY_NONE
    };
    while (table->nr_heads < nr_slots)
        table->nr_heads *= 2;
    memcpy(table->seed, seed, sizeof(table->seed));
    table->slots = calloc(nr_slots, sizeof(*table->slots));
    table->heads = malloc(table->nr_heads * sizeof(*table->heads));
    if (table->slots == NULL || table->heads == NULL) {
        replay_table_clear(table);
        return false;
    }
    memset(table->heads, 0xff, table->nr_heads * sizeof(*table->heads)); /* REPLAY_NONE */
    return true;
}

void replay_table_clear(struct replay_table *table)
{
    free(table->slots);
    free(table->heads);
    *table = (struct replay_table) { .slots = NULL };
}

static uint32_t *head_of(struct replay_table *table, const uint8_t key[REPLAY_KEY_LEN])
{
    uint64_t hash = siphash(table->seed, key, REPLAY_KEY_LEN);

    return &table->heads[hash & (table->nr_heads - 1)];
}

static void list_remove(struct replay_table *table, struct replay_connection *connection)
{
    if (connection->older != REPLAY_NONE)
        table->slots[connection->older].newer = connection->newer;
    else
        table->oldest = connection->newer;
    if (connection->newer != REPLAY_NONE)
        table->slots[connection->newer].older = connection->older;
    else
        table->newest = connection->older;
}

static void list_append(struct replay_table *table, struct replay_connection *connection)
{
    uint32_t slot = replay_table_slot(table, connection);

    connection->older = table->newest;
    connection->newer = REPLAY_NONE;
    if (table->newest != REPLAY_NONE)
        table->slots[table->newest].newer = slot;
    else
        table->oldest = slot;
    table->newest = slot;
}

static struct replay_connection *find_key(struct replay_table *table,
                                          const uint8_t key[REPLAY_KEY_LEN])
{
    for (uint32_t i = *head_of(table, key); i != REPLAY_NONE; i = table->slots[i].next) {
        if (memcmp(table->slots[i].key, key, REPLAY_KEY_LEN) == 0)
            return &table->slots[i];
    }
    return NULL;
}

struct replay_connection *replay_table_find(struct replay_table *table, uint8_t protocol,
                                            const struct replay_endpoint *a,
                                            const struct replay_endpoint *b)
{
    uint8_t key[REPLAY_KEY_LEN];
    struct replay_connection *found;

    make_key(protocol, a, b, key);
    found = find_key(table, key);
    if (found != NULL) {
        list_remove(table, found);
        list_append(table, found);
    }
    return found;
}

/* Out of its hash chain and of the list; the slot stays in use. */
static void unlink_slot(struct replay_table *table, struct replay_connection *connection)
{
    uint32_t *link = head_of(table, connection->key);
    uint32_t slot = replay_table_slot(table, connection);

    while (*link != slot)
        link = &table->slots[*link].next;
    *link = connection->next;
    list_remove(table, connection);
}

static struct replay_connection *take_slot(struct replay_table *table,
                                           const uint8_t key[REPLAY_KEY_LEN])
{
    struct replay_connection *connection = find_key(table, key);

    if (connection == NULL && table->nr_used < table->nr_slots)
        return &table->slots[table->nr_used++];
    if (connection == NULL) {
        connection = &table->slots[table->oldest];
        table->nr_evicted++;
    }
    unlink_slot(table, connection);
    return connection;
}

struct replay_connection *replay_table_put(struct replay_table *table, uint8_t protocol,
                                           const struct replay_endpoint *client,
                                           const struct replay_endpoint *server)
{
    struct replay_connection *connection;
    uint8_t key[REPLAY_KEY_LEN];
    uint32_t *head;

    make_key(protocol, client, server, key);
    connection = take_slot(table, key);
    head = head_of(table, key);
    *connection = (struct replay_connection) { .client = *client,
                                               .server = *server,
                                               .protocol = protocol,
                                               .generation = connection->generation + 1,
                                               .next = *head };
    memcpy(connection->key, key, REPLAY_KEY_LEN);
    *head = replay_table_slot(table, connection);
    list_append(table, connection);
    return connection;
}

uint32_t replay_table_slot(const struct replay_table *table,
                           const struct replay_connection *connection)
{
    return (uint32_t)(connection - table->slots);
}

struct replay_connection *replay_table_at(const struct replay_table *table, uint32_t slot,
                                          uint32_t generation)
{
    if (slot >= table->nr_used || table->slots[slot].generation != generation)
        return NULL;
    return &table->slots[slot];
}
