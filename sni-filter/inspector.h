/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_INSPECTOR_H
#define SNI_FILTER_INSPECTOR_H

#include <stdint.h>

#include "common/attr.h"
#include "common/err.h"
#include "sni-filter/channel.h"

/* What the inspector works with; all of it kept. */
struct inspector_io {
    struct ring *from_packets, *from_dns;
    struct channel to_packets, to_dns;
    int wake_fd;      /* woken by both */
    int control_fd;   /* from fwd */
    int report_fd;    /* to fwd */
    int lifeline_fd;  /* readable at its end: the packet side is gone */
    uint64_t *ledger; /* shared with fwd: decisions that were recorded; may be NULL */
};

/** inspector_prepare - what must be done before system calls are closed: descriptors' modes,
 * libraries that open files */
MUST_CHECK bool inspector_prepare(const struct inspector_io *io, struct err *err);

/** inspector_run - judge until the control pipe ends (0) or something fails (1, printed) */
int inspector_run(const struct inspector_io *io);

#endif
