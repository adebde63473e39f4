/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/fuzz_ends.h"

#include <string.h>

struct fuzz_ends ends;

static void on_bound(void *arg, const struct engine_bound *bound)
{
    (void)arg;
    demand(bound->timeout_s > 0);
}

static void on_ask(void *arg, const struct dns_ask *ask)
{
    struct dns_found found = { .ticket = ask->ticket, .nr_addrs = 1, .ttl_s = 60 };

    (void)arg;
    demand(addr_parse("203.0.113.10", 12, &found.addrs[0]));
    engine_dns_found(ends.engine, &ends.now, &found);
}

static void on_reply(void *arg, const struct dns_client *client, const uint8_t *message,
                     size_t len)
{
    (void)arg;
    demand(client != NULL && message != NULL && len >= 12);
}

static void on_keep(void *arg, const struct ipc_binding *binding)
{
    (void)arg;
    demand(binding->name[0] != '\0');
}

static void on_record(void *arg, const struct record *record)
{
    (void)arg;
    ends.told += record_weight(record);
    demand(memchr(record->name, '\0', sizeof(record->name)) != NULL);
}

void fuzz_ends_init(const char *const texts[2])
{
    for (size_t i = 0; i < 2; i++) {
        struct policy_source source = { "allowlist", NULL, texts[i], strlen(texts[i]) };
        struct err err;

        ends.policies[i] = policy_new(&source, 1, NULL, &err);
        demand(ends.policies[i] != NULL);
    }
    demand(quic_cipher_init(&ends.cipher));
}

void fuzz_ends_start(const struct engine_limits *limits, struct engine_ops ops)
{
    static const uint8_t seed[16] = "0123456789abcde";
    static const char prefix[] = "198.18.0.0/24";
    static struct ipc_setup setup;

    ops.bound = on_bound;
    ops.dns_ask = on_ask;
    ops.dns_reply = on_reply;
    ops.keep = on_keep;
    ops.record = on_record;
    ops.nr_decided = &ends.decided;
    setup = (struct ipc_setup) { .nr_sources = 1, .dns_keep_s = 86400, .dns_min_ttl_s = 60 };
    demand(prefix_parse(prefix, strlen(prefix), &setup.sources[0].prefix));
    strcpy(setup.sources[0].agent, "agent");
    ends.now = (struct engine_clock) { 1000000000, 1700000000000000 };
    ends.engine = engine_new(&setup, ends.policies[0], limits, &ops, seed, false, &ends.cipher);
    demand(ends.engine != NULL);
}

void fuzz_ends_pass_time(uint64_t us)
{
    ends.now.mono_us += us;
    ends.now.wall_us += us;
    demand(engine_tick(ends.engine, &ends.now) <= SECONDS);
}

void fuzz_ends_stop(void)
{
    engine_finish(ends.engine);
    demand(ends.told == ends.decided);
    engine_free(ends.engine);
}
