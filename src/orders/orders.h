/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/bundle.h"
#include "core/choose.h"
#include "core/rehearsal.h"
#include "model/request.h"
#include "net/routes.h"
#include "store/store.h"

/* Chains from ACME authorities: which authority is asked for which names, how many orders run at a time, and what to try
 * when one fails. Orders run in the event loop, in parallel to everything else. */
typedef struct Orders Orders;
/* One attempt to get a chain for a certificate, from the choice of the authority to the outcome. */
typedef struct Ordering Ordering;

/* Waits that an ordering skips, and its reasons. */
typedef enum OrderingFlags {
    /* requested by a caller, with a new key: no former order is resumed, back-off and outage are ignored, and a failure does
     * not count for the back-off */
    ORDERING_REISSUE = 1 << 0,
    ORDERING_MANUAL = 1 << 1,    /* the caller is waiting: start now, within the limits of the authority */
    ORDERING_RETRY = 1 << 2,     /* the cause of the last failure may be gone: skip the back-off */
    ORDERING_EARLY = 1 << 3,     /* because of the window of the authority */
    ORDERING_REUSE_KEY = 1 << 4, /* of the chain that is renewed */
} OrderingFlags;

/* A chain that is wanted. All members are borrowed. */
typedef struct OrderingRequest {
    const char *name;   /* of the certificate */
    char *const *names; /* canonical, the primary one first */
    KeyType key_type;
    const char *authority; /* the only one that may be asked; NULL: any */
    const char *solver;    /* type of the challenge that succeeded last; may be NULL */
    const Record *former;  /* record whose ACME chain is renewed; NULL: none */
    OrderingFlags flags;
    int64_t not_after; /* end of the chain to replace, or when one is needed; the earliest goes first */
} OrderingRequest;

/* The outcome of an ordering that is over. Borrowed from the ordering. */
typedef struct OrderingOutcome {
    const Chain *chain;                  /* NULL: it failed */
    const char *authority, *solver;      /* the authority, and the type of the challenge that succeeded */
    const Problem *problem;              /* cause of the failure */
    const struct RequestQueue *requests; /* waiting for the ordering */
    int64_t until;                       /* earliest retry, seconds since 1970-01-01 UTC; 0: unknown */
    bool waited;                         /* no attempt was made because of limits or an outage */
    bool attempted;                      /* an order was placed, or tried to be */
    bool offline;                        /* unreachable, and this machine has no default route */
    bool automatic;                      /* started by the service: a failure counts for the back-off */
} OrderingOutcome;

/* Called from the event loop, never from within orders_begin(). */
typedef struct OrdersObserver {
    /* step is a static string. */
    void (*progress)(Ordering *o, double progress, const char *step, void *userdata);
    /* Called once, unless the ordering was stopped or freed before. The callee may free it. */
    void (*over)(Ordering *o, void *userdata);
    /* An outage is over: orders that failed because of it may be retried. authority: the one that is back; NULL: the
     * network is. Called when the event loop has nothing else to do. */
    void (*back)(const char *authority, void *userdata);
} OrdersObserver;

/* Call orders_configure() before anything else. */
int orders_new(sd_event *event, Store *store, const OrdersObserver *observer, void *userdata, Orders **ret);
/* Drops everything without notifying the observer. Orders stay as they are at the authority and in the store. */
Orders *orders_free(Orders *s);
DEFINE_CLEANUP(Orders *, orders_free);
/* Applies new settings and takes a reference to them. */
void orders_configure(Orders *s, Settings *settings);
/* network: borrowed; NULL: the routes are unknown. */
void orders_set_network(Orders *s, const Network *network);
/* Returns true if any authority may be asked at all. */
bool acme_settings_are_on(const Settings *settings);
/* Decide whether an authority can be asked for these names; if not, why is set to the reason. authority as in
 * OrderingRequest. */
