/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lifecycle.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <time.h>

#include "core/limits.h"
#include "sources/source.h"
#include "util/log.h"
#include "util/text.h"
#include "util/workers.h"

#define GROUP_MAX       1024
#define GROUP_WAIT_USEC (100 * 1000ULL)
#define RETRY_USEC      (30 * 1000000ULL) /* after a failure, while a certificate has no chain */
#define WORKERS_MIN     2
#define WORKERS_MAX     8

/* One change of one certificate on its way. While it is under way the certificate's record stays as it is. */
typedef struct Attempt {
    STAILQ_ENTRY(Attempt) entry;
    Lifecycle *lifecycle;
    Certificate *certificate;
    struct RequestQueue requests; /* that it answers */

    /* the plan */
    const char *event;
    Record *after;            /* as it shall be, but for the chain */
    Source source;            /* where to get a chain; _SOURCE_INVALID: none is needed */
    Bundle *bundle;           /* the chain, when it is there already */
    bool makes_root;
    bool removes;
    SourceRequest request;    /* what it points to is held by the members below */
    char **names;
    Record *upload;
    Authority *authority;     /* that signs, or is the predecessor of the root to be made */
    RootTemplate root;
    char host[HOST_NAME_MAX + 1];

    /* the result */
    StoreChange *change;
    Authority *made;
    bool committed;           /* or tried to be */
    Problem problem;
    int result;
} Attempt;

STAILQ_HEAD(AttemptQueue, Attempt);

struct Lifecycle {
    Store *store;
    const Settings *settings;
    const LifecycleObserver *observer;
    void *userdata;
    sd_event *event;
    Workers *workers, *disk;
    sd_event_source *group_timer, *retry_timer;

    Certificate *root;
    Authority *authority;
    bool loading_root;
    struct RequestQueue root_requests; /* answered when every chain is signed again */
    size_t root_total, root_left;
    bool counting_for_root;
    bool stopping;

    size_t n_staging, n_staged, n_attempts;
    struct AttemptQueue staged;
    uint64_t staged_since;             /* CLOCK_MONOTONIC, when the first of them came */
    Attempt **group;                   /* being committed */
    size_t n_group;
};

static int64_t now_seconds(void)
{
    return (int64_t)time(NULL);
}

static void answer(Certificate *c, struct RequestQueue *requests, const Problem *problem)
{
    Request *q;

    while ((q = STAILQ_FIRST(requests))) {
        STAILQ_REMOVE_HEAD(requests, entry);
        if (q->done)
            q->done(c, problem, q->userdata);
        request_free(q);
    }
}

static Attempt *attempt_free(Attempt *a)
{
    if (!a)
        return NULL;
    a->lifecycle->n_attempts--;
    record_free(a->after);
    bundle_free(a->bundle);
    record_free(a->upload);
    strv_free(a->names);
    authority_unref(a->authority);
    authority_unref(a->made);
    store_change_free(a->change);
    problem_clear(&a->problem);
    free(a);
    return NULL;
}
DEFINE_CLEANUP(Attempt *, attempt_free);

static Attempt *attempt_new(Lifecycle *l, Certificate *c, const char *event)
{
    Attempt *a = calloc(1, sizeof(Attempt));

    if (!a)
        return NULL;
    *a = (Attempt){ .lifecycle = l, .certificate = c, .event = event, .source = _SOURCE_INVALID,
                    .result = -ECANCELED };
    STAILQ_INIT(&a->requests);
    l->n_attempts++;
    a->after = record_copy(c->record);
    return a->after ? a : attempt_free(a);
}

/* In a worker: obtain, choose, stage. */

static int obtain(Attempt *a, Bundle **ret)
{
    int r = 0;

    if (a->makes_root) {
        r = authority_make_root(&a->root, a->authority, ret, &a->problem);
        if (r >= 0)
            r = authority_new(*ret, a->after->last_generation + 1, a->root.now, &a->made, &a->problem);
    } else if (a->bundle)
        *ret = TAKE_PTR(a->bundle);
    else if (a->source >= 0)
        r = source_ops(a->source)->obtain(&a->request, ret, &a->problem);
    return r;
}

