/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/limits.h"
#include "core/name.h"
#include "model/model.h"
#include "util/log.h"

Certificate *model_find_any(const Model *m, const char *name)
{
    Certificate *c;

    HASH_FIND_STR(m->certificates, name, c);
    return c;
}

Certificate *model_find(const Model *m, const char *name)
{
    Certificate *c = model_find_any(m, name);

    return c && c->published ? c : NULL;
}

int model_foreach(const Model *m, int (*visit)(Certificate *c, void *userdata), void *userdata)
{
    Certificate *c, *next;
    int r = 0;

    FOREACH_CERTIFICATE (m, c, next)
        if (r >= 0 && c->published)
            r = visit(c, userdata);
    return r;
}

int model_get(const Model *m, const char *name, Certificate **ret, Problem *problem)
{
    _cleanup_free_ char *canonical = NULL;
    Certificate *c;
    int r;

    r = name_canonicalize(name, &canonical, problem);
    if (r < 0)
        return r;
    c = name_table_find(m->names, canonical);
    if (!c)
        return problem_set(
            problem, PROBLEM_NO_SUCH_CERTIFICATE,
            "No certificate has or covers the name %s; a module file or Register asks for one.", canonical);
    *ret = c;
    return 0;
}

static void enter(Model *m, Certificate *c)
{
    if (c->record->kind == RECORD_UPLOAD) {
        HASH_ADD_KEYPTR(hh, m->uploads, c->name, strlen(c->name), c);
        return;
    }
    HASH_ADD_KEYPTR(hh, m->certificates, c->name, strlen(c->name), c);
    m->names_size += strlen(c->name);
    name_holder_join(&c->listed, m->names, c);
}

void model_set_leaving(Model *m, Certificate *c, bool leaving)
{
    size_t size = strlen(c->name);

    if (c->leaving == leaving)
        return;
    c->leaving = leaving;
    m->n_leaving += leaving ? 1 : -(size_t)1;
    m->names_size += leaving ? -size : size;
}

unsigned model_count(const Model *m)
{
    return HASH_COUNT(m->certificates) - (unsigned)m->n_leaving;
}

void model_remove(Model *m, Certificate *c)
{
    model_set_leaving(m, c, false);
    HASH_DEL(m->certificates, c);
    m->names_size -= strlen(c->name);
    certificate_free(c);
}

bool model_is_full(const Model *m, const char *name)
{
    return model_count(m) >= LIMIT_CERTIFICATES || m->names_size + strlen(name) > LIMIT_NAMES_SIZE;
}

int model_add(Model *m, RecordKind kind, const char *name, Certificate **ret)
{
    Certificate *c = certificate_new(record_new(kind, name));

    if (!c)
        return -ENOMEM;
    enter(m, c);
    *ret = c;
    return 0;
}

int model_adopt(Model *m, Record *rec)
{
    Certificate *c = certificate_new(rec);

    if (!c)
        return -ENOMEM;
    c->stored = true;
    if (certificate_is_root(c)) {
        certificate_free(m->root);
        m->root = c;
        c->published = true;
        return 0;
    }
    enter(m, c);
    m->last_upload = MAX(m->last_upload, c->record->uploaded);
    return 0;
}

void model_review(Model *m, Certificate *c)
{
    bool wanted = certificate_is_wanted(c) || !STAILQ_EMPTY(&c->work.requests) || c->work.busy;
    bool gone = certificate_is_wanted(c) ? false : c->record->abandoned > 0 || !wanted;

    if (!c->published && certificate_is_wanted(c)) {
        if (certificate_publish(c, true) < 0) {
            (void)log_oom();
            return;
        }
        m->n_published++;
        MODEL_NOTIFY(m, certificate_added, c);
        MODEL_NOTIFY(m, counts_changed);
    } else if (c->published && gone) {
        MODEL_NOTIFY(m, certificate_removed, c);
        (void)certificate_publish(c, false);
        m->n_published--;
        MODEL_NOTIFY(m, counts_changed);
    }
    if (!wanted && !c->stored)
        model_remove(m, c);
}

static void note_placements(Model *m, Certificate *c, bool revoked_changed)
{
    if (c->published)
        MODEL_NOTIFY(m, certificate_changed, c,
                     CHANGED_DEPLOYMENTS | (revoked_changed ? CHANGED_OUTLOOK : 0));
}

int model_set_placement(Model *m, Certificate *c, const Placement *placement)
{
    bool had_revoked = placements_have_revoked(&c->placements);
    int r = placements_set(&c->placements, placement);

    if (r <= 0)
        return r;
    note_placements(m, c, had_revoked != placements_have_revoked(&c->placements));
    if (r == 1 && c->published)
        MODEL_NOTIFY(m, placement_changed, c, placements_find(&c->placements, placement->module));
    return r;
}

void model_remove_placement(Model *m, Certificate *c, const char *module)
{
    bool had_revoked = placements_have_revoked(&c->placements);

    if (placements_remove(&c->placements, module))
        note_placements(m, c, had_revoked != placements_have_revoked(&c->placements));
}
