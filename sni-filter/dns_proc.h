/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_DNS_PROC_H
#define SNI_FILTER_DNS_PROC_H

#include "sni-filter/channel.h"

#define DNS_PROC_FILES                                                                         \
    768 /* descriptors: questions, their TCP sockets, agents' connections                      \
         */

/* What the dns process works with; all of it kept. */
struct dns_proc_io {
    struct ring *from_inspector;
    struct channel to_inspector;
    int wake_fd;       /* woken by the inspector */
    int lifeline_fd;   /* readable at its end: the packet side is gone */
    int listen_fds[2]; /* DNS over TCP, -1: none */
};

/** dns_proc_run - ask the upstream resolvers, serve agents' TCP connections; returns 1 when
 * something failed */
int dns_proc_run(const struct dns_proc_io *io);

#endif
