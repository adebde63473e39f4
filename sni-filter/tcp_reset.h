/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_TCP_RESET_H
#define SNI_FILTER_TCP_RESET_H

#include "common/attr.h"
#include "sni-filter/engine.h"

/**
 * tcp_reset_send - one reset to the server of a connection, in its client's name
 *
 * By a socket in repair mode (tcp(7), TCP_REPAIR) that is given the connection's addresses and
 * sequence numbers and closed: the kernel sends a RST whose sequence number is the one that the
 * server expects next, which it must be (RFC 5961 section 3.2). Needs CAP_NET_ADMIN alone. The
 * output rules let it out because the connection's conntrack mark is CT_REVOKED.
 *
 * When the client is not told yet, a window probe goes before it: the output rules reject that
 * with a reset, which goes to the client. Returns 0 or -errno.
 */
MUST_CHECK int tcp_reset_send(const struct engine_reset *reset);

/**
 * tcp_page_send - a page to the client of a connection, in its server's name
 *
 * By a socket of the same kind at the server's end: the text, a FIN, and a reset, so that
 * nothing of the connection stays at the client. Its mark keeps it out of conntrack, and lets
 * it pass the output rules. Nothing of it is sent again. Returns 0 or -errno.
 */
MUST_CHECK int tcp_page_send(const struct engine_page *page);

/**
 * tcp_poke_send - make the client of a revoked connection say where it stands
 *
 * By a socket at the server's end that sends one empty segment with any sequence number: a
 * client that does not expect that number answers by an empty one with its own (RFC 9293
 * section 3.10.7.4), which the rules treat as they treat all that is sent on a revoked
 * connection. Returns 0 or -errno.
 */
MUST_CHECK int tcp_poke_send(const struct engine_live *live);

/**
 * tcp_alert_send - reset->alert to the client of a connection, in its server's name
 *
 * As a page is sent. The client must have got nothing of its server's stream.
 */
MUST_CHECK int tcp_alert_send(const struct engine_reset *reset);

#endif
