/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/text.h"

/* Planning: what leads from what is to what is wanted. */

/* -errno, or whether the record changes. */
static int plan_registrations(Attempt *a)
{
    Request *q;
    int dirty = 0, r;

    STAILQ_FOREACH (q, &a->requests, entry)
        if (q->kind == REQUEST_REGISTER) {
            RegistrationWish wish = registration_wish(&q->registration);

            r = record_register(a->after, &wish);
            if (r < 0)
                return r;
            dirty = 1;
        } else if (q->kind == REQUEST_UNREGISTER)
            dirty |= record_unregister(a->after, q->registration.module);
    return dirty;
}

/* Whether the chain in the local slot is what the authority would sign now, but for serial and dates. */
static bool local_is_current(Lifecycle *l, const Attempt *a)
{
    const Certificate *c = a->certificate;
    const Slot *slot = &a->after->slots[SOURCE_LOCAL];

    if (!slot->chain || slot->broken || slot->chain->n_names != strv_length(a->names))
        return false;
    for (unsigned i = 0; i < slot->chain->n_names; i++)
        if (!streq(slot->chain->names[i], a->names[i]))
            return false;
    return l->root->record->served >= 0 &&
           slot->chain->key_type == certificate_key_type(c, a->after, a->settings->key_type) &&
           slot->purposes == c->wish.purposes &&
           slot->root == l->root->record->slots[l->root->record->served].generation;
}

static bool holds_upload(const Attempt *a, const Certificate *upload)
{
    const Slot *slot = &a->after->slots[SOURCE_UPLOADED];

    return slot->chain && !slot->broken && chain_equal(slot->chain, certificate_chain(upload));
}

/* An upload that cannot be served now must not push out what is served instead of it, so it waits for that to be there, and to be
 * what the local root would sign now. */
static bool may_take_upload(Lifecycle *l, const Attempt *a, const Certificate *upload, int64_t now)
{
    const Candidate taken = { .chain = certificate_chain(upload) };
    Candidate candidates[_SOURCE_MAX];
    Choice choice;

    if (candidate_judge(&taken, SOURCE_UPLOADED, a->names, now) == VERDICT_USABLE)
        return true;
    record_candidates(a->after, candidates);
    candidates[SOURCE_UPLOADED] = (Candidate){};
    choice = choose(candidates, a->names, now);
    return choice.source >= 0 && choice.verdicts[choice.source] == VERDICT_USABLE &&
           (choice.source != SOURCE_LOCAL || local_is_current(l, a));
}

static int plan_upload(Lifecycle *l, Attempt *a, int64_t now)
{
    Certificate *best = l->observer->find_upload(a->certificate, l->userdata);
    bool had = a->after->slots[SOURCE_UPLOADED].chain;

    if (best && holds_upload(a, best))
        return 0;
    if (best && !may_take_upload(l, a, best, now)) {
        a->certificate->again = true;
        best = NULL;
    }
    if (!best) {
        if (had)
            record_clear_slot(a->after, SOURCE_UPLOADED);
        return had;
    }
    a->upload = record_copy(best->record);
    if (!a->upload)
        return -ENOMEM;
    a->source = SOURCE_UPLOADED;
    return 1;
}

/* Whether a reissue is to end what comes from ACME, as those who use the certificate do not want that. */
static bool is_unwanted(const Attempt *a)
{
    Request *q;

    STAILQ_FOREACH (q, &a->requests, entry)
        if (q->kind == REQUEST_REISSUE && !q->options.keep_current)
            return a->certificate->stance == ACME_STANCE_UNWANTED;
    return false;
}

/* Whether the local root has to sign: nothing above it can be served, and what it signed is not there, not up to
 * date, asked to be replaced, or due. */
static int plan_local(Lifecycle *l, Attempt *a, int64_t now)
{
    bool reissue = requests_have(&a->requests, REQUEST_REISSUE),
         renew = requests_have(&a->requests, REQUEST_RENEW);
    Candidate candidates[_SOURCE_MAX];
    Choice choice;

    if (requests_have(&a->requests, REQUEST_REVOKED))
        a->after->slots[SOURCE_ACME].revoked = true;
    if (reissue && is_unwanted(a))
        a->withdraws = true;
    if (a->withdraws && a->after->slots[SOURCE_ACME].chain)
        a->after->slots[SOURCE_ACME].withdrawn = true;
    record_candidates(a->after, candidates);
    choice = choose(candidates, a->names, now);
    if (choice.source >= 0 && choice.source != SOURCE_LOCAL &&
        choice.verdicts[choice.source] == VERDICT_USABLE)
        return choice.source != a->after->served;
    if (choice.source == SOURCE_LOCAL && !reissue && !renew && local_is_current(l, a))
        return choice.source != a->after->served;
    a->source = SOURCE_LOCAL;
    return 1;
}

