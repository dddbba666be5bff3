/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "model/model.h"
#include "store/store.h"

/* The life of a chain: obtain -> verify -> store -> notify.
 *
 * Each certificate has a wanted state (names, key type, an upload that fits, the root that signs) and a current one
 * (its record). lifecycle_settle() compares them and starts what leads from the current to the wanted state. Every
 * event changes one of the two and settles the certificate again. Requests ask for something beyond: they queue in
 * the certificate until it is not busy, are carried out together, and are answered when the change is durable.
 *
 * One change of a certificate is an attempt:
 *
 *     settle -> [worker: obtain a chain, choose, stage it] -> group -> [disk: commit the group] -> apply, notify
 *
 * Staged attempts are committed as a group as soon as no other attempt is being staged, or there are many, or the
 * first one has waited long enough. So a burst costs a few flushes, and a single change does not wait. */
typedef struct Lifecycle Lifecycle;

/* Called from the event loop. Changes of the tables are reported to their own watchers (model/model.h). */
typedef struct LifecycleObserver {
    /* A change is durable. previous is the fingerprint served before ("" for none). */
    void (*applied)(Certificate *c, unsigned changed, const char *previous, void *userdata);
    /* The files of the object are gone; the callee frees it. */
    void (*removed)(Certificate *c, void *userdata);
    /* The chain is about to expire; called once for each warning time of core/schedule.h. */
    void (*warned)(Certificate *c, void *userdata);
    void (*failed)(Certificate *c, const Problem *problem, void *userdata);
    /* An attempt, or a query of the authority, is over and its requests are answered. The callee may free the certificate
     * unless it is busy. */
    void (*settled)(Certificate *c, void *userdata);
} LifecycleObserver;

/* Call lifecycle_configure() before anything is settled. */
int lifecycle_new(sd_event *event, Store *store, Model *model, const LifecycleObserver *observer,
                  void *userdata, Lifecycle **ret);
/* Waits for pending writes, answers all queued requests, and starts nothing any more. */
void lifecycle_stop(Lifecycle *l);
Lifecycle *lifecycle_free(Lifecycle *l);
DEFINE_CLEANUP(Lifecycle *, lifecycle_free);

/* Compares the current with the wanted state, and starts what leads there. */
void lifecycle_settle(Lifecycle *l, Certificate *c);
void lifecycle_settle_all(Lifecycle *l);
/* Queues a request and settles. registration: for REQUEST_REGISTER, and its module for REQUEST_UNREGISTER; else NULL. */
int lifecycle_request(Lifecycle *l, Certificate *c, RequestKind kind,
                      const RegistrationRequest *registration, RequestDone done, void *userdata);
/* Creates a job and queues its request. options: for JOB_REISSUE and JOB_ROOT, else NULL. The job may be over when this
 * returns, for example when there is nothing to do, so only its number is returned (ret_id may be NULL). -E2BIG: there are
 * LIMIT_JOBS.
 *
 * A chain that clients trust is replaced by one of the local root only after an order that was really tried: a reissue whose
 * order cannot be placed (limits, the clock, no network, the configuration) ends in RESULT_FAILED and changes nothing. */
int lifecycle_start_job(Lifecycle *l, Certificate *c, JobKind kind, const RequestOptions *options,
                        uint64_t *ret_id);
/* Queues a request never to let the leaf of this chain be served again: REQUEST_REVOKED or REQUEST_WITHDRAWN. */
int lifecycle_block(Lifecycle *l, Certificate *c, RequestKind kind, Chain *chain, RequestDone done,
                    void *userdata);
/* Cancels a job; false: its result is being written already. */
bool lifecycle_cancel_job(Lifecycle *l, Job *j);
/* Turns the order that the service started by itself into a reissue of the same job; false: there is none. */
bool lifecycle_adopt_order(Lifecycle *l, Certificate *c, const RequestOptions *options);
/* Stores a chain in the object of an upload, which becomes the latest one. bundle: NULL if the chain is stored already. Takes the
 * bundle. The object must not be busy. */
int lifecycle_add_upload(Lifecycle *l, Certificate *upload, Bundle *bundle, RequestDone done,
                         void *userdata);
/* Makes an uploaded authority the local root. done is called when that is durable; every local chain is signed again
 * afterwards. Takes the bundle. */
int lifecycle_replace_root(Lifecycle *l, Bundle *bundle, RequestDone done, void *userdata);
/* Verifies the stored files of these certificates in the background and repairs damaged ones. Skips busy certificates. The
 * array is borrowed until this returns. */
int lifecycle_check(Lifecycle *l, Certificate *const *certificates, size_t n);
/* Skips the back-off of orders that failed before this time, when their cause may have been corrected. */
void lifecycle_retry_orders(Lifecycle *l, int64_t corrected);
/* When the next order is due; INT64_MAX: none is. */
int64_t lifecycle_next_order(const Lifecycle *l, const Certificate *c);
/* When to query renewal information (RFC 9773) next; INT64_MAX: never. */
int64_t lifecycle_next_check(const Lifecycle *l, const Certificate *c);
void lifecycle_check_window(Lifecycle *l, Certificate *c);
/* When the self-check of an order that failed is repeated; INT64_MAX: never, or an order is due before. If it finds something
 * else, the next order is placed. */
int64_t lifecycle_next_recheck(const Lifecycle *l, const Certificate *c);
void lifecycle_recheck(Lifecycle *l, Certificate *c);
/* Returns true if that is due within minutes of the order. */
bool lifecycle_awaits_recheck(const Lifecycle *l, const Certificate *c);
/* Applies new settings and takes a reference to them. Running attempts keep those that they were planned with. */
void lifecycle_configure(Lifecycle *l, Settings *settings);
/* For revocation and account management. */
struct Orders *lifecycle_orders(Lifecycle *l);
/* The number of tasks that have to end before the service may exit. */
size_t lifecycle_busy(const Lifecycle *l);
/* Returns true if the first chain of any certificate is being made, and no attempt to make it has failed. */
bool lifecycle_is_beginning(const Lifecycle *l);
/* Runs a task in a worker or, with disk, in the thread that owns the disk (util/workers.h). done gets the userdata of
 * lifecycle_new(). */
int lifecycle_run(Lifecycle *l, bool disk, void (*run)(void *), void (*done)(void *, void *), void *data);
