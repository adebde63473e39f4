/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h> /* the library's headers want it before them */
#include <libnftnl/expr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "common/marks.h"
#include "fwd/nft_batch.h"
#include "fwd/nft_expr.h"
#include "fwd/ruleset_internal.h"
#include "tests/support/cm.h"

static struct ipc_setup setup;
static struct ruleset rs;

static int build(bool is_native, bool has_flowtable)
{
    static const char *const sources[][2] = { { "198.18.0.0/24", "one" },
                                              { "198.18.1.2", "two" },
                                              { "2001:2::/64", "one" } };
    const struct ruleset_wish wish = { .internal = { 7, "in0" },
                                       .external = { 8, "out0" },
                                       .setup = &setup,
                                       .user = 13,
                                       .is_queue_native = is_native,
                                       .has_flowtable = has_flowtable };

    setup.nr_sources = 3;
    for (size_t i = 0; i < 3; i++) {
        if (!prefix_parse(sources[i][0], strlen(sources[i][0]), &setup.sources[i].prefix))
            return -1;
        strcpy(setup.sources[i].agent, sources[i][1]);
    }
    return ruleset_gateway(&wish, &rs) ? 0 : -1;
}

static int native(void **state)
{
    (void)state;
    return build(true, true);
}

static int by_target(void **state)
{
    (void)state;
    return build(false, false);
}

static int clear(void **state)
{
    (void)state;
    ruleset_clear(&rs);
    return 0;
}

static const struct expr *last(const struct rule *rule)
{
    return &rule->exprs[rule->nr_exprs - 1];
}

static bool is_verdict(const struct expr *expr, int32_t code)
{
    return expr->kind == EXPR_VERDICT && (int32_t)expr->op == code;
}

static void no_queue_lets_packets_pass_without_a_reader(void **state)
{
    size_t nr = 0;

    (void)state;
    for (size_t i = 0; i < rs.nr_rules; i++) {
        for (size_t j = 0; j < rs.rules[i].nr_exprs; j++) {
            const struct expr *expr = &rs.rules[i].exprs[j];

            if (expr->kind == EXPR_QUEUE) {
                assert_int_equal(expr->flags, 0); /* no bypass, no fan-out */
                assert_int_equal(expr->key, NFQUEUE_NUMBER);
                assert_int_equal(expr->base, 1);
                nr++;
            }
            if (expr->kind == EXPR_TARGET) {
                static const uint8_t info[8] = { NFQUEUE_NUMBER, 0, 1, 0, 0, 0, 0, 0 };

                assert_string_equal(expr->name, "NFQUEUE");
                assert_int_equal(expr->key, 3);
                assert_int_equal(expr->data_len, sizeof(info));
                assert_memory_equal(expr->data, info, sizeof(info));
                nr++;
            }
        }
    }
    assert_int_equal(nr, 1); /* one place that queues: chain "ask" */
}

static void base_chains_that_decide_drop_what_no_rule_took(void **state)
{
    static const char *const names[] = { "decide", "commit", "input", "input_commit",
                                         "output" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct chain *chain = ruleset_chain(&rs, names[i]);

        assert_non_null(chain);
        assert_int_equal(chain->policy, NF_DROP);
    }
    assert_int_equal(ruleset_chain(&rs, "decide")->hook, NF_INET_FORWARD);
    assert_true(ruleset_chain(&rs, "decide")->priority <
                ruleset_chain(&rs, "commit")->priority);
    assert_true(ruleset_chain(&rs, "input")->priority <
                ruleset_chain(&rs, "input_commit")->priority);
}