static void choose_served(Record *rec, const Record *before, char *const *names, int64_t now)
{
    Candidate candidates[_SOURCE_MAX];
    Choice choice;

    record_candidates(rec, candidates);
    choice = choose(candidates, rec->kind == RECORD_CERTIFICATE ? names : NULL, now);
    /* An upload that cannot be served yet, or no more, is kept all the same; what has no successor goes on. */
    if (choice.source < 0)
        choice.source = rec->kind == RECORD_UPLOAD ? SOURCE_UPLOADED : rec->served;
    if (choice.source >= 0 && !rec->slots[choice.source].chain)
        choice.source = _SOURCE_INVALID;
    record_serve(rec, choice.source, record_current(before));
}

static void attempt_run(void *data)
{
    Attempt *a = data;
    Lifecycle *l = a->lifecycle;
    const Record *before = a->certificate->record;
    Bundle *b = NULL;

    a->result = obtain(a, &b);
    if (a->result < 0) {
        bundle_free(b);
        problem_set_errno(&a->problem, a->result, "Obtaining a chain");
        return;
    }
    a->result = store_change_new(a->certificate->stored ? before : NULL, a->removes ? NULL : TAKE_PTR(a->after),
                                 a->source, b, a->event, &a->change);
    if (a->result >= 0 && !a->removes) {
        choose_served(a->change->record, before, a->names, a->request.now);
        record_clear_failure(a->change->record);
        store_change_finish(a->change, a->certificate->stored ? before : NULL);
    }
    if (a->result >= 0)
        a->result = store_stage(l->store, a->change);
    problem_set_errno(&a->problem, a->result, "Writing to the store");
}

/* In the event loop: gather, commit, apply. */

static void maybe_commit(Lifecycle *l);

static void note_root_progress(Lifecycle *l)
{
    const Problem none = {};

    if (l->root_left > 0) {
        l->observer->progress(l->root, (double)(l->root_total - l->root_left + 1) / (double)(l->root_total + 1),
                              "signing every local chain again", l->userdata);
        return;
    }
    answer(l->root, &l->root_requests, &none);
}

static void begin_to_count(Lifecycle *l, Certificate *c)
{
    if (l->counting_for_root && !c->counts_for_root_job) {
        c->counts_for_root_job = true;
        l->root_left++;
    }
}

static void count_for_root(Lifecycle *l, Certificate *c, bool failed)
{
    const Slot *slot = record_served(c->record);

    if (!c->counts_for_root_job)
        return;
    if (!failed && slot && c->record->served == SOURCE_LOCAL && slot->root != record_current(l->root->record))
        return;
    c->counts_for_root_job = false;
    l->root_left--;
    note_root_progress(l);
}

static void adopt_root(Lifecycle *l, Attempt *a)
{
    const ChainEntry *root = chain_leaf(certificate_chain(l->root));

    authority_unref(l->authority);
    l->authority = TAKE_PTR(a->made);
    STAILQ_CONCAT(&l->root_requests, &a->requests);
    log_fields(LOG_NOTICE, MESSAGE_ROOT_MADE, (const LogField[]){ { "FINGERPRINT", root->fingerprint }, {} },
               "Made a new local root, \"%s\", SHA-256 %s.", root->subject, root->fingerprint);
    l->counting_for_root = true;
    l->observer->root_changed(l->userdata);
    l->counting_for_root = false;
    l->root_total = l->root_left;
    note_root_progress(l);
}

