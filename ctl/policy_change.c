/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How it works: the lock is held from before the files are read until the gateway has answered,
 * so that the order of changes on disk is the order in which the gateway hears of them. What is
 * not known to have been refused stays on disk: a policy that people wrote is never lost to an
 * engine that does not answer.
 */
#include "ctl/policy_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "ctl/cmd.h"
#include "ctl/engine.h"
#include "ctl/json_make.h"
#include "ctl/policy_edit.h"
#include "ctl/policy_file.h"
#include "ctl/policy_hand.h"
#include "ctl/resolver.h"

#define LOCK_WAIT_MS 30000

static bool read_folder(const char *folder, struct policy_dir *dir, struct err *err)
{
    struct policy *policy;
    struct err why;

    if (!policy_dir_read(folder, dir, err))
        return false;
    policy = policy_new(dir->sources, dir->nr_sources, dir->ceiling, &why);
    if (policy == NULL) {
        policy_dir_clear(dir);
        /* the policy's errors start with a file's name inside the folder */
        return err_set(err, why.code, "%s/%s", folder, why.text);
    }
    policy_free(policy);
    return true;
}

/* Read the folder and give it to the gateway; resolv_conf: see policy_hand_text(). */
static enum policy_hand hand_over(struct engine *engine, const char *folder,
                                  const char *resolv_conf, char answer[POLICY_ANSWER_MAX],
                                  struct err *err)
{
    enum policy_hand hand = HAND_UNKNOWN;
    struct policy_dir dir;
    size_t len;
    char *text;

    if (!read_folder(folder, &dir, err))
        return HAND_REFUSED;
    text = policy_hand_text(&dir, resolv_conf, &len);
    policy_dir_clear(&dir);
    if (text)
        hand = policy_hand_over(engine, text, len, answer, err);
    else
        err_set(err, ENOMEM, "policy: out of memory");
    free(text);
    return hand;
}

static enum policy_hand tell_gateway(const char *folder, char answer[POLICY_ANSWER_MAX],
                                     struct err *err)
{
    struct engine *engine = engine_open(err);
    enum policy_hand hand;

    if (engine == NULL)
        return HAND_UNKNOWN;
    hand = hand_over(engine, folder, NULL, answer, err);
    engine_close(engine);
    return hand;
}

/* What was done, NULL: a reload. gateway: its answer, NULL: it was not told. */
static bool print_json(const char *said, bool is_changed, const char *gateway, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *root = json_make_object(&make, NULL, NULL);
    bool is_good;

    if (said) {
        json_put_bool(&make, root, "changed", is_changed);
        json_put(&make, root, "did", said);
    }
    if (gateway)
        json_put(&make, root, "gateway", gateway);
    else
        json_put_item(&make, root, "gateway", cJSON_CreateNull());
    root = json_finish(&make, root, err);
    is_good = root && json_print(root, err);
    cJSON_Delete(root);
    return is_good;
}

/* hand: HAND_TAKEN with its answer, or why the gateway was not told. An exit status. */
static int print_done(const struct policy_change *change, const struct policy_edit *edit,
                      enum policy_hand hand, const char *answer, struct err *err)
{
    if (change->is_json)
        return print_json(edit->said, edit->text != NULL, hand == HAND_TAKEN ? answer : NULL,
                          err)
                   ? EXIT_DONE
                   : EXIT_FAILED;
    puts(edit->said);
    if (hand == HAND_TAKEN)
        printf("gateway: %s\n", answer);
    else if (hand == HAND_ABSENT)
        puts("no gateway is running: this takes effect at the next start");
    return EXIT_DONE;
}

/* The file as it was before the edit. */
static bool put_back(const struct policy_change *change, const struct policy_dir *dir,
                     const struct policy_edit *edit, struct err *err)
{
    for (size_t i = 0; i < dir->nr_sources; i++)
        if (strcmp(dir->sources[i].file, edit->file) == 0)
            return policy_file_write(change->folder, edit->file, dir->sources[i].text,
                                     dir->sources[i].len, err);
    return policy_file_remove(change->folder, edit->file, err);
}

