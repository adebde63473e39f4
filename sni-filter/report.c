/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/report.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RESERVE (64u << 10) /* bytes that records leave to other frames */

bool report_is_waiting(const struct report *report)
{
    return report->off != report->len;
}

static void make_room(struct report *report)
{
    memmove(report->buf, report->buf + report->off, report->len - report->off);
    report->len -= report->off;
    report->off = 0;
}

static bool put(struct report *report, enum ipc_type type, const void *body, size_t len,
                size_t leave_free)
{
    const struct ipc_header header = { .type = type, .len = (uint32_t)len };
    size_t need = sizeof(header) + len + leave_free;

    if (need > sizeof(report->buf) - report->len)
        make_room(report);
    if (need > sizeof(report->buf) - report->len)
        return false;
    memcpy(report->buf + report->len, &header, sizeof(header));
    if (len != 0)
        memcpy(report->buf + report->len + sizeof(header), body, len);
    report->len += sizeof(header) + len;
    return true;
}

bool report_put(struct report *report, enum ipc_type type, const void *body, size_t len)
{
    return put(report, type, body, len, 0);
}

void report_record(struct report *report, const struct record *record)
{
    struct record copy = *record;

    copy.lost += report->lost;
    if (put(report, IPC_RECORD, &copy, sizeof(copy), RESERVE))
        report->lost = 0;
    else
        report->lost += record_weight(record);
}

int report_flush(struct report *report)
{
    while (report_is_waiting(report)) {
        ssize_t n = write(report->fd, report->buf + report->off, report->len - report->off);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        report->off += (size_t)n;
    }
    report->off = report->len = 0;
    return 0;
}
