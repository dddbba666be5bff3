/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/recipient.h"

#include <errno.h>

#include "util/log.h"
#include "util/text.h"

#define BACK_OFF_MIN 60    /* seconds between tries of the same, whatever the report says */
#define BACK_OFF_MAX 86400 /* of deployment_due() */

void recipient_forget_failure(RecipientItem *i)
{
    if (i->own)
        free(i->own->detail);
    free(TAKE_PTR(i->own));
}

static void item_done(RecipientItem *i)
{
    recipient_forget_failure(i);
    free(i->name);
    free(i->flaw);
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(((const RecipientItem *)a)->name, ((const RecipientItem *)b)->name);
}

RecipientItem *recipient_find(const Recipient *c, const char *name)
{
    const RecipientItem key = { .name = (char *)(uintptr_t)name };

    return c->n_items > 0 ? bsearch(&key, c->items, c->n_items, sizeof(key), compare_items) : NULL;
}

static int add_units(Recipient *c, const DeploySettings *s)
{
    int r = 0;

    for (size_t i = 0; i < s->n_steps && r >= 0; i++)
        if (!strv_contains(c->units, s->steps[i].unit))
            r = strv_extend(&c->units, s->steps[i].unit);
    return r;
}

static int add_item(Recipient *c, const Module *m, const char *name)
{
    _cleanup_deploy_settings_ DeploySettings s = {};
    RecipientItem *i = c->items + c->n_items;
    int r = module_deploy_settings(m, name, &s);

    if (r < 0 || (r == 0 && !module_deploy_flaw(m, name)))
        return r;
    c->n_items++;
    i->name = strdup(name);
    if (!i->name)
        return -ENOMEM;
    if (r == 0)
        return text_set(&i->flaw, module_deploy_flaw(m, name));
    i->scope = deploy_scope(&s);
    r = deploy_settings_digest(&s, i->settings);
    return r < 0 ? r : add_units(c, &s);
}

Recipient *recipient_new(const Module *m, int *ret_r)
{
    _cleanup_(recipient_freep) Recipient *c = NULL;
    int r = 0;

    *ret_r = 0;
    if (m->n_deploys == 0 || m->n_claims == 0)
        return NULL;
    *ret_r = -ENOMEM;
    c = calloc(1, sizeof(Recipient));
    if (!c || !(c->module = strdup(m->name)) || !(c->items = calloc(m->n_claims, sizeof(RecipientItem))))
        return NULL;
    for (size_t i = 0; i < m->n_claims && r >= 0; i++)
        r = add_item(c, m, m->claims[i].name);
    *ret_r = r;
    if (r < 0 || c->n_items == 0)
        return NULL;
    qsort(c->items, c->n_items, sizeof(RecipientItem), compare_items);
    c->is_stale = c->is_dirty = true;
    c->due = c->look_due = INT64_MAX;
    return TAKE_PTR(c);
}

Recipient *recipient_free(Recipient *c)
{
    if (!c)
        return NULL;
    for (size_t i = 0; i < c->n_items; i++)
        item_done(c->items + i);
    free(c->items);
    strv_free(c->units);
    report_clear(&c->report);
    problem_clear(&c->problem);
    free(c->module);
    free(c);
    return NULL;
}

void recipient_inherit(Recipient *fresh, Recipient *former)
{
    for (size_t i = 0; i < fresh->n_items; i++) {
        RecipientItem *to = fresh->items + i, *from = recipient_find(former, to->name);

        if (!from)
            continue;
        if (streq(to->settings, from->settings))
            memcpy(to->asked, from->asked, sizeof(to->asked));
        to->is_of_revoked = from->is_of_revoked;
        to->own = TAKE_PTR(from->own);
    }
    fresh->report = former->report;
    former->report = (Report){};
    problem_move(&former->problem, &fresh->problem);
    fresh->is_stale = former->is_stale;
    fresh->was_interrupted = former->was_interrupted;
    fresh->run = former->run;
    fresh->job = former->job;
    fresh->wanted = former->wanted;
}

/* ---- groups */

typedef struct UnitUser {
    const char *unit;
    const Recipient *first;
    UT_hash_handle hh;
} UnitUser;

static void join(Recipient *table, size_t from, size_t to)
{
    Recipient *c, *next;

    FOREACH_RECIPIENT(c, table, next)
    if (c->group == from)
        c->group = to;
}

