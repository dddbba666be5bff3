/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/upload.h"
#include "lifecycle/lifecycle.h"
#include "manager/manager.h"
#include "orders/orders.h"
#include "store/store.h"
#include "util/timer.h"

/* Shared by the manager's files alone. Each of them has an object of its own, whose struct no other file knows. */

typedef struct Agenda Agenda;
typedef struct ClockWatch ClockWatch;
typedef struct Configuration Configuration;
typedef struct Examiner Examiner;
typedef struct NetworkWatch NetworkWatch;
typedef struct Upkeep Upkeep;

struct Manager {
    sd_event *event;
    Model *model;
    Store *store;
    Lifecycle *lifecycle;
    Configuration *configuration;
    Examiner *examiner;
    Agenda *agenda;
    ClockWatch *clock;
    NetworkWatch *network;
    Upkeep *upkeep;
    const ManagerObserver *observer;
    void *observer_userdata;
};

#define TELL(m, member, ...) \
    do { \
        if ((m)->observer) \
            (m)->observer->member(__VA_ARGS__ __VA_OPT__(, )(m)->observer_userdata); \
    } while (0)

/* The configuration in force, and what it asks for (configure.c). directories: borrowed, the most important last. */
int configuration_new(Manager *m, char *const *directories, Configuration **ret);
/* Watches the files no more. */
void configuration_stop(Configuration *k);
Configuration *configuration_free(Configuration *k);

/* What is due, and when (agenda.c). */
int agenda_new(Manager *m, Agenda **ret);
Agenda *agenda_free(Agenda *a);
DEFINE_CLEANUP(Agenda *, agenda_free);
/* Computes again when something is due next. */
void agenda_arm(Agenda *a);
/* The same when only this certificate has changed, or an upload. */
void agenda_note_change(Agenda *a, const Certificate *c);
void agenda_note_uploads(Agenda *a);
/* The outlook of any certificate may have changed: all are looked at soon. */
void agenda_note_outlook(Agenda *a);

/* The clock (clock-watch.c). */
int clock_watch_new(Manager *m, ClockWatch **ret);
ClockWatch *clock_watch_free(ClockWatch *w);
DEFINE_CLEANUP(ClockWatch *, clock_watch_free);
/* Records the current time, at the end. */
void clock_watch_record_last(ClockWatch *w);

/* The network (network-watch.c). */
int network_watch_new(Manager *m, NetworkWatch **ret);
NetworkWatch *network_watch_free(NetworkWatch *w);
DEFINE_CLEANUP(NetworkWatch *, network_watch_free);
/* Orders that failed as there was no network are retried in a moment. */
void network_watch_retry(NetworkWatch *w);
/* Whether something is retried as soon as there is a default route, or in a moment. */
bool network_watch_awaits(const NetworkWatch *w);
bool network_watch_has_route(const NetworkWatch *w);
/* Borrowed; NULL: they cannot be watched. */
struct Network *network_watch_routes(const NetworkWatch *w);

/* Checkpoints of the store, and the check of its files (upkeep.c). */
int upkeep_new(Manager *m, Upkeep **ret);
Upkeep *upkeep_free(Upkeep *u);
DEFINE_CLEANUP(Upkeep *, upkeep_free);
/* Something was stored: a checkpoint is written when changes have calmed down. */
void upkeep_note_change(Upkeep *u);
/* Whether the last checkpoint is up to date; otherwise one is written now. */
bool upkeep_is_done(Upkeep *u);
/* Writes the last one and waits for it. */
void upkeep_write_last(Upkeep *u);

/* What is to be thought of an upload, for a certificate, the root, or any (examination.c). result is the callee's to take
 * from; when problem is set, the upload could not be examined. Called exactly once, perhaps before this returns, unless a
 * negative value is returned. */
typedef void (*ManagerExamined)(UploadResult *result, const Problem *problem, void *userdata);
int examiner_new(sd_event *event, const char *importer, Examiner **ret);
Examiner *examiner_free(Examiner *x);
/* Uploads that are being taken apart. */
size_t examiner_pending(const Examiner *x);
int manager_examine(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                    ManagerExamined done, void *userdata, Problem *problem);

/* What an upload has come to, of the fingerprint that is there already; root: it is the root's (outcome.c). */
int manager_collect_fits(Manager *m, bool root, UploadOutcome *outcome);
void upload_outcome_done(UploadOutcome *outcome);
/* What it would come to, in the report. */
void manager_foretell(Manager *m, bool root, const Chain *chain, UploadReport *report);
