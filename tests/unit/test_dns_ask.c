/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The asking side against servers of its own on the loopback address; time is an argument.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "sni-filter/dns_ask.h"
#include "sni-filter/dns_message.h"

#define TAG      (UINT64_C(5) << 32)
#define SECOND   UINT64_C(1000000)
#define SERVERS  2
#define QUESTION 512

struct server {
    int udp, tcp;
    struct sockaddr_in client; /* who asked last */
    uint8_t message[QUESTION];
    size_t len;
};

static struct dns_asker *asker;
static int epoll_fd;
static struct server servers[SERVERS];
static struct dns_found last;
static unsigned nr_found;

static void on_found(void *arg, const struct dns_found *found)
{
    (void)arg;
    last = *found;
    nr_found++;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in) { .sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* UDP and TCP on one port. */
static uint16_t open_server(struct server *server)
{
    const struct timeval second = { .tv_sec = 2 };
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof(at);

    server->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    server->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->tcp, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(server->tcp, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(bind(server->udp, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(server->tcp, 4), 0);
    setsockopt(server->udp, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
    return ntohs(at.sin_port);
}

static int set_up(void **state)
{
    struct ipc_upstream list[SERVERS] = { 0 };

    (void)state;
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    asker = dns_asker_new(epoll_fd, TAG, on_found, NULL);
    for (size_t i = 0; i < SERVERS; i++) {
        list[i].port = open_server(&servers[i]);
        list[i].addr = (struct addr) { .family = ADDR_V4, .bytes = { 127, 0, 0, 1 } };
    }
    dns_upstreams_set(dns_asker_upstreams(asker), list, SERVERS);
    nr_found = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dns_asker_free(asker);
    for (size_t i = 0; i < SERVERS; i++) {
        close(servers[i].udp);
        close(servers[i].tcp);
    }
    close(epoll_fd);
    return 0;
}

static void ask(uint32_t ticket, const char *name, uint64_t now_us)
{
    struct dns_ask wanted = { .ticket = ticket, .qtype = DNS_A };

    snprintf(wanted.name, sizeof(wanted.name), "%s", name);
    dns_asker_ask(asker, &wanted, now_us);
}

/* The next question that a server gets. */
static void take(struct server *server)
{
    socklen_t len = sizeof(server->client);
    ssize_t n = recvfrom(server->udp, server->message, QUESTION, 0,
                         (struct sockaddr *)&server->client, &len);

    assert_true(n > 12);
    server->len = (size_t)n;
}

static bool has_question(struct server *server)
{
    return recv(server->udp, server->message, QUESTION, MSG_DONTWAIT | MSG_PEEK) > 0;
}

/* The question turned into an answer: flags in the third and fourth byte, one address. */
static size_t make_answer(struct server *server, uint16_t flags, uint8_t *out)
{
    static const uint8_t record[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 9 };

    memcpy(out, server->message, server->len);
    out[2] = (uint8_t)(flags >> 8);
    out[3] = (uint8_t)flags;
    if (flags & 0x020f) /* truncated or an error: no record */
        return server->len;
    out[7] = 1;
    memcpy(out + server->len, record, sizeof(record));
    return server->len + sizeof(record);
}

static void send_to_client(struct server *server, const uint8_t *message, size_t len)
{
    assert_int_equal(sendto(server->udp, message, len, 0, (struct sockaddr *)&server->client,
                            sizeof(server->client)),
                     (ssize_t)len);
}

static void answer(struct server *server, uint16_t flags)
{
    uint8_t message[QUESTION + 64];

    send_to_client(server, message, make_answer(server, flags, message));
}

/* Hand over what is ready. */
static void pump(uint64_t now_us)
{
    struct epoll_event events[16];
    int nr = epoll_wait(epoll_fd, events, 16, 500);

    assert_true(nr > 0);
    for (int i = 0; i < nr; i++) {
        assert_int_equal(events[i].data.u64 & ~UINT64_C(0xffffffff), TAG);
        dns_asker_event(asker, (uint32_t)events[i].data.u64, now_us);
    }
}

#define ANSWER   0x8180
#define SERVFAIL 0x8182
#define NXDOMAIN 0x8183
#define CUT      0x8380

static void an_answer_reaches_who_asked(void **state)
{
    (void)state;
    ask(7, "allowed.test", 0);
    take(&servers[0]);
    assert_true(ntohs(servers[0].client.sin_port) >= 1024);
    answer(&servers[0], ANSWER);
    pump(0);
    assert_int_equal(nr_found, 1);
    assert_int_equal(last.ticket, 7);
    assert_int_equal(last.rcode, DNS_RCODE_OK);
    assert_int_equal(last.ttl_s, 60);
    assert_int_equal(last.nr_addrs, 1);
    assert_int_equal(last.addrs[0].bytes[0], 203);
    assert_false(dns_asker_tick(asker, 0));
}

static void equal_questions_share_one_answer(void **state)
{
    (void)state;
    ask(1, "allowed.test", 0);
    ask(2, "allowed.test", 0);
    ask(3, "allowed.test", 0);
    take(&servers[0]);
    assert_false(has_question(&servers[0]));
    answer(&servers[0], NXDOMAIN);
    pump(0);
    assert_int_equal(nr_found, 3);
    assert_int_equal(last.rcode, DNS_RCODE_NXDOMAIN);
    ask(4, "allowed.test", 0);
    take(&servers[0]); /* nothing is kept */
}

static void port_id_and_spelling_differ_each_time(void **state)
{
    struct sockaddr_in first;
    uint8_t message[QUESTION];

    (void)state;
    ask(1, "a-long-enough-name.allowed.test", 0);
    take(&servers[0]);
    first = servers[0].client;
    memcpy(message, servers[0].message, servers[0].len);
    answer(&servers[0], ANSWER);
    pump(0);
    ask(2, "a-long-enough-name.allowed.test", 0);
    take(&servers[0]);
    assert_int_not_equal(first.sin_port, servers[0].client.sin_port);
    assert_memory_not_equal(message, servers[0].message, 2);
    assert_memory_not_equal(message + 12, servers[0].message + 12, servers[0].len - 12);
}

static void a_silent_server_is_left_after_a_second_and_comes_last(void **state)
{
    (void)state;
    ask(1, "allowed.test", 0);
    take(&servers[0]);
    assert_true(dns_asker_tick(asker, SECOND - 1));
    assert_false(has_question(&servers[1]));
    assert_true(dns_asker_tick(asker, SECOND));
    take(&servers[1]);
    answer(&servers[1], ANSWER);
    pump(SECOND);
    assert_int_equal(nr_found, 1);
    ask(2, "other.test", SECOND);
    take(&servers[1]);
    assert_false(has_question(&servers[0]));
}

static void silence_ends_after_four_seconds_and_three_tries(void **state)
{
    (void)state;
    ask(1, "allowed.test", 0);
    take(&servers[0]);
    dns_asker_tick(asker, SECOND);
    take(&servers[1]);
    dns_asker_tick(asker, 2 * SECOND);
    take(&servers[0]);
    assert_true(dns_asker_tick(asker, 4 * SECOND - 1));
    assert_int_equal(nr_found, 0);
    assert_false(dns_asker_tick(asker, 4 * SECOND));
    assert_int_equal(nr_found, 1);
    assert_int_equal(last.rcode, DNS_RCODE_SERVFAIL);
}

static void an_error_asks_the_next_server_but_no_server_twice(void **state)
{
    (void)state;
    ask(1, "allowed.test", 0);
    take(&servers[0]);
    answer(&servers[0], SERVFAIL);
    pump(0);
    assert_int_equal(nr_found, 0);
    take(&servers[1]);
    answer(&servers[1], SERVFAIL);
    pump(0);
    assert_int_equal(nr_found, 1);
    assert_int_equal(last.rcode, DNS_RCODE_SERVFAIL);
    assert_false(has_question(&servers[0]));
}

static void a_closed_port_asks_the_next_server_at_once(void **state)
{
    (void)state;
    close(servers[0].udp);
    ask(1, "allowed.test", 0);
    pump(0);
    take(&servers[1]);
    servers[0].udp = -1;
}

static void guesses_are_passed_over_and_end_the_try_when_many(void **state)
{
    uint8_t message[QUESTION + 64];
    size_t len;

    (void)state;
    ask(1, "allowed.test", 0);
    take(&servers[0]);
    len = make_answer(&servers[0], ANSWER, message);
    message[0] ^= 0xff;
    for (int i = 0; i < 31; i++)
        send_to_client(&servers[0], message, len);
    pump(0);
    assert_int_equal(nr_found, 0);
    assert_false(has_question(&servers[1]));
    send_to_client(&servers[0], message, len);
    pump(0);
    take(&servers[1]);
    answer(&servers[1], ANSWER);
    pump(0);
    assert_int_equal(nr_found, 1);
    assert_int_equal(last.rcode, DNS_RCODE_OK);
}

/* Take the question over TCP and answer it in pieces of one byte. */
static void answer_stream(struct server *server)
{
    int fd = accept(server->tcp, NULL, NULL);
    uint8_t length[2], message[QUESTION + 64];
    size_t len;

    assert_true(fd >= 0);
    assert_int_equal(recv(fd, length, 2, MSG_WAITALL), 2);
    server->len = (size_t)length[0] << 8 | length[1];
    assert_true(server->len <= QUESTION);
    assert_int_equal(recv(fd, server->message, server->len, MSG_WAITALL), (ssize_t)server->len);
    len = make_answer(server, ANSWER, message + 2) + 2;
    message[0] = (uint8_t)((len - 2) >> 8);
    message[1] = (uint8_t)(len - 2);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(send(fd, message + i, 1, 0), 1);
        pump(0);
    }
    close(fd);
}

static void a_truncated_answer_is_asked_for_over_tcp(void **state)
{
    (void)state;
    ask(1, "allowed.test", 0);
    take(&servers[0]);
    answer(&servers[0], CUT);
    pump(0);
    pump(0); /* connected: the question leaves */
    answer_stream(&servers[0]);
    assert_int_equal(nr_found, 1);
    assert_int_equal(last.rcode, DNS_RCODE_OK);
    assert_int_equal(last.nr_addrs, 1);
}

static void a_stream_that_ends_early_asks_the_next_server(void **state)
{
    (void)state;
    ask(1, "allowed.test", 0);
    take(&servers[0]);
    answer(&servers[0], CUT);
    pump(0);
    pump(0);
    close(accept(servers[0].tcp, NULL, NULL));
    pump(0);
    take(&servers[1]);
    assert_int_equal(nr_found, 0);
}

static void without_a_server_the_answer_is_servfail(void **state)
{
    (void)state;
    dns_upstreams_set(dns_asker_upstreams(asker), NULL, 0);
    ask(9, "allowed.test", 0);
    assert_int_equal(nr_found, 1);
    assert_int_equal(last.ticket, 9);
    assert_int_equal(last.rcode, DNS_RCODE_SERVFAIL);
}

static void too_many_questions_are_answered_servfail_at_once(void **state)
{
    char name[64];

    (void)state;
    for (uint32_t i = 0; i < DNS_ASKS_MAX; i++) {
        snprintf(name, sizeof(name), "n%u.test", i);
        ask(i, name, 0);
    }
    assert_int_equal(nr_found, 0);
    ask(99999, "one-too-many.test", 0);
    assert_int_equal(nr_found, 1);
    assert_int_equal(last.ticket, 99999);
    assert_int_equal(last.rcode, DNS_RCODE_SERVFAIL);
    /* The queue drains: each is asked in its turn, and ends. */
    for (unsigned i = 1; i <= 40 && dns_asker_tick(asker, i * SECOND); i++)
        ;
    assert_int_equal(nr_found, DNS_ASKS_MAX + 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_reaches_who_asked),
        TEST(equal_questions_share_one_answer),
        TEST(port_id_and_spelling_differ_each_time),
        TEST(a_silent_server_is_left_after_a_second_and_comes_last),
        TEST(silence_ends_after_four_seconds_and_three_tries),
        TEST(an_error_asks_the_next_server_but_no_server_twice),
        TEST(a_closed_port_asks_the_next_server_at_once),
        TEST(guesses_are_passed_over_and_end_the_try_when_many),
        TEST(a_truncated_answer_is_asked_for_over_tcp),
        TEST(a_stream_that_ends_early_asks_the_next_server),
        TEST(without_a_server_the_answer_is_servfail),
        TEST(too_many_questions_are_answered_servfail_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
