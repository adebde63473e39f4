/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/conf.h"
#include "common/file.h"
#include "common/textfile.h"

#define RESOLV_CONF         "/etc/resolv.conf"
#define RESOLV_CONF_LEN_MAX 65536
#define SYSTEMD_FOLDER      "/run/systemd/resolve"
#define SYSTEMD_STUB        "stub-resolv.conf" /* names 127.0.0.53 */
#define SYSTEMD_REAL        "resolv.conf"

/* Can it be asked from another network namespace? */
static bool is_reachable(const struct addr *addr)
{
    static const char *const own[] = { "127.0.0.0/8",          "0.0.0.0/8", "::1", "::",
                                       "::ffff:127.0.0.0/104", "fe80::/10" };

    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        struct prefix prefix;

        if (prefix_parse(own[i], strlen(own[i]), &prefix) && prefix_contains(&prefix, addr))
            return false;
    }
    return true;
}

size_t resolver_text(const char *text, size_t len, char out[RESOLVER_TEXT_MAX])
{
    struct token rest = { text, len };
    size_t used = 0, nr = 0;

    out[0] = '\0';
    while (rest.len) {
        const char *end = token_find(rest, '\n');
        struct token line = end ? token_head(rest, end) : rest, word, address;
        char shown[ADDR_TEXT_MAX];
        struct addr addr;
        int n;

        rest = end ? token_tail(rest, end) : (struct token) { NULL, 0 };
        if (line.len && line.text[line.len - 1] == '\r')
            line.len--;
        if (!token_next(&line, &word) || !token_is(word, "nameserver") ||
            !token_next(&line, &address) || !addr_parse(address.text, address.len, &addr) ||
            !is_reachable(&addr))
            continue;
        n = snprintf(out + used, RESOLVER_TEXT_MAX - used, "nameserver %s\n",
                     addr_format(&addr, shown));
        if (n < 0 || (size_t)n >= RESOLVER_TEXT_MAX - used) {
            out[used] = '\0';
            break;
        }
        used += (size_t)n;
        nr++;
    }
    return nr;
}

static size_t read_text(const char *path, char out[RESOLVER_TEXT_MAX])
{
    struct err untold;
    size_t len, nr;
    char *text = file_read(path, RESOLV_CONF_LEN_MAX, &len, &untold);

    out[0] = '\0';
    if (text == NULL)
        return 0;
    nr = resolver_text(text, len, out);
    free(text);
    return nr;
}

static void use_docker(struct resolver *resolver, const char *why)
{
    *resolver = (struct resolver) { .kind = RESOLVER_DOCKER, .why = why };
}

/* The folder's file as upstream; false when it names nobody who can be asked. */
static bool use_folder(struct resolver *resolver, const char *root, const char *folder,
                       const char *file)
{
    char path[FOLDER_PATH_MAX];
    struct err untold;

    if (!path_join(path, folder, file, &untold) || !read_text(path, resolver->text))
        return false;
    resolver->kind = RESOLVER_FOLDER;
    snprintf(resolver->folder, sizeof(resolver->folder), "%s", folder + strlen(root));
    return snprintf(resolver->upstream, sizeof(resolver->upstream), RESOLVER_MOUNT "/%s",
                    file) < (int)sizeof(resolver->upstream);
}

/* systemd-resolved's own list, where /etc/resolv.conf names its stub only. */
static bool use_systemd(struct resolver *resolver, const char *root)
{
    char folder[FOLDER_PATH_MAX];

    return snprintf(folder, sizeof(folder), "%s" SYSTEMD_FOLDER, root) < (int)sizeof(folder) &&
           use_folder(resolver, root, folder, SYSTEMD_REAL);
}

/* path: /etc/resolv.conf with links resolved. Is it in a folder of its own below /run? */
static bool use_run(struct resolver *resolver, const char *root, const char *path)
{
    char run[FOLDER_PATH_MAX], folder[FOLDER_PATH_MAX];
    const char *file = strrchr(path, '/');

    if (file == NULL || snprintf(run, sizeof(run), "%s/run", root) >= (int)sizeof(run) ||
        !path_is_within(path, run))
        return false;
    snprintf(folder, sizeof(folder), "%.*s", (int)(file - path), path);
    if (strcmp(folder, run) == 0)
        return false; /* all of /run is not given away for one file */
    file++;
    return use_folder(resolver, root, folder,
                      strcmp(file, SYSTEMD_STUB) == 0 ? SYSTEMD_REAL : file);
}

void resolver_choose(const char *root, bool is_local, struct resolver *resolver)
{
    char path[FOLDER_PATH_MAX], real[FOLDER_PATH_MAX];
    struct err untold;

    memset(resolver, 0, sizeof(*resolver));
    if (!is_local) {
        use_docker(resolver, "the engine is on another machine");
        return;
    }
    if (snprintf(path, sizeof(path), "%s" RESOLV_CONF, root) >= (int)sizeof(path) ||
        !path_resolve("resolver", path, real, &untold)) {
        use_docker(resolver, RESOLV_CONF " is not there");
        return;
    }
    if (use_run(resolver, root, real))
        return;
    if (read_text(real, resolver->text)) {
        resolver->kind = RESOLVER_HANDED_OVER;
        snprintf(resolver->upstream, sizeof(resolver->upstream), "%s", RESOLVER_HANDED);
        return;
    }
    if (!use_systemd(resolver, root))
        use_docker(resolver, RESOLV_CONF " names no server that a container can ask");
}
