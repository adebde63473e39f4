/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/log_record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/json_get.h"

/* The fixed form of a time, which makes times comparable as texts. */
static bool is_time(const char *ts)
{
    static const char form[] = "0000-00-00T00:00:00.000000Z";

    for (size_t i = 0; i < sizeof(form); i++) {
        bool is_digit = ts[i] >= '0' && ts[i] <= '9';

        if (form[i] == '0' ? !is_digit : ts[i] != form[i])
            return false;
    }
    return true;
}

static bool read_texts(struct log_record *record, struct err *err)
{
    const struct {
        const char *key;
        const char **out;
    } fields[] = {
        { "verdict", &record->verdict }, { "reason", &record->reason },
        { "agent", &record->agent },     { "proto", &record->proto },
        { "src", &record->src },         { "dst", &record->dst },
        { "name", &record->name },       { "rule", &record->rule },
        { "qtype", &record->qtype },     { "detail", &record->detail },
        { "policy", &record->policy },   { "method", &record->method },
    };

    if (!json_string(record->json, "ts", &record->ts, err) ||
        !json_string(record->json, "run", &record->run, err) ||
        !json_string(record->json, "event", &record->event, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!json_string_or(record->json, fields[i].key, "", fields[i].out, err))
            return false;
    if (!is_time(record->ts) || strlen(record->run) >= LOG_RUN_MAX)
        return err_set(err, EINVAL, "field \"ts\" or \"run\" has another form");
    return true;
}

static bool read_numbers(struct log_record *record, struct err *err)
{
    return json_integer(record->json, "seq", &record->seq, err) &&
           json_integer_or(record->json, "dport", -1, &record->port, err) &&
           json_integer_or(record->json, "count", 0, &record->count, err) &&
           json_integer_or(record->json, "lost", 0, &record->lost, err) &&
           json_integer_or(record->json, "line", 0, &record->line, err);
}

bool log_record_parse(const char *text, size_t len, struct log_record *record, struct err *err)
{
    memset(record, 0, sizeof(*record));
    record->json = json_parse("record", text, len, err);
    if (record->json == NULL)
        return false;
    if (read_texts(record, err) && read_numbers(record, err))
        return true;
    log_record_clear(record);
    return false;
}

void log_record_clear(struct log_record *record)
{
    cJSON_Delete(record->json);
    memset(record, 0, sizeof(*record));
}

bool log_filter_takes(const struct log_filter *filter, const struct log_record *record)
{
    if (filter->is_denied_only && strcmp(record->verdict, "deny") != 0)
        return false;
    if (filter->agent && strcmp(record->agent, filter->agent) != 0)
        return false;
    return strcmp(record->ts, filter->since) >= 0;
}

bool log_place_passes(struct log_place *place, const struct log_record *record)
{
    if (strcmp(place->run, record->run) == 0 ? record->seq <= place->seq
                                             : strcmp(record->ts, place->ts) < 0)
        return false;
    snprintf(place->ts, sizeof(place->ts), "%s", record->ts);
    snprintf(place->run, sizeof(place->run), "%s", record->run);
    place->seq = record->seq;
    return true;
}
