/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Answers made by hand from RFC 1035 §4, RFC 2181 §8 and RFC 2308 §5.
 */
#include "sni-filter/dns_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

/* The question: a.TesT, whose name stands at offset 12, "TesT" at 14. */
#define NAME                   "01 61 04 54657354 00"
#define QUESTION               NAME "0001 0001"
#define ANSWER(counts)         "1234 8180 0001" counts QUESTION
#define RR_A(owner, ttl, last) owner "0001 0001" ttl "0004 cb0071" last
#define CNAME_B(owner, ttl)    owner "0005 0001" ttl "0004 01 62 c00e" /* -> b.test */
#define B_TEST                 "01 42 04 74657374 00"                  /* B.test */
#define SOA(ttl, minimum)                                                                      \
    "c00e 0006 0001" ttl "0018 c00e c00e 00000001 00000002 00000003 00000004" minimum
#define TTL60  "0000003c"
#define TTL300 "0000012c"

static struct dns_question question(uint16_t qtype)
{
    struct dns_question q = { .id = 0x1234, .qtype = qtype, .wire_name_len = 8 };

    memcpy(q.wire_name, "\1a\4TesT\0", 8);
    return q;
}

static enum parse_rc parse_for(uint16_t qtype, const char *hex, struct dns_answer *out)
{
    struct dns_question q = question(qtype);
    size_t len;
    uint8_t *p = exact_hex(hex, &len);
    enum parse_rc rc = dns_answer_parse((struct cursor) { .base = p, .len = len }, &q, out);

    if (rc != PARSE_OK) {
        static const struct dns_answer zero;

        assert_memory_equal(out, &zero, sizeof(zero));
    }
    free(p);
    return rc;
}

static struct dns_answer good(const char *hex)
{
    struct dns_answer answer;

    if (parse_for(DNS_A, hex, &answer) != PARSE_OK)
        fail_msg("not taken: %s", hex);
    return answer;
}

static void assert_rc(const char *hex, enum parse_rc rc)
{
    struct dns_answer answer;
    enum parse_rc got = parse_for(DNS_A, hex, &answer);

    if (got != rc)
        print_error("%s\n", hex);
    assert_int_equal(got, rc);
}

/* Exactly one address, which ends in last. */
static void assert_one(const struct dns_answer *answer, uint8_t last, uint32_t ttl)
{
    assert_int_equal(answer->nr_addrs, 1);
    assert_int_equal(answer->addrs[0].family, ADDR_V4);
    assert_memory_equal(answer->addrs[0].bytes, ((uint8_t[]) { 203, 0, 113, last }), 4);
    assert_int_equal(answer->ttl_s, ttl);
    assert_int_equal(answer->rcode, 0);
    assert_false(answer->is_truncated);
}

static void addresses_of_the_asked_name_are_taken(void **state)
{
    struct dns_answer answer = good(ANSWER("0001 0000 0000") RR_A("c00c", TTL60, "09"));

    (void)state;
    assert_one(&answer, 9, 60);
    answer =
        good(ANSWER("0002 0000 0000") RR_A("c00c", TTL300, "09") RR_A("c00c", TTL60, "0a"));
    assert_int_equal(answer.nr_addrs, 2);
    assert_int_equal(answer.ttl_s, 60);
    assert_int_equal(answer.addrs[1].bytes[3], 10);
    /* The owner's letter case is the server's affair, and its name may be written out. */
    answer = good(ANSWER("0001 0000 0000") RR_A("01 41 04 74657374 00", TTL60, "09"));
    assert_one(&answer, 9, 60);
}

static void an_aaaa_question_takes_aaaa_records_only(void **state)
{
    struct dns_answer answer;

    (void)state;
    assert_int_equal(
        parse_for(DNS_AAAA,
                  "1234 8180 0001 0002 0000 0000" NAME "001c 0001" RR_A(
                      "c00c", TTL60,
                      "09") "c00c 001c 0001 0000003c 0010 20010db8000000000000000000000009",
                  &answer),
        PARSE_OK);
    assert_int_equal(answer.nr_addrs, 1);
    assert_int_equal(answer.addrs[0].family, ADDR_V6);
    assert_int_equal(answer.addrs[0].bytes[15], 9);
    /* and the other way round */
    answer = good(ANSWER(
        "0001 0000 0000") "c00c 001c 0001 0000003c 0010 20010db8000000000000000000000009");
    assert_int_equal(answer.nr_addrs, 0);
}

