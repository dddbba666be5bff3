/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>

#include "bus/internal.h"

/* The properties of a certificate that clients know: PropertiesChanged lists those that have another value, and no others.
 *
 * Nothing is kept of a certificate before a client first reads it, or is sent a signal about it. From then on, its values are
 * those of the last signal. A client that reads it after a change, but before the signal about it, may know later values: these
 * properties are noted, and the signal lists them even if they have the former values again. */

typedef struct PropertyRow {
    const char *name;
    unsigned what; /* set of Changed that it depends on: listed if nothing is known */
    bool (*differs)(const KnownValues *a, const KnownValues *b, size_t offset);
    size_t offset; /* of the member that is compared: of ChainEntry, or of KnownValues */
} PropertyRow;

static const ChainEntry *leaf_of(const KnownValues *t)
{
    static const ChainEntry none = {};

    return t->served >= 0 && t->chains[t->served] ? chain_leaf(t->chains[t->served]) : &none;
}

static const Chain *chain_of(const KnownValues *t)
{
    return t->served >= 0 ? t->chains[t->served] : NULL;
}

static bool text_of_leaf_differs(const KnownValues *a, const KnownValues *b, size_t offset)
{
    const char *const *x = (const void *)((const uint8_t *)leaf_of(a) + offset),
                      *const *y = (const void *)((const uint8_t *)leaf_of(b) + offset);

    return !streq(strempty(*x), strempty(*y));
}

static bool start_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    return leaf_of(a)->not_before != leaf_of(b)->not_before;
}

static int64_t end_of(const KnownValues *t, Source s)
{
    return s >= 0 && t->chains[s] ? source_chain_ends(s, t->chains[s]) : 0;
}

static bool end_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    return end_of(a, a->served) != end_of(b, b->served);
}

static bool key_type_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    const Chain *x = chain_of(a), *y = chain_of(b);

    return x && y ? x->key_type != y->key_type : x != y;
}

static bool chain_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    const Chain *x = chain_of(a), *y = chain_of(b);

    return x != y && (!x || !y || !chain_equal(x, y));
}

static bool source_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    return a->served != b->served;
}

static bool reason_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    return !streq(a->reason, b->reason);
}

static bool state_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    return a->outlook.state != b->outlook.state;
}

static bool candidates_differ(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    for (Source s = 0; s < _SOURCE_MAX; s++)
        if (a->outlook.verdicts[s] != b->outlook.verdicts[s] || end_of(a, s) != end_of(b, s))
            return true;
    return false;
}

static bool renewal_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    return a->outlook.next_renewal != b->outlook.next_renewal;
}

static bool job_differs(const KnownValues *a, const KnownValues *b, size_t offset _unused_)
{
    return a->outlook.job != b->outlook.job;
}

static bool hash_differs(const KnownValues *a, const KnownValues *b, size_t offset)
{
    return *(const uint64_t *)((const void *)((const uint8_t *)a + offset)) !=
           *(const uint64_t *)((const void *)((const uint8_t *)b + offset));
}

#define LEAF(member) text_of_leaf_differs, offsetof(ChainEntry, member)
#define HASH(member) hash_differs, offsetof(KnownValues, member)

static const PropertyRow rows[] = {
    { "Names", CHANGED_NAMES, HASH(names) },
    { "Source", CHANGED_CHAIN, source_differs, 0 },
    { "Reason", CHANGED_CHAIN | CHANGED_OUTLOOK, reason_differs, 0 },
    { "State", CHANGED_CHAIN | CHANGED_OUTLOOK, state_differs, 0 },
    { "Serial", CHANGED_CHAIN, LEAF(serial) },
    { "NotBefore", CHANGED_CHAIN, start_differs, 0 },
    { "NotAfter", CHANGED_CHAIN, end_differs, 0 },
    { "Issuer", CHANGED_CHAIN, LEAF(issuer) },
    { "Subject", CHANGED_CHAIN, LEAF(subject) },
    { "Fingerprint", CHANGED_CHAIN, LEAF(fingerprint) },
    { "KeyType", CHANGED_CHAIN, key_type_differs, 0 },
    { "Chain", CHANGED_CHAIN, chain_differs, 0 },
    { "Candidates", CHANGED_CHAIN | CHANGED_OUTLOOK, candidates_differ, 0 },
    { "Modules", CHANGED_MODULES, HASH(modules) },
    { "Authority", CHANGED_CHAIN, HASH(authority) },
    { "NextRenewal", CHANGED_CHAIN | CHANGED_OUTLOOK, renewal_differs, 0 },
    { "RenewalWindow", CHANGED_CHAIN | CHANGED_WINDOW, HASH(window) },
    { "LastError", CHANGED_FAILURE, HASH(failure) },
    { "Deployments", CHANGED_DEPLOYMENTS, HASH(deployments) },
    { "Job", CHANGED_JOB, job_differs, 0 },
};

