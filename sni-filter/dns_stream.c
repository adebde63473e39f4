/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/dns_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LENGTH_LEN 2

struct dns_stream {
    size_t out_len, out_off, in_len;
    uint8_t out[LENGTH_LEN + 512];
    uint8_t in[LENGTH_LEN + 65535];
};

struct dns_stream *dns_stream_new(const uint8_t *message, size_t len)
{
    struct dns_stream *stream = malloc(sizeof(*stream));

    if (stream == NULL || len > sizeof(stream->out) - LENGTH_LEN) {
        free(stream);
        return NULL;
    }
    stream->out[0] = (uint8_t)(len >> 8);
    stream->out[1] = (uint8_t)len;
    memcpy(stream->out + LENGTH_LEN, message, len);
    stream->out_len = LENGTH_LEN + len;
    stream->out_off = stream->in_len = 0;
    return stream;
}

static int failure(void)
{
    return errno == EAGAIN || errno == EINTR || errno == ENOTCONN ? 0 : -errno;
}

/* Bytes that the next read is for: the length first, then the message. */
static size_t wanted(const struct dns_stream *stream)
{
    if (stream->in_len < LENGTH_LEN)
        return LENGTH_LEN - stream->in_len;
    return LENGTH_LEN + ((size_t)stream->in[0] << 8 | stream->in[1]) - stream->in_len;
}

int dns_stream_run(struct dns_stream *stream, int fd, const uint8_t **message, size_t *len)
{
    while (stream->out_off != stream->out_len) {
        ssize_t n = send(fd, stream->out + stream->out_off, stream->out_len - stream->out_off,
                         MSG_NOSIGNAL);

        if (n < 0)
            return failure();
        stream->out_off += (size_t)n;
    }
    while (wanted(stream) != 0) {
        ssize_t n = recv(fd, stream->in + stream->in_len, wanted(stream), 0);

        if (n < 0)
            return failure();
        if (n == 0)
            return -EPIPE;
        stream->in_len += (size_t)n;
    }
    *message = stream->in + LENGTH_LEN;
    *len = stream->in_len - LENGTH_LEN;
    return 1;
}
