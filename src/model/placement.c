/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/placement.h"

#include <errno.h>

#include "util/text.h"

/* The index of the module, or the one that it would have. */
static size_t place_of(const Placements *l, const char *module)
{
    size_t i = 0;

    while (i < l->n && strcmp(l->list[i].module, module) < 0)
        i++;
    return i;
}

Placement *placements_find(const Placements *l, const char *module)
{
    size_t i = place_of(l, module);

    return i < l->n && streq(l->list[i].module, module) ? l->list + i : NULL;
}

static int add(Placements *l, const Placement *placement)
{
    _cleanup_free_ char *module = strdup(placement->module);
    _cleanup_free_ char *detail = placement->detail ? strdup(placement->detail) : NULL;
    size_t i = place_of(l, placement->module);
    Placement *list;

    if (!module || (placement->detail && !detail))
        return -ENOMEM;
    list = reallocarray(l->list, l->n + 1, sizeof(Placement));
    if (!list)
        return -ENOMEM;
    l->list = list;
    memmove(list + i + 1, list + i, (l->n++ - i) * sizeof(Placement));
    list[i] = *placement;
    list[i].module = TAKE_PTR(module);
    list[i].detail = TAKE_PTR(detail);
    return 2;
}

int placements_set(Placements *l, const Placement *placement)
{
    Placement *d = placements_find(l, placement->module);

    if (!d)
        return add(l, placement);
    if (d->state == placement->state && d->when == placement->when &&
        d->is_of_revoked == placement->is_of_revoked &&
        streq(strempty(d->detail), strempty(placement->detail)))
        return 0;
    if (text_set(&d->detail, placement->detail) < 0)
        return -ENOMEM;
    d->state = placement->state;
    d->when = placement->when;
    d->is_of_revoked = placement->is_of_revoked;
    return 1;
}

static void placement_done(Placement *d)
{
    free(d->module);
    free(d->detail);
}

bool placements_remove(Placements *l, const char *module)
{
    Placement *d = placements_find(l, module);

    if (!d)
        return false;
    placement_done(d);
    l->n--;
    memmove(d, d + 1, (size_t)(l->list + l->n - d) * sizeof(Placement));
    return true;
}

void placements_clear(Placements *l)
{
    for (size_t i = 0; i < l->n; i++)
        placement_done(l->list + i);
    free(l->list);
    *l = (Placements){};
}

bool placements_have_revoked(const Placements *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->list[i].is_of_revoked)
            return true;
    return false;
}
