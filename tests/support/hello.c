/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/hello.h"

#include <string.h>

void hello_open(struct bytes *b, struct hello_marks *marks)
{
    bytes_uint(b, 1, 1);
    marks->body = bytes_open(b, 3);
    bytes_uint(b, 2, 0x0303);
    bytes_fill(b, 0xa5, 32);
    bytes_uint(b, 1, 32);
    bytes_fill(b, 0x5a, 32);
    bytes_hex(b, "0006 130113021303");
    bytes_hex(b, "01 00");
    marks->extensions = bytes_open(b, 2);
}

void hello_close(struct bytes *b, const struct hello_marks *marks)
{
    bytes_close(b, marks->extensions, 2);
    bytes_close(b, marks->body, 3);
}

void hello_extension(struct bytes *b, uint32_t type, const char *hex)
{
    size_t mark;

    bytes_uint(b, 2, type);
    mark = bytes_open(b, 2);
    bytes_hex(b, hex);
    bytes_close(b, mark, 2);
}

void hello_server_name(struct bytes *b, const char *name)
{
    size_t ext, list, host;

    bytes_uint(b, 2, 0);
    ext = bytes_open(b, 2);
    list = bytes_open(b, 2);
    bytes_uint(b, 1, 0);
    host = bytes_open(b, 2);
    bytes_add(b, name, strlen(name));
    bytes_close(b, host, 2);
    bytes_close(b, list, 2);
    bytes_close(b, ext, 2);
}

void hello_plain(struct bytes *b, const char *name)
{
    struct hello_marks marks;

    hello_open(b, &marks);
    if (name)
        hello_server_name(b, name);
    hello_extension(b, 10, "0004 001d0017");
    hello_extension(b, 13, "0004 04030804");
    hello_extension(b, 43, "04 03040303");
    hello_extension(b, 51,
                    "0024 001d 0020 0102030405060708090a0b0c0d0e0f10"
                    "1112131415161718191a1b1c1d1e1f20");
    hello_close(b, &marks);
}

void hello_records(struct bytes *b, const struct bytes *message, size_t size)
{
    for (size_t at = 0; at < message->len; at += size) {
        size_t len = message->len - at < size ? message->len - at : size;

        bytes_hex(b, "160301");
        bytes_uint(b, 2, (uint32_t)len);
        bytes_add(b, message->at + at, len);
    }
}
