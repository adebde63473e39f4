/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A server's datagrams, and what the client says to them, their packets sealed here.
 */
#include "sni-filter/quic_conn.h"

#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/cm.h"
#include "tests/support/quic_rig.h"

#define OTHER "b0b1b2b3b4b5b6b7"
#define V1    "00000001"
#define BODY  "000102030405060708090a0b0c0d0e0f10111213"

static void a_hello_and_its_answer_are_read(void **state)
{
    (void)state;
    for (unsigned v = 0; v < NR_QUIC_VERSIONS; v++) {
        struct quic_seal client = quic_rig_client(), server = quic_rig_server();

        client.version = server.version = (enum quic_version)v;
        quic_rig_hello(&client);
        assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_HELLO);
    }
}

/* RFC 9369 §4.1: the server changes to version 2 with the client's first DCID. */
static void a_compatible_version_is_followed(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();

    (void)state;
    quic_rig_hello(&client);
    server.version = QUIC_V2;
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_HELLO);
    client.version = QUIC_V2;
    client.dcid = RIG_SERVER;
    client.keys_from = RIG_FIRST;
    client.number = 1;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    client.number = 2;
    rig.message.at[40] ^= 1;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_CONFLICT);
}

static void a_second_hello_is_read_when_the_server_asks(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();
    size_t len = rig.message.len;
    static struct bytes answers;

    (void)state;
    quic_rig_hello(&client);
    assert_int_equal(quic_rig_answer(&server, true), QUIC_ANSWER_ASKS);
    assert_int_equal(quic_rig_read(), PARSE_MORE);
    quic_seal_hello(&rig.message, "b.test");
    client.number = 1;
    quic_rig_part(&client, &rig.message, len, len + 10);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    assert_int_equal(quic_rig_read(), PARSE_MORE);
    client.number = 2;
    quic_rig_part(&client, &rig.message, len + 5, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    assert_int_equal(quic_rig_read(), PARSE_OK);
    assert_string_equal(rig.hello.name, "b.test");
    bytes_fill(&rig.message, 0, 10);
    client.number = 3;
    quic_rig_part(&client, &rig.message, rig.message.len - 10, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_MALFORMED);

    answers.len = 0;
    quic_seal_server_hello(&answers, true);
    len = answers.len;
    quic_seal_server_hello(&answers, false);
    server.number = 1;
    quic_rig_part(&server, &answers, 0, len); /* the question once more */
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    server.number = 2;
    quic_rig_part(&server, &answers, len, answers.len);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_HELLO);
}

static void a_server_asks_only_once(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();
    size_t len = rig.message.len, first;
    static struct bytes answers;

    (void)state;
    quic_rig_hello(&client);
    assert_int_equal(quic_rig_answer(&server, true), QUIC_ANSWER_ASKS);
    quic_seal_hello(&rig.message, "a.test");
    client.number = 1;
    quic_rig_part(&client, &rig.message, len, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    assert_int_equal(quic_rig_read(), PARSE_OK);
    answers.len = 0;
    quic_seal_server_hello(&answers, true);
    first = answers.len;
    quic_seal_server_hello(&answers, true);
    server.number = 1;
    quic_rig_part(&server, &answers, first, answers.len);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    assert_int_equal(rig.conn.hello_end, rig.message.len);
}

static void a_server_answers_nothing_but_a_whole_hello(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();

    (void)state;
    for (int is_retry = 0; is_retry <= 1; is_retry++) {
        client.dcid = RIG_FIRST;
        client.number = 0;
        quic_rig_part(&client, &rig.message, 0, 50);
        assert_int_equal(quic_rig_open(), QUIC_OK);
        assert_int_equal(quic_rig_from_client(), QUIC_OK);
        assert_int_equal(quic_rig_read(), PARSE_MORE);
        assert_int_equal(quic_rig_answer(&server, is_retry), QUIC_ANSWER_NONE);
        /* but what it calls itself is known: the rest of the hello goes there */
        client.dcid = RIG_SERVER;
        client.keys_from = RIG_FIRST;
        client.number = 1;
        quic_rig_part(&client, &rig.message, 50, rig.message.len);
        assert_int_equal(quic_rig_from_client(), QUIC_OK);
        assert_int_equal(quic_rig_read(), PARSE_OK);
    }
}

static void only_the_servers_own_packets_answer(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();

    (void)state;
    quic_rig_hello(&client);
    server.dcid = "c0c1c3";
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_NONE);
    server = quic_rig_server();
    server.keys_from = OTHER;
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_NONE);
    server = quic_rig_server();
    server.side = QUIC_CLIENT;
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_NONE);
    server = quic_rig_server();
    bytes_hex(&rig.frames,
              "02 00 00 00 00"); /* an ACK: the server's ID is known from here on */
    quic_rig_seal(&server);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    server.scid = "50515254";
    server.number = 1;
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_NONE);
    server.scid = RIG_SERVER;
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_HELLO);
}

