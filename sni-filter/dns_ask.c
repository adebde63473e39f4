/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works. A question takes one of DNS_ASKS_MAX slots. It waits in a queue until fewer
 * than DNS_SOCKETS_MAX are under way, then goes through up to TRIES_MAX tries within TOTAL_US:
 * each with a socket, a local port, an ID and a letter case of its own, all from getrandom(),
 * to one server that the socket is connected to, so that the kernel takes answers from that
 * server's address and port alone. A question equal to one that waits or runs joins it and
 * shares its answer. When all slots are taken the answer is SERVFAIL, at once.
 *
 * The next server is asked when one does not answer in TRY_US, answers with an error other than
 * NXDOMAIN, or with something malformed. What is no answer to the question (wrong ID, name or
 * case) is passed over, WRONG_MAX times, then the try ends: who guesses gets a bounded number
 * of guesses for each port. A truncated answer is asked for again over TCP, from the same
 * server.
 */
#include "sni-filter/dns_ask.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sni-filter/dns_message.h"
#include "sni-filter/dns_stream.h"
#include "sni-filter/listen.h"

#define TRIES_MAX   3
#define TRY_US      UINT64_C(1000000)
#define TOTAL_US    UINT64_C(4000000)
#define WRONG_MAX   32
#define PORT_TRIES  16
#define STREAMS_MAX 64 /* answers read over TCP at once */
#define NONE        UINT32_MAX

enum ask_state { ASK_FREE, ASK_QUEUED, ASK_UDP, ASK_TCP, ASK_SHARED };

struct ask {
    enum ask_state state;
    uint32_t next;   /* free or queued: the next of these */
    uint32_t shares; /* first of those that share this answer; of a shared one: the next */
    struct dns_ask ask;
    uint64_t deadline_us, give_up_us;
    int fd;
    unsigned tries, nr_wrong;
    struct dns_server servers[TRIES_MAX];
    size_t nr_servers;
    struct dns_question question;
    struct dns_stream *stream; /* ASK_TCP */
};

struct dns_asker {
    int epoll_fd;
    uint64_t tag;
    dns_found_fn *found;
    void *arg;
    struct dns_upstreams upstreams;
    uint32_t first_free, first_queued, last_queued;
    unsigned nr_running, nr_queued, nr_streams;
    uint32_t hashes[DNS_ASKS_MAX]; /* of leaders' name and type; 0: none here */
    struct ask asks[DNS_ASKS_MAX];
    uint8_t datagram[65536];
};

struct dns_asker *dns_asker_new(int epoll_fd, uint64_t tag, dns_found_fn *found, void *arg)
{
    struct dns_asker *asker = calloc(1, sizeof(*asker));

    if (asker == NULL)
        return NULL;
    asker->epoll_fd = epoll_fd;
    asker->tag = tag;
    asker->found = found;
    asker->arg = arg;
    asker->first_queued = asker->last_queued = NONE;
    for (uint32_t i = 0; i < DNS_ASKS_MAX; i++)
        asker->asks[i].next = i + 1 < DNS_ASKS_MAX ? i + 1 : NONE;
    return asker;
}

void dns_asker_free(struct dns_asker *asker)
{
    for (size_t i = 0; asker != NULL && i < DNS_ASKS_MAX; i++) {
        if (asker->asks[i].state == ASK_UDP || asker->asks[i].state == ASK_TCP)
            close(asker->asks[i].fd);
        free(asker->asks[i].stream);
    }
    free(asker);
}

struct dns_upstreams *dns_asker_upstreams(struct dns_asker *asker)
{
    return &asker->upstreams;
}

static uint32_t number_of(const struct dns_asker *asker, const struct ask *ask)
{
    return (uint32_t)(ask - asker->asks);
}

