/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/hostname.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <idn2.h>

#define LABEL_MAX 63 /* RFC 1035 §2.3.4 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The lower-case form of a byte that may stand in a label, or 0. */
static char fold(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte - 'A' + 'a');
    if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
        byte == '_')
        return (char)byte;
    return 0;
}

/* Would resolvers read a name with this (folded) last label as an IPv4 address? inet_aton() and
 * the URL standard do so for decimal, octal and hexadecimal numbers. */
static bool is_number(const char *label, size_t len)
{
    bool is_hex = len >= 2 && label[0] == '0' && label[1] == 'x';

    for (size_t i = is_hex ? 2 : 0; i < len; i++)
        if (!is_digit(label[i]) && !(is_hex && label[i] >= 'a' && label[i] <= 'f'))
            return false;
    return true;
}

static size_t fault_at(struct hostname_fault *fault, size_t at, const char *why)
{
    if (fault)
        *fault = (struct hostname_fault) { .at = at, .why = why };
    return 0;
}

/* The one reader behind hostname_canonical() and hostname_check(); writes at most
 * HOSTNAME_MAX bytes, no NUL. Returns the length or 0 with *fault. */
static size_t scan(const uint8_t *name, size_t len, char *out, struct hostname_fault *fault)
{
    size_t label = 0; /* where the current label starts */

    if (len > 1 && name[len - 1] == '.')
        len--;
    if (len == 0)
        return fault_at(fault, 0, "the name is empty");
    if (len > HOSTNAME_MAX)
        return fault_at(fault, HOSTNAME_MAX, "the name is longer than 253 bytes");
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.') {
            if (i == label)
                return fault_at(fault, i, "a label is empty");
            label = i + 1;
            out[i] = '.';
            continue;
        }
        if (i - label == LABEL_MAX)
            return fault_at(fault, i, "a label is longer than 63 bytes");
        out[i] = fold(name[i]);
        if (out[i] == 0)
            return fault_at(fault, i, "not a letter, digit, \"-\", \"_\" or \".\"");
    }
    if (label == len)
        return fault_at(fault, len, "a label is empty");
    if (is_number(out + label, len - label))
        return fault_at(fault, label, "the last label is a number, as in an IPv4 address");
    return len;
}

size_t hostname_canonical(const uint8_t *name, size_t len, char out[HOSTNAME_MAX + 1])
{
    size_t used = scan(name, len, out, NULL);

    out[used] = '\0';
    return used;
}

bool hostname_check(const uint8_t *name, size_t len, struct hostname_fault *fault)
{
    char out[HOSTNAME_MAX];

    return scan(name, len, out, fault) != 0;
}

/* text for a message: control bytes escaped, cut at about 80 bytes */
static const char *quoted(const char *text, char buf[96])
{
    size_t used = 0;

    for (; *text && used < 80; text++) {
        uint8_t byte = (uint8_t)*text;

        if (byte < 0x20 || byte == 0x7f)
            used += (size_t)snprintf(buf + used, 96 - used, "\\x%02x", byte);
        else
            buf[used++] = *text;
    }
    memcpy(buf + used, *text ? "..." : "", *text ? 4 : 1);
    return buf;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((uint8_t)*text >= 0x80)
            return false;
    return true;
}

bool hostname_from_user(const char *text, char out[HOSTNAME_MAX + 1], struct err *err)
{
    struct hostname_fault fault = { .why = "" };
    uint8_t *converted = NULL;
    const char *name = text;
    char quote[96];
    bool is_good;

    out[0] = '\0';
    /* ASCII does not go through IDNA: its rules on hyphens refuse names that exist. */
    if (!is_ascii(text)) {
        int rc = idn2_lookup_u8((const uint8_t *)text, &converted,
                                IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

        if (rc != IDN2_OK)
            return err_set(err, EINVAL, "\"%s\" is no host name: %s", quoted(text, quote),
                           idn2_strerror(rc));
        name = (const char *)converted;
    }
    is_good = hostname_canonical((const uint8_t *)name, strlen(name), out) != 0;
    if (!is_good && !hostname_check((const uint8_t *)name, strlen(name), &fault))
        err_set(err, EINVAL, "\"%s\" is no host name: %s (byte %zu)", quoted(text, quote),
                fault.why, fault.at + 1);
    idn2_free(converted);
    return is_good;
}
