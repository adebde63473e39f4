/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Streams built by hand, and a handshake of OpenSSL 3.0 with a HelloRetryRequest (a server that
 * takes P-256 alone, a client that offers X25519 first), recorded on the loopback interface.
 */
#include "sni-filter/tls_record.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"
#include "tests/support/hello.h"

static const char openssl_second_flight[] =
    "1403030001011603030102010000fe030375282b03039bf3f7b304718c304594c25a0c4ab258a0f2b1639d809a"
    "4ce64a7a20f18d1209457c2d1e2b3ff69646d75b8e6f844147054996a22168260098675e850008130213031301"
    "00ff010000ad00000011000f00000c616c6c6f7765642e74657374000b000403000102000a00060004001d0017"
    "002300000016000000170000000d001e001c040305030603080708080809080a080b0804080508060401050106"
    "01002b0003020304002d00020101003300470045001700410414d5ba3c20d4f141d728478528f37a0655f976e9"
    "bb485f1940b076c085e350033fdc0146a8f2e8e934e8c427425e0182c82edf57a6f081956b0d0048b3a69db2";
static const char openssl_retry[] =
    "1603030058020000540303cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c20f1"
    "8d1209457c2d1e2b3ff69646d75b8e6f844147054996a22168260098675e85130200000c002b00020304003300"
    "020017140303000101";
static const char openssl_server_hello[] =
    "160303009b0200009703037cbc4ddf50dcd200fcb02e825c8a4196070a580b0805d88b048ce8ffb14e138c20f1"
    "8d1209457c2d1e2b3ff69646d75b8e6f844147054996a22168260098675e85130200004f002b00020304";

static uint8_t scratch[TLS_HELLO_MAX];

static enum parse_rc client_cut(const struct bytes *b, size_t len, bool is_second,
                                struct tls_client_flight *out, bool *is_tls)
{
    uint8_t *p = exact(b->at, len);
    enum parse_rc rc = tls_client_parse((struct cursor) { .base = p, .len = len }, is_second,
                                        scratch, out, is_tls);

    if (rc != PARSE_OK) {
        static const struct tls_client_flight zero;

        assert_memory_equal(out, &zero, sizeof(zero));
    }
    free(p);
    return rc;
}

static enum parse_rc client(const struct bytes *b, bool is_second,
                            struct tls_client_flight *out)
{
    return client_cut(b, b->len, is_second, out, NULL);
}

/* Every prefix wants more; the whole is read, and what follows changes nothing. */
static void assert_grows_to(struct bytes *b, bool is_second, const char *name)
{
    struct tls_client_flight flight;
    size_t len = b->len;

    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(client_cut(b, cut, is_second, &flight, NULL), PARSE_MORE);
    for (size_t extra = 0; extra < 3; extra++) {
        assert_int_equal(client(b, is_second, &flight), PARSE_OK);
        assert_string_equal(flight.hello.name, name);
        assert_int_equal(flight.hello_end, len);
        bytes_fill(b, 0x17, 1);
    }
}

static void a_hello_is_found_however_its_records_are_cut(void **state)
{
    static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 50, 100, 16384 };
    static struct bytes hello, b;

    (void)state;
    hello.len = 0;
    hello_plain(&hello, "Name.Allowed.test");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        b.len = 0;
        hello_records(&b, &hello, sizes[i]);
        assert_grows_to(&b, false, "name.allowed.test");
    }
}

static void the_alpn_list_outlives_the_joining(void **state)
{
    static struct bytes hello, b;
    struct hello_marks marks;
    struct tls_client_flight flight;

    (void)state;
    for (size_t size = 20; size <= 16384; size += 16364) {
        hello.len = b.len = 0;
        hello_open(&hello, &marks);
        hello_extension(&hello, 16, "0003 02 6832");
        hello_close(&hello, &marks);
        hello_records(&b, &hello, size);
        assert_int_equal(tls_client_parse((struct cursor) { .base = b.at, .len = b.len }, false,
                                          scratch, &flight, NULL),
                         PARSE_OK);
        assert_int_equal(flight.hello.alpn.len, 3);
        assert_memory_equal(flight.hello.alpn.base, "\x02h2", 3);
        if (size == 20)
            assert_in_range(flight.hello.alpn.base, scratch, scratch + sizeof(scratch) - 3);
        else /* one record: read where it is */
            assert_in_range(flight.hello.alpn.base, b.at, b.at + b.len - 3);
    }
}

