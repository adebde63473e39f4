/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/attr.h"
#include "common/err.h"
#include "common/hostname.h"
#include "common/link.h"

#define CONF_LIST_MAX 64

enum conf_mode { CONF_ENFORCE, CONF_LEARN };

struct conf_upstream {
    char name[HOSTNAME_MAX + 1]; /* "": all names */
    struct addr addr;            /* ADDR_NONE: follow resolv_conf */
    uint16_t port;               /* 53 unless given as ADDR#PORT */
    unsigned layer;              /* which of the texts set it */
};

struct conf_agent { /* agent.NAME = ADDRESS[, ADDRESS or CIDR ...] */
    char name[64];
    struct prefix prefix;
    unsigned layer;
};

struct conf_link { /* link.NAME = OUTER INNER4 [INNER6] */
    struct link link;
    unsigned layer;
};

struct conf_tunnel_address { /* an address of the gateway inside the tunnel, and its network */
    struct addr addr;
    uint8_t bits;
};

/* gateway.conf, defaults filled in. Key -> field, see conf_parse(). */
struct conf {
    unsigned nr_layers;  /* texts read so far */
    enum conf_mode mode; /* mode = enforce | learn */
    char internal[64];   /* internal = interface name or an address on it; required */
    char external[64];   /* external = likewise, or auto: the only other one; required */
    bool has_tunnel;     /* tunnel = none | vxlan: then internal carries it */
    struct conf_tunnel_address tunnel_addresses[2]; /* tunnel.address = IPv4/n[, IPv6/n] */
    size_t nr_tunnel_addresses;
    struct conf_link links[LINKS_MAX];
    size_t nr_links;
    char policy[256];      /* policy = DIR; relative to the file's folder; default "." */
    char state[256];       /* state = DIR for what must survive a restart (bindings); "" none */
    char resolv_conf[256]; /* dns.upstream = PATH of a resolv.conf; "" when a list is given */
    struct conf_upstream
        upstreams[CONF_LIST_MAX]; /* dns.upstream = A, B#53; dns.upstream.NAME = A */
    size_t nr_upstreams;
    uint32_t dns_keep_s;    /* dns.keep = 24h (units s m h d; default 24h) */
    uint32_t dns_min_ttl_s; /* dns.min-ttl = 60s */
    unsigned queues;        /* queues = auto | 1: 1 */
    char log[256];          /* log = - | PATH; "-" */
    uint64_t log_max;       /* log.max = 64M: bytes of one file; units K M G */
    char user[64];          /* user = NAME or UID; "13" */
    bool is_ech_allowed;    /* ech = allow | deny; allow */
    struct prefix private_allowed[CONF_LIST_MAX]; /* private.allow = CIDR, ... */
    size_t nr_private_allowed;
    struct prefix private_denied[CONF_LIST_MAX]; /* private.deny = CIDR, ... */
    size_t nr_private_denied;
    struct conf_agent
        agents[CONF_LIST_MAX]; /* none: every host of the internal network is agent "agent" */
    size_t nr_agents;
};

/**
 * conf_parse - read the text of a gateway.conf ("key = value" lines, "#" comments)
 *
 * file: its name, for errors and as the base of relative paths. On error returns false and
 * *err = "FILE:LINE:COLUMN: ...expected ..."; unknown and repeated keys are errors.
 */
MUST_CHECK bool conf_parse(const char *file, const char *text, size_t len, struct conf *conf,
                           struct err *err);

/**
 * conf_init, conf_add, conf_finish - the same from several texts
 *
 * A text that comes later overrides what an earlier one says of the same key; inside one text a
 * repeated key stays an error. conf_finish() looks whether all that is required is there. The
 * policy directory is that of the first text's file until a line says otherwise.
 */
void conf_init(struct conf *conf);
MUST_CHECK bool conf_add(struct conf *conf, const char *file, const char *text, size_t len,
                         struct err *err);
MUST_CHECK bool conf_finish(const struct conf *conf, const char *file, struct err *err);

/** conf_agent_name_is_valid - 1..63 of a-z 0-9 "_" "-" */
bool conf_agent_name_is_valid(const char *name, size_t len);

/**
 * struct policy_dir - the texts of a policy directory: allowlist, agents/NAME, ceiling
 *
 * They are named relative to the directory ("allowlist", "agents/claude"), so that a policy has
 * the same policy_id() wherever it lies. agents/ and ceiling may be absent; hidden files in
 * agents/ are skipped.
 */
struct policy_source;
struct policy_dir {
    struct policy_source
        *sources; /* [0] is the base; file, agent and text are owned by this struct */
    size_t nr_sources;
    struct policy_source *ceiling; /* NULL when there is none */
};
/** policy_dir_read - false with *err and an empty *dir when anything in it cannot be read */
MUST_CHECK bool policy_dir_read(const char *path, struct policy_dir *dir, struct err *err);
void policy_dir_clear(struct policy_dir *dir);

#endif
