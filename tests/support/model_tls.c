/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/model_tls.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_US UINT64_C(1000000)

/* --- a hello ------------------------------------------------------------------------------ */

struct reader {
    const uint8_t *p;
    size_t left;
    bool has_failed;
};

static uint32_t number(struct reader *r, size_t width)
{
    uint32_t n = 0;

    if (width > r->left) {
        r->has_failed = true;
        return 0;
    }
    for (size_t i = 0; i < width; i++)
        n = n * 256 + r->p[i];
    r->p += width;
    r->left -= width;
    return n;
}

static struct reader part(struct reader *r, size_t width)
{
    size_t n = number(r, width);
    struct reader out = { r->p, n, false };

    if (n > r->left) {
        r->has_failed = true;
        return (struct reader) { r->p, 0, true };
    }
    r->p += n;
    r->left -= n;
    return out;
}

static bool is_over(const struct reader *r)
{
    return !r->has_failed && r->left == 0;
}

static bool server_name(struct reader ext, struct model_hello *out)
{
    struct reader list = part(&ext, 2);
    size_t nr = 0, nr_names = 0;

    if (ext.has_failed || ext.left != 0 || list.left == 0)
        return false;
    while (list.left > 0) {
        bool is_name = number(&list, 1) == 0;
        struct reader name = part(&list, 2);

        if (list.has_failed)
            return false;
        nr++;
        if (!is_name)
            continue;
        nr_names++;
        if (model_is_quad(name.p, name.left)) {
            memcpy(out->name, name.p, name.left);
            out->name[name.left] = '\0';
        } else if (!model_hostname(name.p, name.left, out->name)) {
            return false;
        }
    }
    out->has_name = nr_names > 0;
    return nr_names == 0 || nr == 1;
}

static bool list_of(struct reader ext, size_t width, size_t min)
{
    struct reader list = part(&ext, width);

    return is_over(&ext) && list.left >= min;
}

static bool extension(uint32_t type, struct reader ext, bool is_last, struct model_hello *out)
{
    struct reader a, b;

    switch (type) {
    case 0:
        return server_name(ext, out);
    case 10:
        return list_of(ext, 2, 2);
    case 16:
        a = part(&ext, 2);
        if (!is_over(&ext) || a.left == 0)
            return false;
        while (a.left > 0) {
            b = part(&a, 1);
            if (a.has_failed || b.left == 0)
                return false;
        }
        return true;
    case 41:
        a = part(&ext, 2);
        b = part(&ext, 2);
        return is_over(&ext) && a.left > 0 && b.left > 0 && is_last;
    case 42:
        return ext.left == 0;
    case 51:
        return list_of(ext, 2, 0);
    case 0xfe0d:
        if (number(&ext, 1) != 0)
            return false;
        number(&ext, 4);
        number(&ext, 1);
        part(&ext, 2);
        a = part(&ext, 2);
        return is_over(&ext) && a.left > 0;
    case 0xffce:
        out->has_esni = true;
        return true;
    default:
        return true;
    }
}

bool model_hello(const uint8_t *body, size_t len, struct model_hello *out)
{
    static bool seen[65536];
    struct reader r = { body, len, false }, a, exts;
    bool is_fine = true;

    *out = (struct model_hello) { 0 };
    if (number(&r, 2) / 256 != 3)
        return false;
    for (int i = 0; i < 32; i++)
        number(&r, 1);
    a = part(&r, 1);
    is_fine = a.left <= 32;
    a = part(&r, 2);
    is_fine = is_fine && a.left > 0 && a.left % 2 == 0;
    a = part(&r, 1);
    is_fine = is_fine && a.left > 0 && !r.has_failed;
    if (!is_fine || r.left == 0)
        return is_fine;
    exts = part(&r, 2);
    if (!is_over(&r))
        return false;
    memset(seen, 0, sizeof(seen));
    while (exts.left > 0) {
        uint32_t type = number(&exts, 2);

        a = part(&exts, 2);
        if (exts.has_failed || seen[type] || !extension(type, a, exts.left == 0, out))
            return false;
        seen[type] = true;
    }
    return true;
}

static void bad(struct model_flight *out, enum reason reason)
{
    out->what = FLIGHT_BAD;
    out->reason = reason;
}

