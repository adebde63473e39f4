/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "sni-filter/tls_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum tls_answer last = TLS_ANSWER_MORE;

    /* Byte by byte: an answer, once given, stays; and TLS_ANSWER_MAX bytes are enough for one.
     */
    for (size_t len = 0; len <= size && len <= TLS_ANSWER_MAX; len++) {
        enum tls_answer answer = tls_server_parse((struct cursor) { .base = data, .len = len });

        if (last != TLS_ANSWER_MORE && answer != last)
            abort();
        if (len == TLS_ANSWER_MAX && answer == TLS_ANSWER_MORE)
            abort();
        last = answer;
    }
    return 0;
}