static void forwarded_packets_are_accepted_only_in_commit_or_with_a_mark(void **state)
{
    static const char *const with_mark[] = { "decide",  "outbound", "syn",
                                             "inbound", "answer",   "input",
                                             "dns_tcp", "udp_out",  "udp_in" };

    (void)state;
    for (size_t i = 0; i < rs.nr_rules; i++) {
        const struct rule *rule = &rs.rules[i];
        const struct expr *mark = last(rule) - 2;

        for (size_t j = 0; j < ARRAY_LEN(with_mark); j++) {
            if (strcmp(rule->chain, with_mark[j]) != 0 || !is_verdict(last(rule), NF_ACCEPT))
                continue;
            assert_true(rule->nr_exprs >= 3);
            assert_int_equal(mark->kind, EXPR_DATA);
            assert_int_equal((mark + 1)->kind, EXPR_META_SET);
            assert_memory_equal(mark->data, &(uint32_t) { VERDICT_PASS }, 4);
        }
    }
}

static bool matches_syn(const struct rule *rule)
{
    return strstr(rule->text, "tcp flags & 0x02 == 0x00") != NULL;
}

static void accepted_connections_do_not_take_a_syn_along(void **state)
{
    size_t nr = 0;

    (void)state;
    for (size_t i = 0; i < rs.nr_rules; i++) {
        const struct rule *rule = &rs.rules[i];

        if (strcmp(rule->chain, "outbound") != 0 || !strstr(rule->text, "== 0x10000000"))
            continue;
        assert_true(matches_syn(rule));
        assert_non_null(strstr(rule->text, "ct state established"));
        nr++;
    }
    assert_true(nr > 0);
}

static size_t index_of(const char *chain, const char *text)
{
    for (size_t i = 0; i < rs.nr_rules; i++)
        if (strcmp(rs.rules[i].chain, chain) == 0 && strstr(rs.rules[i].text, text))
            return i;
    fail_msg("no rule of chain %s has \"%s\"", chain, text);
    return 0;
}

static void a_sequence_number_is_taken_from_the_first_syn_only(void **state)
{
    (void)state;
    assert_true(index_of("syn", "ct status confirmed goto ask") <
                index_of("syn", "ct mark set tcp sequence"));
    assert_true(index_of("syn", "@ih,0,8 >= 0 goto ask") < index_of("syn", "@bound4"));
    assert_true(index_of("syn", "ct mark set tcp sequence") < index_of("syn", "@bound4"));
}

/* A rule does not know where in the stream a segment stands. */
static void only_the_first_segment_of_an_answer_is_recognised(void **state)
{
    const size_t hello = index_of("answer", "@ih,216,128 != 0x");
    const size_t begun =
        index_of("answer", "== 0x30000000 ct mark set ct mark & 0x0fffffff ^ 0x50000000");

    (void)state;
    assert_true(index_of("answer", "@ih,88,128 != 0x") < begun);
    assert_true(hello < begun);
    assert_non_null(strstr(rs.rules[hello].text, "== 0x30000000 "));
    assert_non_null(strstr(rs.rules[hello].text, "@ih,760,8 >= 0"));
    assert_true(begun < index_of("answer", "== 0x50000000 goto ask"));
}

/* All payload of an HTTP client is asked about, whatever the conntrack mark says; its end too.
 * Its server's is, while an ACK is waited for. */
static void http_clients_are_read_for_ever(void **state)
{
    (void)state;
    for (size_t i = 0; i < rs.nr_rules; i++)
        if (strcmp(rs.rules[i].chain, "outbound") == 0 &&
            strstr(rs.rules[i].text, "== 0x60000000") != NULL)
            assert_non_null(strstr(rs.rules[i].text, "goto ask"));
    assert_true(index_of("outbound", "@ih,0,8 >= 0 goto ask") <
                index_of("outbound", "== 0x60000000 tcp flags & 0x05 != 0x00 goto ask"));
    assert_true(index_of("outbound", "== 0x40000000 tcp flags & 0x05 != 0x00 goto ask") <
                index_of("outbound", "tcp flags & 0x17 == 0x11"));
    assert_true(index_of("inbound", "== 0x40000000 tcp flags & 0x02 == 0x00 goto ask") <
                index_of("inbound", "goto answer"));
    (void)index_of("inbound", "== 0x60000000 tcp flags & 0x02 == 0x00 meta mark set");
    (void)index_of("commit", "== 0xf0000000 ct mark set meta mark & 0x0fffffff ^ 0x60000000");
    (void)index_of("commit", "== 0x80000000 ct mark set meta mark & 0x0fffffff ^ 0x40000000");
    (void)index_of("output_raw", "== 0xe0000050 notrack");
}

