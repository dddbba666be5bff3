/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "core/now.h"
#include "core/schedule.h"
#include "lifecycle/lifecycle-internal.h"
#include "util/log.h"
#include "util/text.h"

#define DAY INT64_C(86400)

/* Orders from ACME authorities. An order runs beside everything else that happens to its certificate: a name has its local
 * chain at once, and is busy with nothing while the authority takes its time. Requests that an order may fulfil
 * wait with it. When it is over, its result is something that is wanted like all else: the certificate is settled, and
 * planning takes it from here. */

struct Ordered {
    Lifecycle *lifecycle;
    Certificate *certificate;
    Ordering *running; /* NULL: it is over */
    char **names;
    struct RequestQueue requests;
    Bundle *bundle; /* NULL: it failed */
    char *authority, *solver;
    Problem problem;
    int64_t until;  /* when it may be tried again; 0: not known */
    bool waited;    /* no attempt was made */
    bool attempted; /* the authority was asked, of this very order */
    bool automatic; /* the service began it by itself: its failure counts for the back-off */
};

static void ordered_free(struct Ordered *o, bool forget)
{
    AcmeSource *acme = o->lifecycle->acme;

    if (acme && o->running)
        ordering_cancel(o->running, forget);
    else if (acme && forget)
        acme_source_forget(acme, certificate_name(o->certificate));
    o->certificate->ordered = NULL;
    strv_free(o->names);
    bundle_free(o->bundle);
    free(o->authority);
    free(o->solver);
    problem_clear(&o->problem);
    free(o);
}

AcmeStance lifecycle_stance(const Lifecycle *l, const Certificate *c)
{
    if (certificate_refuses_acme(c))
        return ACME_STANCE_UNWANTED;
    return acme_settings_judge(l->settings, c->names, certificate_authority(c));
}

/* An upload that is usable makes orders needless; one that is near its end, or not valid yet, does not. */
static bool is_served_by(const Chain *upload, const Certificate *c)
{
    const Candidate candidate = { .chain = upload };

    return upload && candidate_judge(&candidate, SOURCE_UPLOADED, c->names, clock_now()) == VERDICT_USABLE;
}

/* An order for what follows it may fail, and fail again, before its end. */
static bool wants_successor(const Chain *upload)
{
    return schedule_successor(upload) <= clock_now();
}

static bool can_order(const Lifecycle *l, const Certificate *c)
{
    const Slot *uploaded = &c->record->slots[SOURCE_UPLOADED];

    return c->record->kind == RECORD_CERTIFICATE && certificate_is_wanted(c) &&
           lifecycle_stance(l, c) == ACME_STANCE_ASKED &&
           (uploaded->broken || !is_served_by(uploaded->chain, c) || wants_successor(uploaded->chain));
}

/* The chain from an authority, if it can be served; NULL. */
static const Chain *usable_chain(const Certificate *c)
{
    Candidate candidates[_SOURCE_MAX], *acme = candidates + SOURCE_ACME;

    record_candidates(c->record, candidates);
    return candidate_judge(acme, SOURCE_ACME, c->names, clock_now()) == VERDICT_USABLE ? acme->chain : NULL;
}

static int64_t window_after(const Lifecycle *l, const Certificate *c)
{
    return acme_source_early(l->acme, c->record) +
           schedule_window_pause(c->record->slots[SOURCE_ACME].chain);
}

