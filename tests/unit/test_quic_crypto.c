/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * CRYPTO streams put together from frames made here.
 */
#include "sni-filter/quic_crypto.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cm.h"
#include "tests/support/exact.h"
#include "tests/support/hello.h"
#include "tests/support/quic_seal.h"

static struct chunk_pool pool;
static struct quic_crypto crypto;
static struct bytes message, frames;
static uint8_t *scratch; /* of exactly the size that is asked for */

static int begin(void **state)
{
    (void)state;
    message.len = frames.len = 0;
    scratch = malloc(QUIC_CRYPTO_MAX);
    quic_crypto_init(&crypto);
    return scratch != NULL && chunk_pool_init(&pool, 32) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    quic_crypto_clear(&crypto, &pool);
    assert_int_equal(pool.nr_used, 0);
    chunk_pool_clear(&pool);
    free(scratch);
    return 0;
}

/* The frames gathered so far are one packet. */
static enum quic_crypto_rc take(void)
{
    uint8_t *p = exact(frames.at, frames.len);
    enum quic_crypto_rc rc =
        quic_crypto_take(&crypto, &pool, (struct cursor) { .base = p, .len = frames.len });

    frames.len = 0;
    free(p);
    return rc;
}

static enum quic_crypto_rc take_part(size_t from, size_t to)
{
    quic_seal_crypto(&frames, &message, from, to);
    return take();
}

static enum parse_rc hello_at(uint32_t at, struct tls_hello *hello, uint32_t *stop)
{
    static const struct tls_hello zero;
    enum parse_rc rc = quic_crypto_hello(&crypto, &pool, at, scratch, hello, stop);

    if (rc != PARSE_OK) {
        assert_memory_equal(hello, &zero, sizeof(zero));
        assert_int_equal(*stop, 0);
    } else if (hello->alpn.len != 0) {
        assert_in_range(hello->alpn.base, scratch, scratch + QUIC_CRYPTO_MAX);
    }
    return rc;
}

static void a_hello_is_read_when_its_last_byte_came(void **state)
{
    struct tls_hello hello;
    uint32_t stop;

    (void)state;
    quic_seal_hello(&message, "a.test");
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_MORE);
    assert_int_equal(hello_at(1, &hello, &stop), PARSE_MORE); /* beyond what is there */
    for (size_t at = 0; at < message.len; at++) {
        assert_int_equal(take_part(at, at + 1), QUIC_CRYPTO_OK);
        assert_int_equal(hello_at(0, &hello, &stop),
                         at + 1 < message.len ? PARSE_MORE : PARSE_OK);
    }
    assert_string_equal(hello.name, "a.test");
    assert_int_equal(hello.alpn.len, 3);
    assert_int_equal(stop, message.len);
}

static void pieces_come_in_any_order_and_overlap(void **state)
{
    struct tls_hello hello;
    uint32_t stop;

    (void)state;
    quic_seal_hello(&message, "a.test");
    for (size_t at = message.len; at-- > 0;) {
        size_t to = at + 7 < message.len ? at + 7 : message.len;

        quic_seal_crypto(&frames, &message, at, to);
        quic_seal_crypto(&frames, &message, at, at);
    }
    assert_int_equal(take(), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_OK);
    assert_int_equal(take_part(0, message.len), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_OK);
}

static void a_byte_that_changes_is_a_conflict(void **state)
{
    (void)state;
    quic_seal_hello(&message, "a.test");
    for (size_t at = 0; at < message.len; at++) {
        assert_int_equal(take_part(0, message.len), QUIC_CRYPTO_OK);
        message.at[at] ^= 0x20;
        assert_int_equal(take_part(at, message.len), QUIC_CRYPTO_CONFLICT);
        message.at[at] ^= 0x20;
    }
}

static void a_malformed_packet_leaves_nothing(void **state)
{
    (void)state;
    bytes_fill(&message, 7, 64);
    quic_seal_crypto(&frames, &message, 0, 64);
    bytes_hex(&frames, "07");
    assert_int_equal(take(), QUIC_CRYPTO_BAD);
    assert_int_equal(crypto.top, 0);
    assert_int_equal(pool.nr_used, 0);
    quic_seal_crypto(&frames, &message, 0, 64);
    bytes_hex(&frames, "06 80004000 01 aa");
    assert_int_equal(take(), QUIC_CRYPTO_TOO_LONG);
    assert_int_equal(crypto.top, 0);
    /* malformed counts more than too long */
    bytes_hex(&frames, "06 80004000 01 aa 07");
    assert_int_equal(take(), QUIC_CRYPTO_BAD);
}

