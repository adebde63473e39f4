/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/addr.h"
#include "sni-filter/tls_hello.h"

#define SNI_HOST_NAME 0

/* A dotted quad is no host name (RFC 6066 §3), but old clients send the address that they were
 * given. It is let through here so that the log and an address rule can name it. */
static bool is_ipv4_text(const struct cursor *name)
{
    struct addr addr;

    return addr_parse((const char *)name->base, name->len, &addr) && addr.family == ADDR_V4;
}

enum parse_rc tls_sni_parse(struct cursor ext, struct span *name)
{
    struct cursor list, entry;
    struct span found = { NULL, 0 };
    char folded[HOSTNAME_MAX + 1];
    size_t nr_entries = 0;
    uint32_t type;

    *name = found;
    if (!cursor_vec(&ext, 2, &list) || cursor_left(&ext) != 0 || cursor_left(&list) == 0)
        return PARSE_BAD;
    while (cursor_left(&list) != 0) {
        if (!cursor_uint(&list, 1, &type) || !cursor_vec(&list, 2, &entry))
            return PARSE_BAD;
        nr_entries++;
        if (type != SNI_HOST_NAME)
            continue; /* §3: every name type starts with a 16-bit length */
        if (hostname_canonical(entry.base, entry.len, folded) == 0 && !is_ipv4_text(&entry))
            return PARSE_BAD;
        found = (struct span) { entry.base, entry.len };
    }
    /* Which of several entries a server takes is its own affair. */
    if (found.len != 0 && nr_entries != 1)
        return PARSE_BAD;
    *name = found;
    return found.len != 0 ? PARSE_OK : PARSE_ABSENT;
}
