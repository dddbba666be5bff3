/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <uthash.h>

#include "config/config.h"
#include "core/bundle.h"
#include "core/name-table.h"
#include "core/record.h"
#include "core/schedule.h"
#include "model/job.h"
#include "model/placement.h"
#include "model/request.h"

/* A certificate in the running service: its record, its users, and its work in progress. The local root and uploads use the
 * same struct; the kind of the record tells them apart. */

/* The requests of all module files together. */
typedef struct Wish {
    char **modules;
    char **names;     /* beside the primary one */
    KeyType key_type; /* _KEY_TYPE_INVALID: the default */
    unsigned purposes;
    bool no_acme;    /* a module has ACME=no */
    char *authority; /* the only one that may be asked; NULL: any */
} Wish;

/* Properties that change without a change of the record: they depend on the clock, on settings, and on the orders of other
 * certificates. */
typedef struct Outlook {
    const char *reason; /* static; NULL for the root */
    int state;          /* CertificateState */
    Verdict verdicts[_SOURCE_MAX];
    int64_t next_renewal;
    uint64_t job; /* 0: none */
} Outlook;

/* Changes of a certificate, for watchers of the tables. */
typedef enum Changed {
    CHANGED_CHAIN = 1 << 0,
    CHANGED_NAMES = 1 << 1,
    CHANGED_MODULES = 1 << 2,
    CHANGED_JOB = 1 << 3,
    CHANGED_FAILURE = 1 << 4,
    CHANGED_WINDOW = 1 << 5,  /* renewal information */
    CHANGED_OUTLOOK = 1 << 6, /* Outlook */
    CHANGED_DEPLOYMENTS = 1 << 7,
} Changed;

/* Work in progress; written by lifecycle/ only. */
typedef struct CertificateWork {
    struct RequestQueue requests;
    bool busy;  /* an attempt is running */
    bool again; /* settle once more afterwards */
    bool waits_for_root;
    bool counts_for_root; /* the job of the new root waits for it */
    bool begins;          /* its first chain is being made, for the first time */
} CertificateWork;

/* Its order; written by lifecycle/order.c only. */
typedef struct CertificateOrder {
    struct Ordering *ordering;   /* running, or over and not settled yet; NULL: none */
    AcmeEligibility eligibility; /* at the last settling; never ACME_ELIGIBILITY_FAILED */
    bool retry;                  /* the cause of the last failure may be gone: skip the back-off */
    int64_t waits_until;   /* earliest order by limits that were found without an attempt; 0: any time */
    bool checks_window;    /* a query for renewal information is running */
    RenewalWindow window;  /* suggested by the authority for the chain of SOURCE_ACME */
    int64_t window_after;  /* no renewal because of the window before this time */
    char *explanation_url; /* RFC 9773 section 4.2; NULL: none */
} CertificateOrder;

/* The values of properties that clients know. Chains are immutable, so a reference is enough to compare with them later; members
 * without a type of their own are hashes. */
typedef struct KnownValues {
    Outlook outlook;
    const char *reason; /* static */
    Source served;
    Chain *chains[_SOURCE_MAX];
    uint64_t names, modules, authority, window, failure, deployments;
} KnownValues;

/* What clients know of it; written by bus/ only. */
typedef struct CertificateClient {
    KnownValues *known; /* NULL: no client has read it, or was sent a signal */
    uint32_t read;      /* properties whose value may have been read before it was signalled */
    bool pending;       /* a change is about to be signalled */
} CertificateClient;

struct Certificate {
    char *name; /* a copy, since the record may be replaced */
    Record *record;
    char **names;      /* all requested names, the primary one first */
    NameHolder listed; /* in the table of names while it is published */
    Wish wish;
    Wish next_wish; /* while a configuration is being applied */
    Job *job;
    bool published; /* an object on the bus */
    bool stored;    /* has files in the store */
    bool leaving;   /* gives way to others and is about to be removed */
    CertificateWork work;
    CertificateOrder order;
    CertificateClient client;
    Placements placements; /* written by model_set_placement() and model_remove_placement() only */
    UT_hash_handle hh;     /* by name */
};

typedef enum CertificateState {
    CERTIFICATE_PENDING,
    CERTIFICATE_VALID,
    CERTIFICATE_EXPIRING,
    CERTIFICATE_EXPIRED,
    _CERTIFICATE_STATE_MAX,
} CertificateState;

const char *certificate_state_to_string(CertificateState s);

/* Takes the record, even on failure. */
Certificate *certificate_new(Record *record);
Certificate *certificate_free(Certificate *c);
DEFINE_CLEANUP(Certificate *, certificate_free);
KnownValues *known_values_free(KnownValues *t);

static inline const char *certificate_name(const Certificate *c)
{
    return c->name;
}
static inline bool certificate_is_root(const Certificate *c)
{
    return c->record->kind == RECORD_ROOT;
}
/* "leaf" or "root". */
static inline const char *certificate_role(const Certificate *c)
{
    return certificate_is_root(c) ? "root" : "leaf";
}
/* The served chain; NULL: none yet. */
const Chain *certificate_chain(const Certificate *c);
CertificateState certificate_state(const Certificate *c, int64_t now);
/* When the served chain is due for renewal, regardless of failed attempts; 0: never. */
int64_t certificate_next_renewal(const Certificate *c);
/* The time of an expiry warning that is due and was not given yet; 0: none. */
int64_t certificate_warning_due(const Certificate *c, int64_t now);
/* When the next warning is due; INT64_MAX: never. */
int64_t certificate_next_warning(const Certificate *c, int64_t now);
Choice certificate_choose(const Certificate *c, int64_t now);
/* The next time after now at which another chain may be served; INT64_MAX: never. */
int64_t certificate_next_change(const Certificate *c, int64_t now);
/* Explains the served chain in one sentence; a static string. */
const char *certificate_explain(const Certificate *c, int64_t now);
const char *certificate_explain_choice(const Certificate *c, const Choice *choice);
/* Returns true if its last order failed for lack of a network. */
bool certificate_lacked_network(const Certificate *c);
/* Returns true if a module file or a registration requests it. */
bool certificate_is_wanted(const Certificate *c);
/* Returns true if a module that uses it has disabled ACME. */
bool certificate_refuses_acme(const Certificate *c);
/* The only authority that may be asked, borrowed; NULL: any. */
const char *certificate_authority(const Certificate *c);
/* rec: its current record, or the wanted one. */
KeyType certificate_key_type(const Certificate *c, const Record *rec, KeyType otherwise);
/* Modules that use it; newly allocated. */
int certificate_modules(const Certificate *c, char ***ret);
/* Computes the names from module files and the registrations of rec, the current record or the wanted one; *ret_changed
 * is set if they differ. -E2BIG: above LIMIT_NAMES; the first ones are taken then. */
int certificate_update_names(Certificate *c, const Record *rec, bool *ret_changed);

/* Publishes it on the bus, or withdraws it. -ENOMEM: it is not published. */
int certificate_publish(Certificate *c, bool publish);

void wish_clear(Wish *w);
int wish_add(Wish *w, const char *module, const Claim *claim);
bool wish_equal(const Wish *a, const Wish *b);
