/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_TARGET_H
#define CTL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/err.h"
#include "common/hostname.h"
#include "common/policy.h"

/* What somebody asks about: NAME[:PORT][/PROTO], ADDRESS[:PORT][/PROTO], [IPV6][:PORT][/PROTO]
 */
struct target {
    char name[HOSTNAME_MAX + 1]; /* canonical; "": an address */
    struct addr addr;
    uint16_t port;
    enum service_kind kind;
    bool has_kind; /* false: kind is the port's usual one, TLS is to be tried first */
};

/**
 * target_parse - read a target; PROTO is one of tls quic http tcp udp
 *
 * Without a port: 443 for tls and quic, 80 for http; tcp and udp need one. Without PROTO: tls
 * for port 443, http for port 80, else tcp. False with *err, *out untouched.
 */
MUST_CHECK bool target_parse(const char *text, struct target *out, struct err *err);

#endif
