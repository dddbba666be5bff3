/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"
#include "core/bundle.h"
#include "core/choose.h"
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

typedef struct OrderingResult {
    Bundle *bundle; /* the callee's; NULL: it failed */
    const char *authority;
    const char *solver;     /* type of the challenge that worked */
    const Problem *problem; /* when it failed */
    int64_t until;          /* when it may be tried again, seconds since 1970-01-01 UTC; 0: not known */
    bool waited;            /* no attempt was made: limits, or the authority's troubles, are waited for */
    bool attempted;         /* an authority was asked for the certificate */
    bool offline;           /* it cannot be reached, as this machine has no default route */
} OrderingResult;

typedef void (*OrderingProgress)(double progress, const char *step, void *userdata);
/* Called once, from the event loop, never from within orders_begin. */
typedef void (*OrderingDone)(const OrderingResult *result, void *userdata);

/* What kept orders from being made is over: those that failed for it may be made anew. authority: whose fault it was; NULL: the
 * network's. Told when nothing else is being done. */
typedef void (*OrdersBack)(const char *authority, void *userdata);

/* orders_configure() comes before all else. */
int orders_new(sd_event *event, Store *store, OrdersBack back, void *userdata, Orders **ret);
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
int orders_begin(Orders *s, const OrderingWish *wish, OrderingProgress progress, OrderingDone done,
                 void *userdata, Ordering **ret);
/* Somebody asks for a reissue while it is under way: so it is one now, and in a hurry it does not wait for its turn. False when
 * it has begun with the former key, which is not to be used any more. */
bool ordering_join(Ordering *o, bool hurry);
/* It is not told any more. forget: the order is not gone on with after the next start either. */
Ordering *ordering_cancel(Ordering *o, bool forget);
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