static void the_largest_hello_is_joined(void **state)
{
    static struct bytes hello, b;
    struct hello_marks marks;
    struct tls_client_flight flight;
    size_t ext;

    (void)state;
    hello.len = b.len = 0;
    hello_open(&hello, &marks);
    hello_server_name(&hello, "a.test");
    bytes_uint(&hello, 2, 21);
    ext = bytes_open(&hello, 2);
    bytes_fill(&hello, 0, TLS_HELLO_MAX - hello.len);
    bytes_close(&hello, ext, 2);
    hello_close(&hello, &marks);
    assert_int_equal(hello.len, TLS_HELLO_MAX);
    hello_records(&b, &hello, 16384);
    assert_int_equal(client(&b, false, &flight), PARSE_OK);
    assert_string_equal(flight.hello.name, "a.test");
    assert_int_equal(flight.hello_end, b.len);
}

/* Streams that no further bytes can mend; cut: how many bytes are enough to know. */
static void what_cannot_become_a_hello_is_refused_at_its_first_wrong_byte(void **state)
{
    static const struct {
        const char *what, *hex;
        bool is_tls, is_second;
    } cases[] = {
        { "HTTP", "47", false, false },
        { "SOCKS5", "05", false, false },
        { "SSLv2 hello", "80", false, false },
        { "alert first", "15", false, false },
        { "ChangeCipherSpec first", "14", false, false },
        { "application data first", "17", false, false },
        { "heartbeat first", "18", false, false },
        { "record version 2", "1602", false, false },
        { "record version 4", "1604", false, false },
        { "empty record", "160301 0000", true, false },
        { "record too long", "160301 4001", true, false },
        { "ServerHello", "160301 0050 02", true, false },
        { "HelloRequest", "160301 0050 00", true, false },
        { "hello too short", "160301 0050 01000028", true, false },
        { "hello too long", "160301 0050 0100fffd", true, false },
        { "more in the record than the hello", "160301 0050 0100004b", true, false },
        { "alert between fragments", "160301 0001 01 15", true, false },
        { "ChangeCipherSpec between fragments", "160301 0001 01 14", true, false },
        { "empty record between fragments", "160301 0001 01 160301 0000", true, false },
        { "hello ends inside the second record", "160301 0004 01000029 160301 002a", true,
          false },
        { "alert before a second hello", "15", true, true },
        { "heartbeat before a second hello", "18", true, true },
        { "CCS of two bytes", "140303 0002", true, true },
        { "empty CCS", "140303 0000", true, true },
        { "CCS of another byte", "140303 0001 02", true, true },
        { "CCS version 2", "1402", true, true },
        { "empty early data", "170303 0000", true, true },
        { "early data too long", "170303 4101", true, true },
        { "early data inside the second hello", "160303 0001 01 17", true, true },
    };
    static struct bytes b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_client_flight flight;
        bool is_tls = !cases[i].is_tls;
        enum parse_rc rc;

        b.len = 0;
        bytes_hex(&b, cases[i].hex);
        rc = client_cut(&b, b.len, cases[i].is_second, &flight, &is_tls);
        if (rc != PARSE_BAD || is_tls != cases[i].is_tls)
            print_error("%s\n", cases[i].what);
        assert_int_equal(rc, PARSE_BAD);
        assert_int_equal(is_tls, cases[i].is_tls);
        /* Neither sooner nor because of something else. */
        for (size_t cut = 0; cut < b.len; cut++) {
            rc = client_cut(&b, cut, cases[i].is_second, &flight, &is_tls);
            if (rc == PARSE_BAD && cut >= b.len - (b.len > 4 ? 4 : 1))
                continue; /* inside the number that is wrong */
            if (rc != PARSE_MORE)
                print_error("%s, cut at %zu\n", cases[i].what, cut);
            assert_int_equal(rc, PARSE_MORE);
            assert_true(is_tls);
        }
    }
}

static void the_minor_version_of_a_record_does_not_matter(void **state)
{
    static struct bytes hello, b;
    struct tls_client_flight flight;

    (void)state;
    hello.len = b.len = 0;
    hello_plain(&hello, "a.test");
    hello_records(&b, &hello, 100);
    for (unsigned minor = 0; minor < 256; minor++) {
        b.at[2] = (uint8_t)minor;
        assert_int_equal(client(&b, false, &flight), PARSE_OK);
    }
}