/* A refused client that is told by an alert: its packet goes nowhere, and its connection is
 * over before another rule can reject the packet. */
static void a_client_that_is_told_is_not_rejected(void **state)
{
    size_t told = index_of("commit", "meta mark == 0xc0000001");

    (void)state;
    assert_non_null(strstr(rs.rules[told].text, "ct mark set 0x20000001 counter drop"));
    assert_true(told < index_of("commit", "0xf0000000 == 0xc0000000"));
}

/* A server's probe has another sequence number than a reset must have. */
static void a_probe_on_a_revoked_connection_reaches_its_client(void **state)
{
    size_t probe =
        index_of("revoked", "tcp flags & 0x17 == 0x10 meta mark set 0x90000000 accept");

    (void)state;
    assert_non_null(strstr(rs.rules[probe - 1].text, "@ih,0,8 >= 0 ct mark set 0x20000001"));
    assert_non_null(strstr(rs.rules[probe + 1].text, "ct mark set 0x20000001"));
    assert_true(probe < index_of("revoked", "tcp flags & 0x02 == 0x00 goto ask"));
}

/* A packet of 2400 bytes and more may hide a datagram that begins a connection. */
static void of_quic_short_headers_alone_pass_unseen(void **state)
{
    static const char *const chains[] = { "udp_out", "udp_in" };
    const size_t out = index_of("udp_out", "@th,64,8 & 0x80 == 0");

    (void)state;
    for (size_t i = 0; i < rs.nr_rules; i++) {
        const struct rule *rule = &rs.rules[i];

        for (size_t j = 0; j < ARRAY_LEN(chains); j++) {
            if (strcmp(rule->chain, chains[j]) != 0)
                continue;
            assert_null(strstr(rule->text, "offload"));
            if (!is_verdict(last(rule), NF_ACCEPT))
                continue;
            assert_true(strstr(rule->text, "== 0x10000000") ||
                        (strstr(rule->text, "== 0x60000000") &&
                         strstr(rule->text, "@th,64,8 & 0x80 == 0")));
        }
    }
    assert_non_null(strstr(rs.rules[out].text, "udp length <= 2407"));
    assert_true(out < index_of("udp_out", "goto ask"));
    assert_true(index_of("udp_in", "== 0x30000000 goto ask") > 0);
    assert_true(index_of("outbound", "ip6 nexthdr != tcp ip6 nexthdr != udp goto refuse") <
                index_of("outbound", "meta l4proto udp goto udp_out"));
    assert_true(index_of("outbound", "@nh,0,8 & 0x0f > 5 goto refuse") <
                index_of("outbound", "meta l4proto udp goto udp_out"));
    assert_true(index_of("inbound", "ct direction") <
                index_of("inbound", "meta l4proto udp goto udp_in"));
}

static void what_is_odd_is_refused_before_payload_is_asked_about(void **state)
{
    const size_t payload = index_of("outbound", "@ih,0,8 >= 0 goto ask");

    (void)state;
    assert_true(index_of("decide", "invalid,untracked counter drop") <
                index_of("decide", "goto outbound"));
    assert_true(index_of("outbound", "meta mark == 0x00000000 goto refuse") < payload);
    assert_true(index_of("outbound", "tcp option 19 exists goto refuse") < payload);
    assert_true(index_of("outbound", "tcp option 29 exists goto refuse") < payload);
    assert_true(index_of("outbound", "tcp flags & 0x20 != 0x00 goto refuse") < payload);
    assert_true(index_of("outbound", "tcp urgptr != 0 goto refuse") < payload);
    assert_true(index_of("outbound", "ip ttl set 64") < payload);
    assert_true(index_of("outbound", "ip6 hoplimit set 64") < payload);
}