static uint32_t hash_of(const struct dns_ask *ask)
{
    uint32_t hash = 2166136261u ^ ask->qtype;

    for (const char *at = ask->name; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return hash != 0 ? hash : 1;
}

static struct ask *take_slot(struct dns_asker *asker)
{
    uint32_t number = asker->first_free;
    struct ask *ask;

    if (number == NONE)
        return NULL;
    ask = &asker->asks[number];
    asker->first_free = ask->next;
    *ask = (struct ask) { .next = NONE, .shares = NONE, .fd = -1 };
    return ask;
}

static void give_slot(struct dns_asker *asker, struct ask *ask)
{
    ask->state = ASK_FREE;
    ask->next = asker->first_free;
    asker->first_free = number_of(asker, ask);
}

static struct ask *find_equal(struct dns_asker *asker, const struct dns_ask *wanted,
                              uint32_t hash)
{
    for (size_t i = 0; i < DNS_ASKS_MAX; i++) {
        struct ask *ask = &asker->asks[i];

        if (asker->hashes[i] == hash && ask->ask.qtype == wanted->qtype &&
            strcmp(ask->ask.name, wanted->name) == 0)
            return ask;
    }
    return NULL;
}

/* End the try: no socket, no stream. The slot stays. */
static void end_try(struct dns_asker *asker, struct ask *ask)
{
    if (ask->fd >= 0) {
        close(ask->fd);
        asker->nr_running--;
    }
    if (ask->stream != NULL)
        asker->nr_streams--;
    free(ask->stream);
    ask->stream = NULL;
    ask->fd = -1;
}

/* Answer the question and all that share it. */
static void finish(struct dns_asker *asker, struct ask *ask, struct dns_found *found)
{
    uint32_t share = ask->shares;

    end_try(asker, ask);
    asker->hashes[number_of(asker, ask)] = 0;
    found->ticket = ask->ask.ticket;
    asker->found(asker->arg, found);
    give_slot(asker, ask);
    while (share != NONE) {
        struct ask *other = &asker->asks[share];

        share = other->shares;
        found->ticket = other->ask.ticket;
        asker->found(asker->arg, found);
        give_slot(asker, other);
    }
}

static void fail(struct dns_asker *asker, struct ask *ask)
{
    struct dns_found found = { .rcode = DNS_RCODE_SERVFAIL };

    finish(asker, ask, &found);
}

/* Bind to a random port: the kernel's own choice is easier to guess. */
static bool bind_random(int fd, enum addr_family family)
{
    const struct addr any = { .family = (uint8_t)family };
    uint16_t ports[PORT_TRIES];
    struct sockaddr_storage at;

    if (getrandom(ports, sizeof(ports), 0) != (ssize_t)sizeof(ports))
        return false;
    for (size_t i = 0; i < PORT_TRIES; i++) {
        socklen_t len = listen_sockaddr(&any, ports[i], &at);

        if (ports[i] >= 1024 && bind(fd, (struct sockaddr *)&at, len) == 0)
            return true;
    }
    return false;
}

/* A socket that is connected, or connecting, to the server of this try; watched. */
static bool open_socket(struct dns_asker *asker, struct ask *ask, int type, uint32_t events)
{
    const struct dns_server *server = &ask->servers[(ask->tries - 1) % ask->nr_servers];
    struct epoll_event event = { .events = events,
                                 .data.u64 = asker->tag | number_of(asker, ask) };
    enum addr_family family = server->addr.family;
    struct sockaddr_storage to;
    socklen_t to_len = listen_sockaddr(&server->addr, server->port, &to);
    int fd =
        socket(family == ADDR_V4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    if ((type == SOCK_DGRAM && !bind_random(fd, family)) ||
        (connect(fd, (struct sockaddr *)&to, to_len) != 0 && errno != EINPROGRESS) ||
        epoll_ctl(asker->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(fd);
        return false;
    }
    ask->fd = fd;
    asker->nr_running++;
    return true;
}

static size_t new_question(struct ask *ask, uint8_t *message, size_t size)
{
    uint8_t random[34];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random) ||
        !dns_question_make(ask->ask.name, ask->ask.qtype, random, &ask->question))
        return 0;
    return dns_question_build(&ask->question, message, size);
}

static bool send_datagram(struct dns_asker *asker, struct ask *ask)
{
    uint8_t message[512];
    size_t len = new_question(ask, message, sizeof(message));

    return len != 0 && open_socket(asker, ask, SOCK_DGRAM, EPOLLIN) &&
           send(ask->fd, message, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void note_server(struct dns_asker *asker, const struct ask *ask, bool is_alive,
                        uint64_t now_us)
{
    dns_upstreams_note(&asker->upstreams, &ask->servers[(ask->tries - 1) % ask->nr_servers],
                       is_alive, now_us);
}

/* The first try, or the next one. */
static void try_next(struct dns_asker *asker, struct ask *ask, uint64_t now_us)
{
    end_try(asker, ask);
    while (ask->nr_servers != 0 && ask->tries < TRIES_MAX && now_us < ask->give_up_us) {
        ask->tries++;
        ask->nr_wrong = 0;
        ask->state = ASK_UDP;
        ask->deadline_us = ask->tries == TRIES_MAX ? ask->give_up_us : now_us + TRY_US;
        if (send_datagram(asker, ask))
            return;
        note_server(asker, ask, false, now_us);
        end_try(asker, ask);
    }
    fail(asker, ask);
}

/* This server said no: ask another one, not the same again. */
static void try_another(struct dns_asker *asker, struct ask *ask, uint64_t now_us)
{
    if (ask->tries >= ask->nr_servers)
        fail(asker, ask);
    else
        try_next(asker, ask, now_us);
}

static void start(struct dns_asker *asker, struct ask *ask, uint64_t now_us)
{
    ask->give_up_us = now_us + TOTAL_US;
    ask->nr_servers =
        dns_upstreams_pick(&asker->upstreams, ask->ask.name, now_us, ask->servers, TRIES_MAX);
    try_next(asker, ask, now_us);
}

static void start_stream(struct dns_asker *asker, struct ask *ask, uint64_t now_us)
{
    uint8_t message[512];
    size_t len = new_question(ask, message, sizeof(message));

    end_try(asker, ask);
    if (asker->nr_streams < STREAMS_MAX && len != 0)
        ask->stream = dns_stream_new(message, len);
    if (ask->stream == NULL) {
        try_another(asker, ask, now_us);
        return;
    }
    asker->nr_streams++;
    ask->state = ASK_TCP;
    ask->deadline_us =
        now_us + 2 * TRY_US < ask->give_up_us ? now_us + 2 * TRY_US : ask->give_up_us;
    if (!open_socket(asker, ask, SOCK_STREAM, EPOLLIN | EPOLLOUT | EPOLLET))
        try_another(asker, ask, now_us);
}

/* A message from the server. Returns true when the question goes on waiting on this socket. */
static bool take_answer(struct dns_asker *asker, struct ask *ask, const uint8_t *bytes,
                        size_t len, uint64_t now_us)
{
    struct cursor message = { .base = bytes, .len = len };
    struct dns_answer answer;
    struct dns_found found = { 0 };
    enum parse_rc rc = dns_answer_parse(message, &ask->question, &answer);

    if (rc == PARSE_ABSENT && ++ask->nr_wrong < WRONG_MAX)
        return true;
    if (rc != PARSE_OK) {
        if (rc == PARSE_ABSENT)
            try_next(asker, ask, now_us);
        else
            try_another(asker, ask, now_us);
        return false;
    }
    note_server(asker, ask, true, now_us);
    if (answer.is_truncated && ask->state == ASK_UDP) {
        start_stream(asker, ask, now_us);
        return false;
    }
    if (answer.is_truncated ||
        (answer.rcode != DNS_RCODE_OK && answer.rcode != DNS_RCODE_NXDOMAIN)) {
        try_another(asker, ask, now_us);
        return false;
    }
    found.rcode = answer.rcode;
    found.ttl_s = answer.ttl_s;
    for (; found.nr_addrs < answer.nr_addrs && found.nr_addrs < ARRAY_LEN(found.addrs);
         found.nr_addrs++)
        found.addrs[found.nr_addrs] = answer.addrs[found.nr_addrs];
    finish(asker, ask, &found);
    return false;
}

static void read_datagrams(struct dns_asker *asker, struct ask *ask, uint64_t now_us)
{
    bool is_waiting = true;

    while (is_waiting) {
        ssize_t len = recv(ask->fd, asker->datagram, sizeof(asker->datagram), 0);

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len < 0) { /* refused: nobody listens there */
            note_server(asker, ask, false, now_us);
            try_next(asker, ask, now_us);
            return;
        }
        is_waiting = take_answer(asker, ask, asker->datagram, (size_t)len, now_us);
    }
}

static void run_stream(struct dns_asker *asker, struct ask *ask, uint64_t now_us)
{
    const uint8_t *message;
    size_t len;
    int rc = dns_stream_run(ask->stream, ask->fd, &message, &len);

    if (rc == 0)
        return;
    /* Over TCP there is one answer to wait for: anything else ends the try. */
    if (rc < 0 || take_answer(asker, ask, message, len, now_us))
        try_another(asker, ask, now_us);
}

static void put_in_queue(struct dns_asker *asker, struct ask *ask)
{
    uint32_t number = number_of(asker, ask);

    ask->state = ASK_QUEUED;
    if (asker->last_queued == NONE)
        asker->first_queued = number;
    else
        asker->asks[asker->last_queued].next = number;
    asker->last_queued = number;
    asker->nr_queued++;
}

void dns_asker_ask(struct dns_asker *asker, const struct dns_ask *wanted, uint64_t now_us)
{
    uint32_t hash = hash_of(wanted);
    struct ask *leader = find_equal(asker, wanted, hash), *ask = take_slot(asker);

    if (ask == NULL) {
        struct dns_found found = { .ticket = wanted->ticket, .rcode = DNS_RCODE_SERVFAIL };

        asker->found(asker->arg, &found);
        return;
    }
    ask->ask = *wanted;
    if (leader != NULL) {
        ask->state = ASK_SHARED;
        ask->shares = leader->shares;
        leader->shares = number_of(asker, ask);
        return;
    }
    asker->hashes[number_of(asker, ask)] = hash;
    if (asker->nr_running < DNS_SOCKETS_MAX && asker->nr_queued == 0)
        start(asker, ask, now_us);
    else
        put_in_queue(asker, ask);
}

static void run_queue(struct dns_asker *asker, uint64_t now_us)
{
    while (asker->nr_running < DNS_SOCKETS_MAX && asker->first_queued != NONE) {
        struct ask *ask = &asker->asks[asker->first_queued];

        asker->first_queued = ask->next;
        if (asker->first_queued == NONE)
            asker->last_queued = NONE;
        asker->nr_queued--;
        start(asker, ask, now_us);
    }
}

void dns_asker_event(struct dns_asker *asker, uint32_t number, uint64_t now_us)
{
    struct ask *ask;

    if (number >= DNS_ASKS_MAX)
        return;
    ask = &asker->asks[number];
    if (ask->state == ASK_UDP)
        read_datagrams(asker, ask, now_us);
    else if (ask->state == ASK_TCP)
        run_stream(asker, ask, now_us);
    run_queue(asker, now_us);
}

bool dns_asker_tick(struct dns_asker *asker, uint64_t now_us)
{
    for (size_t i = 0; asker->nr_running != 0 && i < DNS_ASKS_MAX; i++) {
        struct ask *ask = &asker->asks[i];

        if ((ask->state != ASK_UDP && ask->state != ASK_TCP) || now_us < ask->deadline_us)
            continue;
        note_server(asker, ask, false, now_us);
        try_next(asker, ask, now_us);
    }
    run_queue(asker, now_us);
    return asker->nr_running != 0 || asker->nr_queued != 0;
}
