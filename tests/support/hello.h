/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ClientHellos made for tests.
 */
#ifndef TESTS_SUPPORT_HELLO_H
#define TESTS_SUPPORT_HELLO_H

#include "tests/support/bytes.h"

struct hello_marks {
    size_t body, extensions;
};

/** hello_open - everything up to the extensions; hello_close - set the lengths */
void hello_open(struct bytes *b, struct hello_marks *marks);
void hello_close(struct bytes *b, const struct hello_marks *marks);

void hello_extension(struct bytes *b, uint32_t type, const char *hex);
void hello_server_name(struct bytes *b, const char *name);

/** hello_plain - a whole hello; name NULL: without server_name. X25519 in size. */
void hello_plain(struct bytes *b, const char *name);

/** hello_records - wrap bytes in handshake records of at most size bytes */
void hello_records(struct bytes *b, const struct bytes *message, size_t size);

#endif