/* Everything that the next order's moment depends on. */
static OrderState order_state(const Lifecycle *l, const Certificate *c)
{
    const Record *rec = c->record;
    int64_t attempted = acme_source_after(l->acme, c->names, certificate_authority(c), certificate_name(c));
    OrderState state = {
        .chain = usable_chain(c),
        .failed = rec->order_failed || attempted > 0,
        .anew = c->orders_anew,
    };

    if (state.chain) {
        state.window = acme_source_window(l->acme, rec).window;
        if (!state.failed) /* else it is the back-off that it waits for */
            state.window_after = window_after(l, c);
    }
    /* An attempt that came to no end, as the service was stopped in it, has no more than its place in the ledger. */
    state.after = rec->order_failed ? MAX(rec->order_after, attempted)
                  : attempted > 0   ? attempted
                                    : rec->order_after;
    if (state.failed && state.after > clock_now() + LEDGER_SPAN_MAX + DAY)
        state.after = 0; /* no limit lasts as long: it was written with a wrong clock */
    if (state.failed && c->waits_until <= clock_now() + LEDGER_SPAN_MAX + DAY)
        state.after = MAX(state.after, c->waits_until);
    return state;
}

int64_t lifecycle_next_order(const Lifecycle *l, const Certificate *c)
{
    OrderState state;

    if (l->stopping || !c->stored || c->ordered || !can_order(l, c) || !clock_is_trusted())
        return INT64_MAX;
    if (acme_source_has_order(l->acme, certificate_name(c)))
        return 0;
    state = order_state(l, c);
    return schedule_order(&state);
}

/* ---- windows of renewal */

int64_t lifecycle_next_check(const Lifecycle *l, const Certificate *c)
{
    if (l->stopping || !c->stored || c->checks_window || !c->record->authority ||
        !c->record->slots[SOURCE_ACME].chain || !can_order(l, c) || !clock_is_trusted() || !usable_chain(c))
        return INT64_MAX;
    return acme_source_window(l->acme, c->record).check;
}

void lifecycle_check_window(Lifecycle *l, Certificate *c)
{
    if (l->stopping || c->checks_window)
        return;
    if (acme_source_check_window(l->acme, c->record, l->observer->window_checked, l->userdata) < 0)
        (void)log_oom();
    else
        c->checks_window = true;
}

bool lifecycle_refresh_window(const Lifecycle *l, Certificate *c)
{
    const Chain *chain = c->record->slots[SOURCE_ACME].chain;
    LedgerWindow known = chain && l->acme ? acme_source_window(l->acme, c->record) : (LedgerWindow){};
    bool differs = known.window.start != c->window.start || known.window.end != c->window.end ||
                   !streq(strempty(known.page), strempty(c->window_page));

    c->window = known.window;
    c->window_after = chain && l->acme ? window_after(l, c) : 0;
    if (differs) {
        free(c->window_page);
        c->window_page = known.page ? strdup(known.page) : NULL;
    }
    return differs;
}

/* ---- from the order to its result */

static void on_progress(double progress, const char *step, void *userdata)
{
    struct Ordered *o = userdata;

    o->lifecycle->observer->progress(o->certificate, progress, step, o->lifecycle->userdata);
}

static void on_ordered(const OrderResult *result, void *userdata)
{
    struct Ordered *o = userdata;

    o->running = NULL;
    o->bundle = result->bundle;
    o->authority = strdup(result->authority);
    o->solver = result->solver ? strdup(result->solver) : NULL;
    o->until = result->until;
    o->waited = result->waited;
    o->attempted = result->attempted;
    if (!result->bundle)
        (void)problem_copy(result->problem, &o->problem);
    lifecycle_settle(o->lifecycle, o->certificate);
}

/* A reissue is for a key that is not to be used any more. */
static bool keeps_key(const Lifecycle *l, const Certificate *c, KeyType type)
{
    const Slot *slot = &c->record->slots[SOURCE_ACME];

    return l->settings->acme.reuse_key && slot->chain && !slot->broken && !slot->revoked &&
           !slot->withdrawn && slot->chain->key_type == type;
}

/* Whether it is renewed now because the authority wants it, and not because of its age. */
static bool is_early(const Lifecycle *l, const Certificate *c)
{
    OrderState state = order_state(l, c);
    int64_t now = clock_now();

    return state.chain && schedule_leaf_renewal(state.chain, SOURCE_ACME) > now &&
           MAX(schedule_window_moment(state.chain, &state.window), state.window_after) <= now;
}