static uint32_t tag_of(size_t nr)
{
    uint32_t tag;

    for (size_t i = 0; i < rs.nr_rules; i++) {
        if (strcmp(rs.rules[i].chain, "source") != 0 || nr-- > 0)
            continue;
        memcpy(&tag, (last(&rs.rules[i]) - 2)->data, sizeof(tag));
        return tag;
    }
    return 0;
}

static void addresses_of_one_agent_have_one_tag(void **state)
{
    (void)state;
    assert_int_equal(tag_of(0), 1);
    assert_int_equal(tag_of(1), 2);
    assert_int_equal(tag_of(2), 1);
}

static void a_prefix_is_matched_by_its_mask(void **state)
{
    static const uint8_t mask[4] = { 255, 255, 255, 0 }, net[4] = { 198, 18, 0, 0 };
    const struct rule *rule = &rs.rules[0];

    (void)state;
    assert_string_equal(rule->chain, "source");
    assert_int_equal(rule->exprs[3].kind, EXPR_BITWISE);
    assert_memory_equal(rule->exprs[3].data, mask, 4);
    assert_memory_equal(rule->exprs[4].data, net, 4);
}

static void every_jump_has_a_chain_and_every_rule_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < rs.nr_rules; i++) {
        assert_non_null(ruleset_chain(&rs, rs.rules[i].chain));
        for (size_t j = 0; j < rs.rules[i].nr_exprs; j++) {
            const struct expr *expr = &rs.rules[i].exprs[j];

            if (expr->kind == EXPR_VERDICT && expr->name[0])
                assert_non_null(ruleset_chain(&rs, expr->name));
        }
    }
}

static void a_syn_goes_round_the_flowtable(void **state)
{
    static const char *const families[] = { "ipv4", "ipv6" };
    static const char *const steps[][3] = {
        { CHAIN_DETOUR, "ip ttl set 1", "ip6 hoplimit set 1" },
        { CHAIN_REJOIN, "ip ttl set 64", "ip6 hoplimit set 64" }
    };

    (void)state;
    assert_int_equal(ruleset_chain(&rs, CHAIN_DETOUR)->hook, NF_INET_INGRESS);
    assert_true(ruleset_chain(&rs, CHAIN_DETOUR)->priority < 0); /* the flowtable's */
    assert_int_equal(ruleset_chain(&rs, CHAIN_REJOIN)->hook, NF_INET_PRE_ROUTING);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        for (size_t v = 0; v < ARRAY_LEN(families); v++) {
            const char *text = rs.rules[index_of(steps[i][0], steps[i][1 + v])].text;

            assert_non_null(strstr(text, families[v]));
            assert_non_null(strstr(text, "tcp flags & 0x02 != 0x00"));
        }
    }
}

static void the_flowtable_is_left_out_where_there_is_none(void **state)
{
    (void)state;
    assert_null(ruleset_chain(&rs, CHAIN_OFFLOAD));
    assert_null(ruleset_chain(&rs, CHAIN_DETOUR));
    assert_null(ruleset_chain(&rs, CHAIN_REJOIN));
    for (size_t i = 0; i < rs.nr_rules; i++)
        assert_null(strstr(rs.rules[i].text, "flow add"));
}

static void expressions_read_back_are_those_that_were_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < rs.nr_rules; i++) {
        for (size_t j = 0; j < rs.rules[i].nr_exprs; j++) {
            struct nftnl_expr *made = nft_expr_new(&rs.rules[i].exprs[j]);
            struct expr back;

            assert_non_null(made);
            nft_expr_read(made, &back);
            assert_memory_equal(&back, &rs.rules[i].exprs[j], sizeof(back));
            nftnl_expr_free(made);
        }
    }
}

static void an_expression_that_is_none_of_ours_is_foreign(void **state)
{
    struct nftnl_expr *log = nftnl_expr_alloc("log");
    struct expr back;
    char text[64];

    (void)state;
    nft_expr_read(log, &back);
    assert_int_equal(back.kind, EXPR_FOREIGN);
    assert_string_equal(nft_expr_text(&back, text, sizeof(text)), "log");
    nftnl_expr_free(log);
}

