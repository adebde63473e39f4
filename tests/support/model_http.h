/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A second, simple engine for one kept-alive HTTP connection. It reads nothing: whoever makes
 * the client's stream also says where its framing is, and from which byte on it is known to be
 * no HTTP.
 */
#ifndef TESTS_SUPPORT_MODEL_HTTP_H
#define TESTS_SUPPORT_MODEL_HTTP_H

#include "tests/support/model.h"

#define MODEL_HTTP_MAX    60000 /* bytes of a client's stream */
#define MODEL_HTTP_PIECES 64
#define MODEL_HTTP_HELD   256

/* A piece of framing, and the content behind it; pieces follow one another without a gap. */
struct model_piece {
    uint32_t len, content;
    uint32_t bad_after; /* bytes of it that show that it must be refused; 0: none */
    bool is_head;       /* a request's: judged by */
    char name[HOSTNAME_MAX + 1];
    bool is_other_port; /* than its connection's: refused */
};

struct model_http_held {
    uint32_t id, end;
};

/* What happened to a packet. SENT: it went, user space waits for an ACK; RESET: it ends the
 * connection. */
enum model_http_verdict { HTTP_DROP, HTTP_PASS, HTTP_SENT, HTTP_READ, HTTP_RESET };

struct model_http_outcomes {
    struct {
        uint32_t id;
        enum model_http_verdict verdict;
    } of[300]; /* in any order */
    size_t nr;
    struct {
        bool is_allowed;
        enum reason reason;
        char name[HOSTNAME_MAX + 1];
    } records[MODEL_HTTP_PIECES];
    size_t nr_records;
    bool is_refused, is_page, is_revoked;
    uint32_t reset_at; /* refused: the offset that its server is told */
};

struct model_http {
    struct model_client client;
    struct model_piece pieces[MODEL_HTTP_PIECES];
    size_t nr_pieces;
    enum { HTTP_NONE, HTTP_OPEN, HTTP_JUDGED, HTTP_REFUSED } phase;
    uint8_t bytes[MODEL_HTTP_MAX];
    bool has[MODEL_HTTP_MAX];
    uint32_t at, pinned, acked, gone,
        released; /* gone: end of the highest byte that has left */
    size_t next;  /* piece */
    struct model_http_held held[MODEL_HTTP_HELD];
    size_t nr_held;
    bool is_watched, was_early;
    uint64_t since_us, last_new_us;
};

/** model_http_segment - payload of its client, at offset of its stream */
void model_http_segment(struct model_http *m, const struct model_world *world, uint32_t id,
                        uint32_t offset, const uint8_t *bytes, size_t len,
                        struct model_http_outcomes *out);

/** model_http_ack - a server's packet that user space sees, for it waits for an ACK */
void model_http_ack(struct model_http *m, uint32_t id, uint32_t acked,
                    struct model_http_outcomes *out);

/** model_http_tick - time has come; less than two minutes at once */
void model_http_tick(struct model_http *m, const struct model_world *world,
                     struct model_http_outcomes *out);

#endif
