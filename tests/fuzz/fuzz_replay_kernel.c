/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A capture through the replay's kernel and the engine. Input: packets, each behind a byte of
 * time (in units of 50 ms) and two bytes of length. Promises: only the one name of the
 * allowlist is ever allowed, and only at addresses that the capture's own answers gave out;
 * every packet is counted.
 */
#include <stdlib.h>
#include <string.h>

#include "common/policy.h"
#include "sni-filter/engine.h"
#include "sni-filter/quic_cipher.h"
#include "sni-filter/replay_kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept)
{
    if (!is_kept)
        abort();
}

static bool has_answer;

static void check_record(void *arg, const struct record *record)
{
    (void)arg;
    promise(record->event < NR_EVENTS && record->reason < NR_REASONS);
    if (record->event == EVENT_ANSWER && record->verdict == RECORD_ALLOW)
        has_answer = true;
    if (record->verdict != RECORD_ALLOW || record->reason != REASON_RULE)
        return;
    promise(record->event == EVENT_DNS || record->event == EVENT_ANSWER ||
            record->event == EVENT_TLS);
    promise(strcmp(record->name, "allowed.test") == 0);
    promise(record->event != EVENT_TLS || has_answer);
}

static struct policy *make_policy(void)
{
    static const char text[] = "allowed.test tls/443\n";
    struct policy_source source = { .file = "allowlist",
                                    .text = text,
                                    .len = sizeof(text) - 1 };
    struct policy *policy;
    struct err err;

    policy = policy_new(&source, 1, NULL, &err);
    promise(policy != NULL);
    return policy;
}

static uint64_t replay(struct replay_kernel *kernel, struct cursor input)
{
    uint64_t now_us = 1700000000000000u, nr = 0;
    struct cursor packet;
    uint32_t wait;

    while (cursor_uint(&input, 1, &wait) && cursor_vec(&input, 2, &packet)) {
        uint8_t *copy = malloc(packet.len != 0 ? packet.len : 1);

        promise(copy != NULL);
        if (packet.len != 0)
            memcpy(copy, packet.base, packet.len);
        now_us += wait * 50000u;
        replay_kernel_packet(kernel, now_us,
                             (struct cursor) { .base = copy, .len = packet.len });
        free(copy);
        nr++;
    }
    replay_kernel_end(kernel);
    return nr;
}

static void fill_setup(struct ipc_setup *setup)
{
    setup->nr_sources = 2;
    setup->sources[0].prefix.addr.family = ADDR_V4;
    setup->sources[1].prefix.addr.family = ADDR_V6;
    memcpy(setup->sources[0].agent, "agent", 6);
    memcpy(setup->sources[1].agent, "agent", 6);
    setup->dns_keep_s = 86400;
    setup->dns_min_ttl_s = 60;
    setup->is_ech_allowed = setup->has_outside_v6 = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct policy *policy;
    static struct quic_cipher cipher;
    static struct ipc_setup setup;
    static const uint8_t seed[16] = { 1 };
    const struct engine_limits limits = {
        .flows = 16, .chunks = 64, .held_packets = 32, .bindings = 64
    };
    struct replay_kernel_counts counts;
    struct replay_kernel *kernel;
    struct engine_ops ops;
    struct engine *engine;
    uint64_t nr;

    if (policy == NULL) {
        policy = make_policy();
        promise(quic_cipher_init(&cipher));
        fill_setup(&setup);
    }
    has_answer = false;
    kernel = replay_kernel_new(&setup, 16, seed, check_record, NULL);
    promise(kernel != NULL);
    ops = replay_kernel_ops(kernel);
    engine = engine_new(&setup, policy, &limits, &ops, seed, false, &cipher);
    promise(engine != NULL);
    replay_kernel_attach(kernel, engine);
    nr = replay(kernel, (struct cursor) { .base = data, .len = size });
    replay_kernel_counts(kernel, &counts);
    promise(counts.packets == nr);
    engine_free(engine);
    replay_kernel_free(kernel);
    return 0;
}
