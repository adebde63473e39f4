/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A client's datagrams, their packets sealed here.
 */
#include "sni-filter/quic_conn.h"

#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/quic_rig.h"

#define OTHER "b0b1b2b3b4b5b6b7"
#define V1    "00000001"
#define V2    "6b3343cf"
#define BODY  "000102030405060708090a0b0c0d0e0f10111213"

static void a_hello_over_three_datagrams_is_read_in_any_order(void **state)
{
    static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                          { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    size_t third = rig.message.len / 3;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        for (size_t part = 0; part < 3; part++) {
            struct quic_seal client = quic_rig_client();
            size_t nr = orders[i][part];

            client.number = nr;
            quic_rig_part(&client, &rig.message, nr * third,
                          nr == 2 ? rig.message.len : (nr + 1) * third);
            if (part == 0)
                assert_int_equal(quic_rig_open(), QUIC_OK);
            assert_int_equal(quic_rig_from_client(), QUIC_OK);
            assert_int_equal(quic_rig_read(), part == 2 ? PARSE_OK : PARSE_MORE);
        }
}

static void every_cut_of_a_datagram_is_refused(void **state)
{
    struct quic_seal client = quic_rig_client();
    static struct bytes all;

    (void)state;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_open(), QUIC_OK);
    all = rig.datagram;
    for (size_t cut = 0; cut < all.len; cut++) {
        rig.datagram.len = cut;
        assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED);
        rig.datagram.len = cut;
        assert_int_equal(quic_rig_open(), QUIC_MALFORMED);
        rig.datagram.len = all.len;
        assert_int_equal(quic_rig_open(), QUIC_OK);
    }
}

static void small_datagrams_are_refused(void **state)
{
    struct quic_seal client = quic_rig_client();

    (void)state;
    client.pad_to = QUIC_INITIAL_MIN - 1;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_open(), QUIC_OK);
    assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED);
    assert_int_equal(quic_rig_read(), PARSE_MORE);
    /* The datagram counts, not the packet: two packets, or one and zeros. */
    client.pad_to = 600;
    quic_rig_part(&client, &rig.message, 0, 20);
    client.pad_to = 1200;
    client.number = 1;
    quic_rig_part(&client, &rig.message, 20, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    assert_int_equal(quic_rig_read(), PARSE_OK);
    client.pad_to = 0;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    bytes_fill(&rig.datagram, 0, QUIC_INITIAL_MIN - rig.datagram.len);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
}

