/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Agents' DNS over TCP, with clients on the loopback address; time is an argument.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sni-filter/dns_message.h"
#include "sni-filter/dns_tcp.h"

#define TAG         (UINT64_C(4) << 32)
#define QUERIES_MAX 64

static struct dns_tcp *tcp;
static int epoll_fd, listen_fd;
static struct sockaddr_in here;
static struct {
    struct dns_client client;
    uint8_t message[DNS_MESSAGE_MAX];
    size_t len;
} queries[QUERIES_MAX];
static unsigned nr_queries;
static bool may_take;

static bool on_query(void *arg, const struct dns_client *client, const uint8_t *message,
                     size_t len)
{
    (void)arg;
    if (!may_take)
        return false;
    assert_true(nr_queries < QUERIES_MAX);
    queries[nr_queries].client = *client;
    queries[nr_queries].len = len;
    memcpy(queries[nr_queries++].message, message, len);
    return true;
}

static int set_up(void **state)
{
    socklen_t len = sizeof(here);

    (void)state;
    here = (struct sockaddr_in) { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listen_fd, (struct sockaddr *)&here, len), 0);
    assert_int_equal(listen(listen_fd, 128), 0);
    assert_int_equal(getsockname(listen_fd, (struct sockaddr *)&here, &len), 0);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    tcp = dns_tcp_new(epoll_fd, TAG, on_query, NULL);
    nr_queries = 0;
    may_take = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dns_tcp_free(tcp);
    close(listen_fd);
    close(epoll_fd);
    return 0;
}

static int connected(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&here, sizeof(here)), 0);
    dns_tcp_accept(tcp, listen_fd, 0);
    return fd;
}

static void pump(uint64_t now_us)
{
    struct epoll_event events[64];
    int nr = epoll_wait(epoll_fd, events, 64, 20);

    for (int i = 0; i < nr; i++) {
        assert_int_equal(events[i].data.u64 & ~UINT64_C(0xffffffff), TAG);
        dns_tcp_event(tcp, (uint32_t)events[i].data.u64,
                      (events[i].events & (EPOLLERR | EPOLLHUP)) != 0, now_us);
    }
}

static void send_text(int fd, const char *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static bool is_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void a_query_cut_into_single_bytes_is_one_query(void **state)
{
    static const char bytes[] = "\0\5hello";
    int fd = connected();

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(nr_queries, 0);
        send_text(fd, bytes + i, 1);
        pump(0);
    }
    assert_int_equal(nr_queries, 1);
    assert_int_equal(queries[0].len, 5);
    assert_memory_equal(queries[0].message, "hello", 5);
    assert_true(queries[0].client.is_tcp);
    assert_int_equal(queries[0].client.dport, ntohs(here.sin_port));
    assert_int_equal(queries[0].client.src.bytes[0], 127);
    close(fd);
}

static void several_queries_in_one_segment_are_all_taken(void **state)
{
    int fd = connected();

    (void)state;
    send_text(fd, "\0\1a\0\2bc\0\3d", 10);
    pump(0);
    assert_int_equal(nr_queries, 2);
    send_text(fd, "ef", 2);
    pump(0);
    assert_int_equal(nr_queries, 3);
    assert_memory_equal(queries[2].message, "def", 3);
    close(fd);
}

static void an_answer_goes_back_with_its_length(void **state)
{
    char got[8];
    int fd = connected();

    (void)state;
    send_text(fd, "\0\1a", 3);
    pump(0);
    dns_tcp_reply(tcp, &queries[0].client, (const uint8_t *)"answer", 6, 0);
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 8);
    assert_memory_equal(got, "\0\6answer", 8);
    /* A second one was not asked for. */
    dns_tcp_reply(tcp, &queries[0].client, (const uint8_t *)"answer", 6, 0);
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
    close(fd);
}

static void a_length_of_zero_or_too_much_ends_the_connection(void **state)
{
    int fd = connected();

    (void)state;
    send_text(fd, "\0\0", 2);
    pump(0);
    assert_true(is_closed(fd));
    close(fd);
    fd = connected();
    send_text(fd, "\x10\x01", 2); /* 4097 */
    pump(0);
    assert_true(is_closed(fd));
    close(fd);
    fd = connected();
    send_text(fd, "\x10\x00", 2);
    pump(0);
    assert_false(is_closed(fd));
    close(fd);
}

static void one_address_has_sixteen_connections(void **state)
{
    int fds[DNS_TCP_CONNS_PER_ADDR + 1];

    (void)state;
    for (size_t i = 0; i <= DNS_TCP_CONNS_PER_ADDR; i++)
        fds[i] = connected();
    assert_true(is_closed(fds[DNS_TCP_CONNS_PER_ADDR]));
    assert_false(is_closed(fds[0]));
    close(fds[0]);
    pump(0);
    close(fds[DNS_TCP_CONNS_PER_ADDR]);
    fds[0] = connected();
    assert_false(is_closed(fds[0]));
    for (size_t i = 0; i < DNS_TCP_CONNS_PER_ADDR; i++)
        close(fds[i]);
}