static void attempt_apply(Lifecycle *l, Attempt *a)
{
    Certificate *c = a->certificate;
    const Problem none = {};
    char previous[65] = "";
    unsigned changed = CHANGED_MODULES | CHANGED_NAMES | CHANGED_FAILURE;

    c->busy = false;
    if (a->removes) {
        c->stored = false;
        answer(c, &a->requests, &none);
        l->observer->removed(c, l->userdata);
        return;
    }
    if (certificate_chain(c))
        strcpy(previous, chain_leaf(certificate_chain(c))->fingerprint);
    if (a->change->switches || a->change->bundle)
        changed |= CHANGED_CHAIN;
    record_free(c->record);
    c->record = TAKE_PTR(a->change->record);
    c->stored = true;
    l->observer->applied(c, changed, previous, l->userdata);
    if (a->makes_root)
        adopt_root(l, a);
    answer(c, &a->requests, &none);
    count_for_root(l, c, false);
}

static int arm_retry(Lifecycle *l);

static void attempt_fail(Lifecycle *l, Attempt *a)
{
    Certificate *c = a->certificate;
    Record *fresh = NULL;

    c->busy = false;
    /* After the switch had begun, the files alone know how far it came. */
    if (a->committed && c->stored && store_reload(l->store, c->record->kind, certificate_name(c), &fresh) >= 0) {
        record_free(c->record);
        c->record = fresh;
    }
    record_set_failure(c->record, &a->problem, now_seconds());
    l->observer->failed(c, &a->problem, l->userdata);
    answer(c, &a->requests, &a->problem);
    count_for_root(l, c, true);
    if (certificate_is_root(c))
        l->observer->root_failed(&a->problem, l->userdata);
    if (a->problem.code == PROBLEM_STORAGE_FAILED || a->problem.code == PROBLEM_INTERNAL)
        (void)arm_retry(l);
}

static void attempt_end(Lifecycle *l, Attempt *a)
{
    Certificate *c = a->certificate;
    bool removed = a->removes && a->result >= 0, again;

    if (a->result >= 0)
        attempt_apply(l, a);
    else
        attempt_fail(l, a);
    attempt_free(a);
    if (removed)
        return;
    again = c->again;
    c->again = false;
    if (again || !STAILQ_EMPTY(&c->requests))
        lifecycle_settle(l, c);
}

static void group_commit(void *data)
{
    Lifecycle *l = data;
    StoreChange **changes = calloc(l->n_group, sizeof(StoreChange *));

    for (size_t i = 0; changes && i < l->n_group; i++) {
        changes[i] = l->group[i]->change;
        l->group[i]->committed = true;
    }
    if (changes)
        (void)store_commit(l->store, changes, l->n_group);
    free(changes);
}

static void on_group_committed(void *data, void *userdata _unused_)
{
    Lifecycle *l = data;
    Attempt **group = TAKE_PTR(l->group);
    size_t n = l->n_group;

    l->n_group = 0;
    for (size_t i = 0; i < n; i++) {
        group[i]->result = group[i]->committed ? group[i]->change->result : -ECANCELED;
        if (!group[i]->committed)
            store_discard(l->store, group[i]->change);
        problem_set_errno(&group[i]->problem, group[i]->result, "Writing to the store");
        attempt_end(l, group[i]);
    }
    store_applied(l->store);
    free(group);
    maybe_commit(l);
}

static uint64_t monotonic_now(Lifecycle *l)
{
    uint64_t t = 0;

    (void)sd_event_now(l->event, CLOCK_MONOTONIC, &t);
    return t;
}

static void start_group(Lifecycle *l)
{
    Attempt *a;

    l->group = calloc(MIN(l->n_staged, (size_t)GROUP_MAX), sizeof(Attempt *));
    if (!l->group) {
        (void)log_oom();
        return;
    }
    while (l->n_group < GROUP_MAX && (a = STAILQ_FIRST(&l->staged))) {
        STAILQ_REMOVE_HEAD(&l->staged, entry);
        l->group[l->n_group++] = a;
        l->n_staged--;
    }
    l->staged_since = monotonic_now(l);
    if (workers_add(l->disk, group_commit, on_group_committed, l) < 0)
        (void)log_oom();
}

