/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/engine_rig.h"
#include "tests/support/model_tls.h"

static void add_script(struct model_script *s, const char *what, enum model_says says,
                       size_t known_at, const struct bytes *b)
{
    s->what = what;
    s->says = says;
    s->known_at = known_at;
    s->len = b->len;
    memcpy(s->bytes, b->at, b->len);
}

/* A head of 43 bytes tells a ServerHello from a HelloRetryRequest. */
void model_scripts(struct model_script scripts[MODEL_SCRIPTS])
{
    static struct bytes b;
    uint8_t hello[100], again[100];
    size_t len = make_server_hello(false, hello);

    make_server_hello(true, again);
    b.len = 0;
    bytes_add(&b, hello, len);
    bytes_fill(&b, 0x17, 400);
    add_script(&scripts[0], "a ServerHello", SAYS_HELLO, 43, &b);
    b.len = 0;
    bytes_add(&b, again, len);
    bytes_fill(&b, 0x14, 400);
    add_script(&scripts[1], "a HelloRetryRequest", SAYS_AGAIN, 43, &b);
    b.len = 0;
    bytes_hex(&b, "15030300020170");
    bytes_add(&b, hello, len);
    add_script(&scripts[2], "a warning, a ServerHello", SAYS_HELLO, 50, &b);
    b.len = 0;
    bytes_hex(&b, "140303000101");
    bytes_add(&b, again, len);
    add_script(&scripts[3], "a ChangeCipherSpec, a HelloRetryRequest", SAYS_AGAIN, 49, &b);
    b.len = 0;
    bytes_add(&b, "SSH-2.0-server\r\n", 16);
    add_script(&scripts[4], "no TLS", SAYS_HELLO, 1, &b);
    b.len = 0;
    bytes_hex(&b, "15030300020228");
    add_script(&scripts[5], "a fatal alert", SAYS_HELLO, 6, &b);
    b.len = 0;
    bytes_hex(&b, "1603030200");
    bytes_fill(&b, 0, 512);
    add_script(&scripts[6], "HelloRequests for ever", SAYS_AGAIN, MODEL_ANSWER, &b);
    b.len = 0;
    for (size_t i = 5; i < len; i++) {
        bytes_hex(&b, "1603030001");
        bytes_add(&b, again + i, 1);
    }
    add_script(&scripts[7], "a HelloRetryRequest in records of a byte", SAYS_AGAIN,
               (size_t)38 * 6, &b);
    b.len = 0;
    bytes_hex(&b, "16030300");
    add_script(&scripts[8], "the head of a record", SAYS_NOTHING, MODEL_ANSWER, &b);
}
