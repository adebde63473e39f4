/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench_connect server ADDR PORT             answers each ClientHello with a ServerHello
 * bench_connect client ADDR PORT NAME SECONDS CONCURRENCY
 *     opens connections, sends a ClientHello for NAME, waits for the answer, closes; prints one
 *     line of JSON: connections a second, microseconds from connect() to the answer (p50, p99),
 *     failures.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/engine_rig.h"

#define SAMPLES_MAX     (1u << 20)
#define CONCURRENCY_MAX 1024
#define TIMEOUT_NS      2000000000u

struct slot {
    int fd;
    int has_sent;
    uint64_t since_ns;
};

static uint32_t samples_us[SAMPLES_MAX];
static size_t nr_samples, nr_failed;
static struct slot slots[CONCURRENCY_MAX];
static uint8_t hello[2048];
static size_t hello_len;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_connect: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in address(const char *addr, const char *port)
{
    struct sockaddr_in sa = { .sin_family = AF_INET };

    sa.sin_port = htons((uint16_t)atoi(port));
    if (inet_pton(AF_INET, addr, &sa.sin_addr) != 1)
        die(addr);
    return sa;
}

static void watch(int epoll_fd, int fd, uint32_t events, uint32_t data)
{
    struct epoll_event ev = { .events = events, .data.u32 = data };

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        die("epoll_ctl");
}

static void serve_one(int fd, const uint8_t *answer, size_t len)
{
    uint8_t buf[4096];
    ssize_t n = read(fd, buf, sizeof(buf));

    if (n <= 0 || write(fd, answer, len) != (ssize_t)len)
        close(fd);
}

/* As a server's first segment is: the ServerHello, and more behind it in a second record. */
static size_t make_answer(uint8_t *out, size_t size)
{
    size_t len = make_server_hello(false, out), left = size - len - 5;
    const uint8_t head[5] = { 0x17, 3, 3, (uint8_t)(left >> 8), (uint8_t)left };

    memcpy(out + len, head, sizeof(head));
    memset(out + len + sizeof(head), 0xa5, left);
    return size;
}

static _Noreturn void server(const char *addr, const char *port)
{
    struct sockaddr_in sa = address(addr, port);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int epoll_fd = epoll_create1(0);
    struct epoll_event events[64];
    uint8_t answer[1000];
    size_t len = make_answer(answer, sizeof(answer));

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (const void *)&sa, sizeof(sa)) != 0 || listen(listener, 1024) != 0)
        die("listen");
    watch(epoll_fd, listener, EPOLLIN, (uint32_t)listener);
    for (;;) {
        int nr = epoll_wait(epoll_fd, events, 64, -1);

        for (int i = 0; i < nr; i++) {
            int fd = (int)events[i].data.u32;

            if (fd != listener) {
                serve_one(fd, answer, len);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, 0)) >= 0)
                watch(epoll_fd, fd, EPOLLIN, (uint32_t)fd);
        }
    }
}

static void open_one(int epoll_fd, uint32_t index, const struct sockaddr_in *sa)
{
    struct linger reset = { 1, 0 };
    struct slot *slot = &slots[index];

    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (slot->fd < 0)
        die("socket");
    setsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    slot->has_sent = 0;
    slot->since_ns = now_ns();
    if (connect(slot->fd, (const void *)sa, sizeof(*sa)) != 0 && errno != EINPROGRESS)
        die("connect");
    watch(epoll_fd, slot->fd, EPOLLOUT, index);
}

static void close_one(struct slot *slot, int is_ok)
{
    if (!is_ok)
        nr_failed++;
    else if (nr_samples < SAMPLES_MAX)
        samples_us[nr_samples++] = (uint32_t)((now_ns() - slot->since_ns) / 1000);
    close(slot->fd);
}

/* Returns whether the slot is free again. */
static int step(int epoll_fd, uint32_t index)
{
    struct slot *slot = &slots[index];
    struct epoll_event ev = { .events = EPOLLIN, .data.u32 = index };
    uint8_t buf[256];

    if (!slot->has_sent) {
        if (write(slot->fd, hello, hello_len) != (ssize_t)hello_len) {
            close_one(slot, 0);
            return 1;
        }
        slot->has_sent = 1;
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, slot->fd, &ev);
        return 0;
    }
    close_one(slot, read(slot->fd, buf, sizeof(buf)) > 0);
    return 1;
}

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static int client(char **argv)
{
    struct sockaddr_in sa = address(argv[0], argv[1]);
    uint64_t end, start = now_ns(), length = strtoull(argv[3], NULL, 10) * 1000000000u;
    uint32_t concurrency = (uint32_t)strtoul(argv[4], NULL, 10);
    struct epoll_event events[64];
    int epoll_fd = epoll_create1(0);

    if (concurrency < 1 || concurrency > CONCURRENCY_MAX)
        die("concurrency");
    hello_len = make_hello(argv[2], 300, hello, sizeof(hello));
    for (uint32_t i = 0; i < concurrency; i++)
        open_one(epoll_fd, i, &sa);
    while (now_ns() - start < length) {
        int nr = epoll_wait(epoll_fd, events, 64, 100);

        for (int i = 0; i < nr; i++)
            if (step(epoll_fd, events[i].data.u32))
                open_one(epoll_fd, events[i].data.u32, &sa);
        for (uint32_t i = 0; nr == 0 && i < concurrency; i++)
            if (now_ns() - slots[i].since_ns > TIMEOUT_NS) {
                close_one(&slots[i], 0);
                open_one(epoll_fd, i, &sa);
            }
    }
    end = now_ns();
    if (nr_samples == 0)
        die("no connection was answered");
    qsort(samples_us, nr_samples, sizeof(samples_us[0]), compare);
    printf("{\"per_second\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"failed\":%zu}\n",
           (double)nr_samples * 1e9 / (double)(end - start), samples_us[nr_samples / 2],
           samples_us[nr_samples - 1 - nr_samples / 100], nr_failed);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "server") == 0)
        server(argv[2], argv[3]);
    if (argc == 7 && strcmp(argv[1], "client") == 0)
        return client(argv + 2);
    fprintf(stderr, "usage: %s server ADDR PORT | client ADDR PORT NAME SECONDS CONCURRENCY\n",
            argv[0]);
    return 2;
}
