/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/group.h"

#include <errno.h>

#include "util/text.h"

static bool module_uses(const Module *m, const char *unit)
{
    for (size_t i = 0; i < m->n_deploys; i++)
        for (size_t j = 0; j < m->deploys[i].n_steps; j++)
            if (streq(m->deploys[i].steps[j].unit, unit))
                return true;
    return false;
}

static bool share_a_unit(const Module *a, const Module *b)
{
    for (size_t i = 0; i < a->n_deploys; i++)
        for (size_t j = 0; j < a->deploys[i].n_steps; j++)
            if (module_uses(b, a->deploys[i].steps[j].unit))
                return true;
    return false;
}

static bool group_has(const Module *const *group, size_t n, const Module *m)
{
    for (size_t i = 0; i < n; i++)
        if (group[i] == m)
            return true;
    return false;
}

/* Each module that joins the group brings those with whom it shares a unit. */
static size_t complete_group(const Config *c, const Module **group, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < c->n_modules; j++)
            if (!group_has(group, n, c->modules + j) && share_a_unit(group[i], c->modules + j))
                group[n++] = c->modules + j;
    return n;
}

int deploy_group_of(const Config *c, const char *module, const Module ***ret, size_t *ret_n)
{
    const Module **group = calloc(c->n_modules + 1, sizeof(const Module *));
    size_t n = 0;

    if (!group)
        return -ENOMEM;
    for (size_t i = 0; i < c->n_modules; i++)
        if (streq(c->modules[i].name, module))
            group[n++] = c->modules + i;
    *ret = group;
    *ret_n = complete_group(c, group, n);
    return 0;
}
