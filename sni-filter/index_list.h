/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lists of an array's elements by their indices, oldest first: no pointers, nothing allocated.
 */
#ifndef SNI_FILTER_INDEX_LIST_H
#define SNI_FILTER_INDEX_LIST_H

#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE UINT32_MAX

struct index_link {
    uint32_t older, newer;
};

struct index_list {
    uint32_t oldest, newest; /* INDEX_NONE: empty */
};

/* Where the elements have the links of one kind of list. */
struct index_links {
    struct index_link *first; /* element 0's; kept by the array */
    size_t stride;            /* bytes from one element to the next */
};

extern const struct index_list index_list_empty;

/** index_list_append - last of all; the element must be in no list of these links */
void index_list_append(struct index_list *list, struct index_links links, uint32_t index);

/** index_list_remove - the element must be in this list */
void index_list_remove(struct index_list *list, struct index_links links, uint32_t index);

#endif
