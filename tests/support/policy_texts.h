/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Policies from texts in a test, and their answers as texts.
 */
#ifndef TESTS_SUPPORT_POLICY_TEXTS_H
#define TESTS_SUPPORT_POLICY_TEXTS_H

#include "common/policy.h"

/**
 * policy_texts_try - a policy of up to three texts, the base in memory of its exact size
 *
 * base: len bytes, "allowlist". agent: NULL, or "agents/claude". ceiling: NULL, or "ceiling".
 */
struct policy *policy_texts_try(const char *base, size_t len, const char *agent,
                                const char *ceiling, struct err *err);

/** policy_texts - the same of good texts; ends the program when they are not */
struct policy *policy_texts(const char *base, const char *agent, const char *ceiling);

/** policy_texts_show - "allow RULE FILE:LINE", "allow intranet ...", "deny ...", "other ..." or
 * "unknown", until the next call */
const char *policy_texts_show(struct policy_answer answer);

/** policy_texts_name, policy_texts_addr - the shown answer for an agent */
const char *policy_texts_name(const struct policy *policy, const char *agent, const char *name,
                              enum service_kind kind, uint16_t port);
const char *policy_texts_addr(const struct policy *policy, const char *agent, const char *text,
                              enum service_kind kind, uint16_t port);

#endif
