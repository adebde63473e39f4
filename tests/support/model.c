/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/model.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cm.h"
#include "tests/support/engine_rig.h"

#define FIRST_SEED 1

static uint64_t seed, state;
static char notes[1 << 17];
static size_t notes_len;

static uint64_t setting(const char *name, uint64_t standard)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : standard;
}

void model_repeat(unsigned nr, void (*run)(void))
{
    uint64_t first = setting("MODEL_SEED", FIRST_SEED), runs = setting("MODEL_RUNS", nr);

    for (seed = first; seed < first + runs; seed++) {
        state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
        notes_len = 0;
        run();
    }
}

uint32_t model_pick(uint32_t below)
{
    uint64_t x; /* splitmix64 */

    state += UINT64_C(0x9e3779b97f4a7c15);
    x = (state ^ state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ x >> 31) >> 16) % below;
}

bool model_chance(uint32_t percent)
{
    return model_pick(100) < percent;
}

uint32_t model_size(uint32_t most)
{
    static const uint32_t sizes[] = { 1, 4, 40, 300, 1460 };
    uint32_t class = model_pick(6);

    if (class == 5 || sizes[class] >= most)
        return model_chance(50) ? most : 1 + model_pick(most);
    return 1 + model_pick(sizes[class]);
}

void model_note(const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(notes + notes_len, sizeof(notes) - notes_len, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof(notes) - notes_len)
        notes_len += (size_t)n;
}

void model_differs(const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "%.*s%s\nagain: MODEL_SEED=%llu MODEL_RUNS=1\n", (int)notes_len, notes,
            text, (unsigned long long)seed);
    fail_msg("seed %llu: %s", (unsigned long long)seed, text);
}

/* --- what is allowed ---------------------------------------------------------------------- */

void model_policy(const struct model_world *world, char *out, size_t size)
{
    static const char *prefix[] = { "", "*.", ".", "" };
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < world->nr_rules; i++) {
        const struct model_rule *r = &world->rules[i];

        len += (size_t)snprintf(out + len, size - len, "%s%s%s %s\n", r->is_denied ? "!" : "",
                                prefix[r->how], r->target, r->services);
        if (len >= size)
            abort();
    }
}

void model_start(struct model_world *world, struct rig *rig)
{
    static const struct engine_limits limits = {
        .flows = 64, .chunks = 4096, .bindings = 64, .quic_conns = 64, .quic_chunks = 512
    };
    char policy[2000];

    model_policy(world, policy, sizeof(policy));
    rig_start_limited(rig, policy, &limits);
    for (size_t i = 0; i < world->nr_given; i++)
        rig_bind(rig, world->given[i].name, world->given[i].addr);
    rig->nr_records = 0;
    world->now_us = rig->now.mono_us;
}

/* Around the 25 ms of the stall rule, and around the deadlines. */
uint32_t model_wait(struct model_world *world)
{
    static const uint32_t waits[] = { 1000, 24999, 25000, 26000, 26000, 400000, 2000000 };
    uint32_t us =
        model_chance(5) ? 9000000 + model_pick(22000000) : waits[model_pick(ARRAY_LEN(waits))];

    model_note(" %u us go by\n", us);
    world->now_us += us;
    return us;
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);

    return a >= b && strcmp(text + a - b, end) == 0;
}

static bool matches(const struct model_rule *rule, const char *name, bool is_addr)
{
    char below[300];

    if (is_addr || rule->how == MODEL_ADDR)
        return is_addr && rule->how == MODEL_ADDR && strcmp(rule->target, name) == 0;
    snprintf(below, sizeof(below), ".%s", rule->target);
    return (rule->how != MODEL_BELOW && strcmp(rule->target, name) == 0) ||
           (rule->how != MODEL_NAME && ends_with(name, below));
}

/* Is the service one of the rule's? */
static bool has_service(const struct model_rule *rule, const char *service)
{
    const char *all = rule->services;
    char list[100], one[40];

    if (all[0] == '\0' && rule->is_denied)
        return true;
    snprintf(list, sizeof(list), " %s ", all[0] != '\0' ? all : "tls/443 quic/443");
    snprintf(one, sizeof(one), " %s ", service);
    return strstr(list, one) != NULL;
}

enum found { FOUND_NOTHING, FOUND_OTHER, FOUND_ALLOWED, FOUND_DENIED };

/* A "!" wins, then what allows, then what allows something else. */
static enum found look_up(const struct model_world *world, const char *target, bool is_addr,
                          const char *service)
{
    enum found found = FOUND_NOTHING;

    for (size_t i = 0; i < world->nr_rules; i++) {
        const struct model_rule *r = &world->rules[i];
        enum found this = FOUND_NOTHING;

        if (!matches(r, target, is_addr))
            continue;
        if (has_service(r, service))
            this = r->is_denied ? FOUND_DENIED : FOUND_ALLOWED;
        else if (!r->is_denied)
            this = FOUND_OTHER;
        if (this > found)
            found = this;
    }
    return found;
}

