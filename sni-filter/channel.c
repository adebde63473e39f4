/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/channel.h"

#include <errno.h>
#include <sys/eventfd.h>

bool channel_put(struct channel *channel, uint32_t type, const void *a, size_t a_len,
                 const void *b, size_t b_len)
{
    return ring_put(channel->ring, type, a, a_len, b, b_len, &channel->must_wake);
}

void channel_flush(struct channel *channel)
{
    if (!channel->must_wake)
        return;
    channel->must_wake = false;
    /* It fails only when 2^64 - 1 wake-ups wait already. */
    (void)!eventfd_write(channel->wake_fd, 1);
}

int channel_wake_new(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

void channel_wake_clear(int wake_fd)
{
    eventfd_t count;

    (void)!eventfd_read(wake_fd, &count);
}
