/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "model/model.h"
#include "store/store.h"

/* THE STORY of a chain: obtain -> verify -> store -> deploy -> notify.
 *
 * For each certificate there is what is wanted (names, key type, an upload that fits, a root that signed it) and
 * what there is (its record). lifecycle_settle() compares the two and starts whatever leads from one to the other;
 * everything that happens to a certificate changes one of them and settles it again. Requests are wishes for
 * something beyond: they wait in the certificate until nothing else is being done with it, are then carried
 * out together, and are answered when that is durable.
 *
 * One change of a certificate is an attempt:
 *
 *     settle -> [worker: obtain a chain, choose, stage it] -> group -> [disk: commit the group] -> apply, tell
 *
 * Attempts whose staging is done are gathered: as soon as none is being staged any more, or there are many, or
 * the first has waited long enough, they are committed as one group. So a burst costs a few flushes, and a
 * single change does not wait. */
typedef struct Lifecycle Lifecycle;

/* News, from the event loop; what changes in the tables, their own watchers hear (model/model.h). */
typedef struct LifecycleObserver {
    /* A change is durable. previous is the fingerprint served before ("" for none). */
    void (*applied)(Certificate *c, unsigned changed, const char *previous, void *userdata);
    /* The object's files are gone; it is to be freed. */
    void (*removed)(Certificate *c, void *userdata);
    /* The end of its chain comes near; once for each moment of core/schedule.h. */
    void (*warned)(Certificate *c, void *userdata);
    void (*failed)(Certificate *c, const Problem *problem, void *userdata);
    /* An attempt, or a query of its authority, is over and answered; nothing here holds on to the certificate but what it is
     * busy with. */
    void (*settled)(Certificate *c, void *userdata);
} LifecycleObserver;

/* lifecycle_configure() comes before anything is settled. */
int lifecycle_new(sd_event *event, Store *store, Model *model, const LifecycleObserver *observer,
                  void *userdata, Lifecycle **ret);
/* Waits for what is being written, and begins nothing any more. */
void lifecycle_stop(Lifecycle *l);
/* After a stop: answers the requests that wait in a certificate. */
void lifecycle_give_up(Lifecycle *l, Certificate *c);
Lifecycle *lifecycle_free(Lifecycle *l);
DEFINE_CLEANUP(Lifecycle *, lifecycle_free);

/* Compares what is with what is wanted, and starts what leads there. */
void lifecycle_settle(Lifecycle *l, Certificate *c);
void lifecycle_settle_all(Lifecycle *l);
/* Adds a request and settles. registration: of REQUEST_REGISTER, and its module of REQUEST_UNREGISTER; NULL. */
int lifecycle_request(Lifecycle *l, Certificate *c, RequestKind kind, const RegistrationWish *registration,
                      RequestDone done, void *userdata);
/* Starts a job and requests what it is for; options of JOB_REISSUE and JOB_ROOT, NULL otherwise. The job may be over when this
 * returns, as when there is nothing to do: so its number is all that is returned. -E2BIG: there are LIMIT_JOBS.
 *
 * A chain that clients trust is given up for one of the local root only after an order that was really tried: a reissue whose
 * order cannot be placed (limits, the clock, no network, the configuration) ends in RESULT_FAILED and changes nothing. */
int lifecycle_start_job(Lifecycle *l, Certificate *c, JobKind kind, const RequestOptions *options,
                        uint64_t *ret_id);
/* Cancels a job that nothing was written for yet; false: it is too late. */
bool lifecycle_cancel_job(Lifecycle *l, Job *j);
/* Makes a reissue of the order that runs by itself: whoever waits for that waits for the reissue. False when there is none. */
bool lifecycle_adopt_order(Lifecycle *l, Certificate *c, const RequestOptions *options);
/* Stores a chain from elsewhere in an upload's object, with the number that says how late it came. bundle NULL: it is stored
 * there already, and the number alone is new. Takes the bundle. Nothing else may be under way with the object. */
int lifecycle_add_upload(Lifecycle *l, Certificate *upload, uint64_t number, Bundle *bundle,
                         RequestDone done, void *userdata);
/* Makes an authority from elsewhere the local root; done is called when it is durable, and every local chain is signed
 * again after that. Takes the bundle. */
int lifecycle_replace_root(Lifecycle *l, Bundle *bundle, RequestDone done, void *userdata);
/* Compares what is served with its files, in the background; what is damaged is put right. For many certificates in one
 * go: those that something is being done with are passed over. The array is borrowed until it returns. */
int lifecycle_check(Lifecycle *l, Certificate *const *certificates, size_t n);
/* What was wrong may have been corrected at that moment: orders that failed before are not put off any longer. */
void lifecycle_retry_orders(Lifecycle *l, int64_t corrected);
/* When the next order is due; INT64_MAX: none is. */
int64_t lifecycle_next_order(const Lifecycle *l, const Certificate *c);
/* When its authority is to be asked for a window of renewal; INT64_MAX: never. */
int64_t lifecycle_next_check(const Lifecycle *l, const Certificate *c);
void lifecycle_check_window(Lifecycle *l, Certificate *c);
/* Adopts other settings, of which a reference is taken. What is under way goes on with those that it began with. */
void lifecycle_configure(Lifecycle *l, Settings *settings);
/* Who revokes, and whose accounts there are. */
struct Orders *lifecycle_orders(Lifecycle *l);
/* Changes under way. */
size_t lifecycle_busy(const Lifecycle *l);
/* Runs a task in the workers, or in the thread that owns the disk; see util/workers.h. The userdata of done is
 * that given to lifecycle_new(). */
int lifecycle_run(Lifecycle *l, bool disk, void (*run)(void *), void (*done)(void *, void *), void *data);
