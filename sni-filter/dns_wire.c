/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/dns_wire.h"

#include <string.h>

#define LABEL_MAX    63
#define POINTER_BITS 0xc0
#define POINTERS_MAX 127 /* one for each label that a name can have */

bool dns_header_read(struct cursor *message, struct dns_header *out)
{
    struct cursor header;
    uint32_t id, flags;

    if (!cursor_split(message, DNS_HEADER_LEN, &header) || !cursor_uint(&header, 2, &id) ||
        !cursor_uint(&header, 2, &flags) || !cursor_uint(&header, 2, &out->nr_questions) ||
        !cursor_uint(&header, 2, &out->nr_answers) ||
        !cursor_uint(&header, 2, &out->nr_authority) ||
        !cursor_uint(&header, 2, &out->nr_additional))
        return false;
    out->id = (uint16_t)id;
    out->flags = (uint16_t)flags;
    return true;
}

/* Add a label of 0..63 bytes with its length. */
static bool add_label(struct dns_name *name, const struct cursor *label)
{
    if (label->len + 1 > DNS_WIRE_NAME_MAX - name->len)
        return false;
    name->wire[name->len++] = (uint8_t)label->len;
    if (label->len != 0)
        memcpy(name->wire + name->len, label->base, label->len);
    name->len += label->len;
    return true;
}

/* Labels up to the root (*pointer = 0) or up to a pointer (*pointer = where to). */
static bool add_labels(struct cursor *c, struct dns_name *name, uint32_t *pointer)
{
    struct cursor label;
    uint32_t len, low;

    do {
        if (!cursor_uint(c, 1, &len))
            return false;
        if ((len & POINTER_BITS) == POINTER_BITS) {
            if (!cursor_uint(c, 1, &low))
                return false;
            *pointer = (len & ~(uint32_t)POINTER_BITS) << 8 | low;
            return *pointer >= DNS_HEADER_LEN;
        }
        /* 0x40 and 0x80: RFC 6891 §5 has given them up */
        if (len > LABEL_MAX || !cursor_split(c, len, &label) || !add_label(name, &label))
            return false;
    } while (len != 0);
    *pointer = 0;
    return true;
}

bool dns_name_read_plain(struct cursor *c, struct dns_name *out)
{
    struct dns_name name = { .len = 0 };
    struct cursor walk = *c;
    uint32_t pointer;

    if (!add_labels(&walk, &name, &pointer) || pointer != 0)
        return false;
    *c = walk;
    *out = name;
    return true;
}

bool dns_name_read(struct cursor *message, struct dns_name *out)
{
    struct cursor walk = *message;
    size_t part_at = message->off;
    uint32_t pointer;

    out->len = 0;
    if (!add_labels(&walk, out, &pointer))
        return false;
    message->off = walk.off;
    for (size_t nr = 0; pointer != 0; nr++) {
        if (pointer >= part_at || nr == POINTERS_MAX)
            return false;
        part_at = pointer;
        walk.off = pointer;
        if (!add_labels(&walk, out, &pointer))
            return false;
    }
    return true;
}

/* Lengths of labels are at most 63: below the letters, so they fold to themselves. */
static uint8_t fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i++)
        if (fold(a->wire[i]) != fold(b->wire[i]))
            return false;
    return true;
}

size_t dns_name_text(const uint8_t *wire, size_t len, char out[HOSTNAME_MAX + 1])
{
    struct cursor c = { .base = wire, .len = len }, label;
    uint8_t text[DNS_WIRE_NAME_MAX];
    size_t used = 0;

    out[0] = '\0';
    while (cursor_vec(&c, 1, &label) && label.len != 0) {
        if (memchr(label.base, '.', label.len) != NULL || label.len + 1 > sizeof(text) - used)
            return 0;
        memcpy(text + used, label.base, label.len);
        used += label.len;
        text[used++] = '.';
    }
    /* The last dot stands for the root label. */
    return used == 0 ? 0 : hostname_canonical(text, used, out);
}

bool dns_record_read(struct cursor *message, struct dns_record *out)
{
    if (!dns_name_read(message, &out->owner) || !cursor_uint(message, 2, &out->type) ||
        !cursor_uint(message, 2, &out->class) || !cursor_uint(message, 4, &out->ttl) ||
        !cursor_vec(message, 2, &out->rdata))
        return false;
    out->rdata_at = message->off - out->rdata.len;
    return true;
}

void dns_put(struct dns_writer *writer, const void *bytes, size_t len)
{
    if (writer->is_full || len > writer->size - writer->len) {
        writer->is_full = true;
        return;
    }
    if (len != 0)
        memcpy(writer->out + writer->len, bytes, len);
    writer->len += len;
}

void dns_put_uint(struct dns_writer *writer, size_t width, uint32_t value)
{
    uint8_t bytes[4];

    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    dns_put(writer, bytes, width);
}