static int group_by_units(Recipient *table, Recipient *c, UnitUser **users)
{
    for (char **unit = c->units; unit && *unit; unit++) {
        UnitUser *u;

        HASH_FIND_STR(*users, *unit, u);
        if (u) {
            join(table, c->group, u->first->group);
            continue;
        }
        u = calloc(1, sizeof(UnitUser));
        if (!u)
            return -ENOMEM;
        *u = (UnitUser){ .unit = *unit, .first = c };
        HASH_ADD_KEYPTR(hh, *users, u->unit, strlen(u->unit), u);
    }
    return 0;
}

int recipients_group(Recipient *table)
{
    UnitUser *users = NULL, *u, *following;
    Recipient *c, *next;
    size_t n = 0;
    int r = 0;

    FOREACH_RECIPIENT(c, table, next)
    c->group = n++;
    FOREACH_RECIPIENT(c, table, next)
    if (r >= 0)
        r = group_by_units(table, c, &users);
    HASH_ITER (hh, users, u, following) {
        HASH_DEL(users, u);
        free(u);
    }
    return r;
}

/* ---- what is known */

const Deployment *recipient_deployment(const Recipient *c, const RecipientItem *i)
{
    return i->own ? i->own : report_find(&c->report, i->name);
}

/* A try that could not even read the chain is about any. */
static bool is_about(const Deployment *d, const RecipientItem *i, const char *content)
{
    return d && (isempty(d->content) || streq(d->content, content)) && streq(d->settings, i->settings);
}

bool recipient_is_pending(const Recipient *c, const RecipientItem *i, const char *content)
{
    return !isempty(content) && !i->flaw &&
           deployment_is_pending(recipient_deployment(c, i), content, i->settings);
}

void recipient_ask(const Recipient *c, RecipientItem *i, const char *content)
{
    memset(i->asked, 0, sizeof(i->asked));
    if (recipient_is_pending(c, i, content))
        (void)memccpy(i->asked, content, 0, sizeof(i->asked) - 1);
}

/* A run that somebody else started a moment before may have read the former chain, but not twice. */
bool recipient_was_tried(const Recipient *c, RecipientItem *i, const char *content, int64_t since)
{
    const Deployment *d = report_find(&c->report, i->name);
    bool was_missed = i->was_missed;

    i->was_missed = false;
    if (!d || (d->when < since && deployment_is_pending(d, content, i->settings)))
        return false;
    if (!streq(i->asked, content) || is_about(d, i, content))
        return true;
    i->was_missed = true;
    return !was_missed;
}

int recipient_note_failure(Recipient *c, RecipientItem *i, const char *content, const char *detail,
                           int64_t now)
{
    const Deployment *former = recipient_deployment(c, i);
    unsigned failures = is_about(former, i, content) ? former->failures : 0;
    Deployment *d = i->own ? i->own : calloc(1, sizeof(Deployment));

    if (!d || text_set(&d->detail, detail) < 0) {
        if (!i->own)
            free(d);
        return -ENOMEM;
    }
    d->state = DEPLOYMENT_FAILED;
    d->when = now;
    d->failures = failures < UINT32_MAX ? failures + 1 : failures;
    (void)memccpy(d->content, content, 0, sizeof(d->content) - 1);
    (void)memccpy(d->settings, i->settings, 0, sizeof(d->settings) - 1);
    i->own = d;
    return 0;
}

/* A try that seems to lie far in the future was made with a wrong clock. */
static int64_t due_of(const Deployment *d, const RecipientItem *i, const char *content, int64_t now)
{
    int64_t due = isempty(content) || i->flaw ? INT64_MAX : deployment_due(d, content, i->settings);

    if (is_about(d, i, content))
        due = MAX(due, d->when + BACK_OFF_MIN);
    return due < INT64_MAX && due > now + BACK_OFF_MAX ? now : due;
}

void recipient_note_due(Recipient *c, const RecipientItem *i, const char *content, int64_t now)
{
    const Deployment *d = recipient_deployment(c, i);
    int64_t due = due_of(d, i, content, now);

    if (is_about(d, i, content) && d->state == DEPLOYMENT_WRITTEN)
        c->look_due = MIN(c->look_due, due);
    else
        c->due = MIN(c->due, due);
}

Placement recipient_describe(const Recipient *c, const RecipientItem *i, const char *content)
{
    const Deployment *d = recipient_deployment(c, i);
    bool current = is_about(d, i, content);

    if (i->flaw)
        return (Placement){ .module = c->module, .state = DEPLOYMENT_FAILED, .detail = i->flaw };
    return (Placement){
        .module = c->module,
        .state = current ? d->state : DEPLOYMENT_PENDING,
        .detail = current ? d->detail : NULL,
        .when = d ? d->when : 0,
        .is_of_revoked = i->is_of_revoked,
    };
}
