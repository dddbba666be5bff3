/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/certificate.h"

#include <errno.h>

#include "core/limits.h"
#include "core/schedule.h"
#include "util/text.h"

const char *certificate_state_to_string(CertificateState s)
{
    static const char *const states[_CERTIFICATE_STATE_MAX] = {
        [CERTIFICATE_PENDING] = "pending",
        [CERTIFICATE_VALID] = "valid",
        [CERTIFICATE_EXPIRING] = "expiring",
        [CERTIFICATE_EXPIRED] = "expired",
    };

    return states[s];
}

Certificate *certificate_new(Record *record)
{
    Certificate *c = record ? calloc(1, sizeof(Certificate)) : NULL;

    if (!c) {
        record_free(record);
        return NULL;
    }
    c->record = record;
    c->wish.key_type = c->next_wish.key_type = _KEY_TYPE_INVALID;
    STAILQ_INIT(&c->work.requests);
    c->name = strdup(record->name);
    if (!c->name || strv_extend(&c->names, record->name) < 0)
        return certificate_free(c);
    return c;
}

KnownValues *known_values_free(KnownValues *t)
{
    if (!t)
        return NULL;
    for (Source s = 0; s < _SOURCE_MAX; s++)
        chain_unref(t->chains[s]);
    free(t);
    return NULL;
}

Certificate *certificate_free(Certificate *c)
{
    Request *q;

    if (!c)
        return NULL;
    while ((q = STAILQ_FIRST(&c->work.requests))) {
        STAILQ_REMOVE_HEAD(&c->work.requests, entry);
        request_free(q);
    }
    name_holder_leave(&c->listed);
    free(c->name);
    free(c->order.explanation_url);
    known_values_free(c->client.known);
    placements_clear(&c->placements);
    record_free(c->record);
    strv_free(c->names);
    wish_clear(&c->wish);
    wish_clear(&c->next_wish);
    free(c);
    return NULL;
}

const Chain *certificate_chain(const Certificate *c)
{
    const Slot *served = record_served(c->record);

    return served ? served->chain : NULL;
}

CertificateState certificate_state(const Certificate *c, int64_t now)
{
    const Chain *chain = certificate_chain(c);
    int64_t renewal;

    if (!chain || now < chain_not_before(chain)) /* nothing that clients accept yet */
        return CERTIFICATE_PENDING;
    if (now > source_chain_ends(c->record->served, chain))
        return CERTIFICATE_EXPIRED;
    renewal = certificate_next_renewal(c);
    if (renewal == 0) /* only an administrator can replace it */
        renewal = schedule_first_warning(chain, c->record->served);
    return now >= renewal ? CERTIFICATE_EXPIRING : CERTIFICATE_VALID;
}

int64_t certificate_next_renewal(const Certificate *c)
{
    const Chain *chain = certificate_chain(c);

    if (!chain || c->record->served == SOURCE_UPLOADED)
        return 0;
    if (certificate_is_root(c))
        return schedule_root_renewal(chain);
    return c->record->served == SOURCE_ACME
               ? schedule_renewal(chain, &c->order.window, c->order.window_after)
               : schedule_leaf_renewal(chain, c->record->served);
}

/* Chains of the local root are signed again in time; only a failure to do so is worth a warning. If they expire with the root,
 * the root is warned of. */
static bool is_warned_of(const Certificate *c)
{
    const Record *rec = c->record;

    return certificate_chain(c) && (certificate_is_root(c) || rec->served != SOURCE_LOCAL ||
                                    (rec->failure.problem.code != PROBLEM_NONE && !rec->order_failed));
}

int64_t certificate_warning_due(const Certificate *c, int64_t now)
{
    const Chain *chain = certificate_chain(c);
    int64_t due = is_warned_of(c) ? schedule_last_warning(chain, c->record->served, now) : 0;

    /* a warning in the future was given with a wrong clock */
    return due > c->record->warned || c->record->warned > now ? due : 0;
}

int64_t certificate_next_warning(const Certificate *c, int64_t now)
{
    const Chain *chain = certificate_chain(c);

    return is_warned_of(c) ? schedule_next_warning(chain, c->record->served, now) : INT64_MAX;
}

Choice certificate_choose(const Certificate *c, int64_t now)
{
    Candidate candidates[_SOURCE_MAX];

    record_candidates(c->record, candidates);
    return choose(candidates, certificate_is_root(c) ? NULL : c->names, now);
}

int64_t certificate_next_change(const Certificate *c, int64_t now)
{
    Candidate candidates[_SOURCE_MAX];

    record_candidates(c->record, candidates);
    return choose_next_change(candidates, now);
}

