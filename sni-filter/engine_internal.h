/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the engine's files share; nobody else includes this.
 */
#ifndef SNI_FILTER_ENGINE_INTERNAL_H
#define SNI_FILTER_ENGINE_INTERNAL_H

#include "common/marks.h"
#include "common/policy.h"
#include "sni-filter/binding.h"
#include "sni-filter/dns_message.h"
#include "sni-filter/engine.h"
#include "sni-filter/flow.h"
#include "sni-filter/fold.h"
#include "sni-filter/ip_packet.h"
#include "sni-filter/quic_table.h"
#include "sni-filter/tls_record.h"

#define US_PER_S 1000000ull

/* Deadlines. */
#define STALL_US     25000u           /* after the last new byte of a hello that is not whole */
#define HELLO_US     (10u * US_PER_S) /* from the first byte to the whole hello */
#define ANSWER_US    (30u * US_PER_S) /* from the hello's release to the server's answer */
#define TOMBSTONE_US (2u * US_PER_S)
/* Resetting both ends of a connection takes the packet side a while: so many in so long, so
 * that thousands which began together do not hold up others. */
#define TIMEOUTS_MAX 8u
#define TIMEOUTS_US  1000u
#define QUIC_LINGER_US                                                                         \
    (10u * US_PER_S)          /* from the server's answer: the client's last Initials */
#define DNS_PENDING_MAX 4096u /* questions under way; a power of two */
#define DNS_PENDING_US  (10u * US_PER_S)
#define IN_USE_US       (180u * US_PER_S) /* a binding outlives the last sight of its connection */

/* Each agent's clients are told why they are refused so often; more of them are reset only. */
#define TOLD_US    (US_PER_S / 500)
#define TOLD_BURST 200u

/* Bytes of a hello that is not whole that may leave when the client is stalled. */
#define RELEASED_EARLY_MAX 16384u

/* Ports of one rule that are put into the kernel's set; a wider range is judged in user space.
 */
#define BOUND_PORTS_MAX 16

/* Source tags that there can be, 0 included. */
#define ENGINE_TAGS (IPC_PREFIXES_MAX + 1)

struct dns_pending {
    struct dns_client client;
    struct dns_query query;
    uint32_t source_tag;
    uint32_t ticket; /* 0: free */
    uint64_t since_us;
    uint32_t next_free;
};

struct crowd {   /* an agent's live connections in the kernel */
    uint32_t nr; /* so many in the list so far */
    bool is_crowded;
};

struct engine {
    struct ipc_setup setup;
    const struct policy *policy;
    struct engine_ops ops;
    bool is_binding_off;
    uint8_t key[16];
    uint32_t nr_agents; /* highest source tag that was ever in use + 1 */
    struct crowd crowd[ENGINE_TAGS];
    uint32_t flows_share;    /* an agent with more than that is crowded; 0: none is */
    unsigned *policy_agents; /* source tag -> number in the policy */
    struct binding_table bindings;
    struct flow_table flows;
    struct quic_table quic;
    struct quic_cipher *cipher;
    struct flow_key last_udp; /* the last that a udp rule accepted, and when */
    uint64_t last_udp_us;
    struct fold fold;
    struct dns_pending *pending;
    /* by source tag: when its bucket is full again */
    uint64_t told_free_us[ENGINE_TAGS];
    uint32_t pending_free, pending_touched, nr_tickets;
    uint64_t dns_ticked_us;
    uint64_t timeouts_us; /* hellos that did not come, refused since then */
    uint32_t nr_timeouts;
    uint8_t *linear;                /* STREAM_MAX bytes: a stream in one piece */
    uint8_t *scratch;               /* TLS_HELLO_MAX bytes: a message in one piece */
    const struct engine_clock *now; /* of the call under way */
    struct engine_counts counts;
};

/* engine.c */
const char *engine_agent_name(const struct engine *e, uint32_t source_tag);
/* Hash of a name that is the same in every run: for conntrack marks. Never 0, never
 * MARK_VALUE_MASK. */
uint32_t engine_name_tag(const char *name);
void engine_record(struct engine *e, const struct record *record);
/* The same without folding. */
void engine_record_each(struct engine *e, const struct record *record);
/* A record with what is known of a packet; ports when it has them. */
struct record engine_packet_record(const struct engine *e, const struct ip_packet *packet,
                                   uint32_t source_tag, enum record_event event,
                                   enum record_verdict verdict, enum reason reason);
/* Put a policy's answer (rule, line) into a record. */
void engine_record_rule(const struct engine *e, struct record *record,
                        const struct policy_answer *answer);
void engine_text(char *out, size_t size, const char *text);

/* engine_judge.c: the decisions */
struct judgement {
    bool is_allowed;
    bool is_by_addr; /* allowed by an address rule: the name does not count */
    enum reason reason;
    struct policy_answer answer;
};
enum reason engine_refusal(const struct policy_answer *answer);
struct http_request;
struct judgement judge_request(struct engine *e, uint32_t source_tag, const struct addr *addr,
                               uint16_t port, const struct http_request *request);
/* kind: SERVICE_TLS or SERVICE_QUIC */
struct judgement judge_hello(struct engine *e, uint32_t source_tag, const struct addr *addr,
                             uint16_t port, const struct tls_hello *hello,
                             enum service_kind kind);