void attempt_fill_request(Attempt *a, int64_t now)
{
    const Lifecycle *l = a->lifecycle;

    a->request = (SourceRequest){
        .names = a->names,
        .key_type = certificate_key_type(a->certificate, a->after, a->settings->key_type),
        .purposes = a->certificate->wish.purposes,
        .lifetime = a->settings->leaf_lifetime,
        .now = now,
        .authority = a->authority,
        .store = l->store,
        .upload = a->upload,
    };
}

/* The end of a chain is warned of in a change of its own: durable, so that it is told once. */
static int plan_warning(Attempt *a, int64_t now)
{
    int64_t due = certificate_warning_due(a->certificate, now);

    if (due == 0 || a->after->served < 0 || !clock_is_trusted() ||
        a->after->slots[a->after->served].generation != record_current(a->certificate->record))
        return 0;
    a->after->warned = due;
    a->warns = true;
    return 1;
}

static int plan_leaf(Lifecycle *l, Attempt *a, int64_t now)
{
    Certificate *c = a->certificate;
    bool changed;
    int r, dirty;

    dirty = plan_registrations(a);
    if (dirty < 0)
        return dirty;
    if (!c->wish.modules && a->after->n_registrations == 0) {
        if (a->after->abandoned > 0 || !c->stored)
            return dirty && c->stored;
        a->after->abandoned = now;
        return 1;
    }
    dirty |= a->after->abandoned > 0;
    a->after->abandoned = 0;
    r = certificate_update_names(c, a->after, &changed);
    if (r < 0 && r != -E2BIG)
        return r;
    r = strv_copy(c->names, &a->names);
    if (r >= 0)
        r = plan_upload(l, a, now);
    if (r >= 0 && a->source < 0) {
        dirty |= r;
        r = attempt_plan_ordered(a, now);
    }
    if (r >= 0 && a->source < 0) {
        dirty |= r | requests_have(&a->requests, REQUEST_REVOKED);
        r = plan_local(l, a, now);
    }
    if (r >= 0 && a->source < 0)
        dirty |= plan_warning(a, now);
    return r < 0 ? r : dirty | r;
}

static Request *last_root_request(const struct RequestQueue *requests)
{
    Request *q, *last = NULL;

    STAILQ_FOREACH (q, requests, entry)
        if (q->kind == REQUEST_REISSUE || q->kind == REQUEST_RENEW || q->kind == REQUEST_REPLACE)
            last = q;
    return last;
}

/* A root that the machine makes follows the one before under the same name; one that takes the place of an uploaded one
 * has its own. */
static int plan_new_root(Lifecycle *l, Attempt *a, Verdict uploaded, int64_t now)
{
    const Settings *s = a->settings;

    if (gethostname(a->host, sizeof(a->host)) < 0)
        return -errno;
    a->host[sizeof(a->host) - 1] = 0;
    if (requests_have(&a->requests, REQUEST_REISSUE) || uploaded != VERDICT_NOT_YET_VALID)
        record_clear_slot(a->after, SOURCE_UPLOADED);
    a->source = SOURCE_LOCAL;
    a->keeps_name = a->certificate->record->served == SOURCE_LOCAL;
    a->root = (RootTemplate){
        .key_type = s->root_key_type,
        .lifetime = s->root_lifetime,
        .host = a->host,
        .organization = s->organization,
        .constraints = s->constraints,
        .now = now,
    };
    return 1;
}

static int plan_root(Lifecycle *l, Attempt *a, int64_t now)
{
    Request *q = last_root_request(&a->requests);
    Choice choice = certificate_choose(a->certificate, now);
    int r = 1;

    if (!q && choice.source >= 0 && choice.verdicts[choice.source] == VERDICT_USABLE)
        return choice.source != a->after->served || plan_warning(a, now);
    a->makes_root = true;
    a->authority = l->authority ? authority_ref(l->authority) : NULL;
    if (q && q->kind == REQUEST_REPLACE) {
        a->replacement = q;
        a->source = SOURCE_UPLOADED;
        a->root.now = now;
    } else
        r = plan_new_root(l, a, choice.verdicts[SOURCE_UPLOADED], now);
    return r;
}

int attempt_plan(Attempt *a)
{
    Lifecycle *l = a->lifecycle;
    int64_t now = clock_now();
    int r = 0;

    if (requests_have(&a->requests, REQUEST_REMOVE)) {
        a->removes = true;
        return 1;
    }
    if (certificate_is_root(a->certificate))
        r = plan_root(l, a, now);
    else if (a->certificate->record->kind == RECORD_CERTIFICATE)
        r = plan_leaf(l, a, now);
    if (r >= 0 && a->source == SOURCE_LOCAL && !a->makes_root && l->authority)
        a->authority = authority_ref(l->authority);
    attempt_fill_request(a, now);
    return r;
}