const char *certificate_explain_choice(const Certificate *c, const Choice *choice)
{
    bool failed = c->order.eligibility == ACME_ELIGIBILITY_ASKED && c->record->order_failed;

    if (placements_have_revoked(&c->placements))
        return "A service still uses the revoked chain: its successor has not been delivered yet; Deployments shows why.";
    return choice_explain(choice, failed ? ACME_ELIGIBILITY_FAILED : c->order.eligibility);
}

const char *certificate_explain(const Certificate *c, int64_t now)
{
    Choice choice = certificate_choose(c, now);

    return certificate_explain_choice(c, &choice);
}

bool certificate_lacked_network(const Certificate *c)
{
    return c->record->order_failed && c->record->failure.problem.code == PROBLEM_NETWORK_FAILED;
}

bool certificate_is_wanted(const Certificate *c)
{
    return c->wish.modules || c->record->n_registrations > 0;
}

KeyType certificate_key_type(const Certificate *c, const Record *rec, KeyType otherwise)
{
    if (c->wish.key_type >= 0)
        return c->wish.key_type;
    for (size_t i = 0; i < rec->n_registrations; i++)
        if (rec->registrations[i].key_type >= 0)
            return rec->registrations[i].key_type;
    return otherwise;
}

bool certificate_refuses_acme(const Certificate *c)
{
    for (size_t i = 0; i < c->record->n_registrations; i++)
        if (c->record->registrations[i].acme == 0)
            return true;
    return c->wish.no_acme;
}

const char *certificate_authority(const Certificate *c)
{
    for (size_t i = 0; i < c->record->n_registrations && !c->wish.authority; i++)
        if (c->record->registrations[i].authority)
            return c->record->registrations[i].authority;
    return c->wish.authority;
}

int certificate_modules(const Certificate *c, char ***ret)
{
    _cleanup_strv_ char **l = NULL;
    int r;

    r = strv_copy(c->wish.modules, &l);
    for (size_t i = 0; i < c->record->n_registrations && r >= 0; i++)
        if (!strv_contains(l, c->record->registrations[i].module))
            r = strv_extend(&l, c->record->registrations[i].module);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(l);
    return 0;
}

static int add_names(char ***l, char *const *names)
{
    int r = 0;

    for (size_t i = 0; names && names[i] && r >= 0; i++) {
        if (strv_contains(*l, names[i]))
            continue;
        r = strv_length(*l) >= LIMIT_NAMES ? -E2BIG : strv_extend(l, names[i]);
    }
    return r;
}

int certificate_update_names(Certificate *c, const Record *rec, bool *ret_changed)
{
    _cleanup_strv_ char **l = NULL;
    int r;

    r = strv_extend(&l, rec->name);
    if (r >= 0)
        r = add_names(&l, c->wish.names);
    for (size_t i = 0; i < rec->n_registrations && r >= 0; i++)
        r = add_names(&l, rec->registrations[i].names);
    if (r < 0 && r != -E2BIG)
        return r;
    *ret_changed = !strv_equal(l, c->names);
    if (*ret_changed) {
        if (name_holder_set(&c->listed, c->published ? l : NULL) < 0)
            return -ENOMEM;
        strv_free(c->names);
        c->names = TAKE_PTR(l);
    }
    return r;
}

int certificate_publish(Certificate *c, bool publish)
{
    int r = name_holder_set(&c->listed, publish ? c->names : NULL);

    if (r >= 0)
        c->published = publish;
    return r;
}

void wish_clear(Wish *w)
{
    strv_free(w->modules);
    strv_free(w->names);
    free(w->authority);
    *w = (Wish){ .key_type = _KEY_TYPE_INVALID };
}

int wish_add(Wish *w, const char *module, const Claim *claim)
{
    int r;

    r = strv_contains(w->modules, module) ? 0 : strv_extend(&w->modules, module);
    for (size_t i = 0; claim->names && claim->names[i] && r >= 0; i++)
        if (!strv_contains(w->names, claim->names[i]))
            r = strv_extend(&w->names, claim->names[i]);
    if (w->key_type < 0)
        w->key_type = claim->key_type;
    w->purposes |= claim->purposes;
    w->no_acme = w->no_acme || claim->acme == 0;
    if (!w->authority && claim->authority && !(w->authority = strdup(claim->authority)))
        return -ENOMEM;
    return r;
}

bool wish_equal(const Wish *a, const Wish *b)
{
    return strv_equal(a->modules, b->modules) && strv_equal(a->names, b->names) &&
           a->key_type == b->key_type && a->purposes == b->purposes && a->no_acme == b->no_acme &&
           streq(strempty(a->authority), strempty(b->authority));
}
