/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/policy_internal.h"

#include <string.h>

#include "common/nearest.h"

/* Labels that a and b have in common at their ends. */
static unsigned common_labels(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    unsigned nr = 0;

    while (a_len > 0 && b_len > 0 && a[a_len - 1] == b[b_len - 1]) {
        a_len--;
        b_len--;
        if (a[a_len] == '.')
            nr++;
    }
    /* the label in which they end or differ counts when it is whole in both */
    if ((a_len == 0 || a[a_len - 1] == '.') && (b_len == 0 || b[b_len - 1] == '.') &&
        (a_len == 0 || b_len == 0))
        nr++;
    return nr;
}

const char *policy_nearest(const struct policy *policy, unsigned agent, const char *name)
{
    unsigned best_edits = NEAREST_EDITS_MAX + 1, best_labels = 1;
    const char *by_edits = NULL, *by_labels = NULL;

    for (uint32_t i = 0; i < policy->nodes.nr; i++) {
        const struct node *node = policy_node(policy, i);
        const struct rule *rule;
        char text[HOSTNAME_MAX + 1];
        unsigned edits, labels;

        if (node->first_rule == POLICY_NONE || (uint8_t)policy_text(policy, node->key)[0] < ' ')
            continue;
        rule = policy_rule(policy, node->first_rule);
        if (rule->flags & RULE_DENY || (rule->agent != 0 && rule->agent != agent))
            continue;
        memcpy(text, policy_text(policy, node->key), node->key_len);
        text[node->key_len] = '\0';
        edits = nearest_distance(name, text);
        labels = common_labels(name, text);
        if (edits < best_edits) {
            best_edits = edits;
            by_edits = policy_text(policy, rule->target);
        }
        if (labels > best_labels) {
            best_labels = labels;
            by_labels = policy_text(policy, rule->target);
        }
    }
    return by_edits ? by_edits : by_labels;
}
