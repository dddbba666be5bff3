/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/group.h"

#include <errno.h>
#include <stdio.h>

#include "util/text.h"

/* ---- modules with common units */

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

/* ---- conflicts */

typedef struct Use {
    char *path;
    const Module *module;
    const char *name;
    DeployFile kind;
} Use;

typedef struct Uses {
    Use *uses;
    size_t n, room;
} Uses;

static void uses_clear(Uses *u)
{
    for (size_t i = 0; i < u->n; i++)
        free(u->uses[i].path);
    free(u->uses);
}

static int add_use(Uses *u, const Module *m, const char *name, DeployFile kind, char *path)
{
    if (u->n == u->room) {
        size_t room = 2 * u->room + 16;
        Use *grown = reallocarray(u->uses, room, sizeof(Use));

        if (!grown)
            return -ENOMEM;
        u->uses = grown;
        u->room = room;
    }
    u->uses[u->n++] = (Use){ .path = path, .module = m, .name = name, .kind = kind };
    return 0;
}

/* Takes the paths out of the settings. */
static int add_uses(Uses *u, const Module *m, const char *name)
{
    _cleanup_deploy_settings_ DeploySettings s = { 0 };
    int r = module_deploy_settings(m, name, &s);

    if (r <= 0)
        return r;
    for (DeployFile i = 0; r >= 0 && i < _DEPLOY_FILE_MAX; i++)
        if (s.files[i]) {
            r = add_use(u, m, name, i, s.files[i]);
            if (r >= 0)
                s.files[i] = NULL;
        }
    return r;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const Use *)a)->path, ((const Use *)b)->path);
}

static char *describe(const Use *u)
{
    char *text;

    return asprintf(&text, "%s: %s= of %s", u->module->name, deploy_file_to_string(u->kind), u->name) < 0
               ? NULL
               : text;
}

static int add_conflict(Conflicts *c, Use *a, const Use *b)
{
    Conflict *grown = reallocarray(c->conflicts, c->n + 1, sizeof(Conflict));

    if (!grown)
        return -ENOMEM;
    c->conflicts = grown;
    grown[c->n++] = (Conflict){ .path = TAKE_PTR(a->path), .users = { describe(a), describe(b) } };
    return grown[c->n - 1].users[0] && grown[c->n - 1].users[1] ? 0 : -ENOMEM;
}

static int collect(Uses *u, Conflicts *ret)
{
    int r = 0;

    if (u->n > 0)
        qsort(u->uses, u->n, sizeof(Use), compare_paths);
    for (size_t i = 0, next; r >= 0 && i < u->n; i = next) {
        for (next = i + 1; next < u->n && streq(u->uses[next].path, u->uses[i].path);)
            next++;
        if (next > i + 1)
            r = add_conflict(ret, u->uses + i, u->uses + i + 1);
    }
    return r;
}

int conflicts_find(const Config *c, Conflicts *ret)
{
    _cleanup_(uses_clear) Uses uses = { 0 };
    int r = 0;

    *ret = (Conflicts){ 0 };
    for (size_t i = 0; r >= 0 && i < c->n_modules; i++)
        for (size_t j = 0; r >= 0 && j < c->modules[i].n_claims; j++)
            r = add_uses(&uses, c->modules + i, c->modules[i].claims[j].name);
    if (r >= 0)
        r = collect(&uses, ret);
    if (r < 0)
        conflicts_clear(ret);
    return r;
}

void conflicts_clear(Conflicts *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->conflicts[i].path);
        free(c->conflicts[i].users[0]);
        free(c->conflicts[i].users[1]);
    }
    free(c->conflicts);
    *c = (Conflicts){ 0 };
}

static int compare_conflict(const void *path, const void *conflict)
{
    return strcmp(path, ((const Conflict *)conflict)->path);
}

const Conflict *conflicts_about(const Conflicts *c, const char *path)
{
    return c->n > 0 ? bsearch(path, c->conflicts, c->n, sizeof(Conflict), compare_conflict) : NULL;
}