/* What may follow the packet with the hello in its datagram. */
static void coalesced_packets_are_read_by_their_rules(void **state)
{
    static const struct {
        const char *what, *hex;
        enum quic_rc rc;
    } cases[] = {
        { "nothing", "", QUIC_OK },
        { "zeros", "00000000", QUIC_OK },
        { "zeros and one", "00000001", QUIC_MALFORMED },
        { "no fixed bit", "3f0000", QUIC_MALFORMED },
        { "1-RTT", "40aabbccdd", QUIC_OK },
        { "0-RTT", "d0" V1 "08" RIG_FIRST "03" RIG_CLIENT "14" BODY, QUIC_OK },
        { "0-RTT, 1-RTT", "d0" V1 "08" RIG_FIRST "03" RIG_CLIENT "14" BODY "40aabb", QUIC_OK },
        { "0-RTT without fixed bit", "90" V1 "08" RIG_FIRST "03" RIG_CLIENT "14" BODY,
          QUIC_MALFORMED },
        { "0-RTT elsewhere", "d0" V1 "08" OTHER "03" RIG_CLIENT "14" BODY, QUIC_FOREIGN },
        { "Handshake", "e0" V1 "08" RIG_FIRST "03" RIG_CLIENT "14" BODY, QUIC_MALFORMED },
        { "Retry", "f0" V1 "08" RIG_FIRST "03" RIG_CLIENT BODY, QUIC_MALFORMED },
        { "versions", "c0 00000000 08" RIG_FIRST "03" RIG_CLIENT "00000001", QUIC_MALFORMED },
        { "another version", "c0 ff00001d 08" RIG_FIRST "03" RIG_CLIENT BODY,
          QUIC_OTHER_VERSION },
        { "cut", "d0" V1 "08", QUIC_MALFORMED },
        { "Initial elsewhere", "c0" V1 "08" OTHER "03" RIG_CLIENT "00 14" BODY, QUIC_FOREIGN },
        { "Initial of noise", "c0" V1 "08" RIG_FIRST "03" RIG_CLIENT "00 14" BODY,
          QUIC_UNDECRYPTABLE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quic_seal client = quic_rig_client();
        enum quic_rc rc;

        quic_rig_part(&client, &rig.message, 0, rig.message.len);
        bytes_hex(&rig.datagram, cases[i].hex);
        assert_int_equal(quic_rig_open(), QUIC_OK);
        rc = quic_rig_from_client();
        if (rc != cases[i].rc)
            print_error("%s: %d\n", cases[i].what, (int)rc);
        assert_int_equal(rc, cases[i].rc);
    }
}

/* The first packet of a flow that no connection is known on. */
static void a_connection_begins_with_an_initial_packet(void **state)
{
    static const struct {
        const char *what, *hex;
        enum quic_rc rc;
    } cases[] = {
        { "Initial", "c0" V1 "08" RIG_FIRST "03" RIG_CLIENT "00 14" BODY, QUIC_OK },
        { "Initial, v2", "d0" V2 "08" RIG_FIRST "00 00 14" BODY, QUIC_OK },
        { "DCID of 7 bytes", "c0" V1 "07 a0a1a2a3a4a5a6 03" RIG_CLIENT "00 14" BODY,
          QUIC_MALFORMED },
        { "0-RTT", "d0" V1 "08" RIG_FIRST "03" RIG_CLIENT "14" BODY, QUIC_NO_INITIAL },
        { "Handshake", "e0" V1 "08" RIG_FIRST "03" RIG_CLIENT "14" BODY, QUIC_NO_INITIAL },
        { "1-RTT", "40aabbccdd", QUIC_NO_INITIAL },
        { "no fixed bit", "00aabbccdd", QUIC_MALFORMED },
        { "Retry", "f0" V1 "08" RIG_FIRST "03" RIG_CLIENT BODY, QUIC_MALFORMED },
        { "versions", "80 00000000 08" RIG_FIRST "03" RIG_CLIENT "00000001", QUIC_MALFORMED },
        { "another version", "c0 ff00001d 08" RIG_FIRST "03" RIG_CLIENT BODY,
          QUIC_OTHER_VERSION },
        { "nothing", "", QUIC_MALFORMED },
        { "cut", "c0" V1 "08" RIG_FIRST "03", QUIC_MALFORMED },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum quic_rc rc;

        rig.datagram.len = 0;
        bytes_hex(&rig.datagram, cases[i].hex);
        rc = quic_rig_open();
        if (rc != cases[i].rc)
            print_error("%s: %d\n", cases[i].what, (int)rc);
        assert_int_equal(rc, cases[i].rc);
    }
}

static void a_datagram_without_initial_says_so(void **state)
{
    struct quic_seal client = quic_rig_client();

    (void)state;
    quic_rig_hello(&client);
    bytes_hex(&rig.datagram, "d0" V1 "08" RIG_FIRST "03" RIG_CLIENT "14" BODY);
    assert_int_equal(quic_rig_from_client(), QUIC_NO_INITIAL);
    bytes_hex(&rig.datagram, "40aabb");
    assert_int_equal(quic_rig_from_client(), QUIC_NO_INITIAL);
    assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED); /* an empty one */
}

static void a_client_keeps_its_own_id(void **state)
{
    struct quic_seal client = quic_rig_client();

    (void)state;
    quic_rig_hello(&client);
    client.scid = "c0c1c3";
    client.number = 1;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED);
}

static void the_fixed_bit_may_be_clear_once_the_server_has_spoken(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();

    (void)state;
    client.is_fixed_bit_clear = true;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_open(), QUIC_OK);
    assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED);
    client.is_fixed_bit_clear = false;
    quic_rig_hello(&client);
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_HELLO);
    client.is_fixed_bit_clear = true;
    client.dcid = RIG_SERVER;
    client.keys_from = RIG_FIRST;
    bytes_hex(&rig.frames, "02 00 00 00 00");
    quic_rig_seal(&client);
    bytes_hex(&rig.datagram, "a0" V1 "04" RIG_SERVER "03" RIG_CLIENT "14" BODY "00aabb");
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
}

static void after_the_answer_either_id_names_the_connection(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();
    struct quic_cid mine = { .len = 4, .bytes = { 0x50, 0x51, 0x52, 0x53 } };
    struct quic_cid first = { .len = 8,
                              .bytes = { 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7 } };
    struct quic_cid none = { .len = 0 };

    (void)state;
    quic_rig_hello(&client);
    assert_true(quic_conn_owns(&rig.conn, &first));
    assert_false(quic_conn_owns(&rig.conn, &mine));
    assert_false(quic_conn_owns(&rig.conn, &none));
    client.dcid = RIG_SERVER;
    client.keys_from = RIG_FIRST;
    client.number = 1;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_FOREIGN);
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_HELLO);
    assert_true(quic_conn_owns(&rig.conn, &first));
    assert_true(quic_conn_owns(&rig.conn, &mine));
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    bytes_hex(&rig.datagram, "e0" V1 "04" RIG_SERVER "03" RIG_CLIENT "14" BODY);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    client.keys_from = RIG_SERVER; /* another connection's packet in this one's name */
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_UNDECRYPTABLE);
}

