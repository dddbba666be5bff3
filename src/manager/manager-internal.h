/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/watch.h"
#include "crypto/upload.h"
#include "import/import.h"
#include "manager/manager.h"
#include "net/http.h"
#include "net/routes.h"
#include "orders/orders.h"
#include "store/store.h"

/* Shared by the manager's files alone. */

struct Manager {
    sd_event *event;
    char *const *directories;
    Config *config; /* NULL: not read yet */
    ConfigWatch *watch;
    Store *store;
    Lifecycle *lifecycle;
    Importer *importer;
    Http *http; /* made when it is needed */
    const ManagerObserver *observer;
    void *observer_userdata;

    Certificate *root;
    Certificate *certificates; /* all, also those that are abandoned */
    NameTable *names;          /* of those that are published */
    size_t names_size;         /* of the primary names of all, bytes */
    Certificate *uploads;      /* by the fingerprint of their leaf */
    uint64_t last_upload;      /* the highest number that one was given */
    int64_t uploads_seen;      /* every certificate takes the upload that was best for it then */
    size_t n_published;
    Job *jobs;
    uint64_t last_job;

    sd_event_source *index_timer; /* runs out a while after the last change */
    sd_event_source *check_timer; /* for the look at the files after the start */
    char *checked;                /* name of the certificate that was looked at last */
    sd_event_source *wake_timer;  /* when something is due */
    int64_t wake_at;              /* that moment, seconds; 0: not armed yet */
    int64_t next_wake;            /* what NextWake says; 0: nothing is due at all */
    bool wake_is_stale;
    sd_event_source *outlook_timer; /* for what changes by itself */
    char *outlook_next;             /* name of the certificate to be looked at next; NULL: the first */
    bool outlook_again;             /* something happened since the first was looked at */
    sd_event_source *clock_timer;   /* the clock is looked at, or noted */
    sd_event_source *clock_set;     /* it was set */
    sd_event_source *back_timer;    /* the network came back a moment ago */
    bool doubts_clock, recorded_clock;
    Network *network; /* NULL: it cannot be watched */
    bool index_being_written;
};

/* Whether no certificate of this name can be added. */
bool manager_is_full(const Manager *m, const char *name);
/* A new leaf, hidden as yet. */
int manager_add(Manager *m, const char *name, Certificate **ret);
/* Shows or hides a leaf on the bus as it is wanted; frees what nothing is left of. */
void manager_review(Manager *m, Certificate *c);
void manager_settle_all(Manager *m);
void manager_apply_config(Manager *m);
/* The pool of uploads (manager-pool.c). The one that a certificate takes now; LifecycleObserver. */
Certificate *manager_find_upload(const Certificate *c, void *userdata);
/* What would be thought of a chain by a certificate if it was uploaded now; VERDICT_USABLE: it would be served. */
Verdict manager_foretell_upload(const Manager *m, const Certificate *c, const Chain *chain, int64_t now);
/* The next moment after which time alone makes another upload the best for some certificate; INT64_MAX: never. */
int64_t manager_next_upload_change(const Manager *m, int64_t after);
/* Whether at that moment a certificate takes another upload than it has. */
bool manager_takes_other_upload(const Manager *m, const Certificate *c, int64_t now);
/* Fills in what an upload has come to, of the fingerprint that is there already; root: it is the root's. */
int manager_collect_fits(Manager *m, bool root, UploadOutcome *outcome);
void upload_outcome_done(UploadOutcome *outcome);
/* The same of a dry run, in the report (manager-foretell.c). */
void manager_foretell(Manager *m, bool root, const Chain *chain, UploadReport *report);
/* What is to be thought of an upload, for a certificate, the root, or any (manager-examine.c). result is the callee's to
 * take from; when problem is set, the upload could not be looked at. Called exactly once, perhaps before this returns,
 * unless a negative value is returned. */
typedef void (*ManagerExamined)(UploadResult *result, const Problem *problem, void *userdata);
int manager_examine(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                    ManagerExamined done, void *userdata, Problem *problem);
int manager_start_job(Manager *m, Certificate *c, JobKind kind, uint64_t *ret_id);
void manager_job_progress(Manager *m, Job *j, double progress, const char *step);
void manager_note_change(Manager *m);
/* Works out anew when something is due next (manager-renewal.c). */
void manager_arm_wake(Manager *m);
/* The same when only this one has changed. */
void manager_note_next_change(Manager *m, const Certificate *c);
/* The same when an upload has. */
void manager_note_uploads(Manager *m);
int manager_on_wake(sd_event_source *s, uint64_t usec, void *userdata);
/* Something happened that the outlook of any certificate may follow from: soon there is a look at all. */
void manager_note_outlook(Manager *m);
int manager_on_outlook_timer(sd_event_source *s, uint64_t usec, void *userdata);
/* The clock, and the network (manager-clock.c). */
int manager_clock_init(Manager *m);
void manager_clock_done(Manager *m);
/* Notes what it shows, at the end. */
void manager_record_last_clock(Manager *m);
/* LifecycleObserver. */
void manager_orders_back(const char *authority, void *userdata);
/* Whether something is to be tried as soon as there is a network again. */
bool manager_waits_for_network(const Manager *m);
/* The index and the check of the files (manager-index.c). */
int manager_on_index_timer(sd_event_source *s, uint64_t usec, void *userdata);
int manager_on_check_timer(sd_event_source *s, uint64_t usec, void *userdata);
void manager_begin_check(Manager *m);
void manager_write_last_index(Manager *m);

#define TELL(m, member, ...) \
    do { \
        if ((m)->observer) \
            (m)->observer->member(__VA_ARGS__ __VA_OPT__(, )(m)->observer_userdata); \
    } while (0)
