/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/upload.h"
#include "lifecycle/lifecycle.h"
#include "manager/manager.h"
#include "orders/orders.h"
#include "store/store.h"
#include "util/timer.h"

/* Shared by the files of this folder only. Each file has an object of its own, whose struct no other file knows. */

typedef struct Agenda Agenda;
typedef struct ClockWatch ClockWatch;
typedef struct Configuration Configuration;
typedef struct Deployments Deployments;
typedef struct Examiner Examiner;
typedef struct HostNameWatch HostNameWatch;
typedef struct NetworkWatch NetworkWatch;
typedef struct Reader Reader;
typedef struct Upkeep Upkeep;

struct Manager {
    sd_event *event;
    Model *model;
    Store *store;
    Lifecycle *lifecycle;
    Configuration *configuration;
    Examiner *examiner;
    Reader *reader;
    Agenda *agenda;
    Deployments *deployments;
    ClockWatch *clock;
    HostNameWatch *host_name;
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

/* The configuration and the certificates that it asks for (configure.c). directories: borrowed, the most important last. */
int configuration_new(Manager *m, char *const *directories, Configuration **ret);
/* Stops watching the files. */
void configuration_stop(Configuration *k);
/* Returns true if files have changed and are about to be read. */
bool configuration_is_changing(const Configuration *k);
/* Borrowed. */
char *const *configuration_directories(const Configuration *k);
Configuration *configuration_free(Configuration *k);
DEFINE_CLEANUP(Configuration *, configuration_free);

/* Starts what is due, and wakes up when something is due next (agenda.c). */
int agenda_new(Manager *m, Agenda **ret);
Agenda *agenda_free(Agenda *a);
DEFINE_CLEANUP(Agenda *, agenda_free);
/* Computes the next wake-up from all certificates. */
void agenda_arm(Agenda *a);
/* The same after a change of this certificate only, or of uploads. */
void agenda_note_change(Agenda *a, const Certificate *c);
void agenda_note_uploads(Agenda *a);
void agenda_note_deployments(Agenda *a);
/* Compares the outlook of all certificates with what clients know, soon and in slices. */
void agenda_note_outlook(Agenda *a);

/* Has certwright-deploy started for the modules to which a chain has to be delivered, and reads what it reports
 * (deployments.c). The options are borrowed. */
int deployments_new(Manager *m, const ManagerOptions *options, Deployments **ret);
/* Starts and reads nothing any more. */
void deployments_stop(Deployments *d);
Deployments *deployments_free(Deployments *d);
DEFINE_CLEANUP(Deployments *, deployments_free);
/* Takes over the modules of the configuration. */
void deployments_configure(Deployments *d, const Config *config);
/* The chain of this certificate changed. */
void deployments_note_change(Deployments *d, const Certificate *c);
/* Starts everything that is due, also where the unit did not run; reread: reads all reports before. */
void deployments_look_again(Deployments *d, bool reread);
/* When something is due next; INT64_MAX: nothing is. */
int64_t deployments_next(const Deployments *d);
/* When the deployment of a certificate to a module is tried again; INT64_MAX: nothing is pending. */
int64_t deployments_next_try(const Deployments *d, const Certificate *c, const char *module);
/* Returns true if a run is under way, or something is found out. */
bool deployments_are_busy(const Deployments *d);

/* Follows jumps of the clock, and decides when it can be trusted (clock-watch.c). */
int clock_watch_new(Manager *m, ClockWatch **ret);
ClockWatch *clock_watch_free(ClockWatch *w);
DEFINE_CLEANUP(ClockWatch *, clock_watch_free);
/* Records the current time and waits for the disk; for the stop of the service. */
void clock_watch_record_last(ClockWatch *w);

/* Follows the host name (host-name-watch.c). */
int host_name_watch_new(Manager *m, HostNameWatch **ret);
HostNameWatch *host_name_watch_free(HostNameWatch *w);
DEFINE_CLEANUP(HostNameWatch *, host_name_watch_free);
/* The configuration is about to be read, with the current name. */
void host_name_watch_note(HostNameWatch *w);

/* Follows the default route (network-watch.c). */
int network_watch_new(Manager *m, NetworkWatch **ret);
NetworkWatch *network_watch_free(NetworkWatch *w);
DEFINE_CLEANUP(NetworkWatch *, network_watch_free);
/* Retries orders that failed because there was no network, in a few seconds. */
void network_watch_retry(NetworkWatch *w);
/* Returns true if an order is retried in a few seconds, or as soon as there is a default route. */
bool network_watch_awaits(const NetworkWatch *w);
bool network_watch_has_route(const NetworkWatch *w);
/* Borrowed; NULL: the routes cannot be watched. */
struct Network *network_watch_routes(const NetworkWatch *w);

/* Reads chains from the store for callers (reader.c). */
int reader_new(Manager *m, Reader **ret);
/* Cancels what is queued, and waits for what is being read. */
Reader *reader_free(Reader *r);
DEFINE_CLEANUP(Reader *, reader_free);
/* Both borrow a copy of the record, whose certificate may have changed since, and the bundle, whose texts they may take. run is
 * called in a thread of the reader, with a chain; its result is that of done, which is always called, in the event loop. bundle
 * is NULL if it could not be read. */
typedef int (*ReaderRun)(const Record *rec, Bundle *bundle, void *userdata);
typedef void (*ReaderDone)(int result, const Record *rec, Bundle *bundle, void *userdata);
/* Reads the served chain and its key, or their successors if they are gone by then. run may be NULL. */
int reader_read(Reader *r, const Certificate *c, ReaderRun run, ReaderDone done, void *userdata);
/* Returns true if LIMIT_READINGS chains are being read. */
bool reader_is_full(const Reader *r);
bool reader_is_busy(const Reader *r);

/* Writes checkpoints of the store, and checks its files after the start and once a day (upkeep.c). */
int upkeep_new(Manager *m, Upkeep **ret);
Upkeep *upkeep_free(Upkeep *u);
DEFINE_CLEANUP(Upkeep *, upkeep_free);
/* Schedules a checkpoint, which is written when changes have calmed down. */
void upkeep_note_change(Upkeep *u);
/* Returns true if the last checkpoint is up to date; otherwise starts to write one. */
bool upkeep_is_done(Upkeep *u);
/* Writes a last checkpoint and waits for the disk. */
void upkeep_write_last(Upkeep *u);

/* Examines an upload for a certificate, for the root, or for any certificate (target NULL) (examination.c). done is called
 * exactly once, perhaps before this returns, unless a negative value is returned. It may take from result; problem: the upload
 * could not be examined. */
typedef void (*ManagerExamined)(UploadResult *result, const Problem *problem, void *userdata);
int examiner_new(sd_event *event, const char *importer, Examiner **ret);
Examiner *examiner_free(Examiner *x);
DEFINE_CLEANUP(Examiner *, examiner_free);
/* The number of uploads that are being parsed. */
size_t examiner_pending(const Examiner *x);
int manager_examine(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                    ManagerExamined done, void *userdata, Problem *problem);

/* Lists the certificates that a stored upload fits (outcome.c). outcome->fingerprint is set by the caller; root: the upload is
 * the local root. */
int manager_collect_fits(Manager *m, bool root, UploadOutcome *outcome);
void upload_outcome_done(UploadOutcome *outcome);
/* Reports what an upload would do. */
void manager_foretell(Manager *m, bool root, const Chain *chain, UploadReport *report);
