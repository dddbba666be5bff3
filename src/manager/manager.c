/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "manager/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/name.h"
#include "core/now.h"
#include "manager/manager-internal.h"
#include "orders/orders.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

Certificate *manager_root(Manager *m)
{
    return m->root;
}

Certificate *manager_find(Manager *m, const char *name)
{
    Certificate *c;

    HASH_FIND_STR(m->certificates, name, c);
    return c && c->published ? c : NULL;
}

int manager_foreach(Manager *m, int (*visit)(Certificate *c, void *userdata), void *userdata)
{
    Certificate *c, *next;
    int r = 0;

    HASH_ITER (hh, m->certificates, c, next)
        if (r >= 0 && c->published)
            r = visit(c, userdata);
    return r;
}

int manager_foreach_upload(Manager *m, int (*visit)(Certificate *upload, void *userdata), void *userdata)
{
    Certificate *c, *next;
    int r = 0;

    HASH_ITER (hh, m->uploads, c, next)
        if (r >= 0 && certificate_chain(c))
            r = visit(c, userdata);
    return r;
}

int manager_get(Manager *m, const char *name, Certificate **ret, Problem *problem)
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

size_t manager_n_certificates(const Manager *m)
{
    return m->n_published;
}

size_t manager_n_uploads(const Manager *m)
{
    return HASH_COUNT(m->uploads);
}

const Settings *manager_settings(const Manager *m)
{
    return m->config->settings;
}

bool manager_acme_is_on(const Manager *m)
{
    return acme_settings_are_on(m->config->settings);
}

static void add_certificate(Manager *m, Certificate *c)
{
    HASH_ADD_KEYPTR(hh, m->certificates, c->name, strlen(c->name), c);
    m->names_size += strlen(c->name);
    name_holder_join(&c->listed, m->names, c);
}

static void remove_certificate(Manager *m, Certificate *c)
{
    HASH_DEL(m->certificates, c);
    m->names_size -= strlen(c->name);
    certificate_free(c);
}

bool manager_is_full(const Manager *m, const char *name)
{
    return HASH_COUNT(m->certificates) >= LIMIT_CERTIFICATES ||
           m->names_size + strlen(name) > LIMIT_NAMES_SIZE;
}

int manager_add(Manager *m, const char *name, Certificate **ret)
{
    Certificate *c = certificate_new(record_new(RECORD_CERTIFICATE, name));

    if (!c)
        return -ENOMEM;
    add_certificate(m, c);
    *ret = c;
    return 0;
}

void manager_review(Manager *m, Certificate *c)
{
    bool wanted = certificate_is_wanted(c) || !STAILQ_EMPTY(&c->requests) || c->busy;
    bool gone = certificate_is_wanted(c) ? false : c->record->abandoned > 0 || !wanted;

    if (!c->published && certificate_is_wanted(c)) {
        if (certificate_publish(c, true) < 0) {
            (void)log_oom();
            return;
        }
        m->n_published++;
        TELL(m, certificate_added, c);
        TELL(m, counts_changed);
    } else if (c->published && gone) {
        TELL(m, certificate_removed, c);
        (void)certificate_publish(c, false);
        m->n_published--;
        TELL(m, counts_changed);
    }
    if (!wanted && !c->stored)
        remove_certificate(m, c);
}

void manager_settle_all(Manager *m)
{
    Certificate *c, *next;

    HASH_ITER (hh, m->certificates, c, next)
        lifecycle_settle(m->lifecycle, c);
}

/* What the lifecycle tells. */

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

    manager_note_change(m);
    if (c->record->kind == RECORD_UPLOAD) {
        manager_note_uploads(m);
        return;
    }
    manager_note_next_change(m, c);
    if (!certificate_is_root(c))
        manager_review(m, c);
    if (!certificate_is_root(c) && !c->published)
        return;
    TELL(m, certificate_changed, c, changed);
    if (certificate_is_root(c))
        TELL(m, counts_changed);
    if (chain_changed) {
        if (!certificate_is_root(c))
            log_chain(c, previous);
        TELL(m, chain_changed, c, previous);
    }
}

static void on_removed(Certificate *c, void *userdata)
{
    Manager *m = userdata;

    manager_note_change(m);
    if (c->record->kind == RECORD_CERTIFICATE)
        remove_certificate(m, c);
    else
        certificate_free(c);
}

