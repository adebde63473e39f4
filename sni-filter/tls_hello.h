/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_TLS_HELLO_H
#define SNI_FILTER_TLS_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/attr.h"
#include "common/hostname.h"
#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"

#define TLS_CLIENT_HELLO 1 /* handshake type */

struct tls_hello {
    bool has_name;   /* a server_name extension with one host_name */
    bool is_name_ip; /* ... that is a dotted quad (RFC 6066 forbids it); name holds it */
    char name[HOSTNAME_MAX + 1]; /* canonical */
    struct span alpn;    /* ProtocolNameList's body; points into the hello; len 0 when absent */
    bool has_ech;        /* encrypted_client_hello 0xfe0d */
    bool has_esni;       /* the old encrypted_server_name 0xffce */
    bool has_early_data; /* RFC 8446 §4.2.10 */
    bool has_session_id; /* legacy_session_id is not empty */
    bool has_quic_parameters; /* quic_transport_parameters, RFC 9001 §8.2 */
    uint16_t version;         /* legacy_version */
};

/**
 * tls_hello_parse - a ClientHello, from its handshake header (type, 24-bit length) on
 *
 * hello: len may be more than the hello: hello->off is not moved, *used says how many bytes it
 * took (header included). Returns PARSE_OK; PARSE_MORE while bytes are missing (a prefix that
 * no further bytes can mend is PARSE_BAD at once: wrong type, impossible length); PARSE_BAD.
 * Never PARSE_ABSENT: absent name is has_name = false. Unless PARSE_OK, *out is all zero. Every
 * vector must close exactly, extensions must not repeat (RFC 8446 §4.2), server_name is read by
 * tls_sni_parse(), ALPN by its bounds, key_share (51), supported_groups, psk by their outer
 * bounds; psk must be last (§4.2.11), early_data empty, ECH of the outer form (RFC 9849 §5: an
 * inner one is never sent in the clear). Spec: RFC 8446 §4.1.2, RFC 5246 §7.4.1.2 (extensions
 * may be absent).
 */
MUST_CHECK enum parse_rc tls_hello_parse(struct cursor hello, struct tls_hello *out,
                                         size_t *used);

#define TLS_HELLO_MAX                                                                          \
    65536 /* bytes of handshake message that are read, header included; more is PARSE_BAD */

/**
 * tls_sni_parse - pick the host name out of a server_name extension (STYLE of the whole
 * program) ext: extension_data alone. name: 1..253 bytes as sent, points into ext. PARSE_OK;
 * PARSE_ABSENT (entries, none a host_name); PARSE_BAD, *name then is { NULL, 0 }. RFC 6066 §3.
 * Stricter: beside a host_name no other entry may stand; the name must be one for
 * hostname_canonical(), or a dotted quad.
 */
MUST_CHECK enum parse_rc tls_sni_parse(struct cursor ext, struct span *name);

#endif
