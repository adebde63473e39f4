/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/resolver_follow.h"

#include <string.h>

#include "ctl/archive_file.h"
#include "ctl/policy_hand.h"
#include "ctl/stack_spec.h"

#define SECTION "%% resolv.conf\n"

void resolver_follow_begin(struct resolver_follow *follow, struct engine *engine)
{
    struct resolver resolver;
    struct err untold;
    size_t len;

    memset(follow, 0, sizeof(*follow));
    resolver_choose("", engine_is_local(engine), &resolver);
    follow->engine = engine;
    follow->is_followed = resolver.kind == RESOLVER_HANDED_OVER;
    if (!follow->is_followed)
        return;
    if (!archive_file_get(engine, STACK_GATEWAY, RESOLVER_HANDED, follow->text,
                          sizeof(follow->text) - 1, &len, &untold))
        len = 0; /* so it is given what there is */
    follow->text[len] = '\0';
    resolver_follow_look(follow);
}

void resolver_follow_look(void *arg)
{
    struct resolver_follow *follow = arg;
    char section[sizeof(SECTION) + RESOLVER_TEXT_MAX] = SECTION, answer[POLICY_ANSWER_MAX];
    struct resolver resolver;
    enum policy_hand hand;
    struct err untold;
    size_t len;

    if (!follow->is_followed)
        return;
    resolver_choose("", true, &resolver);
    if (resolver.kind != RESOLVER_HANDED_OVER || strcmp(resolver.text, follow->text) == 0)
        return; /* another kind needs another gateway */
    len = strlen(resolver.text);
    memcpy(section + sizeof(SECTION) - 1, resolver.text, len + 1);
    hand =
        policy_hand_over(follow->engine, section, sizeof(SECTION) - 1 + len, answer, &untold);
    if (hand == HAND_TAKEN || hand == HAND_REFUSED)
        memcpy(follow->text, resolver.text, sizeof(follow->text));
}
