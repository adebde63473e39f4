/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/volumes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/tar_build.h"

#define AGENT_UID 1000

bool volumes_look(struct engine *engine, struct mounts *mounts, struct err *err)
{
    char path[ENGINE_PATH_MAX];

    for (size_t i = 0; i < mounts->nr; i++) {
        struct mount *mount = &mounts->list[i];

        mount->is_new = false;
        if (!mount->is_volume)
            continue;
        engine_path(path, "/volumes/%s", mount->source);
        if (engine_call(engine, "GET", path, NULL, NULL, err, "look at volume %s",
                        mount->source))
            continue;
        if (err->code != ENOENT)
            return false;
        mount->is_new = true;
    }
    return true;
}

/* An entry for a folder that exists sets its owner, unless it is the archive's own: so it is
 * unpacked in the folder above. */
static bool give(struct engine *engine, const char *container, const struct mount *mount,
                 struct err *err)
{
    const char *last = strrchr(mount->target, '/');
    unsigned mode = strcmp(mount->target, MOUNT_CONFIG) == 0 ? 0700 : 0755;
    struct tar *tar = tar_new(err);
    char above[64];
    const void *bytes;
    size_t len;
    bool is_good;

    snprintf(above, sizeof(above), "%.*s/", (int)(last - mount->target), mount->target);
    is_good = tar && tar_add_folder(tar, last + 1, mode, AGENT_UID, err) &&
              tar_finish(tar, &bytes, &len, err) &&
              engine_archive_put(engine, container, above, bytes, len, err);
    tar_free(tar);
    return is_good;
}

bool volumes_give(struct engine *engine, const char *container, const struct mounts *mounts,
                  struct err *err)
{
    for (size_t i = 0; i < mounts->nr; i++)
        if (mounts->list[i].is_new && !give(engine, container, &mounts->list[i], err))
            return false;
    return true;
}