static void a_stream_has_an_end(void **state)
{
    static const struct {
        const char *hex;
        enum quic_crypto_rc rc;
    } cases[] = {
        { "06 80003fff 01 aa", QUIC_CRYPTO_OK }, /* its last byte */
        { "06 80003fff 02 aabb", QUIC_CRYPTO_TOO_LONG },
        { "06 80004000 01 aa", QUIC_CRYPTO_TOO_LONG },
        { "06 80004001 00", QUIC_CRYPTO_TOO_LONG },
        { "06 c000000100000000 01 aa", QUIC_CRYPTO_TOO_LONG }, /* 2^32 is not 0 */
        { "06 fffffffffffffffe 01 aa", QUIC_CRYPTO_TOO_LONG },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bytes_hex(&frames, cases[i].hex);
        assert_int_equal(take(), cases[i].rc);
        assert_int_equal(crypto.top, QUIC_CRYPTO_MAX);
    }
    bytes_uint(&frames, 1, 6);
    bytes_hex(&frames, "00 80004001");
    bytes_fill(&frames, 0, QUIC_CRYPTO_MAX + 1);
    assert_int_equal(take(), QUIC_CRYPTO_TOO_LONG);
}

static void a_full_pool_refuses(void **state)
{
    struct quic_crypto other;

    (void)state;
    bytes_fill(&message, 1, QUIC_CRYPTO_MAX);
    quic_seal_crypto(&frames, &message, 0, 8192);
    quic_seal_crypto(&frames, &message, 8192, QUIC_CRYPTO_MAX);
    quic_crypto_init(&other);
    assert_int_equal(quic_crypto_take(&other, &pool,
                                      (struct cursor) { .base = frames.at, .len = frames.len }),
                     QUIC_CRYPTO_OK);
    assert_int_equal(take(), QUIC_CRYPTO_OK); /* all 32 chunks */
    quic_crypto_clear(&crypto, &pool);
    pool.nr -= 16;
    assert_int_equal(take_part(0, 1), QUIC_CRYPTO_FULL);
    quic_crypto_clear(&other, &pool);
    assert_int_equal(take_part(0, 1), QUIC_CRYPTO_OK);
}

static void messages_that_cannot_end_in_time_are_refused(void **state)
{
    struct tls_hello hello;
    uint32_t stop;

    (void)state;
    bytes_hex(&message, "01 003ffc");
    assert_int_equal(take_part(0, 4), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_MORE);
    quic_crypto_clear(&crypto, &pool);
    message.at[3] = 0xfd;
    assert_int_equal(take_part(0, 4), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_BAD);
    quic_crypto_clear(&crypto, &pool);
    message.len = 0;
    bytes_hex(&message, "00 01 003ffc"); /* it would fit at 0, not at 1 */
    assert_int_equal(take_part(0, 5), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(1, &hello, &stop), PARSE_BAD);
    quic_crypto_clear(&crypto, &pool);
    message.len = 0;
    bytes_hex(&message, "01 ffffff");
    assert_int_equal(take_part(0, 4), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_BAD);
}

static void the_first_byte_says_whether_it_is_a_hello(void **state)
{
    struct tls_hello hello;
    uint32_t stop;

    (void)state;
    bytes_hex(&message, "02");
    assert_int_equal(take_part(0, 1), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_BAD);
    quic_crypto_clear(&crypto, &pool);
    message.len = 0;
    quic_seal_hello(&message, "a.test");
    assert_int_equal(take_part(1, message.len), QUIC_CRYPTO_OK); /* the first byte is absent */
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_MORE);
}

