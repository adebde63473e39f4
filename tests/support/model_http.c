/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/model_http.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_US UINT64_C(1000000)
#define EARLY_MAX 16384

static void say(struct model_http_outcomes *out, uint32_t id, enum model_http_verdict verdict)
{
    out->of[out->nr].id = id;
    out->of[out->nr++].verdict = verdict;
}

static void note(struct model_http_outcomes *out, bool is_allowed, enum reason reason,
                 const char *name)
{
    out->records[out->nr_records].is_allowed = is_allowed;
    out->records[out->nr_records].reason = reason;
    model_copy(out->records[out->nr_records++].name, name);
}

/* is_page: its client is told by a page instead of a reset. */
static void refuse(struct model_http *m, const struct model_world *world, bool is_page,
                   enum reason reason, const char *name, struct model_http_outcomes *out)
{
    note(out, false, reason, name);
    out->is_refused = true;
    out->is_page = is_page;
    out->is_revoked = is_page || m->nr_held == 0;
    out->reset_at = is_page ? m->released : m->gone;
    for (size_t i = 0; i < m->nr_held; i++)
        say(out, m->held[i].id, i == 0 && !is_page ? HTTP_RESET : HTTP_DROP);
    m->nr_held = 0;
    m->is_watched = false;
    m->phase = HTTP_REFUSED;
    m->since_us = world->now_us;
}

static enum model_http_verdict pass(const struct model_http *m)
{
    return m->pinned > m->acked ? HTTP_SENT : HTTP_PASS;
}

static void went(struct model_http *m, uint32_t end)
{
    if (m->gone < end)
        m->gone = end;
}

/* Packets that hold nothing at or above end go. */
static void let_go(struct model_http *m, uint32_t end, struct model_http_outcomes *out)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->nr_held; i++) {
        if (m->held[i].end > end) {
            m->held[kept++] = m->held[i];
            continue;
        }
        went(m, m->held[i].end);
        say(out, m->held[i].id, pass(m));
    }
    m->nr_held = kept;
    if (kept == 0)
        m->is_watched = false;
}

/* The end of what is there from at on, without a gap. */
static uint32_t edge_of(const struct model_http *m)
{
    uint32_t edge = m->at;

    while (edge < MODEL_HTTP_MAX && m->has[edge])
        edge++;
    return edge;
}

/* False when it is refused. */
static bool judge(struct model_http *m, const struct model_world *world,
                  const struct model_piece *piece, struct model_http_outcomes *out)
{
    struct model_decision d;

    if (piece->is_other_port) {
        refuse(m, world, m->phase == HTTP_OPEN, REASON_HTTP_MALFORMED, piece->name, out);
        return false;
    }
    d = model_judge(world, &m->client, piece->name, false);
    if (!d.is_allowed) {
        refuse(m, world, m->phase == HTTP_OPEN, d.reason, piece->name, out);
        return false;
    }
    note(out, true, d.reason, piece->name);
    if (m->phase == HTTP_OPEN) {
        m->phase = HTTP_JUDGED;
        m->since_us = world->now_us;
    }
    return true;
}

static void read_all(struct model_http *m, const struct model_world *world,
                     struct model_http_outcomes *out)
{
    while (m->next < m->nr_pieces) {
        const struct model_piece *piece = &m->pieces[m->next];
        uint32_t there = edge_of(m) - m->at;

        if (piece->bad_after != 0 && there >= piece->bad_after) {
            refuse(m, world, m->phase == HTTP_OPEN, REASON_HTTP_MALFORMED, "", out);
            return;
        }
        if (piece->bad_after != 0 || there < piece->len ||
            (piece->is_head && !judge(m, world, piece, out)))
            return;
        m->pinned = m->at + piece->len;
        m->at += piece->len + piece->content;
        m->next++;
        let_go(m, m->at, out);
        if (m->released < m->at)
            m->released = m->at;
    }
}