static int write_and_tell(const struct policy_change *change, const struct policy_dir *dir,
                          const struct policy_edit *edit, struct err *err)
{
    char answer[POLICY_ANSWER_MAX];
    enum policy_hand hand;
    struct err why;

    if (!policy_file_write(change->folder, edit->file, edit->text, edit->len, err))
        return EXIT_FAILED;
    hand = tell_gateway(change->folder, answer, err);
    switch (hand) {
    case HAND_TAKEN:
    case HAND_ABSENT:
        return print_done(change, edit, hand, answer, err);
    case HAND_REFUSED:
        if (put_back(change, dir, edit, &why))
            err_set(err, err->code, "%s; nothing is changed", err->text);
        else
            err_set(err, err->code, "%s; and %s/%s cannot be put back: %s", err->text,
                    change->folder, edit->file, why.text);
        return EXIT_FAILED;
    case HAND_UNKNOWN:
        break;
    }
    if (print_done(change, edit, hand, NULL, &why) != EXIT_DONE)
        *err = why;
    fflush(stdout); /* before what main() says of the rest */
    err_wrap(err, "the file is changed, but a running gateway was not told, expected \"secctl "
                  "reload\" when it can be");
    return EXIT_DIFFERS;
}

static int change_locked(const struct policy_change *change, struct err *err)
{
    struct policy_edit edit;
    struct policy_dir dir;
    int rc = EXIT_DONE;

    if (!read_folder(change->folder, &dir, err))
        return EXIT_FAILED;
    if (!(change->is_deny ? policy_edit_deny(&dir, change->agent, change->words[0], &edit, err)
                          : policy_edit_allow(&dir, change->agent, change->words,
                                              change->nr_words, &edit, err))) {
        policy_dir_clear(&dir);
        return EXIT_FAILED;
    }
    if (edit.text)
        rc = write_and_tell(change, &dir, &edit, err);
    else
        rc = print_done(change, &edit, HAND_UNKNOWN, NULL, err);
    policy_edit_clear(&edit);
    policy_dir_clear(&dir);
    return rc;
}

int policy_change_run(const struct policy_change *change, struct err *err)
{
    int lock = policy_lock(change->folder, LOCK_WAIT_MS, err);
    int rc;

    if (lock < 0)
        return EXIT_FAILED;
    rc = change_locked(change, err);
    policy_unlock(lock);
    return rc;
}

static int reload_locked(const char *folder, bool is_json, struct engine *engine,
                         struct err *err)
{
    char answer[POLICY_ANSWER_MAX];
    struct resolver resolver;

    resolver_choose("", engine_is_local(engine), &resolver);
    switch (hand_over(engine, folder,
                      resolver.kind == RESOLVER_HANDED_OVER ? resolver.text : NULL, answer,
                      err)) {
    case HAND_TAKEN:
        if (is_json)
            return print_json(NULL, false, answer, err) ? EXIT_DONE : EXIT_FAILED;
        printf("gateway: %s\n", answer);
        return EXIT_DONE;
    case HAND_ABSENT:
        err_set(err, ENOENT,
                "no gateway is running, expected one that \"secctl start\" "
                "or \"secctl run\" started");
        return EXIT_DIFFERS;
    case HAND_REFUSED:
    case HAND_UNKNOWN:
        break;
    }
    return EXIT_FAILED;
}

int policy_reload_run(const char *folder, bool is_json, struct err *err)
{
    struct engine *engine;
    int lock, rc;

    /* what is wrong with the policy is said first, with or without an engine */
    struct policy_dir dir;

    if (!read_folder(folder, &dir, err))
        return EXIT_FAILED;
    policy_dir_clear(&dir);
    lock = policy_lock(folder, LOCK_WAIT_MS, err);
    if (lock < 0)
        return EXIT_FAILED;
    engine = engine_open(err);
    rc = engine ? reload_locked(folder, is_json, engine, err) : EXIT_FAILED;
    engine_close(engine);
    policy_unlock(lock);
    return rc;
}
