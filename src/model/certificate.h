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

/* What to do with a certificate as soon as nothing else is being done with it. */
typedef enum RequestKind {
    REQUEST_REGISTER,
    REQUEST_UNREGISTER,
    REQUEST_SETTLE, /* bring it to where it should be; done when it is there */
    REQUEST_REISSUE,
    REQUEST_RENEW,
    REQUEST_ORDER,   /* from an ACME authority */
    REQUEST_REVOKED, /* the chain of SOURCE_ACME is not to be served any more */
    REQUEST_REPLACE, /* the root by a bundle */
    REQUEST_REMOVE,
} RequestKind;

/* How a request ended. */
typedef enum RequestResult {
    RESULT_DONE,
    RESULT_FALLBACK, /* what was asked for could not be had, a lesser chain took its place; the problem says why */
    RESULT_FAILED, /* and nothing was changed for its sake */
} RequestResult;

/* Of REQUEST_REISSUE. */
typedef struct RequestOptions {
    bool keep_current; /* a usable chain from ACME is kept when no new one can be had */
    bool hurry;        /* its order goes before others */
} RequestOptions;

typedef struct Certificate Certificate;
/* The change is durable. problem->code is PROBLEM_NONE for RESULT_DONE. c is gone after a removal. */
typedef void (*RequestDone)(Certificate *c, RequestResult result, const Problem *problem, void *userdata);

typedef struct Request {
    STAILQ_ENTRY(Request) entry;
    RequestKind kind;
    RequestOptions options;
    bool falls_back;           /* its order failed: what is made instead is RESULT_FALLBACK */
    Registration registration; /* of REQUEST_REGISTER; its module alone of REQUEST_UNREGISTER */
    Bundle *bundle;            /* of REQUEST_REPLACE */
    RequestDone done;          /* may be NULL */
    void *userdata;
} Request;

STAILQ_HEAD(RequestQueue, Request);

Request *request_free(Request *q);
DEFINE_CLEANUP(Request *, request_free);

/* Properties that change by themselves: they follow from the clock, from settings, and from what became of the orders of
 * others. */
typedef struct Outlook {
    const char *reason; /* static; NULL of the root, whose reason its record tells */
    int state;          /* CertificateState */
    Verdict verdicts[_SOURCE_MAX];
    int64_t next_renewal;
    uint64_t job; /* 0: none */
} Outlook;

struct Certificate {
    char *name; /* the record's, which may be replaced at any time */
    Record *record;
    char **names;      /* all that are asked for, the primary one first */
    NameHolder listed; /* in the manager's table, with these names, while it is published */
    Wish wish;
    Wish next_wish; /* while a configuration is being applied */
    Job *job;
    struct RequestQueue requests;
    struct Ordered *ordered; /* its order and what came of it (lifecycle-order.c); NULL: nothing */
    AcmeStance stance;       /* as of the last settling, but for ACME_STANCE_FAILED */
    bool orders_anew;        /* what made its last order fail has changed: the next one need not wait */
    int64_t
        waits_until; /* its order has to wait until then, as was found without an attempt; 0: it need not */
    bool checks_window;   /* its authority is being asked for the window */
    RenewalWindow window; /* that its authority suggests for the chain of SOURCE_ACME */
    int64_t window_after; /* no renewal for the sake of that before */
    char *window_page;    /* a URL that says why; NULL: none */
    Outlook told;         /* as clients know it, */
    bool is_known;        /* if any has read or been told it */
    bool published;       /* it is an object on the bus */
    bool stored;          /* the store has something of it */
    bool busy;            /* a change is under way; the record stays as it is until it is applied */
    bool again;           /* something changed meanwhile */
    bool waits_for_root;
    bool counts_for_root_job;
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
