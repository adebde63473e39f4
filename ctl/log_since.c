/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/log_since.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/textfile.h"

#define AGE_MAX_S (100UL * 366 * 86400)

static bool fail(const char *text, struct err *err)
{
    return err_set(
        err, EINVAL,
        "--since \"%.80s\", expected an age such as 90s, 10m, 2h or 1d, or a time such "
        "as 2026-11-23T14:00",
        text);
}

static bool read_age(const char *text, unsigned long *seconds)
{
    static const char units[] = "smhd";
    static const unsigned long factors[] = { 1, 60, 3600, 86400 };
    size_t len = strlen(text);
    const char *unit = len ? strchr(units, text[len - 1]) : NULL;
    unsigned long number;

    if (unit == NULL || !token_number((struct token) { text, len - 1 }, AGE_MAX_S, &number) ||
        number > AGE_MAX_S / factors[unit - units])
        return false;
    *seconds = number * factors[unit - units];
    return true;
}

/* Exactly digits digits, then the byte after (0: none is asked for). */
static bool read_number(const char **at, size_t digits, unsigned long max, int *out)
{
    unsigned long number;

    if (strlen(*at) < digits || !token_number((struct token) { *at, digits }, max, &number))
        return false;
    *at += digits;
    *out = (int)number;
    return true;
}

static bool skip(const char **at, const char *set)
{
    if (**at == '\0' || !strchr(set, **at))
        return false;
    ++*at;
    return true;
}

static bool read_clock(const char **at, struct tm *tm)
{
    if (!read_number(at, 2, 23, &tm->tm_hour) || !skip(at, ":") ||
        !read_number(at, 2, 59, &tm->tm_min))
        return false;
    return !skip(at, ":") || read_number(at, 2, 60, &tm->tm_sec);
}

static bool read_time(const char *text, time_t *out)
{
    struct tm tm = { .tm_isdst = -1 }, made;
    const char *at = text;

    if (!read_number(&at, 4, 9999, &tm.tm_year) || !skip(&at, "-") ||
        !read_number(&at, 2, 12, &tm.tm_mon) || !skip(&at, "-") ||
        !read_number(&at, 2, 31, &tm.tm_mday))
        return false;
    if (tm.tm_year < 1970 || tm.tm_mon == 0 || tm.tm_mday == 0)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    if (skip(&at, "T ") && !read_clock(&at, &tm))
        return false;
    made = tm;
    *out = skip(&at, "Z") ? timegm(&made) : mktime(&made);
    /* the 31st of a short month would have become another day */
    return *at == '\0' && *out >= 0 && made.tm_mday == tm.tm_mday;
}

bool log_since_parse(const char *text, time_t now, char out[LOG_TS_MAX], struct err *err)
{
    unsigned long age;
    time_t since;
    struct tm tm;

    if (read_age(text, &age))
        since = (time_t)age < now ? now - (time_t)age : 0;
    else if (!read_time(text, &since))
        return fail(text, err);
    if (gmtime_r(&since, &tm) == NULL ||
        strftime(out, LOG_TS_MAX, "%Y-%m-%dT%H:%M:%S.000000Z", &tm) != LOG_TS_MAX - 1)
        return fail(text, err);
    return true;
}
