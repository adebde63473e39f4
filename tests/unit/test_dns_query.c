/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Queries made by hand from RFC 1035 §4.1 and RFC 6891 §6.1.
 */
#include "sni-filter/dns_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

#define HEAD     "1234 0100 0001 0000 0000 0000"
#define HEAD_OPT "1234 0100 0001 0000 0000 0001"
#define NAME     "01 61 04 74657374 00" /* a.test */
#define A_IN     "0001 0001"
#define QUESTION NAME A_IN

static enum parse_rc parse(const char *hex, size_t cut, struct dns_query *out, int *rcode)
{
    size_t len;
    uint8_t *all = exact_hex(hex, &len), *p;
    enum parse_rc rc;

    assert_true(cut <= len);
    p = exact(all, len - cut);
    free(all);
    rc = dns_query_parse((struct cursor) { .base = p, .len = len - cut }, out, rcode);
    free(p);
    return rc;
}

static struct dns_query good(const char *hex)
{
    struct dns_query query;
    int rcode;

    if (parse(hex, 0, &query, &rcode) != PARSE_OK)
        fail_msg("refused: %s", hex);
    assert_int_equal(query.id, 0x1234);
    return query;
}

static void a_plain_query_is_read(void **state)
{
    struct dns_query query = good(HEAD QUESTION);

    (void)state;
    assert_string_equal(query.name, "a.test");
    assert_int_equal(query.qtype, DNS_A);
    assert_int_equal(query.qclass, 1);
    assert_int_equal(query.wire_name_len, 8);
    assert_memory_equal(query.wire_name, "\1a\4test\0", 8);
    assert_true(query.is_recursion_desired);
    assert_false(query.is_checking_disabled || query.has_edns);
    assert_int_equal(query.udp_size, 512);
}

static void flags_are_read(void **state)
{
    struct dns_query query = good("1234 0010 0001 0000 0000 0000" QUESTION);

    (void)state;
    assert_false(query.is_recursion_desired);
    assert_true(query.is_checking_disabled);
    query = good("1234 0120 0001 0000 0000 0000" QUESTION); /* AD, as dig sends it */
    assert_true(query.is_recursion_desired);
    assert_false(query.is_checking_disabled);
}

static void the_clients_spelling_is_kept_and_the_name_is_folded(void **state)
{
    struct dns_query query = good(HEAD "01 41 04 54655354 00" A_IN);

    (void)state;
    assert_string_equal(query.name, "a.test");
    assert_memory_equal(query.wire_name, "\1A\4TeST\0", 8);
}

static void any_question_type_is_read(void **state)
{
    (void)state;
    assert_int_equal(good(HEAD NAME "001c 0001").qtype, DNS_AAAA);
    assert_int_equal(good(HEAD NAME "0041 0001").qtype, DNS_HTTPS);
    assert_int_equal(good(HEAD NAME "ffff 0001").qtype, 0xffff);
}

