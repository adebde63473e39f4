/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The texts that other commands hand to the gateway, or that lie in its state directory. The
 * first byte says which. Promises: what is taken is within its bounds, and comes back the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "fwd/config.h"
#include "fwd/links.h"
#include "fwd/log_reader.h"
#include "fwd/policy_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept)
{
    if (!is_kept)
        abort();
}

static void try_links(const char *text, size_t len)
{
    static const char conf_text[] = "internal = 10.1.1.1\nexternal = auto\ntunnel = vxlan\n"
                                    "tunnel.address = 10.1.2.1/24, fd00::1/64\n";
    static struct conf conf;
    struct links links = { .next = 0 };
    struct ipc_setup setup = { .nr_sources = 0 };
    struct err err = { 0 };

    promise(conf_parse("c", conf_text, sizeof(conf_text) - 1, &conf, &err));
    (void)links_parse(&links, &conf, text, len);
    links_setup(&links, &setup);
    promise(setup.nr_sources <= IPC_PREFIXES_MAX);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        char line[LINK_TEXT_MAX];
        struct link again;

        if (!links.list[i].agent[0])
            continue;
        promise(links_find(&links, links.list[i].agent) == i);
        link_format(&links.list[i], line);
        promise(links_parse_one(line, strlen(line), &again, &err));
        promise(link_equal(&again, &links.list[i]));
        for (size_t j = 0; j < i; j++)
            promise(!links.list[j].agent[0] || !link_clash(&links.list[i], &links.list[j]));
    }
}

static void try_sections(const char *text, size_t len)
{
    static struct sections sections;
    struct err err = { 0 };

    if (!sections_parse(text, len, &sections, &err))
        return;
    promise(sections.nr <= SECTIONS_MAX);
    for (size_t i = 0; i < sections.nr; i++) {
        const struct section *section = &sections.list[i];

        promise(strstr(section->file, "..") == NULL);
        promise(section->text >= text && section->len <= len &&
                section->text + section->len <= text + len);
    }
}

static void try_config(char *text)
{
    struct config config;

    if (config_parse(text, &config))
        promise(config.nr >= 1 && config.nr <= CONFIG_SOURCES_MAX);
}

static void try_time(const char *text, size_t len)
{
    char time[LOG_TIME_MAX], again[LOG_TIME_MAX];

    if (log_time_parse(text, time))
        promise(log_time_parse(time, again) && strcmp(time, again) == 0);
    (void)!log_line_is_since(text, len, "2026-11-23T14:00:00.000000Z");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0)
        return 0;
    log_set("fuzz", LOG_LEVEL_NONE);
    text = malloc(size);
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    if (data[0] == 'l')
        try_links(text, size - 1);
    else if (data[0] == 's')
        try_sections(text, size - 1);
    else if (data[0] == 'c')
        try_config(text);
    else
        try_time(text, size - 1);
    free(text);
    return 0;
}
