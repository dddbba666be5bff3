/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/choose.h"
#include "core/problem.h"

/* What the store remembers of one object: a certificate, the local root, or an upload. */

typedef enum RecordKind {
    RECORD_CERTIFICATE,
    RECORD_ROOT,
    RECORD_UPLOAD,
    _RECORD_KIND_MAX,
    _RECORD_KIND_INVALID = -22,
} RecordKind;

const char *record_kind_to_string(RecordKind k);
RecordKind record_kind_from_string(const char *s);

/* Whether an object of this kind can have the name; what comes from files becomes part of paths. */
bool record_name_is_valid(RecordKind kind, const char *name);

/* What a leaf may be used for beside serverAuth (RFC 5280 section 4.2.1.12, RFC 4945 section 5.1.3.12). */
typedef enum Purpose {
    PURPOSE_CLIENT_AUTH = 1 << 0,
    PURPOSE_IPSEC_IKE = 1 << 1,
} Purpose;

/* A source's chain: the generation that holds it, and what is known of it. Generation 0: there is none. */
typedef struct Slot {
    uint64_t generation;
    Chain *chain;
    uint64_t root;      /* local only: the root's generation that signed it */
    unsigned purposes;  /* local only: Purpose bits of the leaf */
    uint8_t digest[32]; /* SHA-256 of the generation's files: they are whole when it is this */
    bool withdrawn;
    bool revoked; /* by its authority, as it was asked to */
    bool broken;  /* they are not */
} Slot;

/* A certificate asked for over the bus: kept until it is taken back. */
typedef struct Registration {
    char *module;
    char **names;     /* beside the primary one */
    KeyType key_type; /* _KEY_TYPE_INVALID: as configured */
    int acme;         /* whether it is ordered: 1 yes, 0 no, -1 not said */
    char *authority;  /* the only one to be asked; NULL: whichever can issue */
} Registration;

/* The same before it is kept; all is borrowed. */
typedef struct RegistrationWish {
    const char *module;
    char *const *names;
    KeyType key_type;
    int acme;
    const char *authority;
} RegistrationWish;

int registration_set(Registration *reg, const RegistrationWish *wish);
RegistrationWish registration_wish(const Registration *reg);
void registration_done(Registration *reg);

/* What failed last, since the last success. */
typedef struct Failure {
    Problem problem;
    int64_t when;
    unsigned attempts;
} Failure;

typedef struct Record {
    RecordKind kind;
    char *name;               /* canonical name; "root"; an upload's fingerprint */
    uint64_t last_generation; /* the highest number given to a generation so far */
    Slot slots[_SOURCE_MAX];
    Source served;   /* its generation is what "current" names */
    uint64_t former; /* the generation served before, which is kept; 0: none */
    Registration *registrations;
    size_t n_registrations;
    int64_t warned; /* the latest moment at which the end of the served chain was warned of; 0: none yet */
    /* Of orders: who issued the chain of SOURCE_ACME, and by which type of challenge; NULL: there is none. */
    char *authority, *solver;
    int64_t
        order_after;   /* a failed one, or that of a chain that is usable, is not made before this moment */
    bool order_failed; /* failure is that of an order, which a chain from elsewhere does not end */
    int64_t abandoned; /* since when nobody wants it, 0: somebody does */
    /* Of uploads: the higher, the later it was uploaded. 0: before these numbers were given out, and then when. */
    uint64_t uploaded;
    int64_t uploaded_at;
    Failure failure;
} Record;

/* NULL when memory is short. */
Record *record_new(RecordKind kind, const char *name);
Record *record_copy(const Record *rec);
Record *record_free(Record *rec);
DEFINE_CLEANUP(Record *, record_free);
#define _cleanup_record_ _cleanup_(record_freep)

static inline const Slot *record_served(const Record *rec)
{
    return rec->served >= 0 ? &rec->slots[rec->served] : NULL;
}
/* The generation that "current" names; 0: none. */
static inline uint64_t record_current(const Record *rec)
{
    return rec->served >= 0 ? rec->slots[rec->served].generation : 0;
}
/* Whether a generation is served, can be served, or was served last. */
bool record_keeps(const Record *rec, uint64_t generation);
void record_candidates(const Record *rec, Candidate ret[static _SOURCE_MAX]);
Registration *record_find_registration(const Record *rec, const char *module);
/* Replaces what the module asked for before. */
int record_register(Record *rec, const RegistrationWish *wish);
bool record_unregister(Record *rec, const char *module);
void record_set_failure(Record *rec, const Problem *problem, int64_t when);
void record_clear_failure(Record *rec);
/* Notes who issued the chain of SOURCE_ACME. */
int record_set_authority(Record *rec, const char *authority, const char *solver);
/* Puts a new chain into a slot. */
void record_set_slot(Record *rec, Source source, uint64_t generation, Chain *chain, uint64_t root,
                     unsigned purposes);
void record_clear_slot(Record *rec, Source source);
/* Serves another source, or none, from now on. Returns whether the served generation changed. */
bool record_serve(Record *rec, Source source, uint64_t previous);