/* May this agent's client at all send a hello, or a request, there? (SYN, early release) */
bool judge_may_send(struct engine *e, uint32_t source_tag, const struct addr *addr,
                    uint16_t port, enum service_kind kind);
struct syn_judgement {
    enum { SYN_REFUSE, SYN_READ, SYN_ACCEPT } what; /* READ: its first bytes are judged */
    struct judgement judgement;
    char name[HOSTNAME_MAX + 1]; /* the name that the address was given out for, or "" */
};
/* Of a TCP SYN, or the first datagram of a UDP flow. */
struct syn_judgement judge_syn(struct engine *e, uint32_t source_tag, const struct addr *addr,
                               uint16_t port, uint8_t ip_protocol);

/* engine_flow.c */
struct flow_key engine_flow_key(const struct addr *client, uint16_t client_port,
                                const struct addr *server, uint16_t server_port);
struct record engine_flow_record(const struct engine *e, const struct flow *flow,
                                 enum record_verdict verdict, enum reason reason);
struct engine_live engine_flow_live(const struct flow *flow);
/* Let go what is held of bytes below end, in stream order. The first hello's packets, up to the
 * one that ends it, pin the connection. */
void engine_flow_release(struct engine *e, struct flow *flow, uint32_t end);
/* Reset both ends. No payload that was not judged leaves: all held packets but one are dropped,
 * and that one becomes the reset. The flow stays as a tombstone for what is in the queue. */
void engine_flow_reset(struct engine *e, struct flow *flow);
/* The same; but the client of a first hello is told by a TLS alert, when alert is not 0 and its
 * agent's clients are not told too often. */
void engine_flow_end(struct engine *e, struct flow *flow, uint8_t alert);
/* May another client of the agent's be told why it is refused? Each call counts. */
bool engine_may_tell(struct engine *e, uint32_t source_tag);
/* The end, with a record: by an alert when it is a hello that cannot be read. */
void engine_flow_refuse(struct engine *e, struct flow *flow, enum reason reason,
                        const char *detail);
void engine_flow_drop_held(struct engine *e, struct flow *flow);
/* Forget a flow of which nothing may be held any more: another connection has its ports. */
void engine_flow_forget(struct engine *e, struct flow *flow);

/* engine_hello.c */
void engine_hello_read(struct engine *e, struct flow *flow); /* new bytes are in its stream */
/* Can what is there of a hello become one? A record announces what will follow, so this may be
 * known before the record is whole: a hello that does not end with it is none. */
bool engine_hello_may_come(struct engine *e, const struct flow *flow);

/* engine_tcp.c */
void engine_tcp_outbound(struct engine *e, const struct packet_meta *meta,
                         const struct ip_packet *packet, uint32_t source_tag);

/* What a hello says, and what was decided. */
void engine_record_hello(const struct engine *e, struct record *record,
                         const struct tls_hello *hello, const struct judgement *judgement);
uint64_t engine_hash_name(const struct engine *e, const char *name);

/* engine_udp.c */
void engine_udp_outbound(struct engine *e, const struct packet_meta *meta,
                         const struct ip_packet *packet, uint32_t source_tag);

/* engine_quic.c */
void engine_quic_outbound(struct engine *e, const struct packet_meta *meta,
                          const struct ip_packet *packet, uint32_t source_tag);
/* What lets a datagram of an allowed connection go. mark: conntrack's, as the kernel copied it.
 * It may have changed since, so what is known of the flow's other connections counts as well.
 */
uint32_t engine_quic_verdict(struct engine *e, const struct quic_entry *entry, uint32_t mark);
void engine_quic_refuse(struct engine *e, struct quic_entry *entry, enum reason reason,
                        const char *detail);

/* engine_quic_answer.c */
void engine_quic_inbound(struct engine *e, const struct packet_meta *meta,
                         const struct ip_packet *packet);
/* engine_quic_time.c */
void engine_quic_tick(struct engine *e);
void engine_quic_recheck(struct engine *e); /* another policy is in force */
/* The kernel forgets a flow: nothing that was read of it counts any more. */
void engine_quic_forget(struct engine *e, const struct engine_live *live);

/* engine_answer.c */
void engine_tcp_inbound(struct engine *e, const struct packet_meta *meta,
                        const struct ip_packet *packet);

/* engine_time.c */
uint64_t engine_tcp_tick(struct engine *e); /* time until the next deadline, us */
void engine_tcp_recheck(struct engine *e);  /* another policy is in force */

/* engine_dns.c */
void engine_dns_udp(struct engine *e, const struct ip_packet *packet, uint32_t source_tag);
void engine_dns_tick(struct engine *e);

/* engine_crowd.c */
void engine_crowd_share(struct engine *e, uint32_t nr_agents);
void engine_crowd_count(struct engine *e, uint32_t source_tag, const struct engine_live *live);
bool engine_is_crowded(const struct engine *e, uint32_t source_tag);

/* engine_setup.c: each agent's share of the tables */
void engine_share_out(struct engine *e);

/* engine_bind.c */
void engine_bind(struct engine *e, uint32_t source_tag, const struct addr *addr,
                 const char *name, uint32_t ttl_s);

#endif
