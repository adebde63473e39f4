/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Expected bytes are written out from RFC 1035 §4, RFC 2308, RFC 6891 and RFC 8914.
 */
#include "sni-filter/dns_message.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define QUESTION    "01 41 04 74655374 00 0001 0001" /* A.teSt A IN */
#define ADDR4(last) "c00c 0001 0001 0000003c 0004 cb0071" last
#define SOA         "c00c 0006 0001 00000001 0016 00 00 00000001 00000e10 00000258 00015180 00000001"
#define OPT_EMPTY   "00 0029 04d0 00000000 0000"

static struct dns_query query(const char *extra)
{
    struct dns_query out;
    char head[] = "1234 0100 0001 0000 0000 0001" QUESTION;
    uint8_t *p, *opt;
    size_t len, opt_len;
    int rcode;

    opt = exact_hex(extra, &opt_len);
    head[strlen("1234 0100 0001 0000 0000 000")] = opt_len ? '1' : '0';
    p = exact_hex(head, &len);
    p = realloc(p, len + opt_len);
    memcpy(p + len, opt, opt_len);
    assert_int_equal(
        dns_query_parse((struct cursor) { .base = p, .len = len + opt_len }, &out, &rcode),
        PARSE_OK);
    free(p);
    free(opt);
    return out;
}

/* Build into exactly that many bytes; the answer must be those of hex. */
static void assert_reply(const struct dns_query *q, const struct dns_reply *reply, size_t limit,
                         size_t size, const char *hex)
{
    size_t len;
    uint8_t *expected = exact_hex(hex, &len), *out = malloc(size);

    assert_int_equal(dns_reply_build(q, reply, limit, out, size), len);
    assert_memory_equal(out, expected, len);
    free(expected);
    free(out);
}

static struct addr v4(uint8_t last)
{
    return addr_from_bytes(ADDR_V4, (const uint8_t[]) { 203, 0, 113, last });
}

static void addresses_answer_the_question_in_its_own_spelling(void **state)
{
    struct addr addrs[] = { v4(9), v4(10) };
    struct dns_reply reply = { .addrs = addrs, .nr_addrs = 2, .ttl_s = 60 };
    struct dns_query q = query("");

    (void)state;
    assert_reply(&q, &reply, 512, 512,
                 "1234 8180 0001 0002 0000 0000" QUESTION ADDR4("09") ADDR4("0a"));
    q.is_recursion_desired = false;
    q.is_checking_disabled = true;
    assert_reply(&q, &reply, 512, 512,
                 "1234 8090 0001 0002 0000 0000" QUESTION ADDR4("09") ADDR4("0a"));
}

static void an_ipv6_address_is_an_aaaa_record(void **state)
{
    static const uint8_t bytes[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };
    struct addr addr = addr_from_bytes(ADDR_V6, bytes);
    struct dns_reply reply = { .addrs = &addr, .nr_addrs = 1, .ttl_s = 60 };
    struct dns_query q = query("");

    (void)state;
    q.qtype = DNS_AAAA;
    assert_reply(&q, &reply, 512, 512,
                 "1234 8180 0001 0001 0000 0000 01 41 04 74655374 00 001c 0001"
                 "c00c 001c 0001 0000003c 0010 20010db8000000000000000000000009");
}

static void a_negative_answer_carries_an_soa(void **state)
{
    struct dns_reply reply = { .rcode = DNS_RCODE_NXDOMAIN, .has_soa = true, .soa_ttl_s = 1 };
    struct dns_query q = query("");

    (void)state;
    assert_reply(&q, &reply, 512, 512, "1234 8183 0001 0000 0001 0000" QUESTION SOA);
    reply.rcode = DNS_RCODE_OK;
    assert_reply(&q, &reply, 512, 512, "1234 8180 0001 0000 0001 0000" QUESTION SOA);
    /* No room for it: left out, the answer says the same. */
    assert_reply(&q, &reply, 24 + 33, 512, "1234 8180 0001 0000 0000 0000" QUESTION);
}

static void a_block_is_explained_to_a_client_that_speaks_edns(void **state)
{
    struct dns_reply reply = { .rcode = DNS_RCODE_NXDOMAIN, .blocked = "no!" };
    struct dns_query plain = query(""), edns = query(OPT_EMPTY);

    (void)state;
    assert_reply(&plain, &reply, 512, 512, "1234 8183 0001 0000 0000 0000" QUESTION);
    assert_reply(&edns, &reply, 512, 512,
                 "1234 8183 0001 0000 0000 0001" QUESTION
                 "00 0029 04d0 00000000 0009 000f 0005 000f 6e6f21");
    /* The text goes first, then the record. */
    assert_reply(&edns, &reply, 24 + 19, 512,
                 "1234 8183 0001 0000 0000 0001" QUESTION OPT_EMPTY);
    assert_reply(&edns, &reply, 24 + 10, 512, "1234 8183 0001 0000 0000 0000" QUESTION);
    reply.blocked = NULL;
    assert_reply(&edns, &reply, 512, 512, "1234 8183 0001 0000 0000 0001" QUESTION OPT_EMPTY);
}