static void a_question_of_another_type_takes_no_address(void **state)
{
    struct dns_answer answer;

    (void)state;
    assert_int_equal(parse_for(DNS_HTTPS,
                               "1234 8180 0001 0001 0000 0000" NAME "0041 0001"
                               "c00c 0041 0001 0000003c 0003 0001 00",
                               &answer),
                     PARSE_OK);
    assert_int_equal(answer.nr_addrs, 0);
}

static void what_is_no_answer_to_the_question_is_left_alone(void **state)
{
    static const char *const strange[] = {
        "",
        "1234 8180 0001 0000 0000 00",
        "1235 8180 0001 0001 0000 0000" QUESTION RR_A("c00c", TTL60, "09"), /* id */
        "1234 0180 0001 0001 0000 0000" QUESTION RR_A("c00c", TTL60, "09"), /* a query */
        "1234 a980 0001 0001 0000 0000" QUESTION RR_A("c00c", TTL60, "09"), /* opcode */
        "1234 8180 0000 0001 0000 0000" RR_A("01 61 04 54657354 00", TTL60, "09"),
        "1234 8180 0002 0001 0000 0000" QUESTION QUESTION RR_A("c00c", TTL60, "09"),
        "1234 8180 0001 0001 0000 0000 01 61 04 54657374 00 0001 0001" RR_A(
            "c00c", TTL60, "09"), /* letter case */
        "1234 8180 0001 0001 0000 0000 01 62 04 54657354 00 0001 0001" RR_A("c00c", TTL60,
                                                                            "09"), /* name */
        "1234 8180 0001 0001 0000 0000 01 61 00 0001 0001" RR_A("c00c", TTL60, "09"),
        "1234 8180 0001 0001 0000 0000" NAME "001c 0001" RR_A("c00c", TTL60, "09"),
        "1234 8180 0001 0001 0000 0000" NAME "0001 0003" RR_A("c00c", TTL60, "09"),
        "1234 8180 0001 0001 0000 0000 c00c 0001 0001",
        "1234 8180 0001 0000 0000 0000" NAME,
        "1234 8180 0001 0000 0000 0000" NAME "0001 00",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strange); i++)
        assert_rc(strange[i], PARSE_ABSENT);
}

static void a_truncated_answer_says_no_more_than_that(void **state)
{
    struct dns_answer answer =
        good("1234 8383 0001 0001 0000 0000" QUESTION RR_A("c00c", TTL60, "09"));

    (void)state;
    assert_true(answer.is_truncated);
    assert_int_equal(answer.nr_addrs, 0);
    assert_int_equal(answer.rcode, 0);
    assert_int_equal(answer.ttl_s, 0);
    assert_true(good("1234 8380 0001 0009 0000 0000" QUESTION "c00c").is_truncated);
}

static void the_cname_chain_leads_to_the_addresses_in_any_order(void **state)
{
    struct dns_answer answer =
        good(ANSWER("0002 0000 0000") CNAME_B("c00c", TTL300) RR_A(B_TEST, TTL60, "09"));

    (void)state;
    assert_one(&answer, 9, 60);
    answer = good(ANSWER("0002 0000 0000") RR_A(B_TEST, TTL300, "09") CNAME_B("c00c", TTL60));
    assert_one(&answer, 9, 60);
    answer = good(ANSWER("0002 0000 0000") "c00c 0005 0001" TTL60 "0004 01 7a c00e" RR_A(
        "01 5a c00e", TTL60, "09")); /* z.test, Z.test */
    assert_one(&answer, 9, 60);
    /* a -> b -> c, the second link first */
    answer = good(ANSWER("0003 0000 0000") B_TEST "0005 0001" TTL60 "0004 01 63 c00e" CNAME_B(
        "c00c", TTL300) RR_A("01 63 c00e", TTL300, "09"));
    assert_one(&answer, 9, 60);
}

