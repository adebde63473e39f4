/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/index_list.h"

const struct index_list index_list_empty = { INDEX_NONE, INDEX_NONE };

static struct index_link *link_at(struct index_links links, uint32_t index)
{
    return (struct index_link *)(void *)((char *)links.first + links.stride * index);
}

void index_list_append(struct index_list *list, struct index_links links, uint32_t index)
{
    *link_at(links, index) = (struct index_link) { list->newest, INDEX_NONE };
    if (list->newest != INDEX_NONE)
        link_at(links, list->newest)->newer = index;
    else
        list->oldest = index;
    list->newest = index;
}

void index_list_remove(struct index_list *list, struct index_links links, uint32_t index)
{
    struct index_link link = *link_at(links, index);

    if (link.older != INDEX_NONE)
        link_at(links, link.older)->newer = link.newer;
    else
        list->oldest = link.newer;
    if (link.newer != INDEX_NONE)
        link_at(links, link.newer)->older = link.older;
    else
        list->newest = link.older;
}