static void single_bytes_do_not_keep_a_connection(void **state)
{
    int fd = connected();

    (void)state;
    send_text(fd, "\0", 1);
    pump(DNS_TCP_IDLE_US - 1);
    assert_true(dns_tcp_tick(tcp, DNS_TCP_IDLE_US - 1));
    assert_false(dns_tcp_tick(tcp, DNS_TCP_IDLE_US));
    assert_true(is_closed(fd));
    close(fd);
}

static void a_whole_query_gives_more_time(void **state)
{
    int fd = connected();

    (void)state;
    send_text(fd, "\0\1a", 3);
    pump(DNS_TCP_IDLE_US - 1);
    assert_true(dns_tcp_tick(tcp, DNS_TCP_IDLE_US));
    assert_false(dns_tcp_tick(tcp, 2 * DNS_TCP_IDLE_US - 1));
    close(fd);
}

static void a_client_that_closed_its_side_gets_its_answers(void **state)
{
    char got[8];
    int fd = connected();

    (void)state;
    send_text(fd, "\0\1a", 3);
    shutdown(fd, SHUT_WR);
    pump(0);
    pump(0);
    assert_false(is_closed(fd));
    dns_tcp_reply(tcp, &queries[0].client, (const uint8_t *)"x", 1, 0);
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 3);
    assert_true(is_closed(fd));
    close(fd);
}

static void a_half_query_before_the_end_ends_the_connection(void **state)
{
    int fd = connected();

    (void)state;
    send_text(fd, "\0\5he", 4);
    shutdown(fd, SHUT_WR);
    pump(0);
    assert_int_equal(nr_queries, 0);
    assert_true(is_closed(fd));
    close(fd);
}

static void reading_stops_at_eight_unanswered_queries(void **state)
{
    int fd = connected();

    (void)state;
    for (int i = 0; i < 12; i++)
        send_text(fd, "\0\1a", 3);
    pump(0);
    pump(0);
    assert_int_equal(nr_queries, DNS_TCP_WAITING_MAX);
    dns_tcp_reply(tcp, &queries[0].client, (const uint8_t *)"x", 1, 0);
    pump(0);
    assert_int_equal(nr_queries, DNS_TCP_WAITING_MAX + 1);
    close(fd);
}

static void a_ticket_of_an_earlier_connection_is_nobodys(void **state)
{
    struct dns_client old;
    char got[8];
    int fd = connected();

    (void)state;
    send_text(fd, "\0\1a", 3);
    pump(0);
    old = queries[0].client;
    close(fd);
    pump(0);
    dns_tcp_tick(tcp, 3 * DNS_TCP_IDLE_US);
    fd = connected();
    send_text(fd, "\0\1b", 3);
    pump(0);
    assert_int_equal((uint32_t)queries[1].client.tcp_ticket, (uint32_t)old.tcp_ticket);
    dns_tcp_reply(tcp, &old, (const uint8_t *)"x", 1, 0);
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), -1);
    old.tcp_ticket = UINT64_MAX;
    dns_tcp_reply(tcp, &old, (const uint8_t *)"x", 1, 0);
    close(fd);
}

static void a_client_that_does_not_read_its_answers_is_closed(void **state)
{
    static const uint8_t message[DNS_MESSAGE_MAX];
    const int small = 1024, on = 1;
    unsigned nr = 0;
    int fd = connected();

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    while (dns_tcp_tick(tcp, 0) && nr < 5000) {
        nr_queries = 0;
        if (send(fd, "\0\1a", 3, MSG_NOSIGNAL) != 3)
            break;
        pump(0);
        if (nr_queries == 0)
            break;
        dns_tcp_reply(tcp, &queries[0].client, message, sizeof(message), 0);
        nr++;
    }
    assert_true(nr < 5000);
    assert_false(dns_tcp_tick(tcp, 0));
    close(fd);
}

static void a_query_that_cannot_be_taken_ends_the_connection(void **state)
{
    int fd = connected();

    (void)state;
    may_take = false;
    send_text(fd, "\0\1a", 3);
    pump(0);
    assert_true(is_closed(fd));
    close(fd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_query_cut_into_single_bytes_is_one_query),
        TEST(several_queries_in_one_segment_are_all_taken),
        TEST(an_answer_goes_back_with_its_length),
        TEST(a_length_of_zero_or_too_much_ends_the_connection),
        TEST(one_address_has_sixteen_connections),
        TEST(single_bytes_do_not_keep_a_connection),
        TEST(a_whole_query_gives_more_time),
        TEST(a_client_that_closed_its_side_gets_its_answers),
        TEST(a_half_query_before_the_end_ends_the_connection),
        TEST(reading_stops_at_eight_unanswered_queries),
        TEST(a_ticket_of_an_earlier_connection_is_nobodys),
        TEST(a_client_that_does_not_read_its_answers_is_closed),
        TEST(a_query_that_cannot_be_taken_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
