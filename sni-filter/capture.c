/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sni-filter/link_layer.h"

struct capture {
    pcap_t *pcap;
    int link_type;
    const char *path; /* kept */
};

static void report_link_type(const char *path, int type, struct err *err)
{
    const char *name = pcap_datalink_val_to_name(type);

    err_set(
        err, EPROTONOSUPPORT,
        "read \"%s\": link type %d (%s) is not known; expected Ethernet, Linux cooked, raw IP, "
        "loopback, PPP, PPPoE or 802.11",
        path, type, name != NULL ? name : "without a name");
}

struct capture *capture_open(const char *path, struct err *err)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    struct capture *capture;
    FILE *file = fopen(path, "rbe"); /* pcap_open_offline() would take "-" for standard input */

    if (file == NULL) {
        err_set(err, errno, "open \"%s\": %s", path, strerror(errno));
        return NULL;
    }
    capture = calloc(1, sizeof(*capture));
    if (capture == NULL) {
        (void)fclose(file);
        err_set(err, ENOMEM, "read \"%s\": out of memory", path);
        return NULL;
    }
    capture->path = path;
    capture->pcap =
        pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_MICRO, text);
    if (capture->pcap == NULL) {
        (void)fclose(file);
        free(capture);
        err_set(err, EINVAL, "read \"%s\": %s; expected a pcap or pcapng file", path, text);
        return NULL;
    }
    capture->link_type = pcap_datalink(capture->pcap);
    if (!link_layer_is_known(capture->link_type)) {
        report_link_type(path, capture->link_type, err);
        capture_close(capture);
        return NULL;
    }
    return capture;
}

void capture_close(struct capture *capture)
{
    if (capture == NULL)
        return;
    pcap_close(capture->pcap);
    free(capture);
}

/* A file may claim any time: what lies before 1970 is 1970. */
static uint64_t microseconds(const struct timeval *tv)
{
    uint64_t us = tv->tv_usec > 0 && tv->tv_usec < 1000000 ? (uint64_t)tv->tv_usec : 0;

    if (tv->tv_sec < 0)
        return 0;
    return (uint64_t)tv->tv_sec > UINT32_MAX * 2ull ? UINT32_MAX * 2000000ull
                                                    : (uint64_t)tv->tv_sec * 1000000 + us;
}

int capture_next(struct capture *capture, struct capture_packet *out, struct err *err)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    enum parse_rc rc;
    int got = pcap_next_ex(capture->pcap, &header, &bytes);

    if (got == PCAP_ERROR_BREAK)
        return 0;
    if (got != 1) {
        err_set(err, EIO, "read \"%s\": %s", capture->path, pcap_geterr(capture->pcap));
        return -1;
    }
    *out = (struct capture_packet) { .ts_us = microseconds(&header->ts) };
    rc = link_layer_strip(capture->link_type,
                          (struct cursor) { .base = bytes, .len = header->caplen }, &out->ip);
    out->has_ip = rc == PARSE_OK;
    out->is_bad = rc == PARSE_BAD;
    return 1;
}
