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
#include "model/request.h"

/* A certificate in the running service: its record, who wants it, and what is being done with it. The local root
 * and uploads are of the same make, told apart by the record's kind. */

/* What the configuration wants of a certificate. */
typedef struct Wish {
    char **modules;
    char **names;     /* beside the primary one */
    KeyType key_type; /* _KEY_TYPE_INVALID: the default */
    unsigned purposes;
    bool no_acme;    /* somebody who uses it does not want it ordered */
    char *authority; /* the only one to be asked; NULL: any */
} Wish;

/* Properties that change by themselves: they follow from the clock, from settings, and from what became of the orders of
 * others. */
typedef struct Outlook {
    const char *reason; /* static; NULL of the root, whose reason its record tells */
    int state;          /* CertificateState */
    Verdict verdicts[_SOURCE_MAX];
    int64_t next_renewal;
    uint64_t job; /* 0: none */
} Outlook;

/* What changed of a certificate, for those who watch the tables. */
typedef enum Changed {
    CHANGED_CHAIN = 1 << 0,
    CHANGED_NAMES = 1 << 1,
    CHANGED_MODULES = 1 << 2,
    CHANGED_JOB = 1 << 3,
    CHANGED_FAILURE = 1 << 4,
    CHANGED_WINDOW = 1 << 5,  /* when its authority wants it to be renewed */
    CHANGED_OUTLOOK = 1 << 6, /* what follows from other things, and from the time */
} Changed;

struct Certificate {
    char *name; /* the record's, which may be replaced at any time */
    Record *record;
    char **names;      /* all that are asked for, the primary one first */
    NameHolder listed; /* in the model's table, with these names, while it is published */
    Wish wish;
    Wish next_wish; /* while a configuration is being applied */
    Job *job;
    bool published; /* it is an object on the bus */
    bool stored;    /* the store has something of it */

    /* What is being done with it: written by the lifecycle alone. */
    struct {
        struct RequestQueue requests;
        bool busy;  /* a change is under way; the record stays as it is until it is applied */
        bool again; /* something changed meanwhile */
        bool waits_for_root;
        bool counts_for_root; /* the job that makes a new root waits for it */
    } work;

    /* Its order: written by lifecycle/order.c alone. */
    struct {
        struct Ordering *ordering;   /* and what came of it (orders/); NULL: there is none */
        AcmeEligibility eligibility; /* as of the last settling, but for ACME_ELIGIBILITY_FAILED */
        bool retry;          /* what made its last order fail has changed: the next one need not wait */
        int64_t waits_until; /* it has to wait until then, as was found without an attempt; 0: it need not */
        bool checks_window;  /* its authority is being asked for the window */
        RenewalWindow window;  /* that its authority suggests for the chain of SOURCE_ACME */
        int64_t window_after;  /* no renewal for the sake of that before */
        char *explanation_url; /* RFC 9773 section 4.2; NULL: none */
    } order;

    /* What clients know of it: written by bus/ alone. */
    struct {
        Outlook told;
        bool is_known; /* any has read it, or got a signal with it */
    } client;

    UT_hash_handle hh; /* by name */
};

typedef enum CertificateState {
    CERTIFICATE_PENDING,
    CERTIFICATE_VALID,
    CERTIFICATE_EXPIRING,
    CERTIFICATE_EXPIRED,
    _CERTIFICATE_STATE_MAX,
} CertificateState;

const char *certificate_state_to_string(CertificateState s);

/* Takes the record, also when it fails. */
Certificate *certificate_new(Record *record);
Certificate *certificate_free(Certificate *c);
DEFINE_CLEANUP(Certificate *, certificate_free);

static inline const char *certificate_name(const Certificate *c)
{
    return c->name;
}
static inline bool certificate_is_root(const Certificate *c)
{
    return c->record->kind == RECORD_ROOT;
}
/* The served chain; NULL: none yet. */
const Chain *certificate_chain(const Certificate *c);
CertificateState certificate_state(const Certificate *c, int64_t now);
/* When the served chain itself is due to be renewed, whatever was tried already; 0: never. */
int64_t certificate_next_renewal(const Certificate *c);
/* The moment of a warning that its chain comes to its end, which is due and was not given; 0: none is. */
int64_t certificate_warning_due(const Certificate *c, int64_t now);
/* When the next one is due; INT64_MAX: never. */
int64_t certificate_next_warning(const Certificate *c, int64_t now);
Choice certificate_choose(const Certificate *c, int64_t now);
/* Why it serves what it serves, as one sentence; static. */
const char *certificate_explain(const Certificate *c, int64_t now);
const char *certificate_explain_choice(const Certificate *c, const Choice *choice);
/* Whether a module file or a registration asks for it. */
bool certificate_is_wanted(const Certificate *c);
/* rec is its record as it is, or as it shall be. */
/* Whether somebody who uses it does not want it ordered. */
bool certificate_refuses_acme(const Certificate *c);
/* The only authority to be asked for it, borrowed; NULL: whichever can issue. */
const char *certificate_authority(const Certificate *c);
KeyType certificate_key_type(const Certificate *c, const Record *rec, KeyType otherwise);
/* Who uses it; newly allocated. */
int certificate_modules(const Certificate *c, char ***ret);
/* Works names out anew from record, wishes and registrations of rec (mostly c->record); *ret_changed tells
 * whether they differ. -E2BIG above LIMIT_NAMES, where the first ones are taken. */
int certificate_update_names(Certificate *c, const Record *rec, bool *ret_changed);

/* Makes it an object on the bus, or no longer. -ENOMEM: it is not published. */
int certificate_publish(Certificate *c, bool publish);

void wish_clear(Wish *w);
int wish_add(Wish *w, const char *module, const Claim *claim);
bool wish_equal(const Wish *a, const Wish *b);
