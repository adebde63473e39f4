/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/log_table.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/escape.h"

#define TIME_WIDTH    14 /* "11-23 14:00:00" */
#define AGENT_WIDTH   9
#define VERDICT_WIDTH 7
#define EVENT_WIDTH   7
#define FIXED_WIDTH   (TIME_WIDTH + AGENT_WIDTH + VERDICT_WIDTH + EVENT_WIDTH + 4)
#define REASON_WIDTH  30 /* of the reason at most, when the target needs the rest */
#define TEXT_MAX      512

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN  "\033[0m"

static size_t width_of(const struct log_table *table)
{
    if (table->width < LOG_WIDTH_MIN)
        return LOG_WIDTH_MIN;
    return table->width > LOG_WIDTH_MAX ? LOG_WIDTH_MAX : table->width;
}

/* Cut an ASCII text to width columns. */
static void cut(char *text, size_t width)
{
    if (strlen(text) > width)
        memcpy(text + (width > 3 ? width - 3 : 0), width > 3 ? "..." : "", width > 3 ? 4 : 1);
}

/* The record's time in this time zone, to the second. */
static void show_time(const char *ts, char out[TIME_WIDTH + 1])
{
    struct tm tm = { .tm_isdst = 0 };
    time_t at;

    /* the form was checked when the record was read */
    (void)sscanf(ts, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                 &tm.tm_hour, &tm.tm_min, &tm.tm_sec);
    tm.tm_year -= 1900;
    tm.tm_mon--;
    at = timegm(&tm);
    if (localtime_r(&at, &tm) == NULL || strftime(out, TIME_WIDTH + 1, "%m-%d %T", &tm) == 0)
        snprintf(out, TIME_WIDTH + 1, "-");
}

static bool is_about_names(const struct log_record *record)
{
    return strcmp(record->event, "dns") == 0 || strcmp(record->event, "answer") == 0;
}

/* What it is about: "name:port", "name A", "GET name:port", "[2001:db8::1]:443/udp", or a
 * sentence. */
static void show_target(const struct log_record *record, char out[TEXT_MAX])
{
    char where[TEXT_MAX], port[32] = "";
    const char *text = record->name[0] ? record->name : record->dst;
    bool is_tcp = record->proto[0] == '\0' || strcmp(record->proto, "tcp") == 0;
    bool has_brackets = text == record->dst && strchr(text, ':') && record->port >= 0;

    if (text[0] == '\0')
        text = record->detail[0] ? record->detail : record->policy[0] ? record->policy : "-";
    else if (is_about_names(record))
        snprintf(port, sizeof(port), " %.20s", record->qtype);
    else if (record->port >= 0)
        snprintf(port, sizeof(port), ":%d%s%.10s", (int)(record->port & 0xffff),
                 is_tcp ? "" : "/", is_tcp ? "" : record->proto);
    else if (!is_tcp)
        snprintf(port, sizeof(port), "/%.10s", record->proto);
    snprintf(where, sizeof(where), "%.32s%s%s%.200s%s%s", record->method,
             record->method[0] ? " " : "", has_brackets ? "[" : "", text,
             has_brackets ? "]" : "", port);
    escape_text(where, strlen(where), out, TEXT_MAX);
}

/* Why: the reason, or the rule that allowed it; how many times; what was lost before it. */
static void show_reason(const struct log_record *record, char out[TEXT_MAX])
{
    char why[TEXT_MAX / 2];
    bool is_rule = strcmp(record->reason, "rule") == 0 && record->rule[0];
    int used = snprintf(why, sizeof(why), "%s%.150s%s", is_rule ? "rule " : "",
                        is_rule ? record->rule : record->reason, record->count > 1 ? " " : "");

    if (record->count > 1)
        used +=
            snprintf(why + used, sizeof(why) - (size_t)used, "x%lld", (long long)record->count);
    if (record->lost > 0)
        (void)snprintf(why + used, sizeof(why) - (size_t)used, "%s(%lld lost before)",
                       used ? " " : "", (long long)record->lost);
    escape_text(why, strlen(why), out, TEXT_MAX);
}

static const char *color_of(const struct log_table *table, const char *verdict)
{
    if (!table->has_color)
        return "";
    if (strcmp(verdict, "deny") == 0)
        return RED;
    if (strcmp(verdict, "allow") == 0)
        return GREEN;
    return strcmp(verdict, "learn") == 0 ? YELLOW : "";
}

static void put_row(const struct log_table *table, const char *const fixed[4], char *target,
                    char *reason, const char *color, char row[LOG_ROW_MAX])
{
    size_t left = width_of(table) - FIXED_WIDTH;
    size_t reason_width = left / 2 < REASON_WIDTH ? left / 2 : REASON_WIDTH;
    size_t target_width;

    if (strlen(reason) < reason_width)
        reason_width = strlen(reason);
    cut(target, left - reason_width - 1);
    cut(reason, left - strlen(target) - 1);
    /* the reasons of rows stand below one another where there is room for that */
    if (reason_width < strlen(reason))
        reason_width = strlen(reason);
    if (reason_width < REASON_WIDTH)
        reason_width = REASON_WIDTH;
    target_width = left > reason_width + 1 ? left - reason_width - 1 : 0;
    snprintf(row, LOG_ROW_MAX, "%-*s %-*s %s%-*s%s %-*s %-*s %s", TIME_WIDTH, fixed[0],
             AGENT_WIDTH, fixed[1], color, VERDICT_WIDTH, fixed[2], color[0] ? PLAIN : "",
             EVENT_WIDTH, fixed[3], (int)target_width, target, reason);
    for (size_t len = strlen(row); len && row[len - 1] == ' '; len--)
        row[len - 1] = '\0';
}

void log_table_head(const struct log_table *table, char row[LOG_ROW_MAX])
{
    static const char *const names[4] = { "TIME", "AGENT", "VERDICT", "EVENT" };
    char target[] = "NAME OR ADDRESS", reason[] = "REASON";

    put_row(table, names, target, reason, "", row);
}

void log_table_row(const struct log_table *table, const struct log_record *record,
                   char row[LOG_ROW_MAX])
{
    char when[TIME_WIDTH + 1], agent[AGENT_WIDTH + 1], verdict[VERDICT_WIDTH + 1];
    char event[EVENT_WIDTH + 1], target[TEXT_MAX], reason[TEXT_MAX];
    const char *const fixed[4] = { when, agent, verdict, event };

    show_time(record->ts, when);
    escape_line(record->agent[0] ? record->agent : "-", agent, sizeof(agent));
    escape_line(record->verdict, verdict, sizeof(verdict));
    escape_line(record->event, event, sizeof(event));
    show_target(record, target);
    show_reason(record, reason);
    put_row(table, fixed, target, reason, color_of(table, record->verdict), row);
}
