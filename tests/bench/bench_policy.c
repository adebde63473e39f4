/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Loads a policy of many rules and prints what it costs:
 *     bench_policy [RULES]   ->   rules=100000 load_ms=... bytes=... lookup_ns=...
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/policy.h"

#define NAME_SIZE 64
#define LOOKUPS   2000000u

static double now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* Rule number i: names of three and four labels, a tenth of them wildcards, some with services.
 */
static int make_rule(char *out, size_t size, unsigned i)
{
    const char *dots = i % 10 == 0 ? "*." : i % 10 == 1 ? "." : "";
    const char *services = i % 7 == 0 ? " tls/443 tcp/22" : i % 11 == 0 ? " http/80" : "";

    return snprintf(out, size, "%shost%u.zone%u.example%s\n", dots, i, i % 30000, services);
}

static void make_name(char *out, size_t size, unsigned i, unsigned nr)
{
    unsigned n = (unsigned)((uint64_t)i * 2654435761u % nr);

    /* half of them are named by a rule, the others differ at the front, in the middle, at the
     * end */
    if (i % 2 == 0)
        snprintf(out, size, "%shost%u.zone%u.example", n % 10 == 0 ? "a." : "", n, n % 30000);
    else if (i % 3 == 0)
        snprintf(out, size, "other%u.zone%u.example", n, n % 30000);
    else
        snprintf(out, size, "www.%s%u.%s", i % 5 ? "zone" : "no", n,
                 i % 5 ? "example" : "test");
}

static double time_lookups(const struct policy *policy, unsigned nr)
{
    static char names[4096][NAME_SIZE];
    unsigned allowed = 0;
    double start;

    for (unsigned i = 0; i < 4096; i++)
        make_name(names[i], NAME_SIZE, i, nr);
    start = now_ns();
    for (unsigned i = 0; i < LOOKUPS; i++)
        allowed +=
            policy_name(policy, 0, names[(i * 40503u) % 4096], SERVICE_TLS, 443).result ==
            POLICY_ALLOWED;
    if (allowed == 0 || allowed == LOOKUPS)
        fprintf(stderr, "bench_policy: %u of %u allowed, expected some\n", allowed, LOOKUPS);
    return (now_ns() - start) / LOOKUPS;
}

int main(int argc, char **argv)
{
    unsigned nr = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    char *text = malloc((size_t)nr * NAME_SIZE + 1);
    struct policy_source source = { .file = "allowlist", .text = text };
    struct policy *policy;
    struct err err;
    size_t before;
    double start;

    if (text == NULL || nr == 0)
        return 1;
    for (unsigned i = 0; i < nr; i++)
        source.len += (size_t)make_rule(text + source.len, NAME_SIZE, i);
    before = heap_bytes();
    start = now_ns();
    policy = policy_new(&source, 1, NULL, &err);
    if (policy == NULL) {
        fprintf(stderr, "bench_policy: %s\n", err.text);
        free(text);
        return 1;
    }
    printf("rules=%zu load_ms=%.1f bytes=%zu lookup_ns=%.0f\n", policy_nr_rules(policy),
           (now_ns() - start) / 1e6, heap_bytes() - before, time_lookups(policy, nr));
    policy_free(policy);
    free(text);
    return 0;
}
