/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whose a new volume is. The engine gives it the owner of the folder that the image has in its
 * place; where the image has none that is root, and the agent could not write there.
 */
#ifndef CTL_VOLUMES_H
#define CTL_VOLUMES_H

#include "common/attr.h"
#include "ctl/engine.h"
#include "ctl/mounts.h"

/** volumes_look - which of the volumes are not there yet: sets is_new of each mount */
MUST_CHECK bool volumes_look(struct engine *engine, struct mounts *mounts, struct err *err);

/** volumes_give - the agent's user owns the new ones. container: has them, does not run yet. */
MUST_CHECK bool volumes_give(struct engine *engine, const char *container,
                             const struct mounts *mounts, struct err *err);

#endif
