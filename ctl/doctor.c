/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/cmd.h"
#include "ctl/escape.h"
#include "ctl/json_make.h"

static const struct {
    const char *name, *color;
} levels[] = {
    [FINDING_OK] = { "ok", "\033[32m" },
    [FINDING_WARNING] = { "warning", "\033[33m" },
    [FINDING_DIFFERENT] = { "differs", "\033[33m" },
    [FINDING_PROBLEM] = { "problem", "\033[31m" },
};

void doctor_add(struct doctor *doctor, enum finding_level level, const char *topic,
                const char *todo, const char *format, ...)
{
    struct finding *finding = &doctor->list[doctor->nr];
    char text[FINDING_TEXT_MAX];
    va_list args;

    if (doctor->nr == FINDINGS_MAX)
        return;
    doctor->nr++;
    finding->level = level;
    finding->topic = topic;
    finding->todo = todo;
    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    escape_line(text, finding->what, sizeof(finding->what));
}

static size_t count(const struct doctor *doctor, enum finding_level level)
{
    size_t nr = 0;

    for (size_t i = 0; i < doctor->nr; i++)
        nr += doctor->list[i].level == level;
    return nr;
}

int doctor_status(const struct doctor *doctor)
{
    if (count(doctor, FINDING_PROBLEM))
        return EXIT_FAILED;
    return count(doctor, FINDING_DIFFERENT) ? EXIT_DIFFERS : EXIT_DONE;
}

static bool print_json(const struct doctor *doctor, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *document = json_make_object(&make, NULL, NULL);
    cJSON *findings = json_make_array(&make, document, "findings");
    bool is_good;

    for (size_t i = 0; i < doctor->nr; i++) {
        const struct finding *finding = &doctor->list[i];
        cJSON *item = json_make_object(&make, findings, NULL);

        json_put(&make, item, "level", levels[finding->level].name);
        json_put(&make, item, "topic", finding->topic);
        json_put(&make, item, "what", finding->what);
        if (finding->todo[0])
            json_put(&make, item, "todo", finding->todo);
    }
    json_put_integer(&make, document, "problems", (int64_t)count(doctor, FINDING_PROBLEM));
    json_put_integer(&make, document, "warnings", (int64_t)count(doctor, FINDING_WARNING));
    json_put_integer(&make, document, "differences", (int64_t)count(doctor, FINDING_DIFFERENT));
    document = json_finish(&make, document, err);
    is_good = document && json_print(document, err);
    cJSON_Delete(document);
    return is_good;
}

bool doctor_print(const struct doctor *doctor, bool is_json, bool has_color, struct err *err)
{
    size_t problems = count(doctor, FINDING_PROBLEM);
    size_t warnings = count(doctor, FINDING_WARNING) + count(doctor, FINDING_DIFFERENT);

    if (is_json)
        return print_json(doctor, err);
    for (size_t i = 0; i < doctor->nr; i++) {
        const struct finding *finding = &doctor->list[i];

        printf("%s%-7s%s  %-10s %s\n", has_color ? levels[finding->level].color : "",
               levels[finding->level].name, has_color ? "\033[0m" : "", finding->topic,
               finding->what);
        if (finding->todo[0])
            printf("%20s-> %s\n", "", finding->todo);
    }
    printf("%zu problem%s, %zu warning%s\n", problems, problems == 1 ? "" : "s", warnings,
           warnings == 1 ? "" : "s");
    return true;
}