static void records_beside_the_chain_bind_nothing(void **state)
{
    static const char *const answers[] = {
        /* another owner, a name below, a name above */
        ANSWER("0002 0000 0000") RR_A("c00c", TTL60, "09") RR_A(B_TEST, "00000001", "0a"),
        ANSWER("0002 0000 0000") RR_A("c00c", TTL60, "09") RR_A("01 78 c00c", TTL60, "0a"),
        ANSWER("0002 0000 0000") RR_A("c00c", TTL60, "09") RR_A("c00e", TTL60, "0a"),
        /* authority and additional sections */
        ANSWER("0001 0001 0000") RR_A("c00c", TTL60, "09") RR_A("c00c", TTL60, "0a"),
        ANSWER("0001 0000 0001") RR_A("c00c", TTL60, "09") RR_A("c00c", TTL60, "0a"),
        ANSWER("0001 0001 0000") RR_A("c00c", TTL60, "09") CNAME_B("c00c", TTL60),
        /* another class */
        ANSWER("0002 0000 0000")
            RR_A("c00c", TTL60, "09") "c00c 0001 0003 0000003c 0004 cb00710a",
        ANSWER("0002 0000 0000")
            RR_A("c00c", TTL60, "09") "c00c 0005 0003 00000001 0004 01 62 c00e",
        /* an address at a name that has a CNAME; a CNAME that starts elsewhere */
        ANSWER("0003 0000 0000") CNAME_B("c00c", TTL60) RR_A("c00c", TTL60, "0a")
            RR_A(B_TEST, TTL60, "09"),
        ANSWER("0003 0000 0000") RR_A("c00c", TTL60, "09") CNAME_B("01 78 c00e", "00000001")
            RR_A(B_TEST, TTL60, "0a"),
        /* "`" is not the upper case of "@" */
        ANSWER("0003 0000 0000") "c00c 0005 0001" TTL60
                                 "0004 01 40 c00e" RR_A("01 60 c00e", TTL60, "0a")
                                     RR_A("01 40 c00e", TTL60, "09"),
        /* data of another class may be of any length */
        ANSWER("0002 0000 0000") RR_A("c00c", TTL60, "09") "c00c 0001 0003" TTL60
                                                           "0005 0102030405",
        /* types that are not looked at */
        ANSWER("0003 0000 0000") "c00c 0027 0001 00000001 0001 00" /* DNAME */
                                 "c00c 0010 0001 00000001 0002 0178" RR_A("c00c", TTL60, "09"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct dns_answer answer = good(answers[i]);

        assert_one(&answer, 9, 60);
    }
}

static void two_cnames_of_one_name_are_refused_unless_they_agree(void **state)
{
    struct dns_answer answer = good(ANSWER("0003 0000 0000") CNAME_B("c00c", TTL60)
                                        CNAME_B("c00c", TTL60) RR_A(B_TEST, TTL60, "09"));

    (void)state;
    assert_one(&answer, 9, 60);
    assert_rc(ANSWER("0003 0000 0000")
                  CNAME_B("c00c", TTL60) "c00c 0005 0001" TTL60
                                         "0004 01 63 c00e" RR_A(B_TEST, TTL60, "09"),
              PARSE_BAD);
}

static void a_cname_loop_is_refused(void **state)
{
    (void)state;
    assert_rc(ANSWER("0001 0000 0000") "c00c 0005 0001" TTL60 "0002 c00c", PARSE_BAD);
    assert_rc(ANSWER("0002 0000 0000") CNAME_B("c00c", TTL60) B_TEST "0005 0001" TTL60
                                                                     "0002 c00c",
              PARSE_BAD);
    assert_rc("1234 8183 0001 0001 0000 0000" QUESTION "c00c 0005 0001" TTL60 "0002 c00c",
              PARSE_BAD);
}

/* nr links: a -> b.test -> c.test ... */
static void put_chain(struct bytes *b, unsigned nr)
{
    b->len = 0;
    bytes_hex(b, "1234 8180 0001");
    bytes_uint(b, 2, nr + 1);
    bytes_hex(b, "0000 0000" QUESTION);
    for (unsigned i = 0; i <= nr; i++) {
        if (i == 0)
            bytes_hex(b, "c00c");
        else {
            bytes_uint(b, 2, 0x0100 | ('A' + i));
            bytes_hex(b, "c00e");
        }
        if (i == nr) {
            bytes_hex(b, RR_A("", TTL60, "09"));
            break;
        }
        bytes_hex(b, "0005 0001" TTL60 "0004");
        bytes_uint(b, 2, 0x0100 | ('b' + i));
        bytes_hex(b, "c00e");
    }
}

static void a_chain_of_the_largest_length_is_followed_and_no_longer_one(void **state)
{
    struct dns_question q = question(DNS_A);
    static struct bytes b;
    struct dns_answer answer;

    (void)state;
    put_chain(&b, DNS_CHAIN_MAX);
    assert_int_equal(
        dns_answer_parse((struct cursor) { .base = b.at, .len = b.len }, &q, &answer),
        PARSE_OK);
    assert_one(&answer, 9, 60);
    put_chain(&b, DNS_CHAIN_MAX + 1);
    assert_int_equal(
        dns_answer_parse((struct cursor) { .base = b.at, .len = b.len }, &q, &answer),
        PARSE_BAD);
}

static void no_more_addresses_are_taken_than_there_is_room_for(void **state)
{
    struct dns_question q = question(DNS_A);
    static struct bytes b;
    struct dns_answer answer;

    (void)state;
    b.len = 0;
    bytes_hex(&b, "1234 8180 0001 01f4 0000 0000" QUESTION);
    for (unsigned i = 0; i < 500; i++)
        bytes_hex(&b, i < DNS_ADDRS_MAX ? RR_A("c00c", TTL60, "09")
                                        : RR_A("c00c", "00000001", "0a"));
    assert_int_equal(
        dns_answer_parse((struct cursor) { .base = b.at, .len = b.len }, &q, &answer),
        PARSE_OK);
    assert_int_equal(answer.nr_addrs, DNS_ADDRS_MAX);
    assert_int_equal(answer.addrs[DNS_ADDRS_MAX - 1].bytes[3], 9);
    assert_int_equal(answer.ttl_s, 60);
}

static void a_negative_answer_lasts_as_long_as_its_soa_says(void **state)
{
    static const struct {
        const char *hex;
        unsigned rcode;
        uint32_t ttl;
    } cases[] = {
        { "1234 8183 0001 0000 0001 0000" QUESTION SOA(TTL300, TTL60), DNS_RCODE_NXDOMAIN, 60 },
        { "1234 8183 0001 0000 0001 0000" QUESTION SOA(TTL60, TTL300), DNS_RCODE_NXDOMAIN, 60 },
        { ANSWER("0000 0001 0000") SOA(TTL300, TTL60), 0, 60 },
        { ANSWER("0000 0001 0000") SOA("80000001", TTL60), 0, 0 },
        { ANSWER("0000 0001 0000") SOA(TTL60, "ffffffff"), 0, 0 },
        { ANSWER("0000 0002 0000") SOA(TTL300, TTL60) SOA(TTL300, "00000001"), 0, 60 },
        { ANSWER("0001 0001 0000") CNAME_B("c00c", "00000005") SOA(TTL300, TTL60), 0, 5 },
        { ANSWER("0000 0000 0000"), 0, 0 },
        { ANSWER("0000 0000 0001") SOA(TTL300, TTL60), 0, 0 },
        { ANSWER("0001 0000 0000") SOA(TTL300, TTL60), 0, 0 },
        /* what looks like one, of another type or class */
        { ANSWER("0000 0001 0000") "c00e 0007 0001" TTL60 "0018 c00e c00e 00000001 00000002"
                                   "00000003 00000004 0000003c",
          0, 0 },
        { ANSWER("0000 0001 0000") "c00e 0006 0003" TTL60 "0018 c00e c00e 00000001 00000002"
                                   "00000003 00000004 0000003c",
          0, 0 },
        { "1234 8182 0001 0000 0000 0000" QUESTION, DNS_RCODE_SERVFAIL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_answer answer = good(cases[i].hex);

        assert_int_equal(answer.rcode, cases[i].rcode);
        assert_int_equal(answer.nr_addrs, 0);
        assert_int_equal(answer.ttl_s, cases[i].ttl);
    }
}

static void an_error_binds_no_address(void **state)
{
    struct dns_answer answer =
        good("1234 8183 0001 0001 0000 0000" QUESTION RR_A("c00c", TTL60, "09"));

    (void)state;
    assert_int_equal(answer.rcode, DNS_RCODE_NXDOMAIN);
    assert_int_equal(answer.nr_addrs, 0);
    assert_int_equal(answer.ttl_s, 0);
}

static void a_ttl_with_the_highest_bit_is_none(void **state)
{
    static const struct {
        const char *hex;
        uint32_t ttl;
    } cases[] = {
        { ANSWER("0001 0000 0000") RR_A("c00c", "00000000", "09"), 0 },
        { ANSWER("0001 0000 0000") RR_A("c00c", "7fffffff", "09"), 0x7fffffff },
        { ANSWER("0001 0000 0000") RR_A("c00c", "80000000", "09"), 0 },
        { ANSWER("0001 0000 0000") RR_A("c00c", "ffffffff", "09"), 0 },
        { ANSWER("0002 0000 0000") CNAME_B("c00c", "80000001") RR_A(B_TEST, TTL60, "09"), 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_answer answer = good(cases[i].hex);

        assert_one(&answer, 9, cases[i].ttl);
    }
}

static void malformed_sections_are_refused(void **state)
{
    static const char *const bad[] = {
        ANSWER("0002 0000 0000") RR_A("c00c", TTL60, "09"), /* one announced too many */
        ANSWER("0001 0001 0000") RR_A("c00c", TTL60, "09"),
        ANSWER("0001 0000 0001") RR_A("c00c", TTL60, "09"),
        ANSWER("ffff ffff ffff") RR_A("c00c", TTL60, "09"),
        ANSWER("0001 0000 0000") RR_A("c00c", TTL60, "09") "00", /* byte at the end */
        ANSWER("0001 0000 0000") "c00c 0001 0001" TTL60 "0005 cb00710900",
        ANSWER("0001 0000 0000") "c00c 0001 0001" TTL60 "0003 cb0071",
        ANSWER("0001 0000 0000") "c00c 0001 0001" TTL60 "0005 cb007109",
        ANSWER("0001 0000 0000") "c00c 001c 0001" TTL60 "0004 cb007109",
        ANSWER("0001 0000 0000") "c00c 001c 0001" TTL60
                                 "0011 20010db80000000000000000000000ff00",
        ANSWER("0000 0001 0000") "c00c 0001 0001" TTL60 "0003 cb0071",
        ANSWER("0001 0000 0000") "c00c 0001 0001 0000", /* record cut */
        /* CNAME whose name does not fill its data, or runs out of it */
        ANSWER("0001 0000 0000") "c00c 0005 0001" TTL60 "0005 01 62 c00e 00",
        ANSWER("0001 0000 0000") "c00c 0005 0001" TTL60 "0003 01 62 c00e",
        ANSWER("0001 0000 0000") "c00c 0005 0001" TTL60 "0000",
        ANSWER("0001 0000 0000") "c00c 0005 0001" TTL60 "0001 05",
        ANSWER("0001 0000 0000") "c00c 0005 0001" TTL60 "0001 c0",
        /* SOA likewise */
        ANSWER("0000 0001 0000") "c00e 0006 0001" TTL60 "0019 c00e c00e 00000001 00000002"
                                 "00000003 00000004 00000005 00",
        ANSWER("0000 0001 0000") "c00e 0006 0001" TTL60 "0014 c00e c00e 00000001 00000002"
                                 "00000003 00000004",
        ANSWER("0000 0001 0000") "c00e 0006 0001" TTL60 "0002 c00e",
        ANSWER("0000 0001 0000") "c00e 0006 0001" TTL60 "0008 c00e c00e 0000003c",
        ANSWER("0000 0001 0000") "c00e 0006 0001" TTL60 "0016 c00e c0ff0001 00000002 00000003"
                                 "00000004 0000003c",
        ANSWER("0000 0001 0000") "c00e 0006 0001" TTL60 "0004 c00e c0ff",
        ANSWER("0000 0001 0000") "c00e 0006 0001" TTL60 "0002 c0ff",
        /* pointers: to itself (the record is at 24), forwards, into the header, half a one */
        ANSWER("0001 0000 0000") RR_A("c018", TTL60, "09"),
        ANSWER("0001 0000 0000") RR_A("c01a", TTL60, "09"),
        ANSWER("0001 0000 0000") RR_A("01 61 c018", TTL60, "09"),
        ANSWER("0001 0000 0000") RR_A("c00b", TTL60, "09"),
        ANSWER("0001 0000 0000") RR_A("c000", TTL60, "09"),
        ANSWER("0001 0000 0000") "c0",
        ANSWER("0001 0000 0000") RR_A("41 61 00", TTL60, "09"),
        ANSWER("0001 0000 0000") RR_A("81 61 00", TTL60, "09"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_rc(bad[i], PARSE_BAD);
}

/* The second record's owner points to the first one's, which points on: fine until 127 times.
 */
static void a_long_way_of_pointers_is_refused(void **state)
{
    struct dns_question q = question(DNS_A);

    (void)state;
    for (unsigned nr = 126; nr <= 127; nr++) {
        static struct bytes b;
        struct dns_answer answer;
        unsigned at = 24 + 12, to = 12;

        b.len = 0;
        bytes_hex(&b, "1234 8180 0001 0002 0000 0000" QUESTION "c00c 0010 0001 0000003c");
        bytes_uint(&b, 2, 2 * nr);
        at = (unsigned)b.len;
        for (unsigned i = 0; i < nr; i++) {
            bytes_uint(&b, 2, 0xc000 | to);
            to = at + 2 * i;
        }
        bytes_uint(&b, 2, 0xc000 | to);
        bytes_hex(&b, RR_A("", TTL60, "09"));
        assert_int_equal(
            dns_answer_parse((struct cursor) { .base = b.at, .len = b.len }, &q, &answer),
            nr == 126 ? PARSE_OK : PARSE_BAD);
        assert_int_equal(answer.nr_addrs, nr == 126);
    }
}

static void a_name_that_grows_past_255_bytes_is_refused(void **state)
{
    struct dns_question q = question(DNS_A);

    (void)state;
    /* labels before a pointer to a.TesT (8 bytes): 3 * 64 + 1 + last + 8 */
    for (unsigned last = 54; last <= 55; last++) {
        static struct bytes b;
        struct dns_answer answer;

        b.len = 0;
        bytes_hex(&b, "1234 8180 0001 0001 0000 0000" QUESTION);
        for (unsigned i = 0; i < 4; i++) {
            bytes_uint(&b, 1, i < 3 ? 63 : last);
            bytes_fill(&b, 'x', i < 3 ? 63 : last);
        }
        bytes_hex(&b, RR_A("c00c", TTL60, "09"));
        assert_int_equal(
            dns_answer_parse((struct cursor) { .base = b.at, .len = b.len }, &q, &answer),
            last == 54 ? PARSE_OK : PARSE_BAD);
    }
}

static void every_cut_of_a_good_answer_is_refused(void **state)
{
    struct dns_question q = question(DNS_A);
    struct dns_answer answer;
    size_t len;
    uint8_t *all =
        exact_hex(ANSWER("0002 0001 0001") CNAME_B("c00c", TTL300) RR_A(B_TEST, TTL60, "09")
                      SOA(TTL60, TTL60) "00 0029 04d0 00000000 0000",
                  &len);

    (void)state;
    for (size_t cut = 0; cut <= len; cut++) {
        uint8_t *p = exact(all, cut);
        enum parse_rc rc =
            dns_answer_parse((struct cursor) { .base = p, .len = cut }, &q, &answer);

        assert_int_equal(rc, cut < 24 ? PARSE_ABSENT : cut < len ? PARSE_BAD : PARSE_OK);
        free(p);
    }
    assert_one(&answer, 9, 60);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_asked_name_are_taken),
        cmocka_unit_test(an_aaaa_question_takes_aaaa_records_only),
        cmocka_unit_test(a_question_of_another_type_takes_no_address),
        cmocka_unit_test(what_is_no_answer_to_the_question_is_left_alone),
        cmocka_unit_test(a_truncated_answer_says_no_more_than_that),
        cmocka_unit_test(the_cname_chain_leads_to_the_addresses_in_any_order),
        cmocka_unit_test(records_beside_the_chain_bind_nothing),
        cmocka_unit_test(two_cnames_of_one_name_are_refused_unless_they_agree),
        cmocka_unit_test(a_cname_loop_is_refused),
        cmocka_unit_test(a_chain_of_the_largest_length_is_followed_and_no_longer_one),
        cmocka_unit_test(no_more_addresses_are_taken_than_there_is_room_for),
        cmocka_unit_test(a_negative_answer_lasts_as_long_as_its_soa_says),
        cmocka_unit_test(an_error_binds_no_address),
        cmocka_unit_test(a_ttl_with_the_highest_bit_is_none),
        cmocka_unit_test(malformed_sections_are_refused),
        cmocka_unit_test(a_long_way_of_pointers_is_refused),
        cmocka_unit_test(a_name_that_grows_past_255_bytes_is_refused),
        cmocka_unit_test(every_cut_of_a_good_answer_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