/* Is a byte of a piece that has gone, and was not acknowledged whole, another one now? */
static bool changes_pins(const struct model_http *m, uint32_t offset, const uint8_t *bytes,
                         size_t len)
{
    uint32_t at = 0;

    for (size_t i = 0; i < m->next; i++) {
        const struct model_piece *piece = &m->pieces[i];

        for (uint32_t p = at; p < at + piece->len && at + piece->len > m->acked; p++)
            if (p >= offset && p < offset + len && bytes[p - offset] != m->bytes[p])
                return true;
        at += piece->len + piece->content;
    }
    return false;
}

static void hold(struct model_http *m, uint32_t id, uint32_t end)
{
    if (m->nr_held == MODEL_HTTP_HELD)
        abort();
    m->held[m->nr_held++] = (struct model_http_held) { id, end };
}

void model_http_segment(struct model_http *m, const struct model_world *world, uint32_t id,
                        uint32_t offset, const uint8_t *bytes, size_t len,
                        struct model_http_outcomes *out)
{
    uint32_t end = offset + (uint32_t)len;
    bool is_new = false, is_other = changes_pins(m, offset, bytes, len);

    if (m->phase == HTTP_NONE) {
        m->phase = HTTP_OPEN;
        m->since_us = world->now_us;
    }
    if (m->phase == HTTP_JUDGED)
        m->since_us = world->now_us;
    for (uint32_t p = offset > m->at ? offset : m->at; p < end; p++) {
        is_new = is_new || !m->has[p];
        is_other = is_other || (m->has[p] && m->bytes[p] != bytes[p - offset]);
    }
    if (is_other) {
        hold(m, id, end);
        refuse(m, world, false, REASON_OVERLAP_CONFLICT, "", out);
        return;
    }
    for (uint32_t p = offset > m->at ? offset : m->at; p < end; p++) {
        m->has[p] = true;
        m->bytes[p] = bytes[p - offset];
    }
    if (end <= m->released) {
        if (end <= m->at)
            went(m, end);
        say(out, id, pass(m));
        return;
    }
    if (!is_new) {
        say(out, id, HTTP_DROP);
        return;
    }
    hold(m, id, end);
    m->is_watched = true;
    m->last_new_us = world->now_us;
    read_all(m, world, out);
}

void model_http_ack(struct model_http *m, uint32_t id, uint32_t acked,
                    struct model_http_outcomes *out)
{
    if (acked > m->gone)
        acked = m->gone;
    if (acked > m->acked)
        m->acked = acked;
    say(out, id, m->pinned > m->acked ? HTTP_PASS : HTTP_READ);
}

/* A client that has sent nothing new for 25 ms is stalled: what is there of a piece that is not
 * whole goes. */
static void relieve(struct model_http *m, const struct model_world *world,
                    struct model_http_outcomes *out)
{
    uint32_t edge = edge_of(m);

    m->is_watched = false;
    if (edge > m->released && edge > m->at && edge - m->at <= EARLY_MAX &&
        model_may_send(world, &m->client)) {
        m->released = edge;
        let_go(m, edge, out);
        if (!m->was_early)
            note(out, true, REASON_RELEASED, "");
        m->was_early = true;
    } else if (m->phase == HTTP_JUDGED && m->nr_held > 0) {
        if (world->now_us - m->since_us >= 10 * SECOND_US)
            refuse(m, world, false, REASON_HELLO_TIMEOUT, "", out);
        else
            m->is_watched = true;
        m->last_new_us = world->now_us;
    }
}

void model_http_tick(struct model_http *m, const struct model_world *world,
                     struct model_http_outcomes *out)
{
    if (m->is_watched && world->now_us - m->last_new_us >= 25000)
        relieve(m, world, out);
    if (m->phase == HTTP_OPEN && world->now_us - m->since_us >= 10 * SECOND_US)
        refuse(m, world, edge_of(m) > 0, REASON_HELLO_TIMEOUT, "", out);
}
