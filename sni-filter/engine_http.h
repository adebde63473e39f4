/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the engine's files about HTTP offer to its others, and to each other.
 */
#ifndef SNI_FILTER_ENGINE_HTTP_H
#define SNI_FILTER_ENGINE_HTTP_H

#include "sni-filter/engine_internal.h"

/* A client that says nothing for so long is forgotten; before and after its FIN. */
#define HTTP_IDLE_US (3600ull * US_PER_S)
#define HTTP_END_US  (120ull * US_PER_S)

struct http_request;

/** engine_http_is - is the flow HTTP? Its first byte and the policy decide, once it is there */
bool engine_http_is(struct engine *e, struct flow *flow);

/** engine_http_read - new bytes are in the flow's stream */
void engine_http_read(struct engine *e, struct flow *flow);

/* Has a request of it been judged, and is it still alive? */
static inline bool engine_http_is_judged(const struct flow *flow)
{
    return flow->state == FLOW_HTTP || flow->state == FLOW_HTTP_END;
}

/** engine_http_segment - payload of a client whose first request has been judged */
void engine_http_segment(struct engine *e, struct flow *flow, const struct packet_meta *meta,
                         const struct ip_packet *packet);

/** engine_http_bare - a client's FIN or RST without payload */
void engine_http_bare(struct engine *e, const struct packet_meta *meta,
                      const struct ip_packet *packet);

/** engine_http_inbound - a server's segment while its ACK is waited for; flow may be NULL */
void engine_http_inbound(struct engine *e, struct flow *flow, const struct packet_meta *meta,
                         const struct ip_packet *packet);

/** engine_http_relieve - the client has stalled; true when something of a piece that is not
 * whole has gone */
bool engine_http_relieve(struct engine *e, struct flow *flow);

/* engine_http_page.c: the end of a flow */

/** engine_http_refuse - a record, then engine_http_end(). request: NULL when there is none */
void engine_http_refuse(struct engine *e, struct flow *flow, const struct http_request *request,
                        enum reason reason, const char *why);

/** engine_http_end - nothing more of it passes. A client whose first request it is gets a page
 * that says why, any other a reset; the server gets a reset */
void engine_http_end(struct engine *e, struct flow *flow, const struct http_request *request,
                     enum reason reason, const char *why);

/* engine_http_pin.c: framing that has gone and was not acknowledged */

/** engine_http_pin_fits - is there room for a pin of len bytes? */
bool engine_http_pin_fits(const struct flow *flow, size_t len);

/** engine_http_pin - keep bytes from pos on; false, and nothing is kept, when there is no room
 */
MUST_CHECK bool engine_http_pin(struct engine *e, struct flow *flow, uint64_t pos,
                                struct cursor bytes);

/** engine_http_pins_agree - do the bytes at pos agree with all pins? */
MUST_CHECK bool engine_http_pins_agree(struct engine *e, const struct flow *flow, uint64_t pos,
                                       struct cursor bytes);

/** engine_http_unpin - the server has all that is below acked */
void engine_http_unpin(struct engine *e, struct flow *flow, uint64_t acked);

#endif
