/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first byte says which flight the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "sni-filter/tls_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t scratch[TLS_HELLO_MAX];

static bool is_inside(const struct span *part, const uint8_t *base, size_t len)
{
    return part->base >= base && part->base + part->len <= base + len;
}

static void check(const struct cursor *stream, const struct tls_client_flight *flight)
{
    const struct tls_hello *hello = &flight->hello;
    char folded[HOSTNAME_MAX + 1];
    size_t len = strlen(hello->name);

    if (hello->has_name != (len != 0) || flight->hello_end == 0 ||
        flight->hello_end > stream->len)
        abort();
    if (hello->has_name && !hello->is_name_ip &&
        (hostname_canonical((const uint8_t *)hello->name, len, folded) != len ||
         strcmp(hello->name, folded) != 0))
        abort();
    if (hello->alpn.len != 0 && !is_inside(&hello->alpn, stream->base, stream->len) &&
        !is_inside(&hello->alpn, scratch, sizeof(scratch)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_client_flight flight, cut;
    struct cursor stream = { .base = data + 1, .len = size - 1 };
    bool is_second, is_tls;
    enum parse_rc rc, cut_rc;

    if (size < 2)
        return 0;
    is_second = data[0] & 1;
    rc = tls_client_parse(stream, is_second, scratch, &flight, &is_tls);
    if (rc == PARSE_ABSENT || (rc == PARSE_OK && !is_tls))
        abort();
    if (rc == PARSE_OK)
        check(&stream, &flight);
    else if (flight.hello_end != 0 || flight.hello.has_name)
        abort();
    /* What was said of a part must hold of the whole. */
    stream.len = data[0] % (stream.len + 1);
    cut_rc = tls_client_parse(stream, is_second, scratch, &cut, NULL);
    if (cut_rc != PARSE_MORE && cut_rc != rc)
        abort();
    if (cut_rc == PARSE_OK &&
        (cut.hello_end != flight.hello_end || strcmp(cut.hello.name, flight.hello.name) != 0))
        abort();
    return 0;
}
