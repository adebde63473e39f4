/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The engine against a second, simple one on QUIC hellos: CRYPTO frames in any order and
 * overlap, over many Initial packets, some with other bytes. The model keeps a plain array with
 * a flag for each byte. MODEL_SEED and MODEL_RUNS repeat a run, or make more of them.
 */
#include <stdio.h>
#include <string.h>

#include "common/marks.h"
#include "sni-filter/quic_conn.h"
#include "tests/support/cm.h"
#include "tests/support/hello.h"
#include "tests/support/model.h"
#include "tests/support/quic_flow.h"

#define RUNS       200
#define STEPS      30
#define MODEL_MAX  16384 /* bytes of a CRYPTO stream that are read */
#define MODEL_HELD 16    /* datagrams that wait */
#define DCID       "d0d1d2d3d4d5d6d7"
#define SCID       "c0c1c2"

static const struct model_rule rules[] = {
    { false, MODEL_NAME, "allowed.test", "" },
    { false, MODEL_BELOW, "wild.test", "" },
    { false, MODEL_NAME, "tls.test", "tls/443" },
    { false, MODEL_ADDR, "203.0.113.77", "quic/443" },
    { true, MODEL_NAME, "no.wild.test", "" },
};
static const struct model_given given[] = {
    { "203.0.113.10", "allowed.test", 0 },
    { "203.0.113.10", "tls.test", 0 },
    { "203.0.113.20", "a.wild.test", 0 },
};
static struct model_world world = { rules, ARRAY_LEN(rules), given, ARRAY_LEN(given), 0 };
static const char *const names[] = {
    "allowed.test", "allowed.test", "allowed.test", "a.wild.test",
    "no.wild.test", "tls.test",     "blocked.test", "203.0.113.77",
};

enum outcome { NONE, DROP, PIN, ICMP };

static struct rig rig;
static struct quic_flow flow;
static struct bytes message, frames;
static struct quic_seal seal;

static struct {
    struct model_client client;
    enum { OPEN, PINNED, REFUSED } phase;
    uint8_t bytes[MODEL_MAX];
    bool has[MODEL_MAX], is_valid; /* the hello */
    uint32_t top;                  /* end of the furthest frame */
    uint32_t hello_end;
    uint32_t held[MODEL_HELD];
    size_t nr_held;
    uint64_t since_us;
    const char *name;
    enum outcome of[RIG_PACKETS];
} m;

/* --- what is sent ------------------------------------------------------------------------- */

/* A hello as QUIC carries it; not valid: with a session id, or without transport parameters. */
static void make_message(void)
{
    uint32_t kind = model_pick(12);
    size_t body, extensions, padding;

    message.len = 0;
    m.is_valid = kind > 1;
    bytes_uint(&message, 1, 1);
    body = bytes_open(&message, 3);
    bytes_uint(&message, 2, 0x0303);
    bytes_fill(&message, 0xa5, 32);
    bytes_hex(&message, kind == 0 ? "01 77" : "00");
    bytes_hex(&message, "0002 1301 01 00");
    extensions = bytes_open(&message, 2);
    if (kind != 1)
        hello_extension(&message, 57, "01020304");
    hello_server_name(&message, m.name);
    bytes_uint(&message, 2, 21);
    padding = bytes_open(&message, 2);
    for (uint32_t n = model_size(2500); n > 0; n--)
        bytes_uint(&message, 1, model_pick(256));
    bytes_close(&message, padding, 2);
    bytes_close(&message, extensions, 2);
    bytes_close(&message, body, 3);
    if (model_chance(5))
        message.at[model_pick(3)] ^= 0x80;
}

/* --- the model ---------------------------------------------------------------------------- */

/* What waits vanishes, the last of it tells the client. */
static void refuse(void)
{
    enum outcome last = m.phase == OPEN ? ICMP : DROP;

    for (size_t i = 0; i < m.nr_held; i++)
        m.of[m.held[i]] = i + 1 < m.nr_held ? DROP : last;
    m.nr_held = 0;
    m.phase = REFUSED;
}

/* False when too many wait. */
static bool hold(uint32_t id)
{
    if (m.nr_held < MODEL_HELD) {
        m.held[m.nr_held++] = id;
        return true;
    }
    refuse();
    m.of[id] = DROP;
    return false;
}

/* What one frame brings; false: other bytes than before. */
static bool take(uint32_t offset, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        if (m.has[offset + i] && m.bytes[offset + i] != bytes[i])
            return false;
    for (uint32_t i = 0; i < len; i++) {
        m.has[offset + i] = true;
        m.bytes[offset + i] = bytes[i];
    }
    if (m.top < offset + len)
        m.top = offset + len;
    return true;
}

static void look(uint32_t id)
{
    uint32_t edge = 0, need;

    while (edge < MODEL_MAX && m.has[edge])
        edge++;
    if (!hold(id))
        return;
    if (edge >= 1 && m.bytes[0] != 1) {
        refuse();
        return;
    }
    if (edge < 4)
        return;
    need = 4 + m.bytes[1] * 65536u + m.bytes[2] * 256u + m.bytes[3];
    if (need > MODEL_MAX) {
        refuse();
        return;
    }
    if (edge < need)
        return;
    if (!m.is_valid || m.top != need ||
        !model_judge(&world, &m.client, m.name, false).is_allowed) {
        refuse();
        return;
    }
    for (size_t i = 0; i < m.nr_held; i++)
        m.of[m.held[i]] = PIN;
    m.nr_held = 0;
    m.phase = PINNED;
    m.hello_end = need;
}

/* --- engine and model side by side -------------------------------------------------------- */