static void the_whole_ruleset_fits_one_transaction(void **state)
{
    struct nft_batch batch;

    (void)state;
    assert_true(nft_batch_init(&batch));
    nft_batch_replace(&batch, &rs);
    nft_batch_end(&batch, false);
    assert_false(batch.is_broken);
    assert_true(batch.nr_messages > rs.nr_rules);
    nft_batch_clear(&batch);
}

static void the_most_sources_fit_too(void **state)
{
    struct ipc_setup *many = calloc(1, sizeof(*many));
    const struct ruleset_wish wish = { .internal = { 7, "in0" },
                                       .external = { 8, "out0" },
                                       .setup = many };
    struct nft_batch batch;

    (void)state;
    many->nr_sources = IPC_PREFIXES_MAX;
    for (size_t i = 0; i < IPC_PREFIXES_MAX; i++) {
        many->sources[i].prefix = (struct prefix) { { ADDR_V6, { 0x20, (uint8_t)i } }, 64 };
        snprintf(many->sources[i].agent, sizeof(many->sources[i].agent), "agent%zu", i);
    }
    assert_true(ruleset_gateway(&wish, &rs));
    assert_true(nft_batch_init(&batch));
    nft_batch_replace(&batch, &rs);
    assert_false(batch.is_broken);
    nft_batch_clear(&batch);
    free(many);
}

static void the_closed_ruleset_lets_only_loopback_through(void **state)
{
    (void)state;
    assert_true(ruleset_closed(&rs));
    for (size_t i = 0; i < rs.nr_chains; i++)
        assert_int_equal(rs.chains[i].policy, NF_DROP);
    for (size_t i = 0; i < rs.nr_rules; i++)
        if (is_verdict(last(&rs.rules[i]), NF_ACCEPT))
            assert_non_null(strstr(rs.rules[i].text, "\"lo\""));
}

static void a_rule_that_outgrows_its_limits_is_seen(void **state)
{
    struct ruleset one = { .nr_rules = 0 };
    struct rule *rule = ruleset_rule(&one, "x");

    (void)state;
    for (size_t i = 0; i < RULE_EXPRS_MAX; i++)
        rule_expr(rule, EXPR_COUNTER);
    assert_int_equal(rule->nr_exprs, RULE_EXPRS_MAX);
    rule_expr(rule, EXPR_COUNTER);
    assert_true(rule->nr_exprs > RULE_EXPRS_MAX);
    rule = ruleset_rule(&one, "x");
    rule_text(rule, "%*s", RULE_TEXT_MAX, "");
    assert_true(rule->nr_exprs > RULE_EXPRS_MAX);
    ruleset_clear(&one);
}

/* --- the tunnel -------------------------------------------------------------------------- */

static struct link two_links[LINKS_MAX];

static int with_tunnel(void **state)
{
    static const char *const texts[] = { "10.1.1.3 10.1.2.3 fd00::3", "10.1.1.4 10.1.2.4" };
    const struct ruleset_wish wish = { .internal = { 7, TUNNEL_DEVICE },
                                       .external = { 8, "out0" },
                                       .underlay = { 9, "under0" },
                                       .setup = &setup,
                                       .has_flowtable = true,
                                       .links = two_links };

    (void)state;
    memset(two_links, 0, sizeof(two_links));
    memset(&setup, 0, sizeof(setup));
    for (size_t i = 0; i < 2; i++) {
        snprintf(two_links[2 * i].agent, sizeof(two_links[0].agent), "agent%zu", i);
        if (!link_parse(texts[i], strlen(texts[i]), &two_links[2 * i]))
            return -1;
    }
    return ruleset_gateway(&wish, &rs) ? 0 : -1;
}

/* The texts of a chain's rules, each followed by "\n". */
static const char *chain_text(const char *chain)
{
    static char text[8192];

    text[0] = 0;
    for (size_t i = 0; i < rs.nr_rules; i++)
        if (strcmp(rs.rules[i].chain, chain) == 0)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s\n",
                     rs.rules[i].text);
    return text;
}

