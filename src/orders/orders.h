/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/bundle.h"
#include "core/choose.h"
#include "model/request.h"
#include "net/routes.h"
#include "store/store.h"

/* Chains from ACME authorities: which authority is asked for what, how many orders run at a time, and what is tried when one
 * fails. An order runs in the event loop, beside everything else. */
typedef struct Orders Orders;
/* A certificate that is being ordered, from the choice of the authority to the chain. */
typedef struct Ordering Ordering;

typedef struct OrderingWish {
    const char *name;   /* of the certificate */
    char *const *names; /* canonical, the primary one first */
    KeyType key_type;
    const char *authority; /* the only one to be asked; NULL: whichever can issue */
    const char *solver;    /* the type of challenge that worked last; NULL */
    const Record *former;  /* the one with the chain from ACME that is renewed; NULL: there is none */
    bool keeps_key;        /* with the same key */
    bool
        reissue; /* somebody asked for it: for another key, so that no former order is gone on with; back-off and breaker do
                     not answer for the authority; and it does not count as an attempt of the service's own */
    bool manual; /* and waits for it: it is tried at once, within the limits of the authority */
    bool anew;   /* what made the last one fail has changed: it need not wait any more */
    bool early;  /* for the sake of the authority's window */
    int64_t
        not_after; /* of the chain that it is to replace, or by when it is wanted: the earliest comes first */
} OrderingWish;

/* What an ordering that is over has come to. Borrowed from it. */
typedef struct OrderingOutcome {
    const Chain *chain;             /* NULL: it failed */
    const char *authority, *solver; /* that was asked, and the type of the challenge that proved the names */
    const Problem *problem;         /* why it failed */
    const struct RequestQueue *requests; /* that wait for it */
    int64_t until;  /* when it may be retried, seconds since 1970-01-01 UTC; 0: not known */
    bool waited;    /* no attempt was made: limits, or the authority's outage, are waited for */
    bool attempted; /* an authority was asked for the certificate */
    bool offline;   /* it cannot be reached, as this machine has no default route */
    bool automatic; /* the service began it by itself: its failure counts for the back-off */
} OrderingOutcome;

/* Called from the event loop, never from within orders_begin(). */
typedef struct OrdersObserver {
    /* step is static. */
    void (*progress)(Ordering *o, double progress, const char *step, void *userdata);
    /* Once, unless the ordering was freed or stopped before. It may be freed from within. */
    void (*over)(Ordering *o, void *userdata);
    /* What kept orders from being made is over: those that failed for it may be retried. authority: whose fault it was; NULL:
     * there was no network. Called when nothing else is being done. */
    void (*back)(const char *authority, void *userdata);
} OrdersObserver;

/* orders_configure() comes before all else. */
int orders_new(sd_event *event, Store *store, const OrdersObserver *observer, void *userdata, Orders **ret);
/* Nothing is told any more. Orders stay as they are at the authority, and in the store. */
Orders *orders_free(Orders *s);
DEFINE_CLEANUP(Orders *, orders_free);
/* Adopts other settings, of which a reference is taken. */
void orders_configure(Orders *s, Settings *settings);
/* Borrowed; NULL: the routes are not known. */
void orders_set_network(Orders *s, const Network *network);
/* Whether orders are made at all. */
bool acme_settings_are_on(const Settings *settings);
/* Whether an authority can be asked for these names; if not, why says what is in the way. authority as in OrderingWish. */
AcmeEligibility acme_settings_judge(const Settings *settings, char *const *names, const char *authority);
bool acme_settings_suit(const Settings *settings, char *const *names, const char *authority, Problem *why);
/* An order for these names is going to be made: the connection to the authority is opened meanwhile. */
void orders_expect(Orders *s, char *const *names, const char *authority);
/* The ordering is the caller's to free. */
int orders_begin(Orders *s, const OrderingWish *wish, Ordering **ret);
const char *ordering_name(const Ordering *o);
char *const *ordering_names(const Ordering *o);
/* Requests that wait for it: the owner's, who takes them before it is freed. */
struct RequestQueue *ordering_requests(Ordering *o);
bool ordering_is_over(const Ordering *o);
/* Of one that is over. */
OrderingOutcome ordering_outcome(const Ordering *o);
Bundle *ordering_take_bundle(Ordering *o);
/* Stops it, so that it is over with this problem, and forgets its order. */
void ordering_stop(Ordering *o, ProblemCode code, const char *text);
/* Cancels it if it is not over. forget: its order is not resumed after the next start either. s NULL: they were freed. */
Ordering *ordering_free(Orders *s, Ordering *o, bool forget);
/* Somebody asks for a reissue while it is under way: so it is one now, and in a hurry it does not wait for its turn. False when
 * it has begun with the former key, which is not to be used any more. */
bool ordering_join(Ordering *o, bool hurry);
/* The chain of an order is stored, or of no use: until then its record stays, so that a crash does not lose it. */
void orders_forget(Orders *s, const char *name);
/* Whether an order for this certificate was under way when the service stopped last. */
bool orders_has_order(const Orders *s, const char *name);
size_t orders_busy(const Orders *s);
/* Orders that are being made now. */
size_t orders_running(const Orders *s);

/* When an order for it may be made after the attempts so far, whether or not they came to an end; 0: whenever. */
int64_t orders_after(Orders *s, char *const *names, const char *authority, const char *name);
/* Whether an order that failed at this authority (NULL: at any) may be made anew now, as it has come back; not what was
 * refused before that, and not too often, or else what always fails would be tried at each outage's end. */
bool orders_release(Orders *s, const char *authority, const char *name);
/* What is noted is compared with another present. */
void orders_clock_set(Orders *s);
/* The network is there again. */
void orders_network_back(Orders *s);
/* Looks whether authorities in trouble can be reached again, those whose turn it is; and when the next turn is (INT64_MAX:
 * none is). */
void orders_look(Orders *s);
int64_t orders_next_look(Orders *s);

/* Windows of renewal (RFC 9773). record: of the certificate, whose chain from ACME is asked about; its authority is the one
 * to be asked. What is known; all zero when there is nothing. */
LedgerWindow orders_window(Orders *s, const Record *record);
/* When the certificate was renewed for the sake of one last. */
int64_t orders_early(Orders *s, const Record *record);
/* Asks for it. done is called from the event loop when it is known, or cannot be; not after orders_free(). */
typedef void (*WindowDone)(const char *name, void *userdata);
int orders_check_window(Orders *s, const Record *record, WindowDone done, void *userdata);

/* Revokes a chain (RFC 8555 section 7.6) by the account; if that may not, or for keyCompromise, by its own key. */
typedef void (*RevokeDone)(const Problem *problem, void *userdata);
int orders_revoke(Orders *s, const char *authority, const Bundle *bundle, int reason, RevokeDone done,
                  void *userdata, Problem *problem);
/* Another key for the account there, or its end. */
int orders_change_account(Orders *s, const char *authority, bool deactivate, RevokeDone done, void *userdata,
                          Problem *problem);
