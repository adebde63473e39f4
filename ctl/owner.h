/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which secctl a container belongs to, so that what a killed one left can be told from what a
 * living one uses. "HOST:PID:START", START being what the system says of the process's start
 * ("0" where it says nothing).
 */
#ifndef CTL_OWNER_H
#define CTL_OWNER_H

#include "common/attr.h"

#define OWNER_TEXT_MAX 128

enum owner_state {
    OWNER_ALIVE,
    OWNER_GONE,
    OWNER_ELSEWHERE, /* on another machine: who knows */
};

/** owner_self - this process; returns text */
const char *owner_self(char text[OWNER_TEXT_MAX]);

/** owner_look - does that process live? A text that is none is OWNER_ELSEWHERE. */
enum owner_state owner_look(const char *text);

#endif
