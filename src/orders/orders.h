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
typedef struct AcmeSource AcmeSource;
/* A certificate that is being ordered, from the choice of the authority to the chain. */
typedef struct Ordering Ordering;

typedef struct OrderWish {
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
} OrderWish;

typedef struct OrderResult {
    Bundle *bundle; /* the callee's; NULL: it failed */
    const char *authority;
    const char *solver;     /* type of the challenge that worked */
    const Problem *problem; /* when it failed */
    int64_t until;          /* when it may be tried again, seconds since 1970-01-01 UTC; 0: not known */
    bool waited;            /* no attempt was made: limits, or the authority's troubles, are waited for */
    bool attempted;         /* an authority was asked for the certificate */
    bool offline;           /* it cannot be reached, as this machine has no default route */
} OrderResult;

typedef void (*OrderProgress)(double progress, const char *step, void *userdata);
/* Called once, from the event loop, never from within acme_source_order. */
typedef void (*OrderDone)(const OrderResult *result, void *userdata);

/* What kept orders from being made is over: those that failed for it may be made anew. authority: whose fault it was; NULL: the
 * network's. Told when nothing else is being done. */
typedef void (*AcmeBack)(const char *authority, void *userdata);

/* acme_source_configure() comes before all else. */
int acme_source_new(sd_event *event, Store *store, AcmeBack back, void *userdata, AcmeSource **ret);
/* Nothing is told any more. Orders stay as they are at the authority, and in the store. */
AcmeSource *acme_source_free(AcmeSource *s);
DEFINE_CLEANUP(AcmeSource *, acme_source_free);
/* Adopts other settings, of which a reference is taken. */
void acme_source_configure(AcmeSource *s, Settings *settings);
/* Borrowed; NULL: the routes are not known. */
void acme_source_set_network(AcmeSource *s, const Network *network);
/* Whether orders are made at all. */
bool acme_settings_are_on(const Settings *settings);
/* Whether an authority can be asked for these names; if not, why says what is in the way. authority as in OrderWish. */
AcmeStance acme_settings_judge(const Settings *settings, char *const *names, const char *authority);
bool acme_settings_suit(const Settings *settings, char *const *names, const char *authority, Problem *why);
/* An order for these names is going to be made: the connection to the authority is opened meanwhile. */
void acme_source_expect(AcmeSource *s, char *const *names, const char *authority);
int acme_source_order(AcmeSource *s, const OrderWish *wish, OrderProgress progress, OrderDone done,
                      void *userdata, Ordering **ret);
/* Somebody asks for a reissue while it is under way: so it is one now, and in a hurry it does not wait for its turn. False when
 * it has begun with the former key, which is not to be used any more. */
bool ordering_join(Ordering *o, bool hurry);
/* It is not told any more. forget: the order is not gone on with after the next start either. */
Ordering *ordering_cancel(Ordering *o, bool forget);
/* The chain of an order is stored, or of no use: until then its record stays, so that a crash does not lose it. */
void acme_source_forget(AcmeSource *s, const char *name);
/* Whether an order for this certificate was under way when the service stopped last. */
bool acme_source_has_order(const AcmeSource *s, const char *name);
size_t acme_source_busy(const AcmeSource *s);
/* Orders that are being made now. */
size_t acme_source_running(const AcmeSource *s);

/* When an order for it may be made after the attempts so far, whether or not they came to an end; 0: whenever. */
int64_t acme_source_after(AcmeSource *s, char *const *names, const char *authority, const char *name);
/* Whether an order that failed at this authority (NULL: at any) may be made anew now, as it has come back; not what was
 * refused before that, and not too often, or else what always fails would be tried at each outage's end. */
bool acme_source_release(AcmeSource *s, const char *authority, const char *name);
/* What is noted is compared with another present. */
void acme_source_clock_set(AcmeSource *s);
/* The network is there again. */
void acme_source_network_back(AcmeSource *s);
/* Looks whether authorities in trouble can be reached again, those whose turn it is; and when the next turn is (INT64_MAX:
 * none is). */
void acme_source_look(AcmeSource *s);
int64_t acme_source_next_look(AcmeSource *s);

/* Windows of renewal (RFC 9773). record: of the certificate, whose chain from ACME is asked about; its authority is the one
 * to be asked. What is known; all zero when there is nothing. */
LedgerWindow acme_source_window(AcmeSource *s, const Record *record);
/* When the certificate was renewed for the sake of one last. */
int64_t acme_source_early(AcmeSource *s, const Record *record);
/* Asks for it. done is called from the event loop when it is known, or cannot be; not after acme_source_free(). */
typedef void (*WindowDone)(const char *name, void *userdata);
int acme_source_check_window(AcmeSource *s, const Record *record, WindowDone done, void *userdata);

/* Revokes a chain (RFC 8555 section 7.6) by the account; if that may not, or for keyCompromise, by its own key. */
typedef void (*RevokeDone)(const Problem *problem, void *userdata);
int acme_source_revoke(AcmeSource *s, const char *authority, const Bundle *bundle, int reason,
                       RevokeDone done, void *userdata, Problem *problem);
/* Another key for the account there, or its end. */
int acme_source_change_account(AcmeSource *s, const char *authority, bool deactivate, RevokeDone done,
                               void *userdata, Problem *problem);