void model_flight(const uint8_t *bytes, size_t len, bool is_second, struct model_flight *out)
{
    static uint8_t message[MODEL_STREAM];
    size_t at = 0, have = 0, announced = 0, need = 0;
    bool looks_like_tls =
        is_second || len == 0 || (bytes[0] == 22 && (len == 1 || bytes[1] == 3));
    const enum reason odd = looks_like_tls ? REASON_MALFORMED : REASON_NOT_TLS;

    memset(out, 0, sizeof(*out));
    while (at < len) {
        size_t left = len - at, n;
        bool is_other_version = left > 1 && bytes[at + 1] != 3;

        if (bytes[at] != 22) {
            bad(out, odd);
            return;
        }
        if (is_other_version)
            out->what = FLIGHT_DOOMED;
        if (left < 5)
            return;
        n = bytes[at + 3] * 256u + bytes[at + 4];
        if (is_other_version || n == 0 || n > 16384) {
            bad(out, odd);
            return;
        }
        for (size_t i = 0; i < n && i < left - 5; i++)
            message[have++] = bytes[at + 5 + i];
        announced += n;
        if (have > 0 && message[0] != 1)
            out->what = FLIGHT_DOOMED;
        if (have >= 4) {
            need = 4 + message[1] * 65536u + message[2] * 256u + message[3];
            if (need < 4 + 41 || need > 65536 || announced > need)
                out->what = FLIGHT_DOOMED;
        }
        if (left - 5 < n)
            return;
        at += 5 + n;
        if (have < 4)
            continue;
        if (need > 65536 || message[0] != 1 || have > need) {
            bad(out, need > 65536 ? REASON_HELLO_TOO_LONG : odd);
            return;
        }
        if (have < need)
            continue;
        out->end = at;
        if (out->what == FLIGHT_DOOMED || !model_hello(message + 4, need - 4, &out->hello))
            bad(out, odd);
        else
            out->what = FLIGHT_WHOLE;
        return;
    }
}

/* --- a connection ------------------------------------------------------------------------- */

static void say(struct model_outcomes *out, uint32_t id, enum model_verdict verdict)
{
    if (out->nr == MODEL_OUTCOMES)
        abort();
    out->of[out->nr++] = (struct model_outcome) { id, verdict };
}

static void note(struct model_outcomes *out, bool is_allowed, enum reason reason,
                 const char *name)
{
    struct model_record *r = &out->records[out->nr_records++];

    r->is_allowed = is_allowed;
    r->reason = reason;
    model_copy(r->name, name);
}

static struct model_held unhold(struct model_tls *m, size_t i)
{
    struct model_held held = m->held[i];

    memmove(&m->held[i], &m->held[i + 1], (--m->nr_held - i) * sizeof(held));
    return held;
}

static bool hold(struct model_tls *m, uint32_t id, uint32_t offset, uint32_t end)
{
    size_t i = m->nr_held;

    if (m->nr_held == MODEL_HELD)
        return false;
    while (i > 0 && m->held[i - 1].offset > offset)
        i--;
    memmove(&m->held[i + 1], &m->held[i], (m->nr_held++ - i) * sizeof(m->held[0]));
    m->held[i] = (struct model_held) { id, offset, end };
    return true;
}

/* Bytes below end may go: so may packets that hold no others. */
static void release(struct model_tls *m, uint32_t end, struct model_outcomes *out)
{
    for (size_t i = 0; i < m->nr_held;) {
        struct model_held held;
        bool is_pin = m->phase != MODEL_OPEN && !m->is_pinned;

        if (m->held[i].end > end) {
            i++;
            continue;
        }
        held = unhold(m, i);
        say(out, held.id, is_pin ? MODEL_PIN : MODEL_PASS);
        if (is_pin && held.end >= m->pin_end)
            m->is_pinned = true;
    }
    if (m->released < end)
        m->released = end;
    if (m->nr_held == 0)
        m->is_watched = false;
}

static void enter(struct model_tls *m, enum model_phase phase, const struct model_world *world)
{
    m->phase = phase;
    m->since_us = world->now_us;
}

static void refuse(struct model_tls *m, const struct model_world *world, enum reason reason,
                   const char *name, struct model_outcomes *out)
{
    note(out, false, reason, name);
    out->is_told = true;
    out->reset_seq = m->released;
    out->is_revoked = m->nr_held == 0;
    while (m->nr_held > 0) {
        struct model_held held = unhold(m, 0);

        say(out, held.id, m->nr_held > 0 ? MODEL_DROP : MODEL_RESET);
    }
    m->is_watched = false;
    enter(m, MODEL_REFUSED, world);
}

static uint32_t edge_of(const struct model_tls *m)
{
    uint32_t edge = 0;

    while (edge < MODEL_STREAM && m->has[edge])
        edge++;
    return edge;
}

