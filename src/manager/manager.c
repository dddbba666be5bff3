/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/now.h"
#include "manager/manager-internal.h"
#include "util/log.h"

Model *manager_model(Manager *m)
{
    return m->model;
}

bool manager_acme_is_on(const Manager *m)
{
    return acme_settings_are_on(manager_settings(m));
}

bool manager_is_beginning(const Manager *m)
{
    return lifecycle_is_beginning(m->lifecycle);
}

/* ---- events of the lifecycle */

static void log_chain(const Certificate *c, const char *previous)
{
    const Chain *chain = certificate_chain(c);
    const char *reason = certificate_explain(c, clock_now());

    log_fields(LOG_INFO, MESSAGE_CHAIN_CHANGED,
               (const LogField[]){ { "NAME", certificate_name(c) },
                                   { "SOURCE", source_to_string(c->record->served) },
                                   { "FINGERPRINT", chain_leaf(chain)->fingerprint },
                                   { "PREVIOUS", previous },
                                   { "REASON", reason },
                                   {} },
               "%s: serving a chain from source \"%s\", serial %s. %s", certificate_name(c),
               source_to_string(c->record->served), chain_leaf(chain)->serial, reason);
}

static void on_applied(Certificate *c, unsigned changed, const char *previous, void *userdata)
{
    Manager *m = userdata;
    const Chain *chain = certificate_chain(c);
    bool chain_changed =
        (changed & CHANGED_CHAIN) && chain && !streq(chain_leaf(chain)->fingerprint, previous);

    upkeep_note_change(m->upkeep);
    if (c->record->kind == RECORD_UPLOAD) {
        agenda_note_uploads(m->agenda);
        return;
    }
    agenda_note_change(m->agenda, c);
    if (!certificate_is_root(c))
        model_review(m->model, c);
    if (!certificate_is_root(c) && !c->published)
        return;
    MODEL_NOTIFY(m->model, certificate_changed, c, changed);
    if (certificate_is_root(c))
        MODEL_NOTIFY(m->model, counts_changed);
    if (chain_changed && !certificate_is_root(c))
        log_chain(c, previous);
    if (changed & CHANGED_CHAIN) /* also if only its issuers did */
        deployments_note_change(m->deployments, c);
    if (chain_changed)
        TELL(m, chain_changed, c, previous);
}

/* Requested while it was being removed: begins as a new one. */
static bool is_wanted_again(Manager *m, Certificate *c)
{
    Record *fresh;

    if (STAILQ_EMPTY(&c->work.requests) && !certificate_is_wanted(c))
        return false;
    fresh = record_new(c->record->kind, c->record->name);
    if (!fresh)
        return false;
    record_free(c->record);
    c->record = fresh;
    model_set_leaving(m->model, c, false);
    lifecycle_settle(m->lifecycle, c);
    return true;
}

/* Others may have asked to remove it, too. */
static void free_upload(Certificate *upload)
{
    _cleanup_problem_ Problem gone = {};

    problem_set(&gone, PROBLEM_NO_SUCH_CERTIFICATE, "The upload was removed meanwhile.");
    requests_answer(upload, &upload->work.requests, &gone);
    certificate_free(upload);
}

static void on_removed(Certificate *c, void *userdata)
{
    Manager *m = userdata;

    upkeep_note_change(m->upkeep);
    if (c->record->kind != RECORD_CERTIFICATE)
        free_upload(c);
    else if (!is_wanted_again(m, c))
        model_remove(m->model, c);
}

static char *explain_warning(const Certificate *c, int64_t left)
{
    static const char *const advice[_SOURCE_MAX] = {
        [SOURCE_UPLOADED] = "upload its successor, or the next best source takes its place",
        [SOURCE_ACME] = "it could not be renewed so far, Explain shows why",
        [SOURCE_LOCAL] = "it could not be signed again so far, Explain shows why",
    };
    long long days = left / 86400, hours = left / 3600;
    char *text;

    if (asprintf(
            &text, "The %s expires in %lld %s; %s.",
            certificate_is_root(c)                 ? "local root"
            : c->record->served == SOURCE_UPLOADED ? "uploaded chain"
                                                   : "served chain",
            days > 1 ? days : hours, days > 1 ? "days" : "hours",
            certificate_is_root(c) && c->record->served == SOURCE_UPLOADED
                ? "upload its successor, or the machine's own root takes its place, which clients may not trust"
                : advice[c->record->served]) < 0)
        return NULL;
    return text;
}

static void on_warned(Certificate *c, void *userdata)
{
    int64_t not_after = source_chain_ends(c->record->served, certificate_chain(c));
    _cleanup_free_ char *text = explain_warning(c, not_after - clock_now());
    Manager *m = userdata;
    char number[24];

    if (!text || !c->published)
        return;
    snprintf(number, sizeof(number), "%" PRIi64, not_after);
    log_fields(LOG_WARNING, MESSAGE_EXPIRY_WARNING,
               (const LogField[]){ { "NAME", certificate_name(c) },
                                   { "FINGERPRINT", chain_leaf(certificate_chain(c))->fingerprint },
                                   { "NOT_AFTER", number },
                                   { "REASON", text },
                                   {} },
               "%s: %s", certificate_name(c), text);
    MODEL_NOTIFY(m->model, certificate_changed, c, CHANGED_CHAIN);
    TELL(m, expiry_warning, c, not_after, text);
}

