/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/deploy.h"

#include <errno.h>
#include <limits.h>

#include "config/config.h"
#include "config/deploy-internal.h"
#include "config/deploy-section.h"
#include "util/text.h"

/* ---- copies */

void deploy_settings_done(DeploySettings *s)
{
    free(s->name);
    for (size_t i = 0; i < _DEPLOY_FILE_MAX; i++)
        free(s->files[i]);
    free(s->owner);
    free(s->group);
    for (size_t i = 0; i < s->n_steps; i++)
        free(s->steps[i].unit);
    free(s->steps);
    for (size_t i = 0; i < s->n_probes; i++)
        free(s->probes[i].host);
    free(s->probes);
    free(s->file);
    *s = (DeploySettings){};
}

static int copy_steps(const DeploySettings *from, DeploySettings *to)
{
    to->steps = calloc(from->n_steps + 1, sizeof(UnitStep));
    if (!to->steps)
        return -ENOMEM;
    for (; to->n_steps < from->n_steps; to->n_steps++) {
        to->steps[to->n_steps] = (UnitStep){ .action = from->steps[to->n_steps].action,
                                             .unit = strdup(from->steps[to->n_steps].unit) };
        if (!to->steps[to->n_steps].unit)
            return -ENOMEM;
    }
    return 0;
}

static int copy_probes(const DeploySettings *from, DeploySettings *to)
{
    to->probes = calloc(from->n_probes + 1, sizeof(Probe));
    if (!to->probes)
        return -ENOMEM;
    for (; to->n_probes < from->n_probes; to->n_probes++) {
        to->probes[to->n_probes] = from->probes[to->n_probes];
        to->probes[to->n_probes].host = strdup(from->probes[to->n_probes].host);
        if (!to->probes[to->n_probes].host)
            return -ENOMEM;
    }
    return 0;
}

/* ---- one section over the other */

static const DeploySettings no_settings = { .mode = MODE_AS_BEFORE, .probe_timeout = PROBE_TIMEOUT_DEFAULT };

static const DeploySettings *pick(const DeploySettings *all, const DeploySettings *own, unsigned bits)
{
    return own && (own->given & bits) ? own : all ? all : &no_settings;
}

#define PICK(key) pick(all, own, DEPLOY_BIT(key))

static int merge(const DeploySettings *all, const DeploySettings *own, DeploySettings *ret)
{
    for (DeployFile f = 0; f < _DEPLOY_FILE_MAX; f++)
        if (text_set(ret->files + f, PICK(f)->files[f]) < 0)
            return -ENOMEM;
    ret->mode = PICK(DEPLOY_KEY_MODE)->mode;
    ret->combined_order = PICK(DEPLOY_KEY_COMBINED_ORDER)->combined_order;
    ret->probe_timeout = PICK(DEPLOY_KEY_PROBE_TIMEOUT)->probe_timeout;
    if (text_set(&ret->owner, PICK(DEPLOY_KEY_OWNER)->owner) < 0 ||
        text_set(&ret->group, PICK(DEPLOY_KEY_GROUP)->group) < 0 ||
        copy_steps(pick(all, own, DEPLOY_BIT_STEPS), ret) < 0)
        return -ENOMEM;
    return copy_probes(PICK(DEPLOY_KEY_PROBE), ret);
}

int deploy_settings_merge(const DeploySettings *all, const DeploySettings *own, DeploySettings *ret)
{
    _cleanup_deploy_settings_ DeploySettings s = {};

    if (merge(all, own, &s) < 0)
        return -ENOMEM;
    *ret = s;
    s = (DeploySettings){};
    return 0;
}

int deploy_settings_copy(const DeploySettings *from, DeploySettings *to)
{
    _cleanup_deploy_settings_ DeploySettings s = {};

    if (merge(from, NULL, &s) < 0 || text_set(&s.name, from->name) < 0 || text_set(&s.file, from->file) < 0)
        return -ENOMEM;
    s.given = from->given;
    s.wrong = from->wrong;
    s.line = from->line;
    *to = s;
    s = (DeploySettings){};
    return 0;
}

int deploy_wrong_key(const DeploySettings *all, const DeploySettings *own)
{
    for (int k = 0; k < _DEPLOY_KEY_MAX; k++) {
        bool is_step = DEPLOY_BIT(k) & DEPLOY_BIT_STEPS;

        if (pick(all, own, is_step ? DEPLOY_BIT_STEPS : DEPLOY_BIT(k))->wrong & DEPLOY_BIT(k))
            return k;
    }
    return -ENOENT;
}

/* ---- paths */

int deploy_path_expand(const char *path, const char *name, char **ret)
{
    char text[PATH_MAX];
    size_t n = 0, k;

    for (; *path && n < sizeof(text) - LIMIT_NAME - 1; path++) {
        if (*path != '%' || *++path == '%') {
            text[n++] = *path;
            continue;
        }
        k = strlen(name);
        memcpy(text + n, name, MIN(k, (size_t)LIMIT_NAME));
        if (*name == '*')
            text[n] = '_';
        n += MIN(k, (size_t)LIMIT_NAME);
    }
    if (*path)
        return -ENAMETOOLONG;
    text[n] = 0;
    for (const char *p = text; *p; p += k) {
        p += *p == '/';
        k = strcspn(p, "/");
        if (k > DEPLOY_FILE_NAME_MAX)
            return -ENAMETOOLONG;
    }
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

/* ---- a certificate */

int module_deploy_settings(const Module *m, const char *name, DeploySettings *ret)
{
    const Claim *claim = module_find_claim(m, name);
    _cleanup_deploy_settings_ DeploySettings s = {};
    bool any = false;
    int r;

    if (!claim || claim->deploy_flaw || (!m->deploy && !claim->deploy))
        return 0;
    r = deploy_settings_merge(m->deploy, claim->deploy, &s);
    for (size_t i = 0; i < _DEPLOY_FILE_MAX && r >= 0; i++)
        if (s.files[i]) {
            _cleanup_free_ char *path = TAKE_PTR(s.files[i]);

            r = deploy_path_expand(path, claim->name, s.files + i);
            any = true;
        }
    if (r < 0 || !any)
        return r;
    r = text_set(&s.name, claim->name);
    if (r < 0)
        return r;
    *ret = s;
    s = (DeploySettings){};
    return 1;
}

int module_units(const Module *m, char ***ret)
{
    _cleanup_strv_ char **units = NULL;
    int r = 0;

    for (size_t n = 0; n < m->n_deploys; n++) {
        const DeploySettings *s = m->deploys + n;

        for (size_t i = 0; i < s->n_steps && r >= 0; i++)
            if (!strv_contains(units, s->steps[i].unit))
                r = strv_extend(&units, s->steps[i].unit);
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(units);
    return 0;
}

const char *module_deploy_flaw(const Module *m, const char *name)
{
    const Claim *claim = module_find_claim(m, name);

    return claim ? claim->deploy_flaw : NULL;
}