static void what_quic_forbids_in_a_hello_is_refused(void **state)
{
    struct tls_hello hello;
    uint32_t stop;

    (void)state;
    hello_plain(&message, "a.test"); /* a session id, no transport parameters */
    assert_int_equal(take_part(0, message.len), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_BAD);

    for (int has_id = 0; has_id <= 1; has_id++)
        for (int has_parameters = 0; has_parameters <= 1; has_parameters++) {
            size_t body, list;

            quic_crypto_clear(&crypto, &pool);
            message.len = 0;
            bytes_uint(&message, 1, 1);
            body = bytes_open(&message, 3);
            bytes_uint(&message, 2, 0x0303);
            bytes_fill(&message, 0xa5, 32);
            bytes_hex(&message, has_id ? "01 aa" : "00");
            bytes_hex(&message, "0002 1301 01 00");
            list = bytes_open(&message, 2);
            hello_server_name(&message, "a.test");
            hello_extension(&message, has_parameters ? 57 : 0xffa5, "0104 8000ea60");
            bytes_close(&message, list, 2);
            bytes_close(&message, body, 3);
            assert_int_equal(take_part(0, message.len), QUIC_CRYPTO_OK);
            assert_int_equal(hello_at(0, &hello, &stop),
                             has_parameters && !has_id ? PARSE_OK : PARSE_BAD);
        }
}

static void bytes_behind_the_hello_are_refused(void **state)
{
    struct tls_hello hello;
    uint32_t stop;
    size_t len;

    (void)state;
    quic_seal_hello(&message, "a.test");
    len = message.len;
    bytes_fill(&message, 1, 100);
    assert_int_equal(take_part(0, len), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_OK);
    assert_int_equal(take_part(len + 50, len + 51), QUIC_CRYPTO_OK); /* after a gap too */
    assert_int_equal(hello_at(0, &hello, &stop), PARSE_BAD);
}

static void a_second_hello_is_read_behind_the_first(void **state)
{
    struct tls_hello hello;
    uint32_t stop;
    size_t len;

    (void)state;
    quic_seal_hello(&message, "a.test");
    len = message.len;
    quic_seal_hello(&message, "b.test");
    assert_int_equal(take_part(0, message.len), QUIC_CRYPTO_OK);
    assert_int_equal(hello_at((uint32_t)len, &hello, &stop), PARSE_OK);
    assert_string_equal(hello.name, "b.test");
    assert_int_equal(stop, message.len);
}

static void a_server_says_hello_or_asks_again(void **state)
{
    uint32_t stop;

    (void)state;
    for (int is_retry = 0; is_retry <= 1; is_retry++) {
        quic_crypto_clear(&crypto, &pool);
        message.len = 0;
        quic_seal_server_hello(&message, is_retry);
        for (size_t at = 0; at < message.len; at++) {
            assert_int_equal(quic_crypto_answer(&crypto, &pool, 0, scratch, &stop),
                             TLS_ANSWER_MORE);
            assert_int_equal(stop, 0);
            assert_int_equal(take_part(at, at + 1), QUIC_CRYPTO_OK);
        }
        assert_int_equal(quic_crypto_answer(&crypto, &pool, 0, scratch, &stop),
                         is_retry ? TLS_ANSWER_RETRY : TLS_ANSWER_OTHER);
        assert_int_equal(stop, is_retry ? message.len : 0);
    }
}

/* Whoever seals a server's packets need not be one: only a ServerHello ends the reading. */
static void another_message_of_a_server_is_no_answer(void **state)
{
    uint32_t stop;

    (void)state;
    quic_seal_server_hello(&message, false);
    message.at[0] = 8;
    assert_int_equal(take_part(0, message.len), QUIC_CRYPTO_OK);
    assert_int_equal(quic_crypto_answer(&crypto, &pool, 0, scratch, &stop), TLS_ANSWER_MORE);
    quic_crypto_clear(&crypto, &pool);
    message.len = 0;
    bytes_hex(&message, "02 000010"); /* too short to hold a random */
    bytes_fill(&message, 3, 16);
    assert_int_equal(take_part(0, message.len), QUIC_CRYPTO_OK);
    assert_int_equal(quic_crypto_answer(&crypto, &pool, 0, scratch, &stop), TLS_ANSWER_MORE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hello_is_read_when_its_last_byte_came),
        TEST(pieces_come_in_any_order_and_overlap),
        TEST(a_byte_that_changes_is_a_conflict),
        TEST(a_malformed_packet_leaves_nothing),
        TEST(a_stream_has_an_end),
        TEST(a_full_pool_refuses),
        TEST(messages_that_cannot_end_in_time_are_refused),
        TEST(the_first_byte_says_whether_it_is_a_hello),
        TEST(what_quic_forbids_in_a_hello_is_refused),
        TEST(bytes_behind_the_hello_are_refused),
        TEST(a_second_hello_is_read_behind_the_first),
        TEST(a_server_says_hello_or_asks_again),
        TEST(another_message_of_a_server_is_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