static void a_name_that_is_no_host_name_is_read_without_text(void **state)
{
    static const char *const names[] = {
        "00",                       /* root */
        "03 612e62 04 74657374 00", /* "a.b" in one label */
        "01 2e 00",
        "02 612e 04 74657374 00",     /* a dot at the end of a label */
        "02 6100 04 74657374 00",     /* NUL */
        "02 c3a4 04 74657374 00",     /* UTF-8 */
        "01 2a 04 74657374 00",       /* wildcard */
        "01 31 01 32 01 33 01 34 00", /* 1.2.3.4 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char hex[200];
        struct dns_query query;

        snprintf(hex, sizeof(hex), "%s%s%s", HEAD, names[i], A_IN);
        query = good(hex);
        assert_string_equal(query.name, "");
        assert_int_not_equal(query.wire_name_len, 0);
    }
    assert_string_equal(good(HEAD "04 5f746370 04 74657374 00" A_IN).name, "_tcp.test");
}

static void edns_is_read(void **state)
{
    static const struct {
        const char *opt;
        unsigned size;
    } cases[] = {
        { "00 0029 04d0 00000000 0000", 1232 },
        { "00 0029 0000 00000000 0000", 512 },
        { "00 0029 01ff 00000000 0000", 512 },
        { "00 0029 0201 00000000 0000", 513 },
        { "00 0029 ffff 00008000 0000", 65535 },                           /* DO */
        { "00 0029 04d0 00000000 000c 000a 0008 0102030405060708", 1232 }, /* cookie */
        { "00 0029 04d0 00000000 0008 000c 0000 0003 0000", 1232 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hex[300];
        struct dns_query query;

        snprintf(hex, sizeof(hex), "%s%s", HEAD_OPT QUESTION, cases[i].opt);
        query = good(hex);
        assert_true(query.has_edns);
        assert_int_equal(query.udp_size, cases[i].size);
        assert_string_equal(query.name, "a.test");
    }
}

static void what_is_no_query_gets_the_right_error(void **state)
{
    static const struct {
        const char *what, *hex;
        int rcode;
        bool has_question;
    } cases[] = {
        { "empty", "", -1, false },
        { "11 bytes", "1234 0100 0001 0000 0000 00", -1, false },
        { "an answer", "1234 8100 0001 0000 0000 0000" QUESTION, -1, false },
        { "an answer to an update", "1234 a900 0001 0000 0000 0000" QUESTION, -1, false },
        { "opcode IQUERY", "1234 0900 0001 0000 0000 0000" QUESTION, DNS_RCODE_NOTIMP, true },
        { "opcode UPDATE", "1234 2900 0001 0000 0000 0000" QUESTION, DNS_RCODE_NOTIMP, true },
        { "opcode 8", "1234 4100 0001 0000 0000 0000" QUESTION, DNS_RCODE_NOTIMP, true },
        { "opcode UPDATE, no zone", "1234 2900 0000 0000 0000 0000", DNS_RCODE_NOTIMP, false },
        { "no question", "1234 0100 0000 0000 0000 0000", DNS_RCODE_FORMERR, false },
        { "two questions", "1234 0100 0002 0000 0000 0000" QUESTION QUESTION, DNS_RCODE_FORMERR,
          false },
        { "65535 questions", "1234 0100 ffff 0000 0000 0000" QUESTION, DNS_RCODE_FORMERR,
          false },
        { "an answer record",
          "1234 0100 0001 0001 0000 0000" QUESTION "c00c 0001 0001 00000000 0004 7f000001",
          DNS_RCODE_FORMERR, true },
        { "an answer record announced", "1234 0100 0001 0001 0000 0000" QUESTION,
          DNS_RCODE_FORMERR, true },
        { "an authority record announced", "1234 0100 0001 0000 0001 0000" QUESTION,
          DNS_RCODE_FORMERR, true },
        { "two OPT",
          "1234 0100 0001 0000 0000 0002" QUESTION "00 0029 04d0 00000000 0000"
          "00 0029 04d0 00000000 0000",
          DNS_RCODE_FORMERR, true },
        { "a record that is no OPT", HEAD_OPT QUESTION "00 0001 0001 00000000 0000",
          DNS_RCODE_FORMERR, true },
        { "OPT not at the root", HEAD_OPT QUESTION "01 61 00 0029 04d0 00000000 0000",
          DNS_RCODE_FORMERR, true },
        { "OPT behind one byte", HEAD_OPT QUESTION "01 0029 04d0 00000000 0000",
          DNS_RCODE_FORMERR, true },
        { "two records announced", "1234 0100 0001 0000 0000 0002" QUESTION, DNS_RCODE_FORMERR,
          true },
        { "OPT announced", HEAD_OPT QUESTION, DNS_RCODE_FORMERR, true },
        { "OPT cut", HEAD_OPT QUESTION "00 0029 04d0 00000000 00", DNS_RCODE_FORMERR, true },
        { "EDNS version 1", HEAD_OPT QUESTION "00 0029 04d0 00010000 0000", DNS_RCODE_FORMERR,
          true },
        { "option too long", HEAD_OPT QUESTION "00 0029 04d0 00000000 0004 000a 0001",
          DNS_RCODE_FORMERR, true },
        { "option cut", HEAD_OPT QUESTION "00 0029 04d0 00000000 0003 000a 00",
          DNS_RCODE_FORMERR, true },
        { "byte at the end", HEAD QUESTION "00", DNS_RCODE_FORMERR, true },
        { "byte behind the OPT", HEAD_OPT QUESTION "00 0029 04d0 00000000 0000 00",
          DNS_RCODE_FORMERR, true },
        { "OPT not announced", HEAD QUESTION "00 0029 04d0 00000000 0000", DNS_RCODE_FORMERR,
          true },
        { "class CH", HEAD NAME "0001 0003", DNS_RCODE_NOTIMP, true },
        { "class ANY", HEAD NAME "0001 00ff", DNS_RCODE_NOTIMP, true },
        { "no class", HEAD NAME "0001", DNS_RCODE_FORMERR, false },
        { "no type", HEAD NAME, DNS_RCODE_FORMERR, false },
        { "no root", HEAD "01 61", DNS_RCODE_FORMERR, false },
        { "label cut", HEAD "05 61", DNS_RCODE_FORMERR, false },
        { "pointer to itself", HEAD "c00c" A_IN, DNS_RCODE_FORMERR, false },
        { "pointer into the header", HEAD "c000" A_IN, DNS_RCODE_FORMERR, false },
        { "pointer behind a label", HEAD "01 61 c00c" A_IN, DNS_RCODE_FORMERR, false },
        { "pointer forwards", HEAD "c012" A_IN QUESTION, DNS_RCODE_FORMERR, false },
        { "label type 0x40", HEAD "41 61 00" A_IN, DNS_RCODE_FORMERR, false },
        { "label type 0x80", HEAD "81 61 00" A_IN, DNS_RCODE_FORMERR, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_query query;
        int rcode = 99;
        enum parse_rc rc = parse(cases[i].hex, 0, &query, &rcode);

        if (rc != PARSE_BAD || rcode != cases[i].rcode ||
            (query.wire_name_len != 0) != cases[i].has_question)
            print_error("%s\n", cases[i].what);
        assert_int_equal(rc, PARSE_BAD);
        assert_int_equal(rcode, cases[i].rcode);
        assert_int_equal(query.id, cases[i].rcode < 0 ? 0 : 0x1234);
        assert_int_equal(query.wire_name_len != 0, cases[i].has_question);
    }
}

static void every_cut_of_a_good_query_is_refused(void **state)
{
    static const char whole[] = HEAD_OPT QUESTION "00 0029 04d0 00000000 0006 000a 0002 0102";
    struct dns_query query;
    size_t len;
    int rcode;

    (void)state;
    free(exact_hex(whole, &len));
    for (size_t cut = 1; cut <= len; cut++)
        assert_int_equal(parse(whole, cut, &query, &rcode), PARSE_BAD);
    assert_int_equal(parse(whole, 0, &query, &rcode), PARSE_OK);
}

static void a_name_of_255_bytes_on_the_wire_is_taken_and_of_256_is_not(void **state)
{
    (void)state;
    for (unsigned last = 61; last <= 62; last++) { /* 3 * 64 + 1 + last + 1 */
        static struct bytes b;
        struct dns_query query;
        int rcode;

        b.len = 0;
        bytes_hex(&b, HEAD);
        for (unsigned i = 0; i < 4; i++) {
            bytes_uint(&b, 1, i < 3 ? 63 : last);
            bytes_fill(&b, 'x', i < 3 ? 63 : last);
        }
        bytes_hex(&b, "00" A_IN);
        assert_int_equal(
            dns_query_parse((struct cursor) { .base = b.at, .len = b.len }, &query, &rcode),
            last == 61 ? PARSE_OK : PARSE_BAD);
        assert_int_equal(query.wire_name_len, last == 61 ? 255 : 0);
        assert_int_equal(strlen(query.name), last == 61 ? 253 : 0);
    }
}

static void a_label_of_more_than_63_bytes_is_refused(void **state)
{
    static const unsigned lens[] = { 63, 64, 128, 191 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        static struct bytes b;
        struct dns_query query;
        int rcode;

        b.len = 0;
        bytes_hex(&b, HEAD);
        bytes_uint(&b, 1, lens[i]);
        bytes_fill(&b, 'x', lens[i]);
        bytes_hex(&b, "00" A_IN);
        assert_int_equal(
            dns_query_parse((struct cursor) { .base = b.at, .len = b.len }, &query, &rcode),
            lens[i] == 63 ? PARSE_OK : PARSE_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_query_is_read),
        cmocka_unit_test(flags_are_read),
        cmocka_unit_test(the_clients_spelling_is_kept_and_the_name_is_folded),
        cmocka_unit_test(any_question_type_is_read),
        cmocka_unit_test(a_name_that_is_no_host_name_is_read_without_text),
        cmocka_unit_test(edns_is_read),
        cmocka_unit_test(what_is_no_query_gets_the_right_error),
        cmocka_unit_test(every_cut_of_a_good_query_is_refused),
        cmocka_unit_test(a_label_of_more_than_63_bytes_is_refused),
        cmocka_unit_test(a_name_of_255_bytes_on_the_wire_is_taken_and_of_256_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
