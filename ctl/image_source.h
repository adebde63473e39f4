/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef CTL_IMAGE_SOURCE_H
#define CTL_IMAGE_SOURCE_H

#include "ctl/image.h"
#include "ctl/tar_build.h"

struct image_source {
    struct tar *context; /* NULL: there is nothing here to build from */
    const char *dockerfile;
    const char *target;  /* NULL: the last */
    char digest[65];     /* of what it is made of; what was only fetched does not count */
    char looked_in[512]; /* for a message */
};

/** image_source_find - the build context of an image, in memory. Clear it also after a failure.
 */
MUST_CHECK bool image_source_find(const struct settings *settings, enum image_kind kind,
                                  struct image_source *source, struct err *err);
void image_source_clear(struct image_source *source);

#endif