_Static_assert(ELEMENTSOF(rows) < CERTIFICATE_PROPERTIES_MAX, "the list has room for all and its end");

/* ---- hashes */

static uint64_t hash_number(int64_t n, uint64_t seed)
{
    return bytes_hash(&n, sizeof(n), seed);
}

static uint64_t hash_texts(char *const *l)
{
    uint64_t h = 0;

    for (; l && *l; l++)
        h = text_hash(*l, h);
    return h;
}

static uint64_t hash_modules(const Certificate *c)
{
    uint64_t h = hash_texts(c->wish.modules);

    for (size_t i = 0; i < c->record->n_registrations; i++)
        if (!strv_contains(c->wish.modules, c->record->registrations[i].module))
            h = text_hash(c->record->registrations[i].module, h);
    return h;
}

static uint64_t hash_window(const Certificate *c)
{
    if (!served_has_window(c))
        return 0;
    return text_hash(strempty(c->order.explanation_url),
                     hash_number(c->order.window.start, hash_number(c->order.window.end, 0)));
}

static uint64_t hash_failure(const Failure *f)
{
    if (f->when == 0 && f->attempts == 0 && f->problem.code == PROBLEM_NONE)
        return 0;
    return text_hash(strempty(problem_name(&f->problem)),
                     text_hash(strempty(f->problem.text), hash_number(f->when, f->attempts)));
}

static uint64_t hash_placements(const Placements *l)
{
    uint64_t h = 0;

    for (size_t i = 0; i < l->n; i++)
        h = text_hash(l->list[i].module,
                      text_hash(strempty(l->list[i].detail),
                                hash_number(l->list[i].when, h + (uint64_t)l->list[i].state)));
    return h;
}

/* ---- */

static KnownValues *known_values_new(const Bus *b, const Certificate *c)
{
    const Record *rec = c->record;
    KnownValues *t = malloc(sizeof(KnownValues));

    if (!t)
        return NULL;
    *t = (KnownValues){
        .outlook = manager_outlook(b->manager, c),
        .served = rec->served,
        .names = hash_texts(c->names),
        .modules = hash_modules(c),
        .authority = rec->served == SOURCE_ACME ? text_hash(strempty(rec->authority), 0) : 0,
        .window = hash_window(c),
        .failure = hash_failure(&rec->failure),
        .deployments = hash_placements(&c->placements),
    };
    t->reason = certificate_is_root(c) ? certificate_reason(c) : t->outlook.reason;
    for (Source s = 0; s < _SOURCE_MAX; s++)
        t->chains[s] = chain_ref(rec->slots[s].chain);
    return t;
}

static uint32_t differences(const KnownValues *a, const KnownValues *b)
{
    uint32_t set = 0;

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        if (rows[i].differs(a, b, rows[i].offset))
            set |= UINT32_C(1) << i;
    return set;
}

static uint32_t all_of(unsigned what)
{
    uint32_t set = 0;

    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        if (rows[i].what & what)
            set |= UINT32_C(1) << i;
    return set;
}

/* Returns true if a property may have a value that was not signalled. Time alone changes those of the outlook. */
static bool may_differ(const Bus *b, const Certificate *c)
{
    Outlook now;

    if (c->client.pending)
        return true;
    now = manager_outlook(b->manager, c);
    return !outlook_equal(&now, &c->client.known->outlook);
}

/* Properties of all objects are read, or of one. */
static bool is_reading(sd_bus *bus)
{
    sd_bus_message *m = sd_bus_get_current_message(bus);

    return m && (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", NULL) > 0 ||
                 sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", NULL) > 0);
}

void known_values_note_read(const Bus *b, Certificate *c)
{
    KnownValues *now;

    if (!is_reading(b->bus) || (c->client.known ? !may_differ(b, c) : c->client.pending))
        return;
    now = known_values_new(b, c);
    if (!c->client.known) {
        c->client.known = now;
        return;
    }
    if (now)
        c->client.read |= differences(c->client.known, now);
    known_values_free(now);
}

void known_values_update(const Bus *b, Certificate *c, unsigned what,
                         const char *ret[static CERTIFICATE_PROPERTIES_MAX])
{
    KnownValues *now = known_values_new(b, c), *former = c->client.known;
    uint32_t set = c->client.read;
    size_t n = 0;

    set |= now && former ? differences(former, now) : all_of(what | CHANGED_JOB | CHANGED_OUTLOOK);
    for (size_t i = 0; i < ELEMENTSOF(rows); i++)
        if (set & (UINT32_C(1) << i))
            ret[n++] = rows[i].name;
    ret[n] = NULL;
    known_values_free(former);
    c->client = (CertificateClient){ .known = now };
}