static void each_link_has_a_mark_a_mac_and_addresses(void **state)
{
    (void)state;
    assert_string_equal(chain_text("pair"),
                        "meta mark == 0x90000001 ether saddr 02:53:0a:01:02:03 ip saddr "
                        "10.1.2.3/32 return\n"
                        "meta mark == 0x90000001 ether saddr 02:53:0a:01:02:03 ip6 saddr "
                        "fd00::3/128 return\n"
                        "meta mark == 0x90000003 ether saddr 02:53:0a:01:02:04 ip saddr "
                        "10.1.2.4/32 return\n"
                        "counter meta mark set 0x70000000\n");
    assert_string_equal(chain_text("outer"),
                        "ip saddr 10.1.1.3/32 meta mark set 0x90000001 accept\n"
                        "ip saddr 10.1.1.4/32 meta mark set 0x90000003 accept\n"
                        "counter drop\n");
    assert_string_equal(chain_text("to_link"), "ip daddr 10.1.1.3/32 accept\n"
                                               "ip daddr 10.1.1.4/32 accept\ncounter drop\n");
}

static void what_comes_out_of_the_tunnel_is_compared_before_all_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < rs.nr_chains; i++)
        if (rs.chains[i].type && rs.chains[i].hook == NF_INET_PRE_ROUTING &&
            strcmp(rs.chains[i].name, "tunnel") != 0)
            assert_true(rs.chains[i].priority > ruleset_chain(&rs, "tunnel")->priority);
    assert_non_null(strstr(chain_text("tunnel"), "iif \"sec0\" jump pair\n"
                                                 "iif \"sec0\" meta mark == 0x70000000 goto "
                                                 "spoofed\n"));
    /* and before the flowtable */
    assert_ptr_equal(strstr(chain_text("detour"), "iif \"sec0\" jump pair\n"),
                     chain_text("detour"));
}

static void the_underlay_carries_the_tunnel_and_nothing_else(void **state)
{
    static const char *const chains[] = { "input", "output" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        const char *text = chain_text(chains[i]);
        const char *tunnel = strstr(text, "udp dport 4789 goto ");
        const char *drop = strstr(text, i == 0 ? "iif \"under0\" counter drop"
                                               : "oif \"under0\" counter drop");

        assert_non_null(tunnel);
        assert_non_null(drop);
        assert_true(tunnel < drop);
        assert_null(strstr(drop + 20, "under0"));
    }
}

static void other_links_change_the_variable_chains_alone(void **state)
{
    struct nft_batch batch;
    size_t nr = 0;

    (void)state;
    assert_true(nft_batch_init(&batch));
    nft_batch_relink(&batch, &rs);
    assert_false(batch.is_broken);
    for (size_t i = 0; i < rs.nr_chains; i++)
        nr += ruleset_is_variable(rs.chains[i].name);
    for (size_t i = 0; i < rs.nr_rules; i++)
        nr += ruleset_is_variable(rs.rules[i].chain);
    assert_int_equal(batch.nr_messages, nr);
    for (size_t i = 0; i < batch.nr_messages; i++)
        assert_null(strstr(batch.messages[i].what, "table"));
    nft_batch_clear(&batch);
}

static void the_lock_lets_out_the_own_address_and_what_the_tunnel_marked(void **state)
{
    static const struct ruleset_lock lock = {
        .underlay = { 3, "eth0" },
        .outer = { ADDR_V4, { 10, 1, 1, 3 } },
        .gateway = { ADDR_V4, { 10, 1, 1, 1 } },
        .inner = { { ADDR_V4, { 10, 1, 2, 3 } } },
    };
    size_t nr = 0;

    (void)state;
    assert_true(ruleset_lock_rules(&lock, &rs));
    assert_string_equal(
        chain_text("last"),
        "oif \"lo\" accept\n"
        "oifname \"sec0\" ip saddr 10.1.2.3/32 meta mark set 0x5ec70001 accept\n"
        "oifname \"sec0\" counter drop\n"
        "oif \"eth0\" meta mark == 0x5ec70001 ip saddr 10.1.1.3/32 ip daddr 10.1.1.1/32 udp "
        "sport 4789 udp dport 4789 accept\n"
        "counter drop\n");
    assert_int_equal(strncmp(chain_text("output"), "ip daddr 127.0.0.11/32", 22), 0);
    assert_true(ruleset_chain(&rs, "early")->priority < -100); /* before Docker's NAT */
    for (size_t i = 0; i < rs.nr_chains; i++)
        nr += rs.chains[i].policy == NF_DROP;
    assert_int_equal(nr, rs.nr_chains - 1); /* "early" only refuses */
}