/* A hello that is whole: judged, and with it every byte up to its end. */
static void judge(struct model_tls *m, const struct model_world *world,
                  const struct model_flight *flight, uint32_t end, struct model_outcomes *out)
{
    const struct model_hello *hello = &flight->hello;
    bool is_second = m->phase == MODEL_AGAIN;
    struct model_decision d =
        model_judge(world, &m->client, hello->has_name ? hello->name : NULL, hello->has_esni);

    if (d.is_allowed && is_second && strcmp(hello->name, m->name) != 0)
        d = (struct model_decision) { false, false, REASON_NAME_ADDRESS_MISMATCH };
    if (!d.is_allowed) {
        refuse(m, world, d.reason, hello->name, out);
        return;
    }
    m->needs = end;
    m->read = end;
    if (is_second) {
        m->phase = MODEL_SECOND;
    } else {
        m->pin_end = end;
        m->is_by_addr = d.is_by_addr;
        model_copy(m->name, hello->name);
        note(out, true, d.reason, hello->name);
        enter(m, MODEL_FIRST, world);
    }
    release(m, end, out);
}

/* True when there is more to read. */
static bool read_hello(struct model_tls *m, const struct model_world *world, uint32_t from,
                       struct model_outcomes *out)
{
    struct model_flight flight;

    model_flight(m->bytes + from, edge_of(m) - from, m->phase == MODEL_AGAIN, &flight);
    if (flight.what == FLIGHT_WHOLE)
        judge(m, world, &flight, from + (uint32_t)flight.end, out);
    else if (flight.what == FLIGHT_BAD)
        refuse(m, world, flight.reason, "", out);
    return flight.what == FLIGHT_WHOLE && m->phase != MODEL_REFUSED;
}

/* A record behind a hello: early data, ChangeCipherSpec, alerts go before they are whole. */
static bool read_record(struct model_tls *m, const struct model_world *world,
                        struct model_outcomes *out)
{
    uint32_t edge = edge_of(m), n;
    const uint8_t *p = m->bytes + m->read;

    if (edge < m->read + 5)
        return false;
    n = p[3] * 256u + p[4];
    if (p[0] == 22 && m->phase == MODEL_AGAIN) {
        m->second = m->read;
        return true;
    }
    if (!(p[0] == 20 && n == 1) && !(p[0] == 21 && n == 2) && !(p[0] == 23 && n <= 16640)) {
        refuse(m, world, REASON_MALFORMED, "", out);
        return false;
    }
    if (m->read + 5 + n > edge) {
        release(m, edge, out);
        return false;
    }
    m->read += 5 + n;
    release(m, m->read, out);
    return true;
}

static void read_all(struct model_tls *m, const struct model_world *world,
                     struct model_outcomes *out)
{
    bool has_more = true;

    while (has_more && m->phase != MODEL_REFUSED) {
        if (m->phase == MODEL_OPEN)
            has_more = read_hello(m, world, 0, out);
        else if (m->phase == MODEL_AGAIN && m->second != 0)
            has_more = read_hello(m, world, m->second, out);
        else
            has_more = read_record(m, world, out);
    }
}

static void begin(struct model_tls *m, const struct model_world *world)
{
    struct model_client client = m->client;

    memset(m, 0, sizeof(*m));
    m->client = client;
    enter(m, MODEL_OPEN, world);
    m->last_new_us = world->now_us;
}

void model_tls_segment(struct model_tls *m, const struct model_world *world, uint32_t id,
                       int64_t offset, const uint8_t *bytes, size_t len,
                       struct model_outcomes *out)
{
    bool is_new = false, is_other = false, is_too_long;
    uint32_t at, end;

    if (m->phase == MODEL_REFUSED) {
        say(out, id, MODEL_DROP);
        return;
    }
    if (m->phase == MODEL_NONE)
        begin(m, world);
    while (offset < 0 && len > 0) { /* no part of the stream */
        offset++;
        bytes++;
        len--;
    }
    if (len == 0) {
        say(out, id, MODEL_DROP);
        return;
    }
    at = (uint32_t)offset;
    end = at + (uint32_t)len;
    is_too_long = end > MODEL_STREAM;
    for (size_t i = 0; i < len && !is_too_long; i++) {
        is_new = is_new || !m->has[at + i];
        is_other = is_other || (m->has[at + i] && m->bytes[at + i] != bytes[i]);
    }
    if (is_too_long || is_other) {
        if (!hold(m, id, at, end))
            say(out, id, MODEL_DROP);
        refuse(m, world, is_too_long ? REASON_HELLO_TOO_LONG : REASON_OVERLAP_CONFLICT, "",
               out);
        return;
    }
    memcpy(m->bytes + at, bytes, len);
    memset(m->has + at, true, len);
    if (end <= m->released) {
        say(out, id, MODEL_PASS);
        return;
    }
    if (!is_new) {
        say(out, id, MODEL_DROP);
        return;
    }
    if (!hold(m, id, at, end)) {
        say(out, id, MODEL_DROP);
        refuse(m, world, REASON_HELD_LIMIT, "", out);
        return;
    }
    m->is_watched = true;
    m->last_new_us = world->now_us;
    read_all(m, world, out);
}