static void what_does_not_fit_is_truncated_as_a_whole(void **state)
{
    struct addr addrs[] = { v4(9), v4(10) };
    struct dns_reply reply = { .addrs = addrs, .nr_addrs = 2, .ttl_s = 60 };
    struct dns_query plain = query(""), edns = query(OPT_EMPTY);

    (void)state;
    assert_reply(&plain, &reply, 24 + 32, 512,
                 "1234 8180 0001 0002 0000 0000" QUESTION ADDR4("09") ADDR4("0a"));
    assert_reply(&plain, &reply, 24 + 31, 512, "1234 8380 0001 0000 0000 0000" QUESTION);
    assert_reply(&plain, &reply, 512, 24 + 31, "1234 8380 0001 0000 0000 0000" QUESTION);
    /* The OPT record has its room first. */
    assert_reply(&edns, &reply, 24 + 42, 512,
                 "1234 8380 0001 0000 0000 0001" QUESTION OPT_EMPTY);
    assert_reply(&edns, &reply, 24 + 43, 512,
                 "1234 8180 0001 0002 0000 0001" QUESTION ADDR4("09") ADDR4("0a") OPT_EMPTY);
}

static void without_room_for_the_question_there_is_no_answer(void **state)
{
    struct dns_reply reply = { .rcode = DNS_RCODE_REFUSED };
    struct dns_query q = query("");

    (void)state;
    for (size_t size = 0; size < 24; size++) {
        uint8_t *out = malloc(size);

        assert_int_equal(dns_reply_build(&q, &reply, 512, out, size), 0);
        free(out);
    }
    assert_reply(&q, &reply, 24, 24, "1234 8185 0001 0000 0000 0000" QUESTION);
}

static void an_error_for_an_unreadable_question_repeats_none(void **state)
{
    struct addr addr = v4(9);
    struct dns_reply reply = {
        .rcode = DNS_RCODE_FORMERR, .addrs = &addr, .nr_addrs = 1, .has_soa = true
    };
    struct dns_query q = { .id = 0x1234, .udp_size = 512 };

    (void)state;
    assert_reply(&q, &reply, 512, 12, "1234 8081 0000 0000 0000 0000");
}

static void a_question_is_made_of_the_name_and_random_bits(void **state)
{
    static const uint8_t plain[34] = { 0xab, 0xcd };
    uint8_t random[34] = { 0xab, 0xcd, 0x05, 0x09 }; /* bits 0, 2, 8 and 11 */
    struct dns_question question;
    uint8_t out[64], *expected;
    size_t len;

    (void)state;
    assert_true(dns_question_make("a1-.test_", DNS_AAAA, plain, &question));
    assert_int_equal(question.id, 0xabcd);
    assert_int_equal(question.qtype, DNS_AAAA);
    assert_int_equal(question.wire_name_len, 11);
    assert_memory_equal(question.wire_name, "\3a1-\5test_\0", 11);

    assert_true(dns_question_make("abcd.efgh.iz", DNS_A, random, &question));
    assert_memory_equal(question.wire_name, "\4AbCd\4efgH\2iZ\0", 14);

    expected = exact_hex("abcd 0100 0001 0000 0000 0000 04 41624364 04 65666748 02 695a 00"
                         "0001 0001",
                         &len);
    assert_int_equal(dns_question_build(&question, out, sizeof(out)), len);
    assert_memory_equal(out, expected, len);
    for (size_t size = 0; size < len; size++)
        assert_int_equal(dns_question_build(&question, out, size), 0);
    assert_int_equal(dns_question_build(&question, out, len), len);
    free(expected);
}

static void a_question_of_the_longest_name_uses_its_last_bit(void **state)
{
    char name[HOSTNAME_MAX + 2];
    uint8_t random[34];
    struct dns_question question;

    (void)state;
    memset(random, 0, sizeof(random));
    random[33] = 0x10; /* bit 252 */
    memset(name, 'x', sizeof(name));
    name[63] = name[127] = name[191] = '.';
    name[253] = '\0';
    assert_true(dns_question_make(name, DNS_A, random, &question));
    assert_int_equal(question.wire_name_len, 255);
    assert_int_equal(question.wire_name[253], 'X');
    assert_int_equal(question.wire_name[252], 'x');
    name[253] = 'x';
    name[254] = '\0';
    assert_false(dns_question_make(name, DNS_A, random, &question));
}

static void only_names_and_types_that_can_be_asked_make_a_question(void **state)
{
    static const uint8_t random[34];
    static const char *const bad[] = {
        "",   ".",  "a..b",
        ".a", "a.", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.test"
    };
    struct dns_question question;
    char longer[1000] = "";

    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    for (size_t i = 40; i < sizeof(longer); i += 40)
        longer[i] = '.';
    assert_false(dns_question_make(longer, DNS_A, random, &question));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(dns_question_make(bad[i], DNS_A, random, &question));
    assert_false(dns_question_make("a.test", DNS_HTTPS, random, &question));
    assert_false(dns_question_make("a.test", 255, random, &question));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_answer_the_question_in_its_own_spelling),
        cmocka_unit_test(an_ipv6_address_is_an_aaaa_record),
        cmocka_unit_test(a_negative_answer_carries_an_soa),
        cmocka_unit_test(a_block_is_explained_to_a_client_that_speaks_edns),
        cmocka_unit_test(what_does_not_fit_is_truncated_as_a_whole),
        cmocka_unit_test(without_room_for_the_question_there_is_no_answer),
        cmocka_unit_test(an_error_for_an_unreadable_question_repeats_none),
        cmocka_unit_test(a_question_is_made_of_the_name_and_random_bits),
        cmocka_unit_test(a_question_of_the_longest_name_uses_its_last_bit),
        cmocka_unit_test(only_names_and_types_that_can_be_asked_make_a_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
