/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the gateway says of itself. Texts from elsewhere are the lines of the comparison with
 * the kernel; everything else is of a checked form.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fwd/gateway_internal.h"

#ifndef SECCTL_VERSION
#define SECCTL_VERSION "unknown"
#endif

static void put_string(FILE *out, const char *text, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static const char *filter_state(const struct gateway *gateway)
{
    if (gateway->filter.pid <= 0)
        return "down";
    return gateway->is_filter_ready ? "ready" : "starting";
}

/* Each line that is a difference is an element. */
static void put_lines(FILE *out, const char *text, bool is_json)
{
    const char *separator = "";

    while (*text) {
        const size_t len = strcspn(text, "\n");

        if (strncmp(text, "note: ", 6) != 0) {
            if (is_json) {
                fputs(separator, out);
                put_string(out, text, len);
            } else {
                fprintf(out, "\ndiffers    %.*s", (int)len, text);
            }
            separator = ",";
        }
        text += len + (text[len] == '\n');
    }
}

static void put_links(FILE *out, const struct links *links)
{
    const char *separator = "";
    char text[ADDR_TEXT_MAX];
    uint8_t mac[6];

    for (size_t i = 0; i < LINKS_MAX; i++) {
        const struct link *link = &links->list[i];

        if (!link->agent[0])
            continue;
        fprintf(out, "%s{\"agent\":\"%s\",\"outer\":\"%s\"", separator, link->agent,
                addr_format(&link->outer, text));
        fprintf(out, ",\"inner\":[\"%s\"", addr_format(&link->inner4, text));
        if (link->inner6.family != ADDR_NONE)
            fprintf(out, ",\"%s\"", addr_format(&link->inner6, text));
        link_mac(&link->inner4, mac);
        fprintf(out, "],\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"static\":%s}", mac[0],
                mac[1], mac[2], mac[3], mac[4], mac[5], links->is_static[i] ? "true" : "false");
        separator = ",";
    }
}

static void put_upstreams(FILE *out, const struct upstream *upstream, const char *separator,
                          const char *quote)
{
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < upstream->nr; i++) {
        const struct ipc_upstream *one = &upstream->list[i];

        fprintf(out, "%s%s%s", i ? separator : "", quote, addr_format(&one->addr, text));
        if (one->port != 53)
            fprintf(out, "#%u", one->port);
        fprintf(out, "%s%s%s", one->name[0] ? " " : "", one->name, quote);
    }
}

static void put_started(FILE *out, uint64_t wall_us)
{
    const time_t at = (time_t)(wall_us / 1000000);
    struct tm parts;
    char text[32] = "";

    if (gmtime_r(&at, &parts))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    fputs(text, out);
}

static const char *mode_of(const struct gateway *gateway)
{
    return gateway->wanted.conf.mode == CONF_LEARN ? "learn" : "enforce";
}

static void put_json(FILE *out, const struct gateway *gateway, bool is_healthy,
                     const char *differences)
{
    fprintf(out, "{\"version\":\"" SECCTL_VERSION "\",\"started\":\"");
    put_started(out, gateway->started_us);
    fprintf(out, "\",\"run\":\"%s\",\"mode\":\"%s\"", gateway->log.run, mode_of(gateway));
    fprintf(out, ",\"policy\":{\"id\":\"%s\",\"rules\":%zu}", gateway->policy.id,
            gateway->policy.nr_rules);
    fprintf(out, ",\"filter\":{\"state\":\"%s\"},\"forwarding\":%s", filter_state(gateway),
            gateway->is_forwarding ? "true" : "false");
    fprintf(out, ",\"queue\":\"%s\",\"flowtable\":%s",
            gateway->wanted.wish.is_queue_native ? "native" : "target",
            gateway->wanted.wish.has_flowtable ? "true" : "false");
    fputs(",\"links\":[", out);
    put_links(out, &gateway->wanted.links);
    fputs("],\"upstreams\":[", out);
    put_upstreams(out, &gateway->wanted.upstream, ",", "\"");
    fprintf(out, "],\"bindings\":%zu,\"log\":{\"path\":", gateway->bindings.nr);
    put_string(out, gateway->wanted.conf.log, strlen(gateway->wanted.conf.log));
    fprintf(out, ",\"seq\":%" PRIu64 ",\"lost\":%u}", gateway->log.seq - 1, gateway->log.lost);
    fprintf(out, ",\"healthy\":%s,\"differences\":[", is_healthy ? "true" : "false");
    put_lines(out, differences, true);
    fputs("]}", out);
}

static void put_text(FILE *out, const struct gateway *gateway, bool is_healthy,
                     const char *differences)
{
    char text[LINK_TEXT_MAX];

    fprintf(out, "gateway    %s, " SECCTL_VERSION ", since ",
            is_healthy ? "healthy" : "not healthy");
    put_started(out, gateway->started_us);
    fprintf(out, "\nmode       %s\npolicy     %s, %zu rules", mode_of(gateway),
            gateway->policy.id, gateway->policy.nr_rules);
    fprintf(out, "\nfilter     %s, forwarding %s", filter_state(gateway),
            gateway->is_forwarding ? "on" : "off");
    fputs("\nupstreams  ", out);
    put_upstreams(out, &gateway->wanted.upstream, ", ", "");
    fprintf(out, "\nlog        %s, %" PRIu64 " records", gateway->wanted.conf.log,
            gateway->log.seq - 1);
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (gateway->wanted.links.list[i].agent[0])
            fprintf(out, "\nlink       %s", link_format(&gateway->wanted.links.list[i], text));
    put_lines(out, differences, false);
}

/* The comparison with the kernel as text, malloc'd; NULL when memory runs out. */
static char *compare(struct gateway *gateway, int *nr)
{
    struct err err = { 0 };
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return NULL;
    *nr = wanted_check(gateway->nft, &gateway->wanted, out, &err);
    if (*nr < 0)
        fprintf(out, "%s\n", err.text);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

void gateway_status(struct gateway *gateway)
{
    const bool is_json = gateway->control.len == 4 &&
                         memcmp(gateway->control.text, "json", gateway->control.len) == 0;
    int nr = -1;
    char *differences = compare(gateway, &nr), *text = NULL;
    const bool is_healthy =
        differences && nr == 0 && gateway->is_filter_ready && gateway->is_forwarding;
    size_t len;
    FILE *out = differences ? open_memstream(&text, &len) : NULL;

    if (out) {
        (is_json ? put_json : put_text)(out, gateway, is_healthy, differences);
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    control_answer(&gateway->control, is_healthy, text ? text : "memory ran out");
    free(differences);
    free(text);
}
