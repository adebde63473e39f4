/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/tls_hello.h"

#include <string.h>

enum {
    EXT_SERVER_NAME = 0,
    EXT_SUPPORTED_GROUPS = 10,
    EXT_ALPN = 16,
    EXT_PRE_SHARED_KEY = 41,
    EXT_EARLY_DATA = 42,
    EXT_KEY_SHARE = 51,
    EXT_QUIC_PARAMETERS = 57,
    EXT_ECH = 0xfe0d,
    EXT_ESNI = 0xffce,
};

#define HANDSHAKE_HEADER 4
#define RANDOM_LEN       32
#define SESSION_ID_MAX   32
/* version, random, empty session id, one cipher suite, one compression method */
#define HELLO_BODY_MIN (2 + RANDOM_LEN + 1 + 2 + 2 + 1 + 1)
#define ECH_OUTER      0

/* Which extension types were there: one bit for each of the 2^16. */
struct seen {
    uint64_t bits[1024];
};

static bool is_first_time(struct seen *seen, uint32_t type)
{
    uint64_t bit = UINT64_C(1) << (type & 63);

    if (seen->bits[type >> 6] & bit)
        return false;
    seen->bits[type >> 6] |= bit;
    return true;
}

static bool read_server_name(struct cursor ext, struct tls_hello *out)
{
    struct span name;

    switch (tls_sni_parse(ext, &name)) {
    case PARSE_OK:
        break;
    case PARSE_ABSENT:
        return true;
    case PARSE_MORE:
    case PARSE_BAD:
        return false;
    }
    out->has_name = true;
    if (hostname_canonical(name.base, name.len, out->name) != 0)
        return true;
    /* The only other thing that tls_sni_parse() takes: a dotted quad, 15 bytes at most. */
    out->is_name_ip = true;
    if (name.len > HOSTNAME_MAX)
        return false;
    memcpy(out->name, name.base, name.len);
    out->name[name.len] = '\0';
    return true;
}

/* RFC 7301 §3.1 */
static bool read_alpn(struct cursor ext, struct tls_hello *out)
{
    struct cursor list, walk, protocol;

    if (!cursor_vec(&ext, 2, &list) || cursor_left(&ext) != 0 || list.len == 0)
        return false;
    walk = list;
    while (cursor_left(&walk) != 0)
        if (!cursor_vec(&walk, 1, &protocol) || protocol.len == 0)
            return false;
    out->alpn = (struct span) { list.base, list.len };
    return true;
}

/* One list with a 16-bit length and nothing behind it. min: bytes in it. */
static bool is_one_list(struct cursor ext, size_t min)
{
    struct cursor list;

    return cursor_vec(&ext, 2, &list) && cursor_left(&ext) == 0 && list.len >= min;
}

/* RFC 8446 §4.2.11: identities and binders; the extension is the last one. */
static bool is_good_psk(struct cursor ext, const struct cursor *behind)
{
    struct cursor identities, binders;

    return cursor_vec(&ext, 2, &identities) && cursor_vec(&ext, 2, &binders) &&
           cursor_left(&ext) == 0 && identities.len != 0 && binders.len != 0 &&
           cursor_left(behind) == 0;
}

/* RFC 9849 §5. Only the outer form is ever sent in the clear: an inner one (type 1) here would
 * be a hello that claims to have been decrypted already. */
static bool is_outer_ech(struct cursor ext)
{
    struct cursor enc, payload;
    uint32_t type;

    return cursor_uint(&ext, 1, &type) && type == ECH_OUTER && cursor_skip(&ext, 4 + 1) &&
           cursor_vec(&ext, 2, &enc) && cursor_vec(&ext, 2, &payload) && payload.len != 0 &&
           cursor_left(&ext) == 0;
}

static bool read_extension(uint32_t type, struct cursor ext, const struct cursor *behind,
                           struct tls_hello *out)
{
    switch (type) {
    case EXT_SERVER_NAME:
        return read_server_name(ext, out);
    case EXT_ALPN:
        return read_alpn(ext, out);
    case EXT_SUPPORTED_GROUPS:
        return is_one_list(ext, 2);
    case EXT_KEY_SHARE:
        return is_one_list(ext, 0); /* empty asks for a HelloRetryRequest, §4.2.8 */
    case EXT_PRE_SHARED_KEY:
        return is_good_psk(ext, behind);
    case EXT_EARLY_DATA:
        out->has_early_data = true;
        return ext.len == 0;
    case EXT_QUIC_PARAMETERS:
        out->has_quic_parameters = true;
        return true;
    case EXT_ECH:
        out->has_ech = true;
        return is_outer_ech(ext);
    case EXT_ESNI:
        out->has_esni = true;
        return true;
    default:
        return true;
    }
}

static bool read_extensions(struct cursor list, struct tls_hello *out)
{
    struct seen seen = { { 0 } };
    struct cursor ext;
    uint32_t type;

    while (cursor_left(&list) != 0) {
        if (!cursor_uint(&list, 2, &type) || !cursor_vec(&list, 2, &ext))
            return false;
        if (!is_first_time(&seen, type) || !read_extension(type, ext, &list, out))
            return false;
    }
    return true;
}

static bool read_body(struct cursor body, struct tls_hello *out)
{
    struct cursor session_id, suites, methods, extensions;
    uint32_t version;

    if (!cursor_uint(&body, 2, &version) || version >> 8 != 3 ||
        !cursor_skip(&body, RANDOM_LEN) || !cursor_vec(&body, 1, &session_id) ||
        session_id.len > SESSION_ID_MAX || !cursor_vec(&body, 2, &suites) || suites.len == 0 ||
        suites.len % 2 != 0 || !cursor_vec(&body, 1, &methods) || methods.len == 0)
        return false;
    out->version = (uint16_t)version;
    out->has_session_id = session_id.len != 0;
    if (cursor_left(&body) == 0)
        return true; /* RFC 5246 §7.4.1.2: a hello without extensions */
    return cursor_vec(&body, 2, &extensions) && cursor_left(&body) == 0 &&
           read_extensions(extensions, out);
}

enum parse_rc tls_hello_parse(struct cursor hello, struct tls_hello *out, size_t *used)
{
    struct cursor body;
    uint32_t type, len;

    memset(out, 0, sizeof(*out));
    *used = 0;
    if (!cursor_uint(&hello, 1, &type))
        return PARSE_MORE;
    if (type != TLS_CLIENT_HELLO)
        return PARSE_BAD;
    if (!cursor_uint(&hello, 3, &len))
        return PARSE_MORE;
    if (len < HELLO_BODY_MIN || len > TLS_HELLO_MAX - HANDSHAKE_HEADER)
        return PARSE_BAD;
    if (!cursor_split(&hello, len, &body))
        return PARSE_MORE;
    if (!read_body(body, out)) {
        memset(out, 0, sizeof(*out));
        return PARSE_BAD;
    }
    *used = HANDSHAKE_HEADER + len;
    return PARSE_OK;
}