static void packets_of_one_datagram_have_one_id(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();

    (void)state;
    quic_rig_hello(&client);
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_HELLO);
    client.number = 1;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    bytes_hex(&rig.datagram, "e0" V1 "04" RIG_SERVER "03" RIG_CLIENT "14" BODY);
    assert_int_equal(quic_rig_from_client(), QUIC_FOREIGN);
}

static void what_was_judged_does_not_change(void **state)
{
    struct quic_seal client = quic_rig_client();
    static struct bytes other;

    (void)state;
    quic_rig_hello(&client);
    client.number = 1;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    other.len = 0;
    quic_seal_hello(&other, "b.test");
    client.number = 2;
    quic_rig_part(&client, &other, 0, other.len);
    assert_int_equal(quic_rig_from_client(), QUIC_CONFLICT);
}

/* A second hello that is there before it was asked for would be read by a server, not by us. */
static void nothing_may_follow_the_hello_unasked(void **state)
{
    struct quic_seal client = quic_rig_client();
    size_t len = rig.message.len;

    (void)state;
    quic_seal_hello(&rig.message, "b.test");
    quic_rig_part(&client, &rig.message, 0, len);
    assert_int_equal(quic_rig_open(), QUIC_OK);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    assert_int_equal(quic_rig_read(), PARSE_OK);
    client.number = 1;
    quic_rig_part(&client, &rig.message, len, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED);
    /* in the same datagram */
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_open(), QUIC_OK);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    assert_int_equal(quic_rig_read(), PARSE_BAD);
}

static void streams_that_cannot_be_kept_are_refused(void **state)
{
    struct quic_seal client = quic_rig_client();

    (void)state;
    bytes_hex(&rig.frames, "06 80004000 01 aa");
    quic_rig_seal(&client);
    assert_int_equal(quic_rig_open(), QUIC_OK);
    assert_int_equal(quic_rig_from_client(), QUIC_TOO_LONG);
    bytes_hex(&rig.frames, "07");
    quic_rig_seal(&client);
    assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED);
    client.reserved = 4;
    bytes_hex(&rig.frames, "01");
    quic_rig_seal(&client);
    assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED);
    client.reserved = 0;
    rig.pool.nr = 0;
    bytes_hex(&rig.frames, "06 00 01 01");
    quic_rig_seal(&client);
    assert_int_equal(quic_rig_from_client(), QUIC_FULL);
    rig.pool.nr = 64;
}

static void packet_numbers_go_on_from_the_highest(void **state)
{
    static const struct {
        uint64_t number;
        unsigned len;
        enum quic_rc rc;
    } cases[] = {
        { 200, 1, QUIC_OK },
        { 300, 1, QUIC_OK },
        { 250, 1, QUIC_OK },
        { 400, 1, QUIC_OK },
        { 600, 1, QUIC_UNDECRYPTABLE },
        { 600, 2, QUIC_OK },
    };
    struct quic_seal client = quic_rig_client();

    (void)state;
    quic_rig_hello(&client);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        client.number = cases[i].number;
        client.number_len = cases[i].len;
        bytes_hex(&rig.frames, "01 00 00 00");
        quic_rig_seal(&client);
        assert_int_equal(quic_rig_from_client(), cases[i].rc);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, quic_rig_begin, quic_rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hello_over_three_datagrams_is_read_in_any_order),
        TEST(every_cut_of_a_datagram_is_refused),
        TEST(small_datagrams_are_refused),
        TEST(coalesced_packets_are_read_by_their_rules),
        TEST(a_connection_begins_with_an_initial_packet),
        TEST(a_datagram_without_initial_says_so),
        TEST(a_client_keeps_its_own_id),
        TEST(the_fixed_bit_may_be_clear_once_the_server_has_spoken),
        TEST(after_the_answer_either_id_names_the_connection),
        TEST(packets_of_one_datagram_have_one_id),
        TEST(what_was_judged_does_not_change),
        TEST(nothing_may_follow_the_hello_unasked),
        TEST(streams_that_cannot_be_kept_are_refused),
        TEST(packet_numbers_go_on_from_the_highest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
