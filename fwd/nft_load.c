/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/nft_load.h"

#include <errno.h>
#include <string.h>

#include "fwd/nft_sock.h"

static bool failed(const struct nft_failure *failure, struct err *err)
{
    return err_set(err, failure->error, "%s: %s%s",
                   failure->message ? failure->message->what : "nf_tables transaction",
                   strerror(failure->error),
                   failure->error == EPERM ? " (CAP_NET_ADMIN is needed)" : "");
}

/* What may be done without, of what was refused. True when that is all of it. */
static bool may_do_without(const struct nft_failure *failures, size_t nr, bool *no_queue,
                           bool *no_flowtable)
{
    for (size_t i = 0; i < nr && i < NFT_FAILURES_MAX; i++) {
        if (!failures[i].message)
            return false;
        switch (failures[i].message->part) {
        case PART_OTHER: /* may be a consequence: a rule that jumps to what is missing */
            break;
        case PART_QUEUE:
            *no_queue = true;
            break;
        case PART_FLOWTABLE:
            *no_flowtable = true;
            break;
        }
    }
    return *no_queue || *no_flowtable;
}

static bool batch_send(struct mnl_socket *sock, struct nft_batch *batch, struct err *err)
{
    struct nft_failure failures[NFT_FAILURES_MAX];
    bool is_done;

    nft_batch_end(batch, false);
    is_done = nft_sock_send(sock, batch, failures) == 0 || failed(&failures[0], err);
    nft_batch_clear(batch);
    return is_done;
}

bool nft_load(struct mnl_socket *sock, struct ruleset_wish *wish,
              const struct nft_endpoint *upstreams, size_t nr_upstreams, bool is_trial,
              struct ruleset *rs, struct err *err)
{
    struct nft_failure failures[NFT_FAILURES_MAX];

    for (;;) {
        bool no_queue = false, no_flowtable = false, may_retry;
        struct nft_batch batch;
        size_t nr;

        if (!ruleset_gateway(wish, rs) || !nft_batch_init(&batch)) {
            ruleset_clear(rs);
            return err_set(err, ENOMEM, "build the ruleset: %s", strerror(ENOMEM));
        }
        nft_batch_replace(&batch, rs);
        nft_batch_upstreams(&batch, upstreams, nr_upstreams);
        nft_batch_end(&batch, is_trial);
        nr = nft_sock_send(sock, &batch, failures);
        may_retry =
            may_do_without(failures, nr, &no_queue, &no_flowtable) &&
            ((no_queue && wish->is_queue_native) || (no_flowtable && wish->has_flowtable));
        if (nr != 0 && !may_retry)
            failed(&failures[0], err);
        nft_batch_clear(&batch);
        if (nr == 0)
            return true;
        ruleset_clear(rs);
        if (!may_retry)
            return false;
        wish->is_queue_native = wish->is_queue_native && !no_queue;
        wish->has_flowtable = wish->has_flowtable && !no_flowtable;
    }
}

/* Replace the table by rs, which is cleared. */
static bool replace_by(struct mnl_socket *sock, struct ruleset *rs, struct err *err)
{
    struct nft_batch batch;

    if (rs->nr_rules == 0 || !nft_batch_init(&batch)) {
        ruleset_clear(rs);
        return err_set(err, ENOMEM, "build the ruleset: %s", strerror(ENOMEM));
    }
    nft_batch_replace(&batch, rs);
    ruleset_clear(rs);
    return batch_send(sock, &batch, err);
}

bool nft_close(struct mnl_socket *sock, struct err *err)
{
    struct ruleset rs;

    (void)!ruleset_closed(&rs); /* an empty one is seen in replace_by() */
    return replace_by(sock, &rs, err) || err_wrap(err, "close the gateway");
}

bool nft_probe(struct mnl_socket *sock)
{
    struct nft_failure failures[NFT_FAILURES_MAX];
    struct nft_batch batch;
    struct ruleset rs;
    bool is_taken;

    if (!ruleset_closed(&rs) || !nft_batch_init(&batch)) {
        ruleset_clear(&rs);
        return false;
    }
    nft_batch_replace(&batch, &rs);
    nft_batch_end(&batch, true);
    is_taken = nft_sock_send(sock, &batch, failures) == 0;
    nft_batch_clear(&batch);
    ruleset_clear(&rs);
    return is_taken;
}

bool nft_lock(struct mnl_socket *sock, const struct ruleset_lock *lock, struct err *err)
{
    struct ruleset rs;

    (void)!ruleset_lock_rules(lock, &rs);
    return replace_by(sock, &rs, err) || err_wrap(err, "lock the network namespace");
}

bool nft_relink(struct mnl_socket *sock, const struct ruleset_wish *wish, struct ruleset *rs,
                struct err *err)
{
    struct nft_batch batch;
    struct ruleset next;

    if (!ruleset_gateway(wish, &next) || !nft_batch_init(&batch)) {
        ruleset_clear(&next);
        return err_set(err, ENOMEM, "build the ruleset: %s", strerror(ENOMEM));
    }
    nft_batch_relink(&batch, &next);
    if (!batch_send(sock, &batch, err)) {
        ruleset_clear(&next);
        return err_wrap(err, "change the rules of the links");
    }
    ruleset_clear(rs);
    *rs = next;
    return true;
}

bool nft_set_upstreams(struct mnl_socket *sock, const struct nft_endpoint *upstreams, size_t nr,
                       struct err *err)
{
    struct nft_batch batch;

    if (!nft_batch_init(&batch))
        return err_set(err, ENOMEM, "set the upstream servers: %s", strerror(ENOMEM));
    nft_batch_upstreams(&batch, upstreams, nr);
    return batch_send(sock, &batch, err) || err_wrap(err, "set the upstream servers");
}

bool nft_reoffload(struct mnl_socket *sock, const struct ruleset *rs, struct err *err)
{
    struct nft_batch batch;

    if (!nft_batch_init(&batch))
        return err_set(err, ENOMEM, "flush the flowtable: %s", strerror(ENOMEM));
    nft_batch_reoffload(&batch, rs);
    return batch_send(sock, &batch, err) || err_wrap(err, "flush the flowtable");
}