static void maybe_commit(Lifecycle *l)
{
    uint64_t due = l->staged_since + GROUP_WAIT_USEC;

    if (l->group || l->n_staged == 0 || l->stopping)
        return;
    if (l->n_staging == 0 || l->n_staged >= GROUP_MAX || monotonic_now(l) >= due) {
        start_group(l);
        return;
    }
    (void)sd_event_source_set_time(l->group_timer, due);
    (void)sd_event_source_set_enabled(l->group_timer, SD_EVENT_ONESHOT);
}

static int on_group_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    maybe_commit(userdata);
    return 0;
}

static void attempt_staged(void *data, void *userdata _unused_)
{
    Attempt *a = data;
    Lifecycle *l = a->lifecycle;

    l->n_staging--;
    problem_set_errno(&a->problem, a->result, "Making the change");
    if (a->result < 0)
        attempt_end(l, a);
    else {
        if (l->n_staged++ == 0)
            l->staged_since = monotonic_now(l);
        STAILQ_INSERT_TAIL(&l->staged, a, entry);
    }
    maybe_commit(l);
}

static void attempt_start(Lifecycle *l, Attempt *a)
{
    Certificate *c = a->certificate;
    int r;

    c->busy = true;
    if (c->job)
        l->observer->progress(c, 0.1, a->source >= 0 && !a->makes_root ? source_ops(a->source)->doing : "working",
                              l->userdata);
    l->n_staging++;
    r = workers_add(l->workers, attempt_run, attempt_staged, a);
    if (r < 0) {
        a->result = problem_set_errno(&a->problem, r, "Starting the work");
        attempt_staged(a, NULL);
    }
}

/* Planning: what leads from what is to what is wanted. */

static bool has_request(const struct RequestQueue *requests, RequestKind kind)
{
    Request *q;

    STAILQ_FOREACH (q, requests, entry)
        if (q->kind == kind)
            return true;
    return false;
}

/* -errno, or whether the record changes. */
static int plan_registrations(Attempt *a)
{
    Request *q;
    int dirty = 0, r;

    STAILQ_FOREACH (q, &a->requests, entry)
        if (q->kind == REQUEST_REGISTER) {
            r = record_register(a->after, q->module, q->names, q->key_type);
            if (r < 0)
                return r;
            dirty = 1;
        } else if (q->kind == REQUEST_UNREGISTER)
            dirty |= record_unregister(a->after, q->module);
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
    return slot->chain->key_type == certificate_key_type(c, l->settings->key_type) &&
           slot->purposes == c->wish.purposes && slot->root == l->root->record->slots[l->root->record->served].generation;
}

static int plan_upload(Lifecycle *l, Attempt *a)
{
    Certificate *best = l->observer->find_upload(a->certificate, l->userdata);
    const Chain *had = a->after->slots[SOURCE_UPLOADED].chain;

    if (!best) {
        if (had)
            record_clear_slot(a->after, SOURCE_UPLOADED);
        return had != NULL;
    }
    if (had && !a->after->slots[SOURCE_UPLOADED].broken && streq(chain_leaf(had)->fingerprint, certificate_name(best)))
        return 0;
    a->upload = record_copy(best->record);
    if (!a->upload)
        return -ENOMEM;
    a->source = SOURCE_UPLOADED;
    return 1;
}

/* Whether the local root has to sign: nothing above it can be served, and what it signed is not there, not up to
 * date, asked to be replaced, or due. */
static int plan_local(Lifecycle *l, Attempt *a, int64_t now)
{
    bool reissue = has_request(&a->requests, REQUEST_REISSUE), renew = has_request(&a->requests, REQUEST_RENEW);
    Candidate candidates[_SOURCE_MAX];
    Choice choice;

    if (reissue && a->after->slots[SOURCE_ACME].chain)
        a->after->slots[SOURCE_ACME].withdrawn = true;
    record_candidates(a->after, candidates);
    choice = choose(candidates, a->names, now);
    if (choice.source >= 0 && choice.source != SOURCE_LOCAL && choice.verdicts[choice.source] == VERDICT_USABLE)
        return choice.source != a->after->served;
    if (choice.source == SOURCE_LOCAL && !reissue && !renew && l->root->record->served >= 0 && local_is_current(l, a))
        return choice.source != a->after->served;
    a->source = SOURCE_LOCAL;
    return 1;
}