static void root_may_ask_on_port_53_only_for_dockers_resolver(void **state)
{
    struct ruleset_wish wish = { .internal = { 7, "in0" },
                                 .external = { 8, "out0" },
                                 .setup = &setup };

    (void)state;
    assert_true(ruleset_gateway(&wish, &rs));
    assert_string_equal(chain_text("docker"), "");
    ruleset_clear(&rs);
    wish.asks_docker = true;
    assert_true(ruleset_gateway(&wish, &rs));
    assert_string_equal(chain_text("docker"), "udp dport 53 accept\ntcp dport 53 accept\n");
    assert_non_null(
        strstr(chain_text("output"), "oif \"out0\" meta skuid 0 udp dport 53 jump docker\n"));
}

#define WITH_TUNNEL(test) cmocka_unit_test_setup_teardown(test, with_tunnel, clear)

int main(void)
{
#define NATIVE(test) cmocka_unit_test_setup_teardown(test, native, clear)
#define TARGET(test) cmocka_unit_test_setup_teardown(test, by_target, clear)
    const struct CMUnitTest tests[] = {
        NATIVE(no_queue_lets_packets_pass_without_a_reader),
        TARGET(no_queue_lets_packets_pass_without_a_reader),
        NATIVE(base_chains_that_decide_drop_what_no_rule_took),
        NATIVE(a_client_that_is_told_is_not_rejected),
        NATIVE(a_probe_on_a_revoked_connection_reaches_its_client),
        NATIVE(forwarded_packets_are_accepted_only_in_commit_or_with_a_mark),
        NATIVE(accepted_connections_do_not_take_a_syn_along),
        NATIVE(a_sequence_number_is_taken_from_the_first_syn_only),
        NATIVE(only_the_first_segment_of_an_answer_is_recognised),
        NATIVE(http_clients_are_read_for_ever),
        NATIVE(of_quic_short_headers_alone_pass_unseen),
        NATIVE(what_is_odd_is_refused_before_payload_is_asked_about),
        NATIVE(addresses_of_one_agent_have_one_tag),
        NATIVE(a_prefix_is_matched_by_its_mask),
        NATIVE(every_jump_has_a_chain_and_every_rule_too),
        TARGET(every_jump_has_a_chain_and_every_rule_too),
        NATIVE(a_syn_goes_round_the_flowtable),
        TARGET(the_flowtable_is_left_out_where_there_is_none),
        NATIVE(expressions_read_back_are_those_that_were_written),
        TARGET(expressions_read_back_are_those_that_were_written),
        cmocka_unit_test(an_expression_that_is_none_of_ours_is_foreign),
        NATIVE(the_whole_ruleset_fits_one_transaction),
        cmocka_unit_test_teardown(the_most_sources_fit_too, clear),
        cmocka_unit_test_teardown(the_closed_ruleset_lets_only_loopback_through, clear),
        cmocka_unit_test(a_rule_that_outgrows_its_limits_is_seen),
        WITH_TUNNEL(each_link_has_a_mark_a_mac_and_addresses),
        WITH_TUNNEL(what_comes_out_of_the_tunnel_is_compared_before_all_else),
        WITH_TUNNEL(the_underlay_carries_the_tunnel_and_nothing_else),
        WITH_TUNNEL(other_links_change_the_variable_chains_alone),
        cmocka_unit_test_teardown(the_lock_lets_out_the_own_address_and_what_the_tunnel_marked,
                                  clear),
        cmocka_unit_test_teardown(root_may_ask_on_port_53_only_for_dockers_resolver, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
