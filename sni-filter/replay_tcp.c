/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/replay_internal.h"

#include <string.h>

/* The connection's SYN: judged, or let pass because its address is bound. */
static void begin_tcp(struct replay_kernel *kernel, struct replay_connection *connection,
                      uint32_t isn, struct cursor syn, bool is_plain)
{
    connection->isn = isn;
    connection->has_isn = true;
    connection->mark = CT_OPEN | (isn & MARK_VALUE_MASK);
    if (connection->server.port == DNS_PORT) {
        struct dns_client client = replay_dns_client(kernel, connection);

        connection->is_confirmed = true;
        replay_dns_open(&kernel->dns, &client, isn);
    } else if (is_plain && replay_is_bound(kernel, connection)) {
        connection->is_confirmed = true;
    } else {
        replay_give(kernel, PLACE_OUTBOUND, connection, syn);
    }
}

static size_t put_u16(uint8_t *out, size_t at, uint32_t value)
{
    out[at] = (uint8_t)(value >> 8);
    out[at + 1] = (uint8_t)value;
    return at + 2;
}

/* A SYN in place of the one that the capture does not hold. */
static void begin_without_syn(struct replay_kernel *kernel,
                              struct replay_connection *connection, uint32_t isn)
{
    uint8_t syn[60] = { 0 };
    bool is_v6 = connection->client.addr.family == ADDR_V6;
    size_t at = is_v6 ? 40 : 20, addr_len = is_v6 ? 16 : 4, addr_at = is_v6 ? 8 : 12;

    syn[0] = is_v6 ? 0x60 : 0x45;
    (void)put_u16(syn, is_v6 ? 4 : 2, is_v6 ? 20 : 40);
    syn[is_v6 ? 6 : 9] = PROTOCOL_TCP;
    syn[is_v6 ? 7 : 8] = 64; /* hops */
    memcpy(syn + addr_at, connection->client.addr.bytes, addr_len);
    memcpy(syn + addr_at + addr_len, connection->server.addr.bytes, addr_len);
    at = put_u16(syn, at, connection->client.port);
    at = put_u16(syn, at, connection->server.port);
    at = put_u16(syn, at, isn >> 16);
    at = put_u16(syn, at, isn);
    syn[at + 4] = 0x50;
    syn[at + 5] = TCP_SYN;
    (void)put_u16(syn, at + 6, 65535);
    kernel->counts.late++;
    begin_tcp(kernel, connection, isn, (struct cursor) { .base = syn, .len = is_v6 ? 60 : 40 },
              true);
}

/* Nothing about it but that it is a SYN: what the set of bound addresses lets pass. */
static bool is_plain_syn(const struct ip_packet *ip)
{
    return ip->payload.len == 0 && !ip->has_odd_tcp && !ip->has_tcp_auth && !ip->has_ip_options;
}

static void take_syn(struct replay_kernel *kernel, const struct passing *p,
                     struct replay_connection *connection)
{
    if (!replay_is_agent(kernel, &p->src.addr)) {
        kernel->counts.foreign++;
        return;
    }
    if (connection != NULL && replay_is_up(p, connection) && connection->has_isn &&
        connection->isn == p->ip.seq)
        return; /* a retransmission */
    /* Conntrack ignores a SYN inside a live connection. */
    if (connection != NULL && connection->is_confirmed && connection->is_answered &&
        !connection->is_over && (connection->mark & MARK_STATE_MASK) != CT_REVOKED) {
        kernel->counts.invalid++;
        return;
    }
    connection = replay_put(kernel, PROTOCOL_TCP, &p->src, &p->dst);
    begin_tcp(kernel, connection, p->ip.seq, p->bytes, is_plain_syn(&p->ip));
}

/* A handshake record (RFC 8446 §5.1) that begins with a message of this type. */
static bool is_handshake(const struct cursor *payload, uint8_t type)
{
    return payload->len >= 6 && payload->base[0] == 22 && payload->base[1] == 3 &&
           payload->base[5] == type;
}

/* A method and a space (RFC 9112 §3): a client's. */
static bool is_request(const struct cursor *payload)
{
    size_t n = 0;

    while (n < payload->len && payload->base[n] >= 'A' && payload->base[n] <= 'Z')
        n++;
    return n > 0 && n < payload->len && payload->base[n] == ' ';
}

/* A connection whose SYN is not in the capture: who is the client? What the payload says, then
 * the well-known port, then the higher port. */
static bool is_sent_by_client(const struct passing *p)
{
    if (is_handshake(&p->ip.payload, 1) || is_request(&p->ip.payload))
        return true;
    if (is_handshake(&p->ip.payload, 2))
        return false;
    if (p->src.port == HTTPS_PORT || p->dst.port == HTTPS_PORT)
        return p->dst.port == HTTPS_PORT;
    return p->src.port >= p->dst.port;
}

static struct replay_connection *adopt_tcp(struct replay_kernel *kernel,
                                           const struct passing *p)
{
    bool is_synack = (p->ip.tcp_flags & TCP_SYN) != 0; /* its sender is the server */
    bool is_client;

    if (!is_synack && p->ip.payload.len == 0)
        return NULL; /* tells nothing; conntrack without loose tracking calls it invalid */
    is_client = !is_synack && is_sent_by_client(p);
    if (!replay_is_agent(kernel, is_client ? &p->src.addr : &p->dst.addr)) {
        kernel->counts.foreign++;
        return NULL;
    }
    return replay_put(kernel, PROTOCOL_TCP, is_client ? &p->src : &p->dst,
                      is_client ? &p->dst : &p->src);
}