static bool is_given(const struct model_world *world, const struct model_client *client,
                     const struct model_given *given)
{
    return client->has_bindings && strcmp(given->addr, client->server) == 0 &&
           (given->until_us == 0 || world->now_us < given->until_us);
}

static bool was_given(const struct model_world *world, const struct model_client *client,
                      const char *name)
{
    for (size_t i = 0; i < world->nr_given; i++)
        if (is_given(world, client, &world->given[i]) &&
            (name == NULL || strcmp(world->given[i].name, name) == 0))
            return true;
    return false;
}

static struct model_decision refused(enum reason reason)
{
    return (struct model_decision) { false, false, reason };
}

struct model_decision model_judge(const struct model_world *world,
                                  const struct model_client *client, const char *name,
                                  bool is_hidden)
{
    const struct model_decision by_addr = { true, true, REASON_RULE };
    enum found addr = look_up(world, client->server, true, client->service);
    bool is_quad = name != NULL && model_is_quad((const uint8_t *)name, strlen(name));

    if (addr == FOUND_DENIED)
        return refused(REASON_NAME_DENIED);
    if (is_hidden)
        return refused(REASON_ECH);
    if (name == NULL)
        return addr == FOUND_ALLOWED ? by_addr : refused(REASON_NO_SNI);
    if (is_quad)
        return addr == FOUND_ALLOWED && strcmp(name, client->server) == 0
                   ? by_addr
                   : refused(REASON_NAME_NOT_ALLOWED);
    switch (look_up(world, name, false, client->service)) {
    case FOUND_DENIED:
        return refused(REASON_NAME_DENIED);
    case FOUND_NOTHING:
        return addr == FOUND_ALLOWED ? by_addr : refused(REASON_NAME_NOT_ALLOWED);
    case FOUND_OTHER:
        return addr == FOUND_ALLOWED ? by_addr : refused(REASON_SERVICE_NOT_ALLOWED);
    case FOUND_ALLOWED:
        break;
    }
    if (addr == FOUND_ALLOWED)
        return by_addr;
    if (was_given(world, client, name))
        return (struct model_decision) { true, false, REASON_RULE };
    return refused(was_given(world, client, NULL) ? REASON_NAME_ADDRESS_MISMATCH
                                                  : REASON_ADDRESS_NOT_BOUND);
}

bool model_may_send(const struct model_world *world, const struct model_client *client)
{
    enum found addr = look_up(world, client->server, true, client->service);

    if (addr == FOUND_DENIED || addr == FOUND_ALLOWED)
        return addr == FOUND_ALLOWED;
    for (size_t i = 0; i < world->nr_given; i++)
        if (is_given(world, client, &world->given[i]) &&
            look_up(world, world->given[i].name, false, client->service) == FOUND_ALLOWED)
            return true;
    return false;
}

void model_copy(char out[HOSTNAME_MAX + 1], const char *name)
{
    snprintf(out, HOSTNAME_MAX + 1, "%s", name);
}

bool model_is_quad(const uint8_t *name, size_t len)
{
    char text[16], again[16];
    unsigned a, b, c, d;

    if (len >= sizeof(text) || memchr(name, '\0', len) != NULL)
        return false;
    memcpy(text, name, len);
    text[len] = '\0';
    if (sscanf(text, "%3u.%3u.%3u.%3u", &a, &b, &c, &d) != 4 || a > 255 || b > 255 || c > 255 ||
        d > 255)
        return false;
    snprintf(again, sizeof(again), "%u.%u.%u.%u", a, b, c, d);
    return strcmp(text, again) == 0;
}

bool model_hostname(const uint8_t *name, size_t len, char out[HOSTNAME_MAX + 1])
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[260];
    const char *last;

    if (len > 254 || memchr(name, '\0', len) != NULL)
        return false;
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    text[len] = '\0';
    if (len > 1 && text[len - 1] == '.')
        text[len - 1] = '\0';
    if (strlen(text) > 253)
        return false;
    model_copy(out, text);
    for (char *label = text;; label++) {
        size_t n = strspn(label, fine);

        if (n < 1 || n > 63 || (label[n] != '.' && label[n] != '\0'))
            return false;
        last = label;
        if (label[n] == '\0')
            break;
        label += n;
    }
    /* read as a number of an IPv4 address: decimal, or hexadecimal */
    if (strncmp(last, "0x", 2) == 0)
        return last[2 + strspn(last + 2, "0123456789abcdef")] != '\0';
    return last[strspn(last, "0123456789")] != '\0';
}