static void fill_request(Lifecycle *l, Attempt *a, int64_t now)
{
    a->request = (SourceRequest){
        .names = a->names,
        .key_type = certificate_key_type(a->certificate, l->settings->key_type),
        .purposes = a->certificate->wish.purposes,
        .lifetime = l->settings->leaf_lifetime,
        .now = now,
        .authority = a->authority,
        .store = l->store,
        .upload = a->upload,
    };
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
        r = plan_upload(l, a);
    if (r >= 0 && a->source < 0) {
        dirty |= r;
        r = plan_local(l, a, now);
    }
    return r < 0 ? r : dirty | r;
}

static int plan_root(Lifecycle *l, Attempt *a, int64_t now)
{
    const Settings *s = l->settings;
    bool wanted = has_request(&a->requests, REQUEST_REISSUE) || has_request(&a->requests, REQUEST_RENEW);

    if (!wanted && certificate_choose(a->certificate, now).source >= 0)
        return 0;
    if (gethostname(a->host, sizeof(a->host) - 1) < 0)
        return -errno;
    record_clear_slot(a->after, SOURCE_UPLOADED);
    a->makes_root = true;
    a->source = SOURCE_LOCAL;
    a->authority = l->authority ? authority_ref(l->authority) : NULL;
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

static int plan(Lifecycle *l, Attempt *a)
{
    int64_t now = now_seconds();
    int r = 0;

    if (has_request(&a->requests, REQUEST_REMOVE)) {
        a->removes = true;
        return 1;
    }
    if (certificate_is_root(a->certificate))
        r = plan_root(l, a, now);
    else if (a->certificate->record->kind == RECORD_CERTIFICATE)
        r = plan_leaf(l, a, now);
    if (r >= 0 && a->source == SOURCE_LOCAL && !a->makes_root && l->authority)
        a->authority = authority_ref(l->authority);
    fill_request(l, a, now);
    return r;
}

/* The root's key is loaded when something is to be signed for the first time. */

typedef struct RootLoading {
    Lifecycle *lifecycle;
    Authority *authority;
    Problem problem;
    int result;
} RootLoading;

static void root_load(void *data)
{
    RootLoading *loading = data;
    Lifecycle *l = loading->lifecycle;
    const Record *rec = l->root->record;
    _cleanup_bundle_ Bundle *b = NULL;

    loading->result = store_read(l->store, rec, rec->served, &b);
    if (loading->result >= 0)
        loading->result = authority_new(b, record_current(rec), now_seconds(), &loading->authority, &loading->problem);
    problem_set_errno(&loading->problem, loading->result, "Reading the local root");
}

static void on_root_loaded(void *data, void *userdata _unused_)
{
    RootLoading *loading = data;
    Lifecycle *l = loading->lifecycle;

    l->loading_root = false;
    l->root->busy = false;
    if (loading->result >= 0) {
        authority_unref(l->authority);
        l->authority = TAKE_PTR(loading->authority);
        l->observer->root_changed(l->userdata);
    } else if (loading->result != -ENOMEM && loading->result != -ECANCELED) {
        log_error("%s A new root is made; clients have to be given the new one.", loading->problem.text);
        l->root->record->slots[l->root->record->served].broken = true;
    }
    authority_unref(loading->authority);
    problem_clear(&loading->problem);
    free(loading);
    lifecycle_settle(l, l->root);
}

static void load_root(Lifecycle *l)
{
    RootLoading *loading = calloc(1, sizeof(RootLoading));

    if (!loading) {
        (void)log_oom();
        return;
    }
    loading->lifecycle = l;
    loading->result = -ECANCELED;
    l->loading_root = l->root->busy = true;
    if (workers_add(l->workers, root_load, on_root_loaded, loading) < 0) {
        loading->result = -ENOMEM;
        on_root_loaded(loading, NULL);
    }
}

static bool root_is_stored(const Lifecycle *l)
{
    const Slot *slot = record_served(l->root->record);

    return slot && !slot->broken;
}

/* Whether the attempt has to wait until there is an authority; then that is seen to. */
static bool wait_for_root(Lifecycle *l, const Attempt *a)
{
    bool needed = a->makes_root ? root_is_stored(l) && !l->authority : a->source == SOURCE_LOCAL && !l->authority;

    if (!needed)
        return false;
    if (root_is_stored(l) && !l->root->busy)
        load_root(l);
    else if (!a->makes_root)
        lifecycle_settle(l, l->root);
    return true;
}

void lifecycle_settle(Lifecycle *l, Certificate *c)
{
    const Problem none = {};
    Attempt *a;
    int r;

    if (l->stopping)
        return;
    if (c->busy) {
        begin_to_count(l, c);
        c->again = true;
        return;
    }
    a = attempt_new(l, c, certificate_is_root(c) ? "root" : "change");
    if (!a) {
        (void)log_oom();
        return;
    }
    STAILQ_CONCAT(&a->requests, &c->requests);
    r = plan(l, a);
    if (r > 0 && wait_for_root(l, a)) {
        STAILQ_CONCAT(&c->requests, &a->requests);
        c->waits_for_root = true;
        attempt_free(a);
        return;
    }
    c->waits_for_root = false;
    if (r > 0) {
        begin_to_count(l, c);
        attempt_start(l, a);
        return;
    }
    if (r < 0) {
        a->result = problem_set_errno(&a->problem, r, "Planning the change");
        attempt_fail(l, a);
    } else
        answer(c, &a->requests, &none);
    attempt_free(a);
}

int lifecycle_request(Lifecycle *l, Certificate *c, RequestKind kind, const char *module, char *const *names,
                      KeyType key_type, RequestDone done, void *userdata)
{
    _cleanup_(request_freep) Request *q = calloc(1, sizeof(Request));

    if (!q)
        return -ENOMEM;
    *q = (Request){ .kind = kind, .key_type = key_type, .done = done, .userdata = userdata };
    if (module && !(q->module = strdup(module)))
        return -ENOMEM;
    if (strv_copy(names, &q->names) < 0)
        return -ENOMEM;
    STAILQ_INSERT_TAIL(&c->requests, q, entry);
    TAKE_PTR(q);
    lifecycle_settle(l, c);
    return 0;
}

void lifecycle_fail_waiting(Lifecycle *l _unused_, Certificate *c, const Problem *problem)
{
    if (c->waits_for_root)
        answer(c, &c->requests, problem);
}

bool lifecycle_cancel(Lifecycle *l _unused_, Certificate *c, RequestDone done, void *userdata)
{
    Request *q;

    STAILQ_FOREACH (q, &c->requests, entry)
        if (q->done == done && q->userdata == userdata) {
            STAILQ_REMOVE(&c->requests, q, Request, entry);
            request_free(q);
            return true;
        }
    return false;
}

int lifecycle_add_upload(Lifecycle *l, Certificate *upload, Bundle *bundle, RequestDone done, void *userdata)
{
    Attempt *a = attempt_new(l, upload, "uploaded");
    Request *q = calloc(1, sizeof(Request));

    if (!a || !q) {
        attempt_free(a);
        free(q);
        bundle_free(bundle);
        return -ENOMEM;
    }
    *q = (Request){ .kind = REQUEST_SETTLE, .done = done, .userdata = userdata };
    STAILQ_INSERT_TAIL(&a->requests, q, entry);
    a->source = SOURCE_UPLOADED;
    a->bundle = bundle;
    fill_request(l, a, now_seconds());
    attempt_start(l, a);
    return 0;
}

size_t lifecycle_busy(const Lifecycle *l)
{
    return l->n_attempts + (l->loading_root ? 1 : 0) + workers_pending(l->disk) + workers_pending(l->workers);
}

int lifecycle_run(Lifecycle *l, bool disk, void (*run)(void *), void (*done)(void *, void *), void *data)
{
    return workers_add(disk ? l->disk : l->workers, run, done, data);
}

static int on_retry(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Lifecycle *l = userdata;

    l->observer->root_changed(l->userdata);
    return 0;
}

static int arm_retry(Lifecycle *l)
{
    int enabled, r;

    r = sd_event_source_get_enabled(l->retry_timer, &enabled);
    if (r < 0 || enabled != SD_EVENT_OFF)
        return r;
    r = sd_event_source_set_time(l->retry_timer, monotonic_now(l) + RETRY_USEC);
    return r < 0 ? r : sd_event_source_set_enabled(l->retry_timer, SD_EVENT_ONESHOT);
}

static unsigned count_workers(void)
{
    cpu_set_t set;
    int n;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return WORKERS_MIN;
    n = CPU_COUNT(&set);
    return (unsigned)MAX(WORKERS_MIN, MIN(n, WORKERS_MAX));
}

static int add_timer(Lifecycle *l, sd_event_source **source, sd_event_time_handler_t handler)
{
    int r = sd_event_add_time(l->event, source, CLOCK_MONOTONIC, UINT64_MAX, 1, handler, l);

    return r < 0 ? r : sd_event_source_set_enabled(*source, SD_EVENT_OFF);
}

int lifecycle_new(sd_event *event, Store *store, const Settings *settings, const LifecycleObserver *observer,
                  void *userdata, Lifecycle **ret)
{
    _cleanup_(lifecycle_freep) Lifecycle *l = calloc(1, sizeof(Lifecycle));
    int r;

    if (!l)
        return -ENOMEM;
    *l = (Lifecycle){ .store = store, .settings = settings, .observer = observer, .userdata = userdata };
    l->event = sd_event_ref(event);
    STAILQ_INIT(&l->staged);
    STAILQ_INIT(&l->root_requests);
    if ((r = workers_new(event, "work", count_workers(), userdata, &l->workers)) < 0 ||
        (r = workers_new(event, "disk", 1, userdata, &l->disk)) < 0 || (r = add_timer(l, &l->group_timer, on_group_timer)) < 0 ||
        (r = add_timer(l, &l->retry_timer, on_retry)) < 0)
        return r;
    *ret = TAKE_PTR(l);
    return 0;
}

static void give_up(Lifecycle *l)
{
    Problem cancelled = {};
    Attempt *a;

    problem_set(&cancelled, PROBLEM_CANCELLED, "The service stops.");
    while ((a = STAILQ_FIRST(&l->staged))) {
        STAILQ_REMOVE_HEAD(&l->staged, entry);
        a->certificate->busy = false;
        store_discard(l->store, a->change);
        answer(a->certificate, &a->requests, &cancelled);
        attempt_free(a);
    }
    answer(l->root, &l->root_requests, &cancelled);
    problem_clear(&cancelled);
}

Lifecycle *lifecycle_free(Lifecycle *l)
{
    if (!l)
        return NULL;
    l->stopping = true;
    if (l->workers)
        workers_free(TAKE_PTR(l->workers));
    if (l->disk)
        workers_free(TAKE_PTR(l->disk));
    if (l->root)
        give_up(l);
    sd_event_source_disable_unref(l->group_timer);
    sd_event_source_disable_unref(l->retry_timer);
    authority_unref(l->authority);
    sd_event_unref(l->event);
    free(l);
    return NULL;
}

void lifecycle_set_root(Lifecycle *l, Certificate *root)
{
    l->root = root;
}
