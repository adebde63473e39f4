/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the verdict log is read: in the running gateway, or, when there is none, in its volume.
 */
#ifndef CTL_LOG_SOURCE_H
#define CTL_LOG_SOURCE_H

#include <stdbool.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/engine.h"
#include "ctl/http.h"

/**
 * log_source_gateway - the records that the running gateway has
 *
 * is_following: go on with new ones until the gateway ends. since: "", or from which time on
 * (records before it may come too). False with *err; ENOENT or EEXIST in err->code: no gateway
 * is running.
 */
MUST_CHECK bool log_source_gateway(struct engine *engine, bool is_following, const char *since,
                                   http_sink *sink, void *arg, struct err *err);

/**
 * log_source_volume - the records that the volume has, while no gateway is running
 *
 * image: the gateway's, for a container that is made, never started, and removed again. Signals
 * must be caught (signals.h), or the container may stay.
 */
MUST_CHECK bool log_source_volume(struct engine *engine, const char *image, http_sink *sink,
                                  void *arg, struct err *err);

#endif
