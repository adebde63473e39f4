/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/doctor.h"
#include "ctl/options.h"
#include "ctl/signals.h"

static void ask_engine(struct doctor *doctor)
{
    static void (*const parts[])(struct doctor * doctor) = { doctor_engine, doctor_ipv6,
                                                             doctor_images, doctor_stack,
                                                             doctor_leftovers };

    for (size_t i = 0; i < ARRAY_LEN(parts) && !signals_ending(); i++)
        parts[i](doctor);
}

static void examine(struct doctor *doctor)
{
    struct err err;

    doctor->engine = engine_open(&err);
    if (doctor->engine == NULL)
        doctor_add(doctor, FINDING_PROBLEM, "engine", "", "%s", err.text);
    doctor_settings(doctor);
    doctor_host(doctor);
    if (doctor->engine)
        ask_engine(doctor);
    if (!signals_ending())
        doctor_networks(doctor);
}

int ctl_doctor(int argc, char **argv, struct err *err)
{
    const char *none = getenv("NO_COLOR");
    bool is_json = false, has_color = isatty(STDOUT_FILENO) && !(none && none[0]);
    const struct option options[] = { { .name = "--json", .flag = &is_json } };
    struct doctor *doctor;
    int rc = EXIT_FAILED;

    if (!options_alone(argc, argv, options, ARRAY_LEN(options), err))
        return EXIT_USAGE;
    doctor = calloc(1, sizeof(*doctor));
    if (doctor == NULL) {
        err_set(err, ENOMEM, "out of memory");
        return EXIT_FAILED;
    }
    if (signals_catch(err)) {
        examine(doctor);
        if (signals_ending())
            rc = 128 + signals_ending();
        else if (doctor_print(doctor, is_json, has_color, err))
            rc = doctor_status(doctor);
    }
    engine_close(doctor->engine);
    free(doctor);
    return rc;
}