static enum outcome outcome_of(uint32_t id)
{
    if (!rig.is_judged[id])
        return NONE;
    switch (rig.verdict[id] & MARK_STATE_MASK) {
    case 0:
        return DROP;
    case VERDICT_PIN:
        return PIN;
    case VERDICT_ICMP:
        return ICMP;
    default:
        model_differs("verdict %08x", rig.verdict[id]);
        return NONE;
    }
}

static void compare(void)
{
    static const char *const text[] = { "nothing", "drop", "pin", "icmp" };

    for (uint32_t id = 1; id < rig.next_id; id++)
        if (outcome_of(id) != m.of[id])
            model_differs("packet %u: %s, model: %s (last record: %s)", id,
                          text[outcome_of(id)], text[m.of[id]],
                          rig.nr_records > 0 ? record_reason_name(rig_last(&rig)->reason)
                                             : "-");
}

enum fault { FAULT_NONE, FAULT_FRAME, FAULT_TOO_LONG, FAULT_OTHER };

/* A frame of the message, sometimes with other bytes or beyond what is read. */
static void frame(enum fault *fault)
{
    uint32_t len = (uint32_t)message.len, at = model_pick(len), n = model_size(len - at);
    uint8_t bytes[4000];
    uint32_t odd = model_pick(100), other = n > 1 ? model_pick(n) : 0;

    if (odd < 2)
        at = len;     /* behind the message */
    else if (odd < 4) /* nothing at all */
        n = 0;
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, message.at + at, n);
    if (odd < 8 && odd > 5 && n > 0 && m.has[at + other]) /* it was sent otherwise */
        bytes[other] ^= 0x11;
    if (odd == 5 && model_chance(30))
        at = MODEL_MAX - n + 1;
    if (odd == 8 && model_chance(30)) {
        bytes_uint(&frames, 1, 0x08); /* STREAM */
        *fault = FAULT_FRAME;
        return;
    }
    if (*fault == FAULT_NONE && at + n > MODEL_MAX)
        *fault = FAULT_TOO_LONG;
    bytes_uint(&frames, 1, 6);
    bytes_uint(&frames, 4, 0x80000000 | at);
    bytes_uint(&frames, 2, 0x4000 | n);
    bytes_add(&frames, bytes, n);
    model_note("  [%u, %u)\n", at, at + n);
}

/* The frames once more, now for the model. */
static bool take_all(size_t nr)
{
    const uint8_t *p = frames.at;

    for (; nr > 0; p++) {
        uint32_t at, n;

        if (*p != 6) /* PADDING or PING */
            continue;
        at = (p[1] & 0x3fu) << 24 | p[2] * 65536u | p[3] * 256u | p[4];
        n = (p[5] & 0x3fu) * 256u + p[6];
        if (!take(at, p + 7, n))
            return false;
        p += 6 + n;
        nr--;
    }
    return true;
}

static void datagram(void)
{
    static struct bytes bytes;
    enum fault fault = FAULT_NONE;
    size_t nr = model_pick(4);
    uint32_t id = rig.next_id;

    frames.len = bytes.len = 0;
    model_note(" %u:\n", id);
    for (size_t i = 0; i < nr; i++) {
        if (model_chance(30))
            bytes_uint(&frames, 1, model_pick(2));
        frame(&fault);
    }
    if (m.phase != REFUSED && fault == FAULT_NONE && !take_all(nr))
        fault = FAULT_OTHER;
    if (m.phase == REFUSED)
        m.of[id] = (flow.mark & MARK_STATE_MASK) == CT_PINNED ? DROP : ICMP;
    else if (fault == FAULT_TOO_LONG || fault == FAULT_OTHER ||
             (fault == FAULT_FRAME && m.phase == OPEN)) {
        if (hold(id))
            refuse();
    } else if (m.phase == OPEN)
        look(id);
    else /* nothing new may be in it */
        m.of[id] = fault == FAULT_NONE && m.top <= m.hello_end ? PIN : DROP;
    quic_seal_initial(&bytes, &seal, &frames);
    seal.number++;
    quic_flow_up(&rig, &flow, &bytes);
    compare();
}

/* Ten seconds after its first datagram a hello must be there. */
static void wait_some(void)
{
    uint32_t us = 1000 + model_pick(3000000);

    if (m.phase != OPEN)
        return;
    model_note(" %u us go by\n", us);
    if (m.since_us != 0 && rig.now.mono_us + us - m.since_us >= 10000000 && m.nr_held > 0)
        refuse();
    rig_wait(&rig, us);
    compare();
}

static void run(void)
{
    static const char *const servers[] = { "203.0.113.10", "203.0.113.10", "203.0.113.20",
                                           "203.0.113.77" };

    memset(&m, 0, sizeof(m));
    model_start(&world, &rig);
    for (uint32_t id = 0; id < rig.next_id; id++)
        m.of[id] = outcome_of(id);
    seal = (struct quic_seal) { .dcid = DCID, .scid = SCID, .pad_to = QUIC_INITIAL_MIN };
    flow = quic_flow(servers[model_pick(ARRAY_LEN(servers))], 443);
    m.client = (struct model_client) { flow.server, true, "quic/443" };
    m.name = names[model_pick(ARRAY_LEN(names))];
    make_message();
    model_note(" %s at %s, %zu bytes\n", m.name, flow.server, message.len);
    for (size_t i = 0; i < STEPS; i++) {
        if (model_chance(5)) {
            wait_some();
            continue;
        }
        if (m.since_us == 0)
            m.since_us = rig.now.mono_us;
        datagram();
    }
    rig_stop(&rig);
}

static void engine_and_model_do_the_same_to_every_datagram(void **state)
{
    (void)state;
    model_repeat(RUNS, run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine_and_model_do_the_same_to_every_datagram),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
