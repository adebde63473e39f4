/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_ENGINE_FIND_H
#define CTL_ENGINE_FIND_H

#include "ctl/engine_host.h"

/**
 * engine_find - where the user's Docker engine is, as the docker command would find it
 *
 * DOCKER_HOST (TLS with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH), else the context that
 * DOCKER_CONTEXT or the docker configuration names, else ENGINE_DEFAULT.
 */
MUST_CHECK bool engine_find(struct engine_host *host, struct err *err);

#endif
