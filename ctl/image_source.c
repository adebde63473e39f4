/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The gateway is built from build/gateway-root.tar when that was made ("make image-root"), else
 * from the sources, in a container. The agent is built from the home folder's agent/.
 */
#include "ctl/image_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/file.h"

#define CA_SIZE_MAX (4u << 20)
#define ROOT_TAR    "gateway-root.tar"

static const char *const source_parts[] = { "LICENSE", "Makefile",    "common",    "ctl",
                                            "fwd",     "proxy-image", "sni-filter" };

static bool is_there(const char *folder, const char *name, char path[FOLDER_PATH_MAX])
{
    struct err ignored;

    return path_join(path, folder, name, &ignored) && access(path, R_OK) == 0;
}

/* The archive that make left: beside this program, or in the source tree's build/. */
static bool find_root_tar(const char *top, char path[FOLDER_PATH_MAX])
{
    char folder[FOLDER_PATH_MAX];

    return (folder_executable(folder) && is_there(folder, ROOT_TAR, path)) ||
           is_there(top, "build/" ROOT_TAR, path);
}

static bool add_prebuilt(const char *top, const char *root_tar, struct image_source *source,
                         struct err *err)
{
    char path[FOLDER_PATH_MAX];

    source->target = "prebuilt";
    if (is_there(top, "LICENSE", path) && !tar_add_path(source->context, path, "LICENSE", err))
        return false;
    return path_join(path, top, "proxy-image/Dockerfile", err) &&
           tar_add_path(source->context, root_tar, "build/" ROOT_TAR, err) &&
           tar_add_path(source->context, path, "proxy-image/Dockerfile", err);
}

static bool add_sources(const char *top, struct image_source *source, struct err *err)
{
    char path[FOLDER_PATH_MAX];

    source->target = "full";
    for (size_t i = 0; i < ARRAY_LEN(source_parts); i++)
        if (!path_join(path, top, source_parts[i], err) ||
            !tar_add_path(source->context, path, source_parts[i], err))
            return false;
    return true;
}

static bool find_gateway(const struct settings *settings, struct image_source *source,
                         struct err *err)
{
    char top[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];
    bool is_good;

    if (!path_join(top, settings->home, "..", err))
        return false;
    snprintf(source->looked_in, sizeof(source->looked_in), "%.400s/proxy-image", top);
    source->dockerfile = "proxy-image/Dockerfile";
    if (!is_there(top, source->dockerfile, path))
        return true;
    source->context = tar_new(err);
    if (source->context == NULL)
        return false;
    if (find_root_tar(top, path))
        is_good = add_prebuilt(top, path, source, err);
    else
        is_good = add_sources(top, source, err);
    return is_good && tar_digest(source->context, source->digest, err);
}

/* For the download through a network that intercepts TLS; not part of what the image is made
 * of. */
static bool add_ca(const struct settings *settings, struct image_source *source,
                   struct err *err)
{
    size_t len;
    char *text;
    bool is_good;

    if (settings->ca_file[0] == '\0')
        return true;
    text = file_read(settings->ca_file, CA_SIZE_MAX, &len, err);
    is_good = text && tar_add_file(source->context, "ca.crt", text, len, 0644, err);
    free(text);
    return is_good || err_wrap(err, "CA_FILE");
}

static bool find_agent(const struct settings *settings, struct image_source *source,
                       struct err *err)
{
    char folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX];

    if (!path_join(folder, settings->home, "agent", err))
        return false;
    snprintf(source->looked_in, sizeof(source->looked_in), "%.500s", folder);
    source->dockerfile = "Dockerfile";
    if (!is_there(folder, source->dockerfile, path))
        return true;
    source->context = tar_new(err);
    return source->context && tar_add_path(source->context, folder, ".", err) &&
           tar_digest(source->context, source->digest, err) && add_ca(settings, source, err);
}

bool image_source_find(const struct settings *settings, enum image_kind kind,
                       struct image_source *source, struct err *err)
{
    bool is_good;

    memset(source, 0, sizeof(*source));
    is_good = kind == IMAGE_GATEWAY ? find_gateway(settings, source, err)
                                    : find_agent(settings, source, err);
    return is_good ||
           err_wrap(err, "gather what image %s is made of", image_name(settings, kind));
}

void image_source_clear(struct image_source *source)
{
    tar_free(source->context);
    memset(source, 0, sizeof(*source));
}
