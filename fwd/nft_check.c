/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/nft_check.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/nft_dump.h"
#include "fwd/nft_expr.h"

struct check {
    const struct ruleset *want;
    const struct dump *have;
    FILE *out;
    int nr; /* differences */
};

static void differs(struct check *check, const char *format, ...) PRINTF_LIKE(2, 3);
static void differs(struct check *check, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(check->out, format, args);
    va_end(args);
    fputc('\n', check->out);
    check->nr++;
}

static bool expr_equal(const struct expr *want, const struct expr *have)
{
    return memcmp(want, have, sizeof(*want)) == 0;
}

static bool rule_equal(const struct rule *want, const struct dump_rule *have)
{
    if (want->nr_exprs != have->nr_exprs)
        return false;
    for (size_t i = 0; i < want->nr_exprs; i++)
        if (!expr_equal(&want->exprs[i], &have->exprs[i]))
            return false;
    return true;
}

static const struct rule *want_next(const struct ruleset *want, const char *chain, size_t *at)
{
    while (*at < want->nr_rules) {
        const struct rule *rule = &want->rules[(*at)++];

        if (strcmp(rule->chain, chain) == 0)
            return rule;
    }
    return NULL;
}

static const struct dump_rule *have_next(const struct dump *have, const char *chain, size_t *at)
{
    while (*at < have->nr_rules) {
        const struct dump_rule *rule = &have->rules[(*at)++];

        if (strcmp(rule->chain, chain) == 0)
            return rule;
    }
    return NULL;
}

/* The rule as the kernel has it, expression by expression. */
static void print_have(struct check *check, const struct dump_rule *have)
{
    char text[256];

    fputs("    kernel:", check->out);
    for (size_t i = 0; i < have->nr_exprs && i < RULE_EXPRS_MAX; i++)
        fprintf(check->out, " [%s]", nft_expr_text(&have->exprs[i], text, sizeof(text)));
    fputc('\n', check->out);
}

/* A place in the rules of one chain, in both lists. */
struct place {
    const char *chain;
    size_t want_at, have_at;
    size_t want_nr, have_nr; /* of the rule in the chain, from 1 */
};

/* Does the kernel have the wanted rule further on? */
static bool comes_in_kernel(const struct check *check, const struct place *place,
                            const struct rule *want)
{
    size_t at = place->have_at;
    const struct dump_rule *have;

    while ((have = have_next(check->have, place->chain, &at)))
        if (rule_equal(want, have))
            return true;
    return false;
}

/* Is what the kernel has wanted further on? */
static bool comes_in_wish(const struct check *check, const struct place *place,
                          const struct dump_rule *have)
{
    size_t at = place->want_at;
    const struct rule *want;

    while ((want = want_next(check->want, place->chain, &at)))
        if (rule_equal(want, have))
            return true;
    return false;
}

/* Name one difference; go on with what is not yet explained. */
static void rule_differs(struct check *check, struct place *place, const struct rule *want,
                         size_t want_before, const struct dump_rule *have, size_t have_before)
{
    const bool is_extra = have && (!want || comes_in_kernel(check, place, want));

    if (is_extra) {
        differs(check, "chain %s, rule %zu is not wanted", place->chain, place->have_nr);
        place->want_at = want_before;
        place->want_nr--;
    } else if (want && (!have || comes_in_wish(check, place, have))) {
        differs(check, "chain %s, rule %zu is missing: %s", place->chain, place->want_nr,
                want->text);
        place->have_at = have_before;
        place->have_nr--;
        return;
    } else if (want) {
        differs(check, "chain %s, rule %zu is another one, wanted: %s", place->chain,
                place->have_nr, want->text);
    }
    if (have)
        print_have(check, have);
}

static void check_rules(struct check *check, const char *chain)
{
    struct place place = { .chain = chain };

    for (;;) {
        const size_t want_before = place.want_at, have_before = place.have_at;
        const struct rule *want = want_next(check->want, chain, &place.want_at);
        const struct dump_rule *have = have_next(check->have, chain, &place.have_at);

        place.want_nr++;
        place.have_nr++;
        if (!want && !have)
            return;
        if (!want || !have || !rule_equal(want, have))
            rule_differs(check, &place, want, want_before, have, have_before);
    }
}

static const struct dump_chain *have_chain(const struct dump *have, const char *name)
{
    for (size_t i = 0; i < have->nr_chains; i++)
        if (strcmp(have->chains[i].name, name) == 0)
            return &have->chains[i];
    return NULL;
}

static const char *policy_text(uint32_t policy)
{
    return policy == NF_ACCEPT ? "accept" : "drop";
}

static bool has_device(const struct dump_devices *have, const char *device)
{
    for (size_t i = 0; i < have->nr && i < ARRAY_LEN(have->names); i++)
        if (strcmp(have->names[i], device) == 0)
            return true;
    return false;
}

static void check_devices(struct check *check, const char *what,
                          const struct dump_devices *have)
{
    const struct ruleset *want = check->want;

    for (size_t i = 0; i < ARRAY_LEN(want->devices); i++)
        if (!has_device(have, want->devices[i]))
            differs(check, "%s: device %s is missing", what, want->devices[i]);
    if (have->nr > ARRAY_LEN(want->devices))
        differs(check, "%s: %zu devices, wanted %zu", what, have->nr, ARRAY_LEN(want->devices));
}

