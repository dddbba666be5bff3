/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/blocklist.h"
#include "core/choose.h"
#include "core/problem.h"

/* The record of an object in the store: a certificate, the local root, or an upload. */

typedef enum RecordKind {
    RECORD_CERTIFICATE,
    RECORD_ROOT,
    RECORD_UPLOAD,
    _RECORD_KIND_MAX,
    _RECORD_KIND_INVALID = -22,
} RecordKind;

const char *record_kind_to_string(RecordKind k);
RecordKind record_kind_from_string(const char *s);

/* Returns true if the name is valid for an object of this kind; names from files become part of paths. */
bool record_name_is_valid(RecordKind kind, const char *name);

/* Purposes of a leaf in addition to serverAuth (RFC 5280 section 4.2.1.12, RFC 4945 section 5.1.3.12). */
typedef enum Purpose {
    PURPOSE_CLIENT_AUTH = 1 << 0,
    PURPOSE_IPSEC_IKE = 1 << 1,
} Purpose;

/* Data of the store about a chain. Others copy it as a whole, and do not access its members. */
typedef struct StoredChain {
    uint64_t generation; /* 0: none */
    uint8_t digest[32];  /* to detect damage */
} StoredChain;

/* A source's chain and its metadata. */
typedef struct Slot {
    StoredChain stored;
    Chain *chain;      /* NULL: none */
    uint64_t root;     /* local only: record_current() of the root that signed it */
    unsigned purposes; /* local only: Purpose bits of the leaf */
    bool withdrawn;
    bool revoked; /* by its authority, on request */
    bool broken;  /* the files are damaged */
} Slot;

/* A certificate requested over the bus, until it is unregistered. */
typedef struct Registration {
    char *module;
    char **names;     /* in addition to the primary one */
    KeyType key_type; /* _KEY_TYPE_INVALID: as configured */
    int acme;         /* whether it is ordered: 1 yes, 0 no, -1 unset */
    char *authority;  /* the only one to use; NULL: any that can issue */
} Registration;

/* The same before it is stored; all members are borrowed. */
typedef struct RegistrationRequest {
    const char *module;
    char *const *names;
    KeyType key_type;
    int acme;
    const char *authority;
} RegistrationRequest;

int registration_set(Registration *reg, const RegistrationRequest *wish);
RegistrationRequest registration_request(const Registration *reg);
void registration_done(Registration *reg);

/* The last failure since the last success. */
typedef struct Failure {
    Problem problem;
    int64_t when;
    unsigned attempts;
} Failure;

/* Data of the store about an object, like StoredChain. */
typedef struct StoredObject {
    uint64_t last_generation; /* the highest one used so far */
    uint64_t former;          /* the previously served one, which is kept; 0: none */
} StoredObject;

typedef struct Record {
    RecordKind kind;
    char *name; /* canonical name; "root"; an upload's fingerprint */
    StoredObject stored;
    Slot slots[_SOURCE_MAX];
    Source served; /* _SOURCE_INVALID: none */
    Registration *registrations;
    size_t n_registrations;
    int64_t warned; /* the last time a warning about the end of the served chain was given; 0: none yet */
    /* Of orders: the authority that issued the chain of SOURCE_ACME, and the challenge type used; NULL:
     * none. */
    char *authority, *solver;
    int64_t order_after; /* no order before this time, after a failure or while a chain is usable */
    bool order_failed;   /* failure is that of an order, and is not cleared by a chain of another source */
    int64_t abandoned;   /* when the last request for it was dropped; 0: it is in use */
    /* Of uploads: a sequence number, the higher the later. 0: uploaded before these numbers existed; then
     * uploaded_at counts. */
    uint64_t uploaded;
    int64_t uploaded_at;
    Failure failure;
    Blocklist blocked; /* leaves that it had, and that must not be served again */
} Record;

/* Returns NULL on OOM. */
Record *record_new(RecordKind kind, const char *name);
Record *record_copy(const Record *rec);
Record *record_free(Record *rec);
DEFINE_CLEANUP(Record *, record_free);
#define _cleanup_record_ _cleanup_(record_freep)

static inline const Slot *record_served(const Record *rec)
{
    return rec->served >= 0 ? &rec->slots[rec->served] : NULL;
}
/* Identifies the served chain among all that the object ever had; 0: none. */
static inline uint64_t record_current(const Record *rec)
{
    return rec->served >= 0 ? rec->slots[rec->served].stored.generation : 0;
}
/* The value of record_current() when the next chain is stored and served. */
static inline uint64_t record_next(const Record *rec)
{
    return rec->stored.last_generation + 1;
}
/* Returns true if the chain of SOURCE_LOCAL is signed by the served chain of the root. */
static inline bool record_is_signed_by(const Record *rec, const Record *root)
{
    return rec->slots[SOURCE_LOCAL].root == record_current(root);
}
/* For the store: returns true if the generation is served, can be served, or was served last. */
bool record_keeps(const Record *rec, uint64_t generation);
void record_candidates(const Record *rec, Candidate ret[static _SOURCE_MAX]);
/* The chain of SOURCE_ACME if it can be served for these names; NULL otherwise. */
const Chain *record_usable_acme(const Record *rec, char *const *names, int64_t now);
Registration *record_find_registration(const Record *rec, const char *module);
/* Replaces an earlier registration of the module. */
int record_register(Record *rec, const RegistrationRequest *wish);
bool record_unregister(Record *rec, const char *module);
void record_set_failure(Record *rec, const Problem *problem, int64_t when);
void record_clear_failure(Record *rec);
/* Records which authority issued the chain of SOURCE_ACME. */
int record_set_authority(Record *rec, const char *authority, const char *solver);
/* For the store: puts a new chain into a slot. */
void record_set_slot(Record *rec, Source source, uint64_t generation, Chain *chain, uint64_t root,
                     unsigned purposes);
void record_clear_slot(Record *rec, Source source);
/* Enters the leaf of a chain in the list of those that must not be served again. Returns 1 if it was not there. -ENOMEM. */
int record_block(Record *rec, const Chain *chain, BlockReason reason, int64_t now);
/* Serves another source, or none. before: the record before the change; NULL: none. Returns true if another
 * chain is served now. */
bool record_serve(Record *rec, Source source, const Record *before);
