/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_LINK_LAYER_H
#define SNI_FILTER_LINK_LAYER_H

#include <stdbool.h>

#include "common/attr.h"
#include "sni-filter/cursor.h"
#include "sni-filter/parse.h"

/** link_layer_is_known - can frames of this type (a DLT_ value of libpcap) be read? */
bool link_layer_is_known(int type);

/**
 * link_layer_strip - find the IP packet in a captured frame
 *
 * type: DLT_ value. frame: what was captured, from its first byte; borrowed.
 * ip: out, from the version nibble to the frame's end (padding may follow the packet); points
 * into frame.
 *
 * Returns PARSE_OK; PARSE_ABSENT: a well-formed frame that carries something else than IP (ARP,
 * a control frame, an encrypted 802.11 frame); PARSE_BAD: the frame ends inside a header, or
 * the type is not known. Unless PARSE_OK, *ip is empty. The IP version is not compared with
 * what the frame says. Spec: IEEE 802.3 and 802.1Q, RFC 2516 (PPPoE), RFC 1661 and 1662 (PPP),
 * IEEE 802.11 §9.2, radiotap.org, tcpdump's list of link-layer header types. At most
 * LINK_TAGS_MAX VLAN tags are taken off.
 */
MUST_CHECK enum parse_rc link_layer_strip(int type, struct cursor frame, struct cursor *ip);

#define LINK_TAGS_MAX 4

#endif
