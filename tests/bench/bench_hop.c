/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the way to the inspector and back costs one packet: ring, wake-up, ring, wake-up.
 *     bench_hop [ROUNDS]   ->   hop gap_us=0 p50_us=... p99_us=...
 * Two processes as in the filter, each of them asleep when the other's message comes; with a
 * gap between the packets the processors idle in between, as they do at low load.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sni-filter/channel.h"

#define RING_SIZE  (1u << 20)
#define PACKET_LEN 600

struct end {
    struct channel out;
    struct ring *in;
    int wake_fd;
};

static double now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* The next message, asleep until it comes. */
static uint32_t receive(struct end *end)
{
    struct pollfd wake = { .fd = end->wake_fd, .events = POLLIN };
    const uint8_t *body;
    uint32_t type;
    size_t len;

    while (ring_peek(end->in, &type, &body, &len) != 1) {
        if (ring_sleep(end->in) && poll(&wake, 1, -1) == 1)
            channel_wake_clear(end->wake_fd);
        ring_awake(end->in);
    }
    ring_pop(end->in);
    return type;
}

static void send_message(struct end *end, uint32_t type, const void *body, size_t len)
{
    if (!channel_put(&end->out, type, body, len, NULL, 0))
        abort();
    channel_flush(&end->out);
}

static void be_inspector(struct end *end)
{
    uint32_t verdict[2] = { 0 };

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (uint32_t type; (type = receive(end)) != 0;)
        send_message(end, type, verdict, sizeof(verdict));
    _exit(0);
}

static void measure(struct end *end, unsigned rounds, unsigned gap_us)
{
    static const uint8_t packet[PACKET_LEN];
    const struct timespec gap = { .tv_nsec = gap_us * 1000 };
    double *took = calloc(rounds, sizeof(*took));

    if (took == NULL)
        abort();
    for (unsigned i = 0; i < rounds; i++) {
        double start;

        if (gap_us != 0)
            nanosleep(&gap, NULL);
        start = now_us();
        send_message(end, 1, packet, sizeof(packet));
        receive(end);
        took[i] = now_us() - start;
    }
    qsort(took, rounds, sizeof(*took), by_value);
    printf("hop gap_us=%u p50_us=%.1f p99_us=%.1f\n", gap_us, took[rounds / 2],
           took[rounds - rounds / 100 - 1]);
    free(took);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 20000;
    struct ring *there = ring_new(RING_SIZE), *back = ring_new(RING_SIZE);
    struct end packets, inspector;
    pid_t pid;

    packets = (struct end) { .in = back, .wake_fd = channel_wake_new() };
    inspector = (struct end) { .in = there, .wake_fd = channel_wake_new() };
    packets.out = (struct channel) { .ring = there, .wake_fd = inspector.wake_fd };
    inspector.out = (struct channel) { .ring = back, .wake_fd = packets.wake_fd };
    if (rounds < 100 || there == NULL || back == NULL || packets.wake_fd < 0 ||
        inspector.wake_fd < 0) {
        fprintf(stderr, "bench_hop: cannot set up, or fewer than 100 rounds\n");
        return 1;
    }
    pid = fork();
    if (pid == 0)
        be_inspector(&inspector);
    measure(&packets, rounds, 0);
    measure(&packets, rounds / 10, 300);
    send_message(&packets, 0, NULL, 0);
    return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}