/* When the chain from an authority ends, if there is one that can be served; one that is to come is wanted within a day. */
static int64_t urgency_of(const Certificate *c)
{
    const Chain *chain = usable_chain(c);

    return chain ? chain_not_after(chain) : clock_now() + DAY;
}

static int order_begin(Lifecycle *l, Certificate *c, const Request *q)
{
    bool reissue = q->kind == REQUEST_REISSUE;
    OrderWish wish = {
        .name = certificate_name(c),
        .names = c->names,
        .key_type = certificate_key_type(c, c->record, l->settings->key_type),
        .authority = certificate_authority(c),
        .solver = c->record->solver,
        .reissue = reissue,
        .manual = reissue && q->options.hurry,
        .anew = c->orders_anew,
        .early = !reissue && is_early(l, c),
        .not_after = urgency_of(c),
    };
    struct Ordered *o = calloc(1, sizeof(struct Ordered));
    int r;

    if (!o)
        return -ENOMEM;
    wish.former =
        c->record->slots[SOURCE_ACME].chain && !c->record->slots[SOURCE_ACME].broken ? c->record : NULL;
    wish.keeps_key = !reissue && keeps_key(l, c, wish.key_type);
    *o = (struct Ordered){ .lifecycle = l, .certificate = c, .automatic = !reissue };
    if (!reissue) {
        c->orders_anew = false;
        c->waits_until = 0;
    }
    STAILQ_INIT(&o->requests);
    r = strv_copy(c->names, &o->names);
    c->ordered = o;
    if (r >= 0)
        r = acme_source_order(l->acme, &wish, on_progress, on_ordered, o, &o->running);
    if (r < 0)
        ordered_free(o, false);
    return r;
}

/* What an upload leaves to be ordered. */
typedef enum Need {
    NEED_NOTHING,
    NEED_SUCCESSOR, /* of the upload, which is served until its end */
    NEED_CHAIN,
} Need;

/* Whether an order may be made for a reissue; if not, and a chain that clients trust would be given up for nothing, why says
 * what is in the way. */
static bool may_reissue(const Lifecycle *l, const Certificate *c, const Request *q, Problem *why)
{
    _cleanup_problem_ Problem reason = {};

    if (c->stance == ACME_STANCE_ASKED) {
        if (!clock_is_trusted())
            problem_set(
                why, PROBLEM_ACME_DISABLED,
                "The clock of this machine is not believed, so nothing is ordered and nothing was changed; "
                "set it, or wait until a time service has.");
        return clock_is_trusted();
    }
    if (!usable_chain(c) || (c->stance == ACME_STANCE_UNWANTED && !q->options.keep_current))
        return false;
    if (c->stance == ACME_STANCE_UNWANTED)
        problem_set(&reason, PROBLEM_ACME_DISABLED, "A module that uses it says ACME=no.");
    else
        (void)acme_settings_suit(l->settings, c->names, certificate_authority(c), &reason);
    problem_set(why, PROBLEM_ACME_DISABLED, "No order is placed for %s, so its present chain is kept. %s",
                certificate_name(c), strempty(reason.text));
    return false;
}

static bool wants_order(const Certificate *c, const Request *q)
{
    return q->kind == REQUEST_ORDER || q->kind == REQUEST_REISSUE ||
           (q->kind == REQUEST_RENEW && c->record->served == SOURCE_ACME);
}

/* What waits with an order goes back to be looked at anew. */
static void take_back(Certificate *c)
{
    STAILQ_CONCAT(&c->requests, &c->ordered->requests);
    ordered_free(c->ordered, true);
}

