/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/link.h"

#include <stdio.h>
#include <string.h>

#include "common/textfile.h"

static bool is_host(const struct addr *addr)
{
    static const uint8_t zero[16], loopback6[16] = { [15] = 1 };
    const uint8_t first = addr->bytes[0];

    if (addr->family == ADDR_V4)
        return first != 0 && first != 127 && first < 224;
    return first != 0xff && !(first == 0xfe && (addr->bytes[1] & 0xc0) == 0x80) &&
           memcmp(addr->bytes, zero, 16) != 0 && memcmp(addr->bytes, loopback6, 16) != 0;
}

static bool read_host(struct token *rest, enum addr_family family, struct addr *out)
{
    struct token word;

    return token_next(rest, &word) && addr_parse(word.text, word.len, out) &&
           out->family == family && is_host(out);
}

bool link_parse(const char *text, size_t len, struct link *link)
{
    struct token rest = { text, len }, word;
    struct link found = *link;

    found.inner6 = (struct addr) { .family = ADDR_NONE };
    if (!read_host(&rest, ADDR_V4, &found.outer) || !read_host(&rest, ADDR_V4, &found.inner4))
        return false;
    if (token_trim(rest).len > 0 && !read_host(&rest, ADDR_V6, &found.inner6))
        return false;
    if (token_next(&rest, &word) || addr_equal(&found.outer, &found.inner4))
        return false;
    *link = found;
    return true;
}

const char *link_format(const struct link *link, char buf[LINK_TEXT_MAX])
{
    char outer[ADDR_TEXT_MAX], inner4[ADDR_TEXT_MAX], inner6[ADDR_TEXT_MAX];
    const bool has_v6 = link->inner6.family != ADDR_NONE;

    snprintf(buf, LINK_TEXT_MAX, "%s %s %s%s%s", link->agent, addr_format(&link->outer, outer),
             addr_format(&link->inner4, inner4), has_v6 ? " " : "",
             has_v6 ? addr_format(&link->inner6, inner6) : "");
    return buf;
}

bool link_equal(const struct link *a, const struct link *b)
{
    return strcmp(a->agent, b->agent) == 0 && addr_equal(&a->outer, &b->outer) &&
           addr_equal(&a->inner4, &b->inner4) && addr_equal(&a->inner6, &b->inner6);
}

const struct addr *link_clash(const struct link *a, const struct link *b)
{
    const struct addr *const ours[] = { &a->outer, &a->inner4, &a->inner6 };
    const struct addr *const theirs[] = { &b->outer, &b->inner4, &b->inner6 };

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        for (size_t j = 0; j < ARRAY_LEN(theirs); j++)
            if (ours[i]->family != ADDR_NONE && addr_equal(ours[i], theirs[j]))
                return ours[i];
    return NULL;
}

void link_mac(const struct addr *inner4, uint8_t mac[6])
{
    mac[0] = 0x02;
    mac[1] = 0x53;
    memcpy(mac + 2, inner4->bytes, 4);
}
