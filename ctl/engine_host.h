/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where a Docker engine is: the texts that say so, read. Nothing here opens anything.
 */
#ifndef CTL_ENGINE_HOST_H
#define CTL_ENGINE_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/digest.h"

#define ENGINE_SOCKET_MAX                                                                      \
    104 /* bytes of a unix socket's path, its NUL included: macOS's limit */
#define ENGINE_DEFAULT     "unix:///var/run/docker.sock"
#define ENGINE_CONTEXT_MAX 256

enum engine_transport { ENGINE_UNIX, ENGINE_TCP, ENGINE_TLS };

struct engine_host {
    enum engine_transport transport;
    char name[320];               /* as DOCKER_HOST would say it; for messages */
    char path[ENGINE_SOCKET_MAX]; /* ENGINE_UNIX: the socket */
    char url[320];                /* what libcurl asks, without a path */
    char tls_folder[1024];        /* ENGINE_TLS: where ca.pem, cert.pem and key.pem are */
    bool is_unverified;           /* ENGINE_TLS: the context says not to verify the engine */
};

/**
 * engine_host_parse - read unix://PATH or tcp://HOST[:PORT]
 *
 * source: who says so, for errors ("DOCKER_HOST"). tls_folder: NULL, or speak TLS over tcp://
 * with what is in there. Returns false with *err for anything else, ssh:// and npipe:// with
 * what to do instead.
 */
MUST_CHECK bool engine_host_parse(const char *source, const char *text, const char *tls_folder,
                                  struct engine_host *host, struct err *err);

/** engine_context_current - the context that a docker config.json names; "" when it names none
 */
MUST_CHECK bool engine_context_current(const char *text, size_t len,
                                       char name[ENGINE_CONTEXT_MAX], struct err *err);

/**
 * engine_context_parse - read a context's meta.json
 *
 * name: the context's, for errors. tls_folder: where its TLS files are, or NULL when it has
 * none.
 */
MUST_CHECK bool engine_context_parse(const char *name, const char *text, size_t len,
                                     const char *tls_folder, struct engine_host *host,
                                     struct err *err);

/** engine_context_folder - the name of a context's folder: sha256 of its name in hexadecimal */
MUST_CHECK bool engine_context_folder(const char *name, char hex[DIGEST_TEXT_MAX]);

#endif
