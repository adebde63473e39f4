/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A second, simple engine for one TLS connection: what its client sent stands in a plain array
 * with a flag for each byte, everything is read again from the first byte with each packet.
 * Every call says what has to happen to which packet.
 */
#ifndef TESTS_SUPPORT_MODEL_TLS_H
#define TESTS_SUPPORT_MODEL_TLS_H

#include "tests/support/model.h"

#define MODEL_STREAM   81920 /* bytes of a client that are read */
#define MODEL_ANSWER   320   /* bytes of a server that are read */
#define MODEL_HELD     256   /* packets of a connection that wait */
#define MODEL_OUTCOMES 600

struct model_hello {
    bool has_name, has_esni;
    char name[HOSTNAME_MAX + 1];
};

/** model_hello - a ClientHello's body, len bytes exactly; false: it must be refused */
bool model_hello(const uint8_t *body, size_t len, struct model_hello *out);

/* What the records at the beginning of bytes are. */
struct model_flight {
    enum {
        FLIGHT_OPEN,   /* a hello may come of it */
        FLIGHT_DOOMED, /* none can, but its records are not there yet: it may wait */
        FLIGHT_BAD,    /* to be refused now */
        FLIGHT_WHOLE,
    } what;
    enum reason reason; /* of BAD */
    size_t end;         /* of WHOLE: where its last record ends */
    struct model_hello hello;
};

void model_flight(const uint8_t *bytes, size_t len, bool is_second, struct model_flight *out);

enum model_verdict { MODEL_DROP, MODEL_PASS, MODEL_PIN, MODEL_ACCEPT, MODEL_RESET };

struct model_outcome {
    uint32_t id;
    enum model_verdict verdict;
};

struct model_record {
    bool is_allowed;
    enum reason reason;
    char name[HOSTNAME_MAX + 1];
};

/* What a call of the engine must have done to one connection. */
struct model_outcomes {
    struct model_outcome of[MODEL_OUTCOMES]; /* in order */
    size_t nr;
    struct model_record records[4];
    size_t nr_records;
    bool is_told;       /* its server is, by a reset at */
    uint32_t reset_seq; /* this offset */
    bool is_revoked;    /* no packet of it was there to become a reset for its client */
};

struct model_held {
    uint32_t id, offset, end;
};

struct model_tls {
    struct model_client client;
    enum model_phase {
        MODEL_NONE,   /* nothing is known of it */
        MODEL_OPEN,   /* first hello */
        MODEL_FIRST,  /* it was let go, no answer yet */
        MODEL_AGAIN,  /* the server has asked for another one */
        MODEL_SECOND, /* that was let go, no answer yet */
        MODEL_REFUSED,
    } phase;
    uint8_t bytes[MODEL_STREAM], answer[MODEL_ANSWER];
    bool has[MODEL_STREAM], has_answer[MODEL_ANSWER];
    uint32_t released;                     /* bytes below may go */
    uint32_t read, second, needs, pin_end; /* read: up to where records have been read */
    bool is_by_addr;
    bool is_pinned; /* the packet that ends the first hello has gone */
    bool is_watched, was_early;
    struct model_held held[MODEL_HELD]; /* by offset, then as they came */
    size_t nr_held;
    char name[HOSTNAME_MAX + 1];
    uint64_t since_us, last_new_us; /* of the phase; of the last packet that was held */
};

/** model_tls_segment - payload of its client; offset: of its first byte in the stream, may be
 * negative */
void model_tls_segment(struct model_tls *m, const struct model_world *world, uint32_t id,
                       int64_t offset, const uint8_t *bytes, size_t len,
                       struct model_outcomes *out);

/* What a server may say, and from how many bytes on it is known. */
struct model_script {
    const char *what;
    enum model_says { SAYS_NOTHING, SAYS_HELLO, SAYS_AGAIN } says;
    size_t known_at, len;
    uint8_t bytes[700];
};

/** model_scripts - some of each kind; the second and the fourth ask for another hello */
#define MODEL_SCRIPTS 9
void model_scripts(struct model_script scripts[MODEL_SCRIPTS]);

/** model_tls_answer - a server's packet; acked: of the client's bytes */
void model_tls_answer(struct model_tls *m, const struct model_script *script, uint32_t id,
                      uint32_t offset, uint32_t acked, const uint8_t *bytes, size_t len,
                      struct model_outcomes *out);

/** model_tls_tick - time has come */
void model_tls_tick(struct model_tls *m, const struct model_world *world,
                    struct model_outcomes *out);

/** model_tls_policy - another policy is in force */
void model_tls_policy(struct model_tls *m, const struct model_world *world,
                      struct model_outcomes *out);

/** model_tls_revoked - a packet of its client, after it was refused */
void model_tls_revoked(struct model_tls *m, const struct model_world *world, uint32_t id,
                       uint32_t offset, struct model_outcomes *out);

/** model_tls_forget - its ports are another connection's now */
void model_tls_forget(struct model_tls *m, struct model_outcomes *out);

#endif