/* Whether the request waits with an order from now on. */
static bool join_order(Lifecycle *l, Certificate *c, Request *q, Need need, Problem *why)
{
    if (q->kind == REQUEST_REISSUE && need == NEED_SUCCESSOR) /* which keeps the upload */
        return false;
    if (q->kind == REQUEST_REISSUE ? !may_reissue(l, c, q, why) : c->stance != ACME_STANCE_ASKED)
        return false;
    if (c->ordered && c->ordered->running && q->kind == REQUEST_REISSUE &&
        !ordering_join(c->ordered->running, q->options.hurry))
        take_back(c);
    if (!c->ordered && order_begin(l, c, q) < 0)
        return false;
    STAILQ_INSERT_TAIL(&c->ordered->requests, q, entry);
    return true;
}

static void divert(Lifecycle *l, Certificate *c, Need need)
{
    struct RequestQueue stay = STAILQ_HEAD_INITIALIZER(stay), refused = STAILQ_HEAD_INITIALIZER(refused);
    _cleanup_problem_ Problem why = {};
    Request *q;

    while ((q = STAILQ_FIRST(&c->requests))) {
        STAILQ_REMOVE_HEAD(&c->requests, entry);
        if (!wants_order(c, q) || !join_order(l, c, q, need, &why))
            STAILQ_INSERT_TAIL(&stay, q, entry);
    }
    if (why.code != PROBLEM_NONE)
        requests_take(&stay, 1U << REQUEST_REISSUE, &refused);
    STAILQ_CONCAT(&c->requests, &stay);
    requests_answer(c, &refused, &why);
}

/* One that has gone too far with the former key is given up for another. */
static void join_as_reissue(Lifecycle *l, Certificate *c, const RequestOptions *options)
{
    if (c->ordered && !ordering_join(c->ordered->running, options->hurry)) {
        take_back(c);
        lifecycle_settle(l, c);
    }
}

bool lifecycle_adopt_order(Lifecycle *l, Certificate *c, const RequestOptions *options)
{
    struct RequestQueue *const queues[] = { &c->requests, c->ordered ? &c->ordered->requests : NULL };
    Request *q;

    if (c->ordered && !c->ordered->running)
        return false;
    for (size_t i = 0; i < ELEMENTSOF(queues) && queues[i]; i++)
        STAILQ_FOREACH (q, queues[i], entry)
            if (q->kind == REQUEST_ORDER) {
                q->kind = REQUEST_REISSUE;
                q->options = *options;
                join_as_reissue(l, c, options);
                return true;
            }
    return false;
}

/* Nobody uses it any more: its order is given up, and whoever asked for another chain is told so. */
static void abandon(Certificate *c)
{
    struct RequestQueue given_up = STAILQ_HEAD_INITIALIZER(given_up);
    _cleanup_problem_ Problem why = {};

    if (c->ordered)
        take_back(c);
    requests_take(&c->requests, 1U << REQUEST_REISSUE | 1U << REQUEST_RENEW | 1U << REQUEST_ORDER,
                  &given_up);
    problem_set(&why, PROBLEM_CANCELLED, "No module uses %s any more.", certificate_name(c));
    requests_answer(c, &given_up, &why);
}

bool lifecycle_order_is_left(const Certificate *c)
{
    return c->ordered && (!c->ordered->running || !certificate_is_wanted(c));
}

static Need need_beside(const Chain *upload, const Certificate *c)
{
    if (!is_served_by(upload, c))
        return NEED_CHAIN;
    return wants_successor(upload) ? NEED_SUCCESSOR : NEED_NOTHING;
}

/* The upload that fits may not be in its slot yet. */
static Need find_need(const Lifecycle *l, const Certificate *c)
{
    const Slot *uploaded = &c->record->slots[SOURCE_UPLOADED];
    const Certificate *upload = l->observer->find_upload(c, l->userdata);
    Need need = uploaded->broken ? NEED_CHAIN : need_beside(uploaded->chain, c);

    return upload ? MIN(need, need_beside(certificate_chain(upload), c)) : need;
}

