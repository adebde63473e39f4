/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The input is what a client sends, and in which pieces. It is read twice: by the parsers, and
 * by a second reading that is written as simply as can be. What the parsers take, the second
 * one must take in the same way. Then the judge gets it in pieces, in any order and with
 * copies, and what has left must be whole requests to the allowed host, and no more than the
 * beginning of another.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/marks.h"
#include "sni-filter/http_body.h"
#include "sni-filter/http_request.h"
#include "tests/support/engine_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX   6000
#define SCRIPT_MAX 64
#define WEB        "203.0.113.10"

static void fail_at(int line)
{
    fprintf(stderr, "fuzz_http.c:%d: does not hold\n", line);
    abort();
}

#define demand(is_so) ((is_so) ? (void)0 : fail_at(__LINE__))

/* --- the second reading ------------------------------------------------------------------- */

struct second {
    char host[300];
    unsigned nr_hosts, nr_lengths, nr_encodings;
    unsigned long long length;
    bool is_chunked;
};

/* The value of a line "name: value", blanks around it taken off; false for another name. */
static bool value_of(const char *line, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);

    if (strncasecmp(line, name, len) != 0 || line[len] != ':')
        return false;
    line += len + 1;
    line += strspn(line, " \t");
    snprintf(out, size, "%s", line);
    for (len = strlen(out); len > 0 && strchr(" \t", out[len - 1]) != NULL; len--)
        out[len - 1] = '\0';
    return true;
}

/* A head that was taken: its lines, cut at CR LF. */
static void read_again(const uint8_t *head, size_t len, struct second *out)
{
    static char text[TEXT_MAX + 1], value[TEXT_MAX + 1];
    char *line = text, *end;

    memset(out, 0, sizeof(*out));
    demand(len >= 4 && len <= TEXT_MAX && memchr(head, '\0', len) == NULL);
    demand(memcmp(head + len - 4, "\r\n\r\n", 4) == 0);
    memcpy(text, head, len);
    text[len] = '\0';
    for (; (end = strstr(line, "\r\n")) != NULL && end != line; line = end + 2) {
        *end = '\0';
        demand(strpbrk(line, "\r\n") == NULL && line[0] != ' ' && line[0] != '\t');
        if (line == text) {
            demand(strstr(line, " HTTP/1.") != NULL);
            continue;
        }
        demand(strchr(line, ':') != NULL);
        if (value_of(line, "host", value, sizeof(value))) {
            out->nr_hosts++;
            snprintf(out->host, sizeof(out->host), "%s", value);
        } else if (value_of(line, "content-length", value, sizeof(value))) {
            out->nr_lengths++;
            out->length = strtoull(value, NULL, 10);
        } else if (value_of(line, "transfer-encoding", value, sizeof(value))) {
            out->nr_encodings++;
            out->is_chunked = strcasecmp(value, "chunked") == 0;
        }
        demand(!value_of(line, "upgrade", value, sizeof(value)));
    }
    demand(end == text + len - 2); /* the only empty line is the last */
}

static void compare(const uint8_t *head, size_t len, const struct http_request *request)
{
    struct second second;
    size_t name_len = strlen(request->name);

    read_again(head, len, &second);
    demand(second.nr_hosts == 1 && second.nr_lengths + second.nr_encodings <= 1);
    demand(request->is_chunked == second.is_chunked);
    demand(second.nr_encodings == 0 || second.is_chunked);
    demand(request->content_length == second.length);
    demand(name_len > 0);
    if (!request->is_name_addr)
        demand(strncasecmp(second.host, request->name, name_len) == 0 &&
               strchr(":.", second.host[name_len]) != NULL);
}

/* --- all requests of a stream --------------------------------------------------------------
 */

/* PARSE_OK: only whole requests; MORE: and the beginning of another; BAD. name: when given, all
 * must name it. */
static enum parse_rc read_stream(const uint8_t *bytes, size_t len, const char *name)
{
    struct http_body body = { HTTP_BODY_OVER };
    size_t at = 0;

    while (at < len) {
        uint8_t *part = malloc(len - at);
        struct cursor rest = { .base = part, .len = len - at };
        struct http_request request;
        bool is_head = body.next == HTTP_BODY_OVER;
        uint64_t content = 0;
        size_t used;
        enum parse_rc rc;

        demand(part != NULL);
        memcpy(part, bytes + at, len - at);
        rc = is_head ? http_request_parse(rest, &request, &used, NULL)
                     : http_body_next(&body, rest, &used, &content);
        if (rc == PARSE_OK && is_head) {
            compare(part, used, &request);
            demand(name == NULL || strcmp(request.name, name) == 0);
            body = http_body_begin(&request, &content);
        }
        free(part);
        demand(rc != PARSE_ABSENT && used <= len - at && (rc == PARSE_OK) == (used > 0));
        if (rc != PARSE_OK)
            return rc;
        at += used;
        if (content > len - at)
            return PARSE_MORE;
        at += (size_t)content;
    }
    return body.next == HTTP_BODY_OVER ? PARSE_OK : PARSE_MORE;
}

