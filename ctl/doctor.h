/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What "secctl doctor" finds: one sentence that says what is, and one that says what to do.
 */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "common/attr.h"
#include "common/err.h"
#include "ctl/engine.h"
#include "ctl/ipv6.h"
#include "ctl/settings.h"

#define FINDINGS_MAX     64
#define FINDING_TEXT_MAX 480

enum finding_level {
    FINDING_OK,
    FINDING_WARNING,   /* works, or may work: worth knowing */
    FINDING_DIFFERENT, /* the next start puts it right, or something is still to be made */
    FINDING_PROBLEM,   /* keeps something from working */
};

struct finding {
    enum finding_level level;
    const char *topic;
    char what[FINDING_TEXT_MAX]; /* printable ASCII */
    const char *todo;            /* "" when there is nothing to do */
};

struct doctor {
    struct settings settings;
    struct engine *engine; /* NULL: none can be reached */
    struct ipv6 ipv6;      /* doctor_ipv6()'s */
    struct finding list[FINDINGS_MAX];
    size_t nr;
};

/** doctor_add - add a finding; topic and todo are kept. Foreign bytes in it are escaped. */
void doctor_add(struct doctor *doctor, enum finding_level level, const char *topic,
                const char *todo, const char *format, ...) PRINTF_LIKE(5, 6);

/* Each looks at one part and adds what it finds; errors are findings too. */
void doctor_settings(struct doctor *doctor);  /* .env, policy, workspace, CA_FILE */
void doctor_host(struct doctor *doctor);      /* resolver, TLS interception, proxies */
void doctor_engine(struct doctor *doctor);    /* what the engine says of itself, disk, clock */
void doctor_ipv6(struct doctor *doctor);      /* have the agents IPv6, and why (not) */
void doctor_networks(struct doctor *doctor);  /* subnets that collide */
void doctor_images(struct doctor *doctor);    /* images, and the kernel by a probe container */
void doctor_stack(struct doctor *doctor);     /* the gateway that is there */
void doctor_leftovers(struct doctor *doctor); /* of docker-claude */

/** doctor_print - on standard output; false with *err when that fails */
MUST_CHECK bool doctor_print(const struct doctor *doctor, bool is_json, bool has_color,
                             struct err *err);

/** doctor_status - the exit status that the findings stand for */
int doctor_status(const struct doctor *doctor);

#endif