void lifecycle_divert_to_order(Lifecycle *l, Certificate *c)
{
    Need need;

    c->stance = lifecycle_stance(l, c);
    (void)lifecycle_refresh_window(l, c);
    if (!certificate_is_wanted(c)) {
        abandon(c);
        return;
    }
    if (c->ordered && c->ordered->running && !strv_equal(c->ordered->names, c->names))
        take_back(c);
    need = c->stored == STAILQ_EMPTY(&c->requests) ? NEED_NOTHING : find_need(l, c);
    if (need == NEED_NOTHING)
        return;
    if (c->stored)
        divert(l, c, need);
    else if (c->record->order_after == 0 && c->stance == ACME_STANCE_ASKED)
        acme_source_expect(l->acme, c->names, certificate_authority(c));
}

bool lifecycle_may_fall_back(const Certificate *c)
{
    return c->ordered && !c->ordered->running &&
           (!c->ordered->bundle || requests_have(&c->ordered->requests, REQUEST_REISSUE));
}

void lifecycle_maybe_order(Lifecycle *l, Certificate *c)
{
    if (!l->stopping && !c->job && !c->busy && lifecycle_next_order(l, c) <= clock_now())
        l->observer->order_due(c, l->userdata);
}

/* Whether it only waits for an authority that is in trouble, as it has failed before: that need not be written down, for many
 * certificates and each time. */
static bool just_waits(const Attempt *a, const struct Ordered *o)
{
    return o->waited && o->until > 0 && a->after->order_failed && !problem_is_rate_limited(&o->problem);
}

/* Whether it failed since this machine is not connected. One without a default route may have authorities of its own. */
static bool lacks_network(const Lifecycle *l, const Problem *p)
{
    return p->code == PROBLEM_NETWORK_FAILED && p->unreachable && l->network && !network_has_way(l->network);
}

/* Whether the authority was really asked, and its answer, or that it gave none, is why there is no chain. */
static bool was_tried(const Lifecycle *l, const struct Ordered *o)
{
    const Problem *p = &o->problem;

    return o->attempted && !o->waited && !problem_is_rate_limited(p) && !lacks_network(l, p) &&
           (p->code == PROBLEM_CHALLENGE_FAILED || p->code == PROBLEM_AUTHORITY_REFUSED ||
            problem_blames_authority(p));
}

static void explain_failure(Attempt *a, const struct Ordered *o)
{
    if (lacks_network(a->lifecycle, &o->problem))
        problem_set(&a->order_problem, PROBLEM_NETWORK_FAILED,
                    "This machine has no default route, so the authority cannot be reached. %s",
                    strempty(o->problem.text));
    else
        (void)problem_copy(&o->problem, &a->order_problem);
}

/* A reissue whose order was really tried falls back to the local root; all else that waited for the order has failed. */
static void sort_requests(Attempt *a, struct Ordered *o)
{
    bool tried = was_tried(a->lifecycle, o), usable = usable_chain(a->certificate) != NULL;
    Request *q;

    while ((q = STAILQ_FIRST(&o->requests))) {
        q->falls_back = q->kind == REQUEST_REISSUE && tried && !(q->options.keep_current && usable);
        a->withdraws |= q->falls_back;
        STAILQ_REMOVE_HEAD(&o->requests, entry);
        if (q->falls_back)
            STAILQ_INSERT_TAIL(&a->requests, q, entry);
        else
            STAILQ_INSERT_TAIL(&a->refused, q, entry);
    }
}

static int64_t retry_delay(const Attempt *a, unsigned failures)
{
    return schedule_retry(failures, schedule_chance(certificate_name(a->certificate), failures));
}

/* What somebody asked for is no failure of the schedule: the next attempt of the service itself is made when it would have been
 * made, or with the first back-off from now where none was due. */