static void a_hello_that_does_not_end_with_its_record_is_refused(void **state)
{
    static struct bytes hello, b;
    struct tls_client_flight flight;

    (void)state;
    hello.len = b.len = 0;
    hello_plain(&hello, "a.test");
    bytes_fill(&hello, 0, 1);
    hello_records(&b, &hello, 16384);
    assert_int_equal(client(&b, false, &flight), PARSE_BAD);
    /* Not taken either while the byte has not come yet. */
    assert_int_equal(client_cut(&b, b.len - 1, false, &flight, NULL), PARSE_BAD);

    hello.len = b.len = 0;
    hello_plain(&hello, "a.test");
    hello_plain(&hello, "b.test");
    for (size_t size = 60; size < 16384; size *= 4) {
        b.len = 0;
        hello_records(&b, &hello, size);
        assert_int_equal(client(&b, false, &flight), PARSE_BAD);
    }
}

static void a_hello_with_a_bad_body_is_refused(void **state)
{
    static const size_t sizes[] = { 30, 16384 };
    static struct bytes hello, b;
    struct tls_client_flight flight;

    (void)state;
    hello.len = 0;
    hello_plain(&hello, "a b.test");
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        b.len = 0;
        hello_records(&b, &hello, sizes[i]);
        assert_int_equal(client(&b, false, &flight), PARSE_BAD);
    }
}

static void a_second_hello_is_found_behind_early_data_and_change_cipher_spec(void **state)
{
    static const char *const before[] = {
        "",
        "140303 0001 01",
        "170303 0003 aabbcc",
        "140303 0001 01 170303 0001 aa",
        "170303 0001 aa 140303 0001 01 170303 0002 bbcc 140303 0001 01",
    };
    static struct bytes hello, b;

    (void)state;
    hello.len = 0;
    hello_plain(&hello, "a.test");
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        b.len = 0;
        bytes_hex(&b, before[i]);
        hello_records(&b, &hello, 60);
        assert_grows_to(&b, true, "a.test");
    }
    b.len = 0;
    bytes_hex(&b, openssl_second_flight);
    assert_grows_to(&b, true, "allowed.test");
}

static void early_data_of_the_largest_size_may_come_before_a_second_hello(void **state)
{
    static struct bytes hello, b;
    struct tls_client_flight flight;

    (void)state;
    hello.len = b.len = 0;
    bytes_hex(&b, "170303 4100");
    bytes_fill(&b, 0x42, 0x4100);
    hello_plain(&hello, "a.test");
    hello_records(&b, &hello, 16384);
    assert_int_equal(client(&b, true, &flight), PARSE_OK);
    assert_int_equal(client(&b, false, &flight), PARSE_BAD);
}

/* --- the server's side --- */

static enum tls_answer server_cut(const struct bytes *b, size_t len)
{
    uint8_t *p = exact(b->at, len);
    enum tls_answer answer = tls_server_parse((struct cursor) { .base = p, .len = len });

    free(p);
    return answer;
}

/* The answer comes with byte number at and stays. */
static void assert_tells(const char *hex, size_t at, enum tls_answer answer)
{
    static struct bytes b;

    b.len = 0;
    bytes_hex(&b, hex);
    for (size_t len = 0; len <= b.len; len++) {
        enum tls_answer got = server_cut(&b, len);

        if (got != (len < at ? TLS_ANSWER_MORE : answer))
            print_error("%s at %zu\n", hex, len);
        assert_int_equal(got, len < at ? TLS_ANSWER_MORE : answer);
    }
}

#define RETRY_HEAD                                                                             \
    "02000054 0303 cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"

static void a_server_hello_is_told_from_a_retry_by_its_43rd_byte(void **state)
{
    (void)state;
    assert_tells(openssl_retry, 43, TLS_ANSWER_RETRY);
    assert_tells(openssl_server_hello, 43, TLS_ANSWER_OTHER);
}

static void every_byte_of_the_retry_random_counts(void **state)
{
    static struct bytes b;

    (void)state;
    b.len = 0;
    bytes_hex(&b, "160303 0058" RETRY_HEAD);
    for (size_t i = 11; i < 43; i++) {
        b.at[i] ^= 0x80;
        assert_int_equal(server_cut(&b, b.len), TLS_ANSWER_OTHER);
        b.at[i] ^= 0x80;
        assert_int_equal(server_cut(&b, b.len), TLS_ANSWER_RETRY);
    }
}