static void an_answer_is_found_among_other_packets(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();

    (void)state;
    quic_rig_hello(&client);
    bytes_hex(&rig.datagram, "e0" V1 "03" RIG_CLIENT "04" RIG_SERVER "14" BODY);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    bytes_hex(&rig.datagram, "80 00000000 03" RIG_CLIENT "08" RIG_FIRST "6b3343cf");
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    bytes_hex(&rig.datagram, "40aabbcc");
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    bytes_hex(&rig.datagram, "e0" V1 "03" RIG_CLIENT "04" RIG_SERVER "14" BODY);
    bytes_hex(&rig.frames, "01 00 00 00");
    quic_rig_seal(&server);
    server.number = 1;
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_HELLO);
}

static void a_retry_begins_the_connection_again(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();
    struct quic_seal retry = { .dcid = RIG_CLIENT, .scid = "d0d1", .token = "aabb" };

    (void)state;
    quic_rig_hello(&client);
    quic_seal_retry(&rig.datagram, &retry, RIG_FIRST);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_RETRY);
    assert_int_equal(quic_rig_read(), PARSE_MORE);
    client.number = 1;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(),
                     QUIC_FOREIGN); /* late: the server does not know it any more */
    client.dcid = "d0d1";
    client.token = "aabb";
    rig.message.len = 0;
    quic_seal_hello(&rig.message, "bb.test"); /* some clients make a new one */
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
    assert_int_equal(quic_rig_read(), PARSE_OK);
    assert_string_equal(rig.hello.name, "bb.test");
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_NONE); /* the old keys */
    server.keys_from = "d0d1";
    assert_int_equal(quic_rig_answer(&server, false), QUIC_ANSWER_HELLO);
}

/* A client goes on counting (RFC 9000 §17.2.5.3), but not all of them do, and a server that
 * sent a Retry remembers no number. */
static void after_a_retry_packet_numbers_are_read_anew(void **state)
{
    struct quic_seal client = quic_rig_client();
    struct quic_seal retry = { .dcid = RIG_CLIENT, .scid = "d0d1", .token = "aabb" };

    (void)state;
    client.number = 0xf0000000;
    quic_rig_hello(&client);
    quic_seal_retry(&rig.datagram, &retry, RIG_FIRST);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_RETRY);
    client.dcid = "d0d1";
    client.number = 5;
    quic_rig_part(&client, &rig.message, 0, rig.message.len);
    assert_int_equal(quic_rig_from_client(), QUIC_OK);
}

static void a_retry_that_a_client_ignores_is_ignored(void **state)
{
    struct quic_seal client = quic_rig_client(), server = quic_rig_server();
    struct quic_seal retry = { .dcid = RIG_CLIENT, .scid = "d0d1", .token = "aabb" }, bad;

    (void)state;
    quic_rig_hello(&client);
    quic_seal_retry(&rig.datagram, &retry, OTHER); /* its tag is for another Initial */
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    bad = retry;
    bad.token = "";
    quic_seal_retry(&rig.datagram, &bad, RIG_FIRST);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    bad = retry;
    bad.scid = RIG_FIRST;
    quic_seal_retry(&rig.datagram, &bad, RIG_FIRST);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    bad = retry;
    bad.dcid = "c0c1c3";
    quic_seal_retry(&rig.datagram, &bad, RIG_FIRST);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    quic_seal_retry(&rig.datagram, &retry, RIG_FIRST);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_RETRY);
    retry.scid = "e0e1";
    quic_seal_retry(&rig.datagram, &retry, "d0d1"); /* a second one */
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);

    quic_rig_hello(&client);
    bytes_hex(&rig.frames, "02 00 00 00 00");
    quic_rig_seal(&server);
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
    quic_seal_retry(&rig.datagram, &retry, RIG_FIRST); /* after another answer */
    assert_int_equal(quic_rig_from_server(), QUIC_ANSWER_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, quic_rig_begin, quic_rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hello_and_its_answer_are_read),
        TEST(a_compatible_version_is_followed),
        TEST(a_second_hello_is_read_when_the_server_asks),
        TEST(a_server_asks_only_once),
        TEST(a_server_answers_nothing_but_a_whole_hello),
        TEST(only_the_servers_own_packets_answer),
        TEST(an_answer_is_found_among_other_packets),
        TEST(a_retry_begins_the_connection_again),
        TEST(after_a_retry_packet_numbers_are_read_anew),
        TEST(a_retry_that_a_client_ignores_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