static int plan_manual_failure(Attempt *a, const struct Ordered *o, int64_t now)
{
    unsigned attempts = a->after->failure.attempts;
    int64_t due = a->after->order_failed ? a->after->order_after : 0;

    if (!was_tried(a->lifecycle, o))
        return 0;
    a->certificate->orders_anew = false;
    record_set_failure(a->after, &a->order_problem, now);
    a->after->failure.attempts = attempts;
    a->after->order_failed = true;
    a->after->order_after = due > now ? due : now + retry_delay(a, 1);
    return 1;
}

static int plan_automatic_failure(Attempt *a, const struct Ordered *o, int64_t now)
{
    unsigned attempts = a->after->failure.attempts;
    int64_t delay;

    record_set_failure(a->after, &a->order_problem, now);
    if (o->waited)
        a->after->failure.attempts = attempts;
    a->after->order_failed = true;
    delay = o->until > 0 ? MAX(o->until - now, INT64_C(1)) : retry_delay(a, a->after->failure.attempts);
    a->after->order_after = now + delay;
    log_warning("%s: %s%s The order is tried again in %lld seconds.", certificate_name(a->certificate),
                strempty(o->problem.text), text_full_stop(strempty(o->problem.text)), (long long)delay);
    return 1;
}

static int plan_failure(Attempt *a, struct Ordered *o, int64_t now)
{
    explain_failure(a, o);
    sort_requests(a, o);
    if (!o->automatic)
        return plan_manual_failure(a, o, now);
    a->certificate->waits_until = o->waited ? o->until : 0;
    return just_waits(a, o) ? 0 : plan_automatic_failure(a, o, now);
}

/* A chain that has come and is of no use is a failure like others: else the next order would follow at once. */
static bool is_usable(struct Ordered *o, char *const *names, int64_t now)
{
    const Candidate candidate = { .chain = o->bundle->chain };
    Verdict verdict = candidate_judge(&candidate, SOURCE_ACME, names, now);

    if (verdict == VERDICT_USABLE)
        return true;
    (void)problem_set(
        &o->problem, PROBLEM_AUTHORITY_FAILED,
        "The authority %s issued a chain that is not served: %s. Are its lifetime and this machine's clock right?",
        strempty(o->authority), verdict_to_string(verdict));
    return false;
}

int attempt_plan_ordered(Attempt *a, int64_t now)
{
    struct Ordered *o = a->certificate->ordered;
    int r = 1;

    if (!o || o->running)
        return 0;
    if (o->bundle && !chain_covers(o->bundle->chain, a->names, NULL)) {
        take_back(a->certificate); /* it was for other names: whoever waited for it waits for the next */
        return 1;
    }
    if (!o->bundle || !is_usable(o, a->names, now))
        r = plan_failure(a, o, now);
    else {
        STAILQ_CONCAT(&a->requests, &o->requests);
        a->certificate->orders_anew = false;
        a->certificate->waits_until = 0;
        a->source = SOURCE_ACME;
        a->ordered = true;
        a->bundle = TAKE_PTR(o->bundle);
        r = record_set_authority(a->after, o->authority, o->solver) < 0 ? -ENOMEM : 1;
    }
    ordered_free(o, o->bundle); /* which is of no use */
    return r;
}

bool lifecycle_cancel_order(Certificate *c, RequestDone done, void *userdata)
{
    Request *q;

    if (!c->ordered)
        return false;
    STAILQ_FOREACH (q, &c->ordered->requests, entry)
        if (q->done == done && q->userdata == userdata) {
            struct Ordered *o = c->ordered;

            STAILQ_REMOVE(&o->requests, q, Request, entry);
            request_free(q);
            if (o->running && STAILQ_EMPTY(&o->requests)) {
                ordering_cancel(TAKE_PTR(o->running), true);
                problem_set(&o->problem, PROBLEM_CANCELLED, "The order was cancelled.");
            }
            return true;
        }
    return false;
}

void lifecycle_give_up_order(Certificate *c, const Problem *problem)
{
    if (!c->ordered)
        return;
    requests_answer(c, &c->ordered->requests, problem);
    ordered_free(c->ordered, false);
}
