/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What conf.c (keys with single values) and conf_list.c (keys with lists) share.
 */
#ifndef COMMON_CONF_INTERNAL_H
#define COMMON_CONF_INTERNAL_H

#include "common/conf.h"
#include "common/textfile.h"

struct conf_reader {
    struct textfile file;
    struct conf *conf;
    struct token key, suffix; /* suffix: NAME of "agent.NAME", "dns.upstream.NAME" and so on */
};

/* KEY = "VALUE", expected EXPECTED; false always */
bool conf_fail(const struct conf_reader *reader, struct token value, const char *expected);

/* Copy value, which must fit with a NUL. */
MUST_CHECK bool conf_copy(const struct conf_reader *reader, struct token value, char *out,
                          size_t size);

/* NAME of "agent.NAME", copied when it is one */
MUST_CHECK bool conf_read_agent_name(struct conf_reader *reader, char name[64]);

/* KEY is set twice; false always */
bool conf_fail_twice(const struct conf_reader *reader);

/* Each reads the value of one key. */
MUST_CHECK bool conf_read_upstreams(struct conf_reader *reader, struct token value);
MUST_CHECK bool conf_read_upstreams_of(struct conf_reader *reader, struct token value);
MUST_CHECK bool conf_read_private(struct conf_reader *reader, struct token value);
MUST_CHECK bool conf_read_private_denied(struct conf_reader *reader, struct token value);
MUST_CHECK bool conf_read_agent(struct conf_reader *reader, struct token value);
MUST_CHECK bool conf_read_link(struct conf_reader *reader, struct token value);
MUST_CHECK bool conf_read_tunnel_address(struct conf_reader *reader, struct token value);

#endif
