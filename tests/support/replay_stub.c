/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/replay_stub.h"

#include <stdlib.h>
#include <string.h>

#define WALL_US 1700000000000000u

static struct stub *the_stub;

void __wrap_engine_packet(struct engine *engine, const struct engine_clock *now,
                          const struct packet_meta *meta, const uint8_t *packet, size_t len);
void __wrap_engine_dns_tcp(struct engine *engine, const struct engine_clock *now,
                           const struct dns_client *client, const uint8_t *message, size_t len);
void __wrap_engine_dns_found(struct engine *engine, const struct engine_clock *now,
                             const struct dns_found *found);
uint64_t __wrap_engine_tick(struct engine *engine, const struct engine_clock *now);
uint32_t __wrap_engine_source_tag(const struct ipc_setup *setup, const struct addr *addr);

static void ask(struct stub *stub)
{
    struct dns_ask question = { .ticket = ++stub->ticket, .name = "example.test", .qtype = 1 };

    stub->ops.dns_ask(stub->ops.arg, &question);
}

void __wrap_engine_packet(struct engine *engine, const struct engine_clock *now,
                          const struct packet_meta *meta, const uint8_t *packet, size_t len)
{
    struct stub *stub = the_stub;
    struct stub_packet *seen;

    (void)engine;
    if (stub->nr_packets == ARRAY_LEN(stub->packets))
        abort();
    seen = &stub->packets[stub->nr_packets++];
    seen->meta = *meta;
    seen->mono_us = now->mono_us;
    seen->len = len;
    memcpy(seen->bytes, packet, len < sizeof(seen->bytes) ? len : sizeof(seen->bytes));
    if (meta->place == PLACE_DNS && stub->is_asking)
        ask(stub);
    if (stub->verdict != STUB_HOLD)
        stub->ops.verdict(stub->ops.arg, meta->id, stub->verdict);
}

void __wrap_engine_dns_tcp(struct engine *engine, const struct engine_clock *now,
                           const struct dns_client *client, const uint8_t *message, size_t len)
{
    struct stub *stub = the_stub;
    char *text;

    (void)engine;
    (void)now;
    (void)client;
    if (stub->nr_queries == ARRAY_LEN(stub->queries))
        abort();
    text = stub->queries[stub->nr_queries++];
    len = len < 63 ? len : 63;
    memcpy(text, message, len);
    text[len] = '\0';
    if (stub->is_asking)
        ask(stub);
}

void __wrap_engine_dns_found(struct engine *engine, const struct engine_clock *now,
                             const struct dns_found *found)
{
    (void)engine;
    (void)now;
    if (the_stub->nr_found < ARRAY_LEN(the_stub->found))
        the_stub->found[the_stub->nr_found] = *found;
    the_stub->nr_found++;
}

uint64_t __wrap_engine_tick(struct engine *engine, const struct engine_clock *now)
{
    (void)engine;
    if (the_stub->nr_ticks < ARRAY_LEN(the_stub->ticks))
        the_stub->ticks[the_stub->nr_ticks] = *now;
    the_stub->nr_ticks++;
    return the_stub->wait_us;
}

uint32_t __wrap_engine_source_tag(const struct ipc_setup *setup, const struct addr *addr)
{
    if (setup->nr_sources != 0 && prefix_contains(&setup->sources[0].prefix, addr))
        return 0;
    return 1;
}

static void drop_record(void *arg, const struct record *record)
{
    (void)arg;
    (void)record;
}

void stub_start(struct stub *stub, uint32_t nr_connections, bool has_outside)
{
    static const uint8_t seed[16] = { 1 };

    memset(stub, 0, sizeof(*stub));
    the_stub = stub;
    stub->wait_us = 1000000;
    stub->verdict = 0x90000000u; /* VERDICT_PASS */
    if (has_outside) {
        stub->setup.nr_sources = 1; /* read the other way round, see engine_source_tag() */
        stub->setup.sources[0].prefix =
            (struct prefix) { .addr = packet_addr("203.0.113.0"), .bits = 24 };
    }
    stub->kernel = replay_kernel_new(&stub->setup, nr_connections, seed, drop_record, NULL);
    if (stub->kernel == NULL)
        abort();
    stub->ops = replay_kernel_ops(stub->kernel);
    replay_kernel_attach(stub->kernel, (struct engine *)(void *)stub);
}

void stub_stop(struct stub *stub)
{
    replay_kernel_free(stub->kernel);
    the_stub = NULL;
}

void stub_packet(struct stub *stub, uint64_t us, const uint8_t *packet, size_t len)
{
    uint8_t *copy = packet_exact(packet, len);

    replay_kernel_packet(stub->kernel, WALL_US + us,
                         (struct cursor) { .base = copy, .len = len });
    free(copy);
}

void stub_tcp(struct stub *stub, uint64_t us, const struct packet_ends *ends,
              const struct packet_tcp *tcp, const void *data, size_t len)
{
    uint8_t packet[PACKET_MAX];

    stub_packet(stub, us, packet, packet_make_tcp(ends, tcp, data, len, packet));
}

void stub_udp(struct stub *stub, uint64_t us, const struct packet_ends *ends, const void *data,
              size_t len)
{
    uint8_t packet[PACKET_MAX];

    stub_packet(stub, us, packet, packet_make_udp(ends, data, len, packet));
}

struct replay_kernel_counts stub_counts(const struct stub *stub)
{
    struct replay_kernel_counts counts;

    replay_kernel_counts(stub->kernel, &counts);
    return counts;
}
