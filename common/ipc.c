/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/ipc.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/policy.h"

#define READ_ROOM 65536

static int write_all(int fd, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EAGAIN) {
            struct pollfd wait = { .fd = fd, .events = POLLOUT };

            if (poll(&wait, 1, -1) < 0 && errno != EINTR)
                return -errno;
        } else if (n < 0 && errno != EINTR) {
            return -errno;
        } else if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int ipc_write(int fd, enum ipc_type type, const void *body, size_t len)
{
    const struct ipc_header header = { .type = type, .len = (uint32_t)len };
    uint8_t small[1024];
    int rc;

    if (len > IPC_BODY_MAX)
        return -EMSGSIZE;
    if (len <= sizeof(small) - sizeof(header)) { /* one write: commonly one piece in the pipe */
        memcpy(small, &header, sizeof(header));
        if (len > 0)
            memcpy(small + sizeof(header), body, len);
        return write_all(fd, small, sizeof(header) + len);
    }
    rc = write_all(fd, &header, sizeof(header));
    return rc != 0 ? rc : write_all(fd, body, len);
}

/* Room for at least one frame of that many bytes, what is kept moved to the front. */
static int reader_make_room(struct ipc_reader *reader, size_t frame)
{
    uint8_t *buf;

    if (reader->taken > 0) {
        memmove(reader->buf, reader->buf + reader->taken, reader->len - reader->taken);
        reader->len -= reader->taken;
        reader->taken = 0;
    }
    if (frame < READ_ROOM)
        frame = READ_ROOM;
    if (frame <= reader->size)
        return 0;
    buf = realloc(reader->buf, frame);
    if (!buf)
        return -ENOMEM;
    reader->buf = buf;
    reader->size = frame;
    return 0;
}

/* Bytes of the first frame in the buffer; sizeof(header) while that much is not there. */
static int reader_frame(const struct ipc_reader *reader, struct ipc_header *header,
                        size_t *frame)
{
    const size_t left = reader->len - reader->taken;

    *frame = sizeof(*header);
    if (left < sizeof(*header))
        return 0;
    memcpy(header, reader->buf + reader->taken, sizeof(*header));
    if (header->len > IPC_BODY_MAX)
        return -EPROTO;
    *frame += header->len;
    return left >= *frame;
}

int ipc_read(struct ipc_reader *reader, enum ipc_type *type, const void **body, size_t *len)
{
    struct ipc_header header;
    size_t frame;
    int rc;

    while ((rc = reader_frame(reader, &header, &frame)) == 0) {
        ssize_t n;

        rc = reader_make_room(reader, frame);
        if (rc != 0)
            return rc;
        n = read(reader->fd, reader->buf + reader->len, reader->size - reader->len);
        if (n == 0)
            return -EPIPE;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        reader->len += (size_t)n;
    }
    if (rc < 0)
        return rc;
    if (reader->taken % 8 != 0 && (rc = reader_make_room(reader, frame)) != 0)
        return rc; /* a body may be looked at as a struct */
    *type = (enum ipc_type)header.type;
    *body = reader->buf + reader->taken + sizeof(header);
    *len = header.len;
    reader->taken += frame;
    return 1;
}

void ipc_reader_clear(struct ipc_reader *reader)
{
    free(reader->buf);
    *reader = (struct ipc_reader) { .fd = -1 };
}

/* --- a policy as one body: number of sources; for each its lengths, then file NUL agent NUL
 * text */

struct packed {
    uint32_t file_len, agent_len, text_len; /* without NULs; agent_len NO_AGENT: none */
};
#define NO_AGENT UINT32_MAX

uint8_t *ipc_policy_pack(const struct policy_source *sources, size_t nr, size_t *len)
{
    const uint32_t count = (uint32_t)nr;
    size_t size = sizeof(count);
    uint8_t *body, *at;

    for (size_t i = 0; i < nr; i++)
        size += sizeof(struct packed) + strlen(sources[i].file) + 1 + sources[i].len +
                (sources[i].agent ? strlen(sources[i].agent) : 0) + 1;
    body = at = malloc(size);
    if (!body)
        return NULL;
    memcpy(at, &count, sizeof(count));
    at += sizeof(count);
    for (size_t i = 0; i < nr; i++) {
        const char *agent = sources[i].agent ? sources[i].agent : "";
        const struct packed head = {
            .file_len = (uint32_t)strlen(sources[i].file),
            .agent_len = sources[i].agent ? (uint32_t)strlen(agent) : NO_AGENT,
            .text_len = (uint32_t)sources[i].len,
        };

        memcpy(at, &head, sizeof(head));
        at += sizeof(head);
        memcpy(at, sources[i].file, head.file_len + 1);
        at += head.file_len + 1;
        memcpy(at, agent, strlen(agent) + 1);
        at += strlen(agent) + 1;
        if (head.text_len > 0)
            memcpy(at, sources[i].text, head.text_len);
        at += head.text_len;
    }
    *len = size;
    return body;
}

/* Cut n bytes, and a NUL behind them when asked for, off what is left of a body. */
static const char *cut(const uint8_t **at, size_t *left, size_t n, bool has_nul)
{
    const char *text = (const char *)*at;

    if (n > *left || (has_nul && (n == *left || memchr(text, 0, n) || text[n] != 0)))
        return NULL;
    *at += n + has_nul;
    *left -= n + has_nul;
    return text;
}

static bool unpack_one(const uint8_t **at, size_t *left, struct policy_source *source)
{
    struct packed head;
    const char *raw = cut(at, left, sizeof(head), false), *agent;

    if (!raw)
        return false;
    memcpy(&head, raw, sizeof(head));
    source->file = cut(at, left, head.file_len, true);
    if (!source->file)
        return false;
    agent = cut(at, left, head.agent_len == NO_AGENT ? 0 : head.agent_len, true);
    if (!agent)
        return false;
    source->agent = head.agent_len == NO_AGENT ? NULL : agent;
    source->text = cut(at, left, head.text_len, false);
    source->len = head.text_len;
    return source->text != NULL;
}

bool ipc_policy_unpack(const uint8_t *body, size_t len, struct policy_source **sources,
                       size_t *nr)
{
    struct policy_source *list;
    uint32_t count;
    const char *raw = cut(&body, &len, sizeof(count), false);

    if (!raw)
        return false;
    memcpy(&count, raw, sizeof(count));
    if (count > len / sizeof(struct packed))
        return false;
    list = calloc((size_t)count + 1, sizeof(*list));
    if (!list)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!unpack_one(&body, &len, &list[i])) {
            free(list);
            return false;
        }
    }
    if (len != 0) {
        free(list);
        return false;
    }
    *sources = list;
    *nr = count;
    return true;
}
