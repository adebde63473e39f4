/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The two images: what they are built from, whether they are up to date, building.
 */
#ifndef CTL_IMAGE_H
#define CTL_IMAGE_H

#include "ctl/engine.h"
#include "ctl/settings.h"

enum image_kind { IMAGE_GATEWAY, IMAGE_AGENT, NR_IMAGE_KINDS };

/** image_name - what settings call it */
const char *image_name(const struct settings *settings, enum image_kind kind);

enum image_wish {
    IMAGE_IF_OUTDATED, /* build one that is missing or older than what it is made of */
    IMAGE_ANYWAY,      /* build, with the builder's cache */
    IMAGE_NO_CACHE,
};

/**
 * image_build - make it, or find that there is nothing to do
 *
 * build_args: "KEY=VALUE" for the Dockerfile, NULL-terminated; NULL: none. Progress on stderr;
 * the output of a step that fails too. An image that is there stays until the new one is whole.
 * *is_built: out.
 */
MUST_CHECK bool image_build(struct engine *engine, const struct settings *settings,
                            enum image_kind kind, enum image_wish wish,
                            const char *const *build_args, bool *is_built, struct err *err);

#endif
