/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "model/certificate.h"
#include "net/routes.h"
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

/* What changed, for observers. */
typedef enum Changed {
    CHANGED_CHAIN = 1 << 0,
    CHANGED_NAMES = 1 << 1,
    CHANGED_MODULES = 1 << 2,
    CHANGED_JOB = 1 << 3,
    CHANGED_FAILURE = 1 << 4,
    CHANGED_WINDOW = 1 << 5,  /* when its authority wants it to be renewed */
    CHANGED_OUTLOOK = 1 << 6, /* what follows from other things, and from the time */
} Changed;

/* Told and asked from the event loop. */
typedef struct LifecycleObserver {
    /* The upload that fits best, NULL: none. */
    Certificate *(*find_upload)(const Certificate *c, void *userdata);
    /* A change is durable. previous is the fingerprint served before ("" for none). */
    void (*applied)(Certificate *c, unsigned changed, const char *previous, void *userdata);
    /* The object's files are gone; it is to be freed. */
    void (*removed)(Certificate *c, void *userdata);
    /* The end of its chain comes near, which is told once for each moment of core/schedule.h. */
    void (*warned)(Certificate *c, void *userdata);
    void (*failed)(Certificate *c, const Problem *problem, void *userdata);
    /* An attempt is over and answered; nothing here holds on to the certificate but what it is busy with. */
    void (*settled)(Certificate *c, void *userdata);
    /* An order is to be made: whoever is told requests REQUEST_ORDER. */
    void (*order_due)(Certificate *c, void *userdata);
    /* What made orders fail is over: the trouble of this authority; NULL: the want of a network. */
    void (*orders_back)(const char *authority, void *userdata);
    /* When the authority wants the certificate of this name to be renewed is known, or cannot be known. */
    void (*window_checked)(const char *name, void *userdata);
    /* How far what was requested is. step is static. */
    void (*progress)(Certificate *c, double progress, const char *step, void *userdata);
    /* The authority is another one, or there is one at last: all certificates want to be settled. */
    void (*root_changed)(void *userdata);
    /* There is no root to sign with: whoever waits for one should be told. */
    void (*root_failed)(const Problem *problem, void *userdata);
} LifecycleObserver;

/* lifecycle_configure() comes before anything is settled. */
int lifecycle_new(sd_event *event, Store *store, const LifecycleObserver *observer, void *userdata,
                  Lifecycle **ret);
/* Waits for what is being written, and begins nothing any more. */
void lifecycle_stop(Lifecycle *l);
/* After a stop: answers the requests that wait in a certificate. */
void lifecycle_give_up(Lifecycle *l, Certificate *c);
Lifecycle *lifecycle_free(Lifecycle *l);
DEFINE_CLEANUP(Lifecycle *, lifecycle_free);

/* The root's certificate object, borrowed. */
void lifecycle_set_root(Lifecycle *l, Certificate *root);
/* Compares what is with what is wanted, and starts what leads there. */
void lifecycle_settle(Lifecycle *l, Certificate *c);
/* Adds a request and settles. registration: of REQUEST_REGISTER, and its module of REQUEST_UNREGISTER; NULL. */
int lifecycle_request(Lifecycle *l, Certificate *c, RequestKind kind, const RegistrationWish *registration,
                      RequestDone done, void *userdata);
/* The same for REQUEST_REISSUE.
 *
 * A chain that clients trust is given up for one of the local root only after an order that was really tried: a reissue whose
 * order cannot be placed (limits, the clock, no network, the configuration) ends in RESULT_FAILED and changes nothing. */
int lifecycle_reissue(Lifecycle *l, Certificate *c, const RequestOptions *options, RequestDone done,
                      void *userdata);
/* Makes a reissue of the order that runs by itself: whoever waits for that waits for the reissue. False when there is none. */
bool lifecycle_adopt_order(Lifecycle *l, Certificate *c, const RequestOptions *options);
/* Borrowed; NULL: the routes are not known. */
void lifecycle_set_network(Lifecycle *l, const Network *network);
/* Answers the requests that wait for a root. */
void lifecycle_fail_waiting(Lifecycle *l, Certificate *c, const Problem *problem);
/* Takes a request back that nothing was done for yet. */
bool lifecycle_cancel(Lifecycle *l, Certificate *c, RequestDone done, void *userdata);
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
/* When the next order is due; INT64_MAX: none is. */
int64_t lifecycle_next_order(const Lifecycle *l, const Certificate *c);
/* When its authority is to be asked for a window of renewal; INT64_MAX: never. */
int64_t lifecycle_next_check(const Lifecycle *l, const Certificate *c);
void lifecycle_check_window(Lifecycle *l, Certificate *c);
/* Takes up what the authority has suggested. Returns whether that is something else than before. */
bool lifecycle_refresh_window(const Lifecycle *l, Certificate *c);
/* Adopts other settings, of which a reference is taken. What is under way goes on with those that it began with. */
void lifecycle_configure(Lifecycle *l, Settings *settings);
/* Who revokes, and whose accounts there are. */
struct AcmeSource *lifecycle_acme(Lifecycle *l);
/* Changes under way. */
size_t lifecycle_busy(const Lifecycle *l);
/* Runs a task in the workers, or in the thread that owns the disk; see util/workers.h. The userdata of done is
 * that given to lifecycle_new(). */
int lifecycle_run(Lifecycle *l, bool disk, void (*run)(void *), void (*done)(void *, void *), void *data);