static void on_failed(Certificate *c, const Problem *problem, void *userdata)
{
    Manager *m = userdata;

    model_set_leaving(m->model, c, false);
    if (problem->code == PROBLEM_CANCELLED)
        return;
    agenda_note_outlook(m->agenda);
    if (problem->code == PROBLEM_STORAGE_FAILED)
        log_fields(LOG_ERR, MESSAGE_STORAGE_FAILED,
                   (const LogField[]){ { "NAME", certificate_name(c) }, {} }, "%s: %s", certificate_name(c),
                   problem->text);
    else
        log_fields(LOG_ERR, MESSAGE_CHANGE_FAILED,
                   FIELDS({ "NAME", certificate_name(c) }, { "CODE", problem_name(problem) },
                          { "REASON", problem->text }),
                   "%s: %s", certificate_name(c), problem->text);
    if (c->published)
        MODEL_NOTIFY(m->model, certificate_changed, c, CHANGED_FAILURE | CHANGED_CHAIN);
}

static void on_settled(Certificate *c, void *userdata)
{
    Manager *m = userdata;

    if (c->record->kind == RECORD_CERTIFICATE) {
        agenda_note_change(m->agenda, c);
        model_review(m->model, c);
    } else if (c->record->kind == RECORD_UPLOAD && !c->stored && !c->work.busy)
        free_upload(c); /* it could not be stored, and has left the table */
}

static const LifecycleObserver lifecycle_observer = {
    .applied = on_applied,
    .removed = on_removed,
    .warned = on_warned,
    .failed = on_failed,
    .settled = on_settled,
};

/* ---- start and stop */

static int on_record(Record *rec, void *userdata)
{
    return model_adopt(userdata, rec);
}

static int read_store(Manager *m, const char *state, Problem *problem)
{
    int r = store_open(state, &m->store, problem);

    if (r >= 0)
        r = store_load(m->store, on_record, m->model);
    if (r >= 0)
        r = clock_watch_new(m, &m->clock);
    return problem_set_errno(problem, r, "Reading the store");
}

static int make_parts(Manager *m, const ManagerOptions *options)
{
    int r;

    if ((r = network_watch_new(m, &m->network)) < 0 ||
        (r = lifecycle_new(m->event, m->store, m->model, &lifecycle_observer, m, &m->lifecycle)) < 0 ||
        (r = configuration_new(m, options->config, &m->configuration)) < 0 ||
        (r = host_name_watch_new(m, &m->host_name)) < 0 ||
        (r = examiner_new(m->event, options->importer, &m->examiner)) < 0 ||
        (r = reader_new(m, &m->reader)) < 0 || (r = upkeep_new(m, &m->upkeep)) < 0 ||
        (r = agenda_new(m, &m->agenda)) < 0 || (r = deployments_new(m, options, &m->deployments)) < 0)
        return r;
    orders_set_network(lifecycle_orders(m->lifecycle), network_watch_routes(m->network));
    return 0;
}

static int manager_start(Manager *m, const ManagerOptions *options, Problem *problem)
{
    int r = model_new(&m->model);

    if (r >= 0)
        r = read_store(m, options->state, problem);
    if (r >= 0)
        r = make_parts(m, options);
    if (r >= 0)
        r = manager_reload(m);
    if (r < 0)
        return r;
    lifecycle_settle(m->lifecycle, m->model->root);
    manager_look_at_clock(m);
    agenda_arm(m->agenda);
    if (store_wants_checkpoint(m->store))
        upkeep_note_change(m->upkeep);
    return 0;
}

int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret, Problem *problem)
{
    _cleanup_(manager_freep) Manager *m = calloc(1, sizeof(Manager));
    int r;

    if (!m)
        return -ENOMEM;
    m->event = sd_event_ref(event);
    r = manager_start(m, options, problem);
    if (r < 0)
        return problem_set_errno(problem, r, "Starting");
    *ret = TAKE_PTR(m);
    return 0;
}

void manager_observe(Manager *m, const ManagerObserver *observer, void *userdata)
{
    m->observer = observer;
    m->observer_userdata = userdata;
}

/* Jobs of deliveries, which continue without the service, and of revocations, whose result is not awaited. */
static void end_jobs(Manager *m)
{
    _cleanup_problem_ Problem problem = {};
    Job *j, *next;

    (void)problem_set(
        &problem, PROBLEM_CANCELLED,
        "The service is stopping, so the result is not known; see the state of the certificate later.");
    FOREACH_JOB (m->model, j, next)
        model_end_job(m->model, j, RESULT_FAILED, &problem);
}

void manager_stop(Manager *m)
{
    if (m->configuration)
        configuration_stop(m->configuration);
    m->host_name = host_name_watch_free(m->host_name);
    if (m->deployments)
        deployments_stop(m->deployments);
    if (!m->lifecycle)
        return;
    m->reader = reader_free(m->reader); /* starts jobs */
    lifecycle_stop(m->lifecycle);
    end_jobs(m);
    m->examiner = examiner_free(m->examiner);
    m->lifecycle = lifecycle_free(m->lifecycle);
    if (m->upkeep)
        upkeep_write_last(m->upkeep);
    clock_watch_record_last(m->clock);
}

Manager *manager_free(Manager *m)
{
    m->observer = NULL;
    manager_stop(m);
    deployments_free(m->deployments);
    agenda_free(m->agenda);
    upkeep_free(m->upkeep);
    network_watch_free(m->network);
    clock_watch_free(m->clock);
    configuration_free(m->configuration);
    model_free(m->model);
    store_close(m->store);
    sd_event_unref(m->event);
    free(m);
    return NULL;
}