void model_tls_forget(struct model_tls *m, struct model_outcomes *out)
{
    while (m->nr_held > 0)
        say(out, unhold(m, 0).id, MODEL_DROP);
    m->is_watched = false;
    m->phase = MODEL_NONE;
}

void model_tls_revoked(struct model_tls *m, const struct model_world *world, uint32_t id,
                       uint32_t offset, struct model_outcomes *out)
{
    say(out, id, MODEL_RESET);
    if (m->phase == MODEL_REFUSED)
        return;
    model_tls_forget(m, out);
    out->is_told = true;
    out->reset_seq = offset;
    enter(m, MODEL_REFUSED, world);
}

static void accept_now(struct model_tls *m, uint32_t id, struct model_outcomes *out)
{
    model_tls_forget(m, out);
    say(out, id, MODEL_ACCEPT);
}

void model_tls_answer(struct model_tls *m, const struct model_script *script, uint32_t id,
                      uint32_t offset, uint32_t acked, const uint8_t *bytes, size_t len,
                      struct model_outcomes *out)
{
    size_t edge = 0;

    if (m->phase != MODEL_FIRST && m->phase != MODEL_AGAIN && m->phase != MODEL_SECOND) {
        say(out, id, MODEL_DROP);
        return;
    }
    if (acked < m->needs) {
        say(out, id, m->phase == MODEL_SECOND ? MODEL_PASS : MODEL_DROP);
        return;
    }
    if (m->phase == MODEL_SECOND) {
        accept_now(m, id, out);
        return;
    }
    if (m->phase == MODEL_AGAIN || offset >= MODEL_ANSWER) {
        say(out, id, MODEL_PASS);
        return;
    }
    for (size_t i = offset; i < offset + len && i < MODEL_ANSWER; i++)
        if (m->has_answer[i] && m->answer[i] != bytes[i - offset]) {
            say(out, id, MODEL_DROP);
            return;
        }
    for (size_t i = offset; i < offset + len && i < MODEL_ANSWER; i++) {
        m->answer[i] = bytes[i - offset];
        m->has_answer[i] = true;
    }
    while (edge < MODEL_ANSWER && m->has_answer[edge])
        edge++;
    if (edge >= script->known_at && script->says == SAYS_HELLO) {
        accept_now(m, id, out);
        return;
    }
    if (edge >= script->known_at && script->says == SAYS_AGAIN) {
        m->phase = MODEL_AGAIN;
        m->second = 0;
    }
    say(out, id, MODEL_PASS);
}

/* A client that has sent nothing new for 25 ms, though it was given no ACK, is stalled: what is
 * there of a hello that is not whole goes, up to 16 KiB, where one may go. */
static void relieve(struct model_tls *m, const struct model_world *world,
                    struct model_outcomes *out)
{
    uint32_t edge = edge_of(m);
    struct model_flight flight = { .what = FLIGHT_OPEN };
    bool is_hello = m->phase == MODEL_OPEN || (m->phase == MODEL_AGAIN && m->second != 0);
    uint32_t from = m->phase == MODEL_OPEN ? 0 : m->second;

    m->is_watched = false;
    if (edge <= m->released || edge > 16384 || !model_may_send(world, &m->client))
        return;
    if (is_hello)
        model_flight(m->bytes + from, edge - from, m->phase == MODEL_AGAIN, &flight);
    if (flight.what == FLIGHT_DOOMED) {
        refuse(m, world, REASON_MALFORMED, "", out);
        return;
    }
    release(m, edge, out);
    if (!m->was_early) {
        m->was_early = true;
        note(out, true, REASON_RELEASED, "");
    }
}

void model_tls_tick(struct model_tls *m, const struct model_world *world,
                    struct model_outcomes *out)
{
    static const uint64_t most_s[] = {
        [MODEL_OPEN] = 10,   [MODEL_FIRST] = 30,  [MODEL_AGAIN] = 30,
        [MODEL_SECOND] = 30, [MODEL_REFUSED] = 2,
    };

    if (m->phase == MODEL_NONE)
        return;
    if (m->is_watched && world->now_us - m->last_new_us >= 25000)
        relieve(m, world, out);
    if (world->now_us - m->since_us < most_s[m->phase] * SECOND_US)
        return;
    if (m->phase == MODEL_OPEN || m->nr_held > 0)
        refuse(m, world, REASON_HELLO_TIMEOUT, "", out);
    else
        m->phase = MODEL_NONE;
}

void model_tls_policy(struct model_tls *m, const struct model_world *world,
                      struct model_outcomes *out)
{
    if (m->phase == MODEL_OPEN && !model_may_send(world, &m->client))
        refuse(m, world, REASON_POLICY_CHANGED, "", out);
}