/* --- the judge ---------------------------------------------------------------------------- */

struct sent {
    uint32_t id, offset, len, changed; /* one byte of it was another: len for none */
};

/* What the server said it has, after so many verdicts. */
struct ack {
    size_t nr_verdicts, edge;
};

static struct rig rig;
static struct sent sent[2 * SCRIPT_MAX];
static struct ack acks[SCRIPT_MAX];
static size_t nr_sent, nr_acks;
static uint8_t left[TEXT_MAX];
static bool has_left[TEXT_MAX];

static void bring(const struct sent *packet, const uint8_t *text, size_t frozen, bool is_first)
{
    for (uint32_t i = 0; i < packet->len; i++) {
        uint32_t at = packet->offset + i;

        if (at < frozen || (is_first && has_left[at]))
            continue;
        left[at] = text[at] ^ (i == packet->changed);
        has_left[at] = true;
    }
}

/* What packets that were let go have brought to the server, in the order of their verdicts: of
 * several versions of a byte the first or the last, but what it acknowledged stays. */
static size_t arrived(const uint8_t *text, bool is_first)
{
    size_t edge = 0, frozen = 0;

    memset(has_left, 0, sizeof(has_left));
    for (size_t i = 0; i < rig.nr_verdicts; i++) {
        uint32_t id = rig.order[i], verdict = rig.verdict[id];

        for (size_t j = 0; j < nr_acks; j++)
            if (acks[j].nr_verdicts <= i && acks[j].edge > frozen)
                frozen = acks[j].edge;
        for (size_t j = 0; j < nr_sent; j++)
            if (sent[j].id == id && verdict != 0 && verdict != VERDICT_RESET)
                bring(&sent[j], text, frozen, is_first);
    }
    while (edge < TEXT_MAX && has_left[edge])
        edge++;
    return edge;
}

static void send_piece(struct rig_conn *c, const uint8_t *text, uint32_t from, uint32_t len,
                       uint32_t changed)
{
    uint8_t piece[256];

    memcpy(piece, text + from, len);
    if (changed < len)
        piece[changed] ^= 1;
    sent[nr_sent] = (struct sent) { rig.next_id, from, len, changed };
    demand(rig_client(&rig, c, from, piece, len) == sent[nr_sent++].id);
}

static void acknowledge(struct rig_conn *c, const uint8_t *text)
{
    struct ack ack = { .edge = arrived(text, true) };

    if ((c->mark & MARK_STATE_MASK) != CT_HTTP_SENT)
        return;
    rig_server(&rig, c, 0, (uint32_t)ack.edge, (const uint8_t *)"x", 1);
    ack.nr_verdicts = rig.nr_verdicts;
    acks[nr_acks++] = ack;
}

/* Each byte of the script is a step: 2 bits what, 6 bits how much. */
static void judge(const uint8_t *text, size_t len, const uint8_t *script, size_t nr)
{
    struct rig_conn c = rig_conn(WEB, 80);
    uint32_t at = 0;

    nr_sent = nr_acks = 0;
    for (size_t i = 0; i < nr && len > 0 && (c.mark & MARK_STATE_MASK) != CT_REVOKED; i++) {
        uint32_t what = script[i] >> 6, amount = script[i] & 63, n = amount * 3 + 1;
        uint32_t from = what == 2 ? at / 2 : at + what * n;

        if (what == 3 && (amount & 1) != 0)
            acknowledge(&c, text);
        else if (what == 3)
            rig_wait(&rig, amount * 1000);
        if (what == 3 || from >= len)
            continue;
        if (n > len - from)
            n = (uint32_t)len - from;
        send_piece(&c, text, from, n, what == 2 && (amount & 1) != 0 ? n / 2 : n);
        if (what == 0)
            at = from + n;
    }
    for (int is_first = 0; is_first < 2; is_first++) {
        size_t edge = arrived(text, is_first != 0);

        demand(edge == 0 || read_stream(left, edge, "allowed.test") != PARSE_BAD);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct engine_limits limits = {
        .flows = 4, .chunks = 200, .held_packets = 64, .bindings = 8
    };
    size_t nr = size > 0 ? data[0] % SCRIPT_MAX : 0, len;
    enum parse_rc whole;

    if (size < 1 + nr || size - 1 - nr > TEXT_MAX)
        return 0;
    len = size - 1 - nr;
    whole = read_stream(data + 1 + nr, len, NULL);
    for (size_t cut = 0; cut < len && cut < 300; cut++) {
        enum parse_rc rc = read_stream(data + 1 + nr, cut, NULL);

        demand(whole == PARSE_BAD || rc != PARSE_BAD); /* what is bad stays so */
    }
    rig_start_limited(&rig, "allowed.test http/80\n", &limits);
    rig_bind(&rig, "allowed.test", WEB);
    judge(data + 1 + nr, len, data + 1, nr);
    rig_stop(&rig);
    return 0;
}