static void records_of_any_size_are_joined(void **state)
{
    static struct bytes head, b;

    (void)state;
    head.len = 0;
    bytes_hex(&head, RETRY_HEAD);
    for (size_t size = 1; size < head.len; size++) {
        b.len = 0;
        hello_records(&b, &head, size);
        assert_int_equal(server_cut(&b, b.len - 1), TLS_ANSWER_MORE);
        assert_int_equal(server_cut(&b, b.len), TLS_ANSWER_RETRY);
    }
}

static void what_means_nothing_is_stepped_over(void **state)
{
    (void)state;
    assert_tells("150303 0002 0170 160303 0058" RETRY_HEAD, 7 + 43, TLS_ANSWER_RETRY);
    assert_tells("140303 0001 01 160303 0058" RETRY_HEAD, 6 + 43, TLS_ANSWER_RETRY);
    assert_tells("160303 0000 160303 0058" RETRY_HEAD, 5 + 43, TLS_ANSWER_RETRY);
    assert_tells("160303 0004 00000000 160303 0058" RETRY_HEAD, 9 + 43, TLS_ANSWER_RETRY);
    assert_tells("160303 0008 00000000 00000000 160303 0058" RETRY_HEAD, 13 + 43,
                 TLS_ANSWER_RETRY);
    assert_tells("160303 0001 02 150301 0002 0170 160303 0025"
                 "000054 0303 cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c",
                 6 + 7 + 5 + 37, TLS_ANSWER_RETRY);
}

static void anything_else_ends_the_reading(void **state)
{
    (void)state;
    assert_tells("48545450", 1, TLS_ANSWER_OTHER); /* HTTP */
    assert_tells("13", 1, TLS_ANSWER_OTHER);
    assert_tells("170303", 1, TLS_ANSWER_OTHER);           /* application data */
    assert_tells("1602", 2, TLS_ANSWER_OTHER);             /* version 2 */
    assert_tells("150303 0002 0228", 6, TLS_ANSWER_OTHER); /* fatal alert */
    assert_tells("150303 0003 0128", 5, TLS_ANSWER_OTHER); /* no alert is that long */
    assert_tells("150303 0001 01", 5, TLS_ANSWER_OTHER);
    assert_tells("140303 0002 01", 5, TLS_ANSWER_OTHER);
    assert_tells("160303 0058 01", 6, TLS_ANSWER_OTHER); /* ClientHello */
    /* type 0 that is no HelloRequest */
    assert_tells("160303 0058 00000054 0303"
                 "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c",
                 43, TLS_ANSWER_OTHER);
}

static void a_server_that_does_not_come_to_the_point_counts_as_a_retry(void **state)
{
    static struct bytes b;

    (void)state;
    b.len = 0;
    while (b.len < TLS_ANSWER_MAX)
        bytes_hex(&b, "150303 0002 0170");
    assert_int_equal(server_cut(&b, TLS_ANSWER_MAX - 1), TLS_ANSWER_MORE);
    assert_int_equal(server_cut(&b, TLS_ANSWER_MAX), TLS_ANSWER_RETRY);
    b.at[TLS_ANSWER_MAX - TLS_ANSWER_MAX % 7 - 2] = 2; /* the last whole alert is a fatal one */
    assert_int_equal(server_cut(&b, TLS_ANSWER_MAX), TLS_ANSWER_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_is_found_however_its_records_are_cut),
        cmocka_unit_test(the_alpn_list_outlives_the_joining),
        cmocka_unit_test(the_largest_hello_is_joined),
        cmocka_unit_test(what_cannot_become_a_hello_is_refused_at_its_first_wrong_byte),
        cmocka_unit_test(the_minor_version_of_a_record_does_not_matter),
        cmocka_unit_test(a_hello_that_does_not_end_with_its_record_is_refused),
        cmocka_unit_test(a_hello_with_a_bad_body_is_refused),
        cmocka_unit_test(a_second_hello_is_found_behind_early_data_and_change_cipher_spec),
        cmocka_unit_test(early_data_of_the_largest_size_may_come_before_a_second_hello),
        cmocka_unit_test(a_server_hello_is_told_from_a_retry_by_its_43rd_byte),
        cmocka_unit_test(every_byte_of_the_retry_random_counts),
        cmocka_unit_test(records_of_any_size_are_joined),
        cmocka_unit_test(what_means_nothing_is_stepped_over),
        cmocka_unit_test(anything_else_ends_the_reading),
        cmocka_unit_test(a_server_that_does_not_come_to_the_point_counts_as_a_retry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