static void check_chain(struct check *check, const struct chain *want)
{
    const struct dump_chain *have = have_chain(check->have, want->name);

    if (!have) {
        differs(check, "chain %s is missing", want->name);
        return;
    }
    if (have->is_base != (want->type != NULL))
        differs(check, "chain %s is %s base chain", want->name, have->is_base ? "a" : "no");
    if (have->is_base && want->type) {
        if (strcmp(have->type, want->type) != 0 || have->hook != want->hook ||
            have->priority != want->priority)
            differs(check,
                    "chain %s: type %s hook %u priority %d, wanted type %s hook %u "
                    "priority %d",
                    want->name, have->type, have->hook, have->priority, want->type, want->hook,
                    want->priority);
        if (have->policy != want->policy)
            differs(check, "chain %s: policy %s, wanted %s", want->name,
                    policy_text(have->policy), policy_text(want->policy));
        if (want->hook == NF_INET_INGRESS) {
            char what[DUMP_NAME_MAX + 8];

            snprintf(what, sizeof(what), "chain %s", want->name);
            check_devices(check, what, &have->devices);
        }
    }
    check_rules(check, want->name);
}

static void check_sets(struct check *check)
{
    const struct ruleset *want = check->want;
    const struct dump *have = check->have;

    for (size_t i = 0; i < want->nr_sets; i++) {
        size_t at = 0;

        while (at < have->nr_sets && strcmp(have->sets[at].name, want->sets[i].name) != 0)
            at++;
        if (at == have->nr_sets)
            differs(check, "set %s is missing", want->sets[i].name);
        else if (have->sets[at].key_len != want->sets[i].key_len ||
                 have->sets[at].has_timeout != want->sets[i].has_timeout)
            differs(check, "set %s: key of %u bytes, wanted %u; timeouts: %d, wanted %d",
                    want->sets[i].name, have->sets[at].key_len, want->sets[i].key_len,
                    have->sets[at].has_timeout, want->sets[i].has_timeout);
    }
    for (size_t i = 0; i < have->nr_sets; i++) {
        size_t at = 0;

        while (at < want->nr_sets && strcmp(want->sets[at].name, have->sets[i].name) != 0)
            at++;
        if (at == want->nr_sets)
            differs(check, "set %s is not wanted", have->sets[i].name);
    }
}

static void check_flowtable(struct check *check)
{
    const uint32_t flags = NFT_FLOWTABLE_COUNTER;

    if (!check->want->has_flowtable)
        return;
    check_devices(check, "flowtable " FLOWTABLE_NAME, &check->have->devices);
    if (check->have->flowtable_flags != flags)
        differs(check, "flowtable %s: flags %u, wanted %u", FLOWTABLE_NAME,
                check->have->flowtable_flags, flags);
}

static void note_others(struct check *check)
{
    for (size_t i = 0; i < check->have->nr_others; i++) {
        const struct dump_other *other = &check->have->others[i];

        if ((other->family == NFPROTO_INET || other->family == NFPROTO_IPV4 ||
             other->family == NFPROTO_IPV6) &&
            other->hook == NF_INET_FORWARD)
            fprintf(check->out, "note: chain %s of table %s sees forwarded packets too\n",
                    other->name, other->table);
    }
}

/* Which form the kernel was given. */
static void take_form(const struct dump *have, struct ruleset_wish *wish)
{
    wish->has_flowtable = have->has_flowtable;
    wish->is_queue_native = true;
    for (size_t i = 0; i < have->nr_rules; i++)
        for (size_t j = 0; j < have->rules[i].nr_exprs && j < RULE_EXPRS_MAX; j++)
            if (have->rules[i].exprs[j].kind == EXPR_TARGET)
                wish->is_queue_native = false;
}

static void check_all(struct check *check)
{
    if (!check->have->has_table) {
        differs(check, "table inet %s is missing", NFT_TABLE_NAME);
        return;
    }
    for (size_t i = 0; i < check->want->nr_chains; i++)
        check_chain(check, &check->want->chains[i]);
    for (size_t i = 0; i < check->have->nr_chains; i++)
        if (!ruleset_chain(check->want, check->have->chains[i].name))
            differs(check, "chain %s is not wanted", check->have->chains[i].name);
    check_sets(check);
    check_flowtable(check);
}

int nft_check(struct mnl_socket *sock, struct ruleset_wish *wish, FILE *out, struct err *err)
{
    struct ruleset want;
    struct dump have;
    struct check check = { .want = &want, .have = &have, .out = out };

    if (!dump_read(sock, &have, err))
        return -1;
    take_form(&have, wish);
    if (!ruleset_gateway(wish, &want)) {
        dump_clear(&have);
        err_set(err, ENOMEM, "build the ruleset: %s", strerror(ENOMEM));
        return -1;
    }
    check_all(&check);
    note_others(&check);
    ruleset_clear(&want);
    dump_clear(&have);
    return check.nr;
}

int nft_check_lock(struct mnl_socket *sock, const struct ruleset_lock *lock, FILE *out,
                   struct err *err)
{
    struct ruleset want;
    struct dump have;
    struct check check = { .want = &want, .have = &have, .out = out };

    if (!dump_read(sock, &have, err))
        return -1;
    if (!ruleset_lock_rules(lock, &want)) {
        dump_clear(&have);
        err_set(err, ENOMEM, "build the lock: %s", strerror(ENOMEM));
        return -1;
    }
    check_all(&check);
    ruleset_clear(&want);
    dump_clear(&have);
    return check.nr;
}
