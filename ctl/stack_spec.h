/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the stack is made of, as the Docker Engine API wants it said. Nothing here sends.
 *
 * Slot N holds agent N: the containers claude-secure-link-N and claude-secure-claude-N, the
 * link's outer address INTERNAL.(N+2) and its inner address TUNNEL.(N+2). The gateway is
 * INTERNAL.2 and TUNNEL.1. With IPv6 both have a second inner address of the same number in
 * fd73:6563:SUBNET::/64, SUBNET being TUNNEL_SUBNET's; proxy-external is in the network after
 * it. Both are unique local addresses (RFC 4193), which the engine masquerades.
 */
#ifndef CTL_STACK_SPEC_H
#define CTL_STACK_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/err.h"
#include "ctl/mounts.h"
#include "ctl/settings.h"

#define STACK_PROJECT  "claude-secure"
#define STACK_INTERNAL "claude-internal"
#define STACK_EXTERNAL "proxy-external"
#define STACK_GATEWAY  STACK_PROJECT "-gateway-1"
#define STACK_FWD      "/usr/sbin/fwd"

#define VOLUME_POLICY STACK_PROJECT "-policy"
#define VOLUME_STATE  STACK_PROJECT "-state"
#define VOLUME_LOG    STACK_PROJECT "-log"
#define POLICY_FOLDER "/etc/secctl/policy" /* in the gateway */
#define STATE_FOLDER  "/var/lib/secctl"
#define LOG_FOLDER    "/var/log/secctl"

#define LABEL_PROJECT "com.docker.compose.project"
#define LABEL_SERVICE "com.docker.compose.service"
#define LABEL_NUMBER  "com.docker.compose.container-number"
#define LABEL_NETWORK "com.docker.compose.network"
#define LABEL_VOLUME  "com.docker.compose.volume"
#define LABEL_AGENT   "secctl.agent"
#define LABEL_SPEC    "secctl.spec"
#define LABEL_OWNER   "secctl.owner"  /* HOST:PID:START of the secctl that made it */
#define LABEL_SOURCE  "secctl.source" /* of an image: digest of what it was built from */

#define STACK_SLOT_OFFSET 2   /* agent N is host N + 2 of both subnets */
#define STACK_SLOTS_MAX   126 /* up to .127: the upper half is for the engine to give out */
#define STACK_NAME_MAX    80  /* of a container, its NUL included */
#define STACK_OWNER_MAX   128
#define STACK_SPEC_MAX    65

/** stack_address - the host-th address of a /24 as text; returns text */
const char *stack_address(const struct prefix *subnet, unsigned host, char text[ADDR_TEXT_MAX]);

/** stack_address6 - the host-th IPv6 address inside the tunnel as text; returns text */
const char *stack_address6(const struct settings *settings, unsigned host,
                           char text[ADDR_TEXT_MAX]);

/** stack_link_name, stack_agent_container - the containers of slot n; return name */
const char *stack_link_name(unsigned n, char name[STACK_NAME_MAX]);
const char *stack_agent_container(unsigned n, char name[STACK_NAME_MAX]);

/** stack_agent_name - what agent n is called when the user names none: "claude", "claude-2" */
const char *stack_agent_name(unsigned n, char name[64]);

/** stack_network - the body of POST /networks/create. name: STACK_INTERNAL or STACK_EXTERNAL;
 * has_ipv6: shall the latter have it? Given. */
cJSON *stack_network(const struct settings *settings, const char *name, bool has_ipv6,
                     struct err *err);

/**
 * stack_network_differs - what is wrong with a network that exists
 *
 * answer: of GET /networks/NAME. difference: a phrase, "" when nothing is. Returns false with
 * *err for an answer that cannot be read.
 */
MUST_CHECK bool stack_network_differs(const struct settings *settings, const char *name,
                                      bool has_ipv6, const cJSON *answer, char *difference,
                                      size_t size, struct err *err);

/* Where the gateway's resolvers come from. */
struct stack_resolver {
    const char *setting; /* value of dns.upstream; NULL: what the image has */
    const char
        *folder; /* of this machine, mounted read-only at STACK_RESOLVER_FOLDER; NULL: none */
};

#define STACK_RESOLVER_FOLDER "/run/secctl/resolver"

struct stack_gateway_spec {
    const struct settings *settings;
    const char *image_id;     /* so that another build is another gateway */
    const char *gateway_conf; /* its text: read by the gateway when it starts */
    struct stack_resolver resolver;
    const char *owner;
    bool has_ipv6;
};

/** stack_gateway - the body of POST /containers/create; spec: out, the value of its LABEL_SPEC.
 * Given. */
cJSON *stack_gateway(const struct stack_gateway_spec *want, char spec[STACK_SPEC_MAX],
                     struct err *err);

struct stack_agent_spec {
    const struct settings *settings;
    unsigned n;
    const char *agent; /* its name */
    const char *owner;
    bool has_ipv6;
    /* the agent alone */
    const char *image;
    const char *const *command; /* NULL-terminated; NULL: the image's */
    const char *const *env;     /* "NAME=VALUE", NULL-terminated */
    const struct mounts *mounts;
    const char *seccomp; /* the profile's text; NULL: the engine's */
    bool has_terminal;
    unsigned rows, columns; /* of the terminal, 0 when it has none */
    const char *user;       /* "1000:1000" */
};

/** stack_link, stack_agent - likewise. Given. */
cJSON *stack_link(const struct stack_agent_spec *want, struct err *err);
cJSON *stack_agent(const struct stack_agent_spec *want, struct err *err);

/** stack_connect - the body of POST /networks/ID/connect. Given. */
cJSON *stack_connect(const char *container, struct err *err);

#endif