AcmeEligibility acme_settings_judge(const Settings *settings, char *const *names, const char *authority);
bool acme_settings_suit(const Settings *settings, char *const *names, const char *authority, Problem *why);
/* Opens the connection to the authority in advance of an order for these names. */
void orders_expect(Orders *s, char *const *names, const char *authority);
/* Starts an ordering, which the caller has to free. */
int orders_begin(Orders *s, const OrderingRequest *request, Ordering **ret);
const char *ordering_name(const Ordering *o);
char *const *ordering_names(const Ordering *o);
/* Requests waiting for the ordering. The owner removes them before it frees the ordering. */
struct RequestQueue *ordering_requests(Ordering *o);
bool ordering_is_over(const Ordering *o);
/* To be called when it is over. */
OrderingOutcome ordering_outcome(const Ordering *o);
Bundle *ordering_take_bundle(Ordering *o);
/* Cancels the ordering, whose outcome is this problem, and drops its order. */
void ordering_stop(Ordering *o, ProblemCode code, const char *text);
/* Cancels it if it is not over. forget: do not resume the order after the next start. s: NULL when freed already. */
Ordering *ordering_free(Orders *s, Ordering *o, bool forget);
/* Turns a running ordering into a reissue; with hurry it does not wait for its turn. Returns false if it has started with
 * the former key already, which must not be used any more. */
bool ordering_join(Ordering *o, bool hurry);
/* Drops the record of an order whose chain is stored or useless. Until then a crash does not lose the order. */
void orders_forget(Orders *s, const char *name);
/* Returns true if an order for this certificate was interrupted by the last stop. */
bool orders_has_order(const Orders *s, const char *name);
/* Counts everything that has to end before the service may exit. */
size_t orders_busy(const Orders *s);
/* Counts orders that have begun. */
size_t orders_running(const Orders *s);

/* Returns the earliest time of the next order by the attempts on record, interrupted ones included; 0: any time. */
int64_t orders_after(Orders *s, char *const *names, const char *authority, const char *name);
/* Returns true if an order that failed at this authority (NULL: at any) may be retried now that the outage is over. Refused
 * orders are not retried, and others a few times only, or else an order that always fails would be placed after each outage. */
bool orders_release(Orders *s, const char *authority, const char *name);
/* Writes the ledgers again with the current time, after the clock was set. */
void orders_clock_set(Orders *s);
/* Retries what failed without the network. */
void orders_network_back(Orders *s);
/* Probes authorities with an outage when their probe is due. */
void orders_look(Orders *s);
/* Returns when the next probe is due; INT64_MAX: never. */
int64_t orders_next_look(Orders *s);

/* Renewal information (RFC 9773) on the ACME chain of this record, as far as its authority has given it; all zero
 * otherwise. */
LedgerWindow orders_window(Orders *s, const Record *record);
/* Returns when the certificate was last renewed because of a window; 0: never. */
int64_t orders_early(Orders *s, const Record *record);
/* Queries renewal information. done is called from the event loop on success and failure; not after orders_free(). */
typedef void (*WindowDone)(const char *name, void *userdata);
int orders_check_window(Orders *s, const Record *record, WindowDone done, void *userdata);

/* The self-check of an order that failed as the self-check did is repeated, alone: the wait for the next order ends when it finds
 * something else. Returns when that is due; INT64_MAX: never, as there is none (SelfCheck=no, the proof changes the DNS, no
 * default route), or it is running. ret_soon: it is one of the first, minutes after the order. */
int64_t orders_next_recheck(Orders *s, char *const *names, const char *authority, const char *name,
                            bool *ret_soon);
/* Does so, unless enough others are running. done is called from the event loop; not after orders_free(), or if an order with
 * that name begins. released: it has found something else, and the next order need not wait. */
typedef void (*RecheckDone)(const char *name, bool released, void *userdata);
int orders_recheck(Orders *s, char *const *names, const char *authority, const char *name, RecheckDone done,
                   void *userdata);

/* Revokes a chain (RFC 8555 section 7.6) with the account key or, if that is refused and for keyCompromise, with its own. */
typedef void (*RevokeDone)(const Problem *problem, void *userdata);
int orders_revoke(Orders *s, const char *authority, const Bundle *bundle, int reason, RevokeDone done,
                  void *userdata, Problem *problem);
/* Replaces the key of the account, or deactivates it. */
int orders_change_account(Orders *s, const char *authority, bool deactivate, RevokeDone done, void *userdata,
                          Problem *problem);

/* Lists the enabled authorities, in order of preference. */
int orders_list(Orders *s, AuthoritiesListed done, void *userdata);
/* Tests what an order for these names needs, without placing it; authority as in OrderingRequest. */
int orders_rehearse(Orders *s, char *const *names, const char *authority, RehearsalDone done,
                    void *userdata);