static char *explain_warning(const Certificate *c, int64_t left)
{
    static const char *const advice[_SOURCE_MAX] = {
        [SOURCE_UPLOADED] = "upload its successor, or the next best source takes its place",
        [SOURCE_ACME] = "it could not be renewed so far, which Explain tells more about",
        [SOURCE_LOCAL] = "it could not be made anew so far, which Explain tells more about",
    };
    long long days = left / 86400, hours = left / 3600;
    char *text;

    if (asprintf(
            &text, "The %s ends in %lld %s; %s.",
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
    int64_t not_after = chain_not_after(certificate_chain(c));
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
    TELL(m, certificate_changed, c, CHANGED_CHAIN);
    TELL(m, expiry_warning, c, not_after, text);
}

static void on_failed(Certificate *c, const Problem *problem, void *userdata)
{
    Manager *m = userdata;

    if (problem->code == PROBLEM_CANCELLED)
        return;
    manager_note_outlook(m);
    if (problem->code == PROBLEM_STORAGE_FAILED)
        log_fields(LOG_ERR, MESSAGE_STORAGE_FAILED,
                   (const LogField[]){ { "NAME", certificate_name(c) }, {} }, "%s: %s", certificate_name(c),
                   problem->text);
    else
        log_error("%s: %s", certificate_name(c), problem->text);
    if (c->published)
        TELL(m, certificate_changed, c, CHANGED_FAILURE | CHANGED_CHAIN);
}

/* The lifecycle is through with a change. */
static void on_settled(Certificate *c, void *userdata)
{
    Manager *m = userdata;

    if (c->record->kind == RECORD_CERTIFICATE) {
        manager_note_next_change(m, c);
        manager_review(m, c);
    } else if (c->record->kind == RECORD_UPLOAD && !c->stored && !c->busy)
        certificate_free(c); /* it could not be stored, and has left the pool */
}

static void on_progress(Certificate *c, double progress, const char *step, void *userdata)
{
    if (c->job)
        manager_job_progress(userdata, c->job, progress, step);
}

static void on_window_checked(const char *name, void *userdata)
{
    Manager *m = userdata;
    Certificate *c;

    HASH_FIND_STR(m->certificates, name, c);
    if (!c)
        return;
    c->checks_window = false;
    if (lifecycle_refresh_window(m->lifecycle, c) && c->published)
        TELL(m, certificate_changed, c, CHANGED_WINDOW);
    manager_note_next_change(m, c);
    if (lifecycle_next_order(m->lifecycle, c) <= clock_now())
        lifecycle_settle(m->lifecycle, c);
}

static void on_order_due(Certificate *c, void *userdata)
{
    Manager *m = userdata;
    uint64_t job;

    if (manager_start_job(m, c, JOB_ORDER, &job) < 0)
        log_warning("%s: the order cannot be begun now.", certificate_name(c));
}

static void on_root_changed(void *userdata)
{
    manager_settle_all(userdata);
}

static void on_root_failed(const Problem *problem, void *userdata)
{
    Manager *m = userdata;
    Certificate *c, *next;

    HASH_ITER (hh, m->certificates, c, next)
        lifecycle_fail_waiting(m->lifecycle, c, problem);
}

static const LifecycleObserver lifecycle_observer = {
    .find_upload = manager_find_upload,
    .applied = on_applied,
    .removed = on_removed,
    .warned = on_warned,
    .failed = on_failed,
    .settled = on_settled,
    .order_due = on_order_due,
    .orders_back = manager_orders_back,
    .window_checked = on_window_checked,
    .progress = on_progress,
    .root_changed = on_root_changed,
    .root_failed = on_root_failed,
};

/* Starting. */

static int on_record(Record *rec, void *userdata)
{
    RecordKind kind = rec->kind;
    Manager *m = userdata;
    Certificate *c = certificate_new(rec);

    if (!c)
        return -ENOMEM;
    c->stored = true;
    if (kind == RECORD_ROOT) {
        certificate_free(m->root);
        m->root = c;
    } else if (kind == RECORD_UPLOAD) {
        HASH_ADD_KEYPTR(hh, m->uploads, c->name, strlen(c->name), c);
        m->last_upload = MAX(m->last_upload, c->record->uploaded);
    } else
        add_certificate(m, c);
    return 0;
}

static void on_config_file_changed(void *userdata)
{
    log_info("The configuration changed on disk.");
    manager_reload(userdata);
}

static int manager_start(Manager *m, const ManagerOptions *options, Problem *problem)
{
    int r;

    if ((r = timer_add(m->event, &m->index_timer, CLOCK_MONOTONIC, 0, manager_on_index_timer, m)) < 0 ||
        (r = timer_add(m->event, &m->wake_timer, CLOCK_MONOTONIC, 0, manager_on_wake, m)) < 0 ||
        (r = timer_add(m->event, &m->outlook_timer, CLOCK_MONOTONIC, 0, manager_on_outlook_timer, m)) < 0 ||
        (r = timer_add(m->event, &m->check_timer, CLOCK_MONOTONIC, 0, manager_on_check_timer, m)) < 0)
        return r;
    r = store_open(options->state, &m->store, problem);
    if (r >= 0)
        r = store_load(m->store, on_record, m);
    if (r >= 0)
        r = manager_clock_init(m);
    if (r < 0)
        return problem_set_errno(problem, r, "Reading the store");
    if (!m->root && !(m->root = certificate_new(record_new(RECORD_ROOT, "root"))))
        return -ENOMEM;
    m->root->published = true;
    r = lifecycle_new(m->event, m->store, &lifecycle_observer, m, &m->lifecycle);
    if (r >= 0)
        r = config_watch_new(m->event, m->directories, on_config_file_changed, m, &m->watch);
    if (r < 0)
        return r;
    r = importer_new(m->event, options->importer, &m->importer);
    if (r < 0)
        return r;
    lifecycle_set_root(m->lifecycle, m->root);
    lifecycle_set_network(m->lifecycle, m->network);
    m->uploads_seen = clock_now();
    manager_reload(m);
    if (!m->config)
        return -ENOMEM;
    lifecycle_settle(m->lifecycle, m->root);
    manager_look_at_clock(m);
    manager_arm_wake(m);
    manager_begin_check(m);
    if (store_index_is_stale(m->store))
        manager_note_change(m);
    return 0;
}

int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret, Problem *problem)
{
    _cleanup_(manager_freep) Manager *m = calloc(1, sizeof(Manager));
    int r;

    if (!m)
        return -ENOMEM;
    m->event = sd_event_ref(event);
    m->directories = options->config;
    m->names = name_table_new();
    if (!m->names)
        return -ENOMEM;
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

static void free_all(Certificate **table)
{
    Certificate *c, *next;

    HASH_ITER (hh, *table, c, next) {
        HASH_DEL(*table, c);
        certificate_free(c);
    }
}

void manager_stop(Manager *m)
{
    Certificate *c, *next;

    if (m->watch)
        config_watch_free(TAKE_PTR(m->watch));
    if (!m->lifecycle)
        return;
    lifecycle_stop(m->lifecycle);
    if (m->importer)
        importer_free(TAKE_PTR(m->importer));
    if (m->http)
        http_free(TAKE_PTR(m->http));
    lifecycle_give_up(m->lifecycle, m->root);
    HASH_ITER (hh, m->uploads, c, next)
        lifecycle_give_up(m->lifecycle, c);
    HASH_ITER (hh, m->certificates, c, next)
        lifecycle_give_up(m->lifecycle, c);
    lifecycle_free(TAKE_PTR(m->lifecycle));
    manager_write_last_index(m);
    manager_record_last_clock(m);
}

Manager *manager_free(Manager *m)
{
    Job *j, *next;

    m->observer = NULL;
    manager_stop(m);
    HASH_ITER (hh, m->jobs, j, next) {
        HASH_DEL(m->jobs, j);
        job_free(j);
    }
    free_all(&m->certificates);
    free_all(&m->uploads);
    certificate_free(m->root);
    name_table_free(m->names);
    manager_clock_done(m);
    config_free(m->config);
    store_close(m->store);
    sd_event_source_disable_unref(m->index_timer);
    sd_event_source_disable_unref(m->wake_timer);
    sd_event_source_disable_unref(m->outlook_timer);
    free(m->outlook_next);
    sd_event_source_disable_unref(m->check_timer);
    free(m->checked);
    sd_event_unref(m->event);
    free(m);
    return NULL;
}
