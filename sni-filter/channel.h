/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SNI_FILTER_CHANNEL_H
#define SNI_FILTER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/attr.h"
#include "sni-filter/ring.h"

/* The writer's end of a ring: batch of messages, then one wake-up if the reader sleeps. */
struct channel {
    struct ring *ring; /* kept */
    int wake_fd;       /* the reader's eventfd; kept */
    bool must_wake;
};

/** channel_put - append; false when there is no room. The reader is woken by channel_flush() */
MUST_CHECK bool channel_put(struct channel *channel, uint32_t type, const void *a, size_t a_len,
                            const void *b, size_t b_len);
void channel_flush(struct channel *channel);

/** channel_wake_new - an eventfd, non-blocking, or -errno */
int channel_wake_new(void);
/** channel_wake_clear - a reader that was woken takes the wake-ups that wait */
void channel_wake_clear(int wake_fd);

#endif