/* The first sign of where the client's stream begins, when the SYN is missing. */
static void find_isn(struct replay_kernel *kernel, const struct passing *p,
                     struct replay_connection *connection, bool is_up)
{
    if ((p->ip.tcp_flags & TCP_SYN) != 0) { /* SYN and ACK */
        if (!is_up)
            begin_without_syn(kernel, connection, p->ip.ack - 1);
        return;
    }
    if (!is_up || p->ip.payload.len == 0)
        return;
    begin_without_syn(kernel, connection, p->ip.seq - 1);
    if ((connection->mark & MARK_STATE_MASK) == CT_OPEN && connection->is_confirmed &&
        connection->server.port != DNS_PORT && p->ip.payload.base[0] != 22 &&
        !is_request(&p->ip.payload)) {
        connection->is_unjudged = true;
        kernel->counts.unjudged++;
    }
}

/* The head of a ServerHello (RFC 8446 §4.1.3) that is whole and no HelloRetryRequest. */
static bool is_server_hello(const struct cursor *payload)
{
    static const uint8_t retry[32] = { /* SHA-256 of "HelloRetryRequest" */
                                       0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
                                       0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
                                       0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
                                       0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c
    };

    return payload->len >= 43 && is_handshake(payload, 2) &&
           memcmp(payload->base + 11, retry, sizeof(retry)) != 0;
}

static void take_payload(struct replay_kernel *kernel, const struct passing *p,
                         struct replay_connection *connection, bool is_up)
{
    switch (connection->mark & MARK_STATE_MASK) {
    case CT_OPEN:
        if (is_up)
            replay_give(kernel, PLACE_OUTBOUND, connection, p->bytes);
        break;
    case CT_PINNED:
        if (is_up) {
            replay_give(kernel, PLACE_OUTBOUND, connection, p->bytes);
            break;
        }
        if (is_server_hello(&p->ip.payload)) {
            connection->mark = CT_ACCEPTED | (connection->mark & MARK_VALUE_MASK);
            break;
        }
        connection->mark = CT_ANSWERED | (connection->mark & MARK_VALUE_MASK);
        replay_give(kernel, PLACE_INBOUND, connection, p->bytes);
        break;
    case CT_HTTP_READ:
        if (is_up)
            replay_give(kernel, PLACE_OUTBOUND, connection, p->bytes);
        break;
    case CT_HTTP_SENT:
    case CT_ANSWERED:
        replay_give(kernel, is_up ? PLACE_OUTBOUND : PLACE_INBOUND, connection, p->bytes);
        break;
    }
}

/* What the rules give to user space though it carries nothing. */
static bool is_bare_seen(const struct replay_connection *connection, uint8_t flags, bool is_up)
{
    uint32_t state = connection->mark & MARK_STATE_MASK;

    if (is_up)
        return (state == CT_HTTP_READ || state == CT_HTTP_SENT) &&
               (flags & (TCP_FIN | TCP_RST)) != 0;
    return state == CT_HTTP_SENT && (flags & TCP_SYN) == 0;
}

static void note_end(struct replay_connection *connection, uint8_t flags, bool is_up)
{
    if (!is_up)
        connection->is_answered = true;
    if ((flags & TCP_FIN) != 0)
        connection->fins |= is_up ? 1 : 2;
    if ((flags & TCP_RST) != 0 || connection->fins == 3)
        connection->is_over = true;
}

/* The combinations that conntrack takes (nf_conntrack_proto_tcp.c, tcp_valid_flags). */
static bool are_flags_valid(uint8_t flags)
{
    switch (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG)) {
    case TCP_SYN:
    case TCP_SYN | TCP_URG:
    case TCP_SYN | TCP_ACK:
    case TCP_RST:
    case TCP_RST | TCP_ACK:
    case TCP_FIN | TCP_ACK:
    case TCP_FIN | TCP_ACK | TCP_URG:
    case TCP_ACK:
    case TCP_ACK | TCP_URG:
        return true;
    }
    return false;
}

void replay_take_tcp(struct replay_kernel *kernel, const struct passing *p)
{
    struct replay_connection *connection =
        replay_table_find(&kernel->table, PROTOCOL_TCP, &p->src, &p->dst);
    struct dns_client client;
    bool is_up;

    if (!are_flags_valid(p->ip.tcp_flags)) {
        kernel->counts.invalid++;
        return;
    }
    if ((p->ip.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
        take_syn(kernel, p, connection);
        return;
    }
    if (connection == NULL)
        connection = adopt_tcp(kernel, p);
    if (connection == NULL)
        return;
    is_up = replay_is_up(p, connection);
    if (!connection->has_isn)
        find_isn(kernel, p, connection, is_up);
    note_end(connection, p->ip.tcp_flags, is_up);
    if (!connection->is_confirmed || connection->is_unjudged ||
        (p->ip.payload.len == 0 && !is_bare_seen(connection, p->ip.tcp_flags, is_up)))
        return;
    if (connection->server.port != DNS_PORT) {
        take_payload(kernel, p, connection, is_up);
        return;
    }
    client = replay_dns_client(kernel, connection);
    replay_dns_segment(&kernel->dns, &kernel->now, &client, is_up, p->ip.seq, p->ip.payload);
}
