/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/record.h"

#include <errno.h>

#include "core/name.h"
#include "util/text.h"

static const char *const kinds[_RECORD_KIND_MAX] = {
    [RECORD_CERTIFICATE] = "certificate",
    [RECORD_ROOT] = "root",
    [RECORD_UPLOAD] = "upload",
};

DEFINE_STRING_TABLE(record_kind, RecordKind, kinds);

bool record_name_is_valid(RecordKind kind, const char *name)
{
    _cleanup_free_ char *canonical = NULL;

    switch (kind) {
    case RECORD_ROOT:
        return streq(name, "root");
    case RECORD_UPLOAD:
        return text_is_hex(name, 64);
    case RECORD_CERTIFICATE:
        return name_canonicalize(name, &canonical, NULL) >= 0 && streq(name, canonical);
    default:
        return false;
    }
}

Record *record_new(RecordKind kind, const char *name)
{
    _cleanup_record_ Record *rec = calloc(1, sizeof(Record));

    if (!rec)
        return NULL;
    rec->kind = kind;
    rec->served = _SOURCE_INVALID;
    rec->name = strdup(name);
    return rec->name ? TAKE_PTR(rec) : NULL;
}

void registration_done(Registration *reg)
{
    free(reg->module);
    strv_free(reg->names);
    free(reg->authority);
    *reg = (Registration){ .key_type = _KEY_TYPE_INVALID, .acme = -1 };
}

int registration_set(Registration *reg, const RegistrationRequest *wish)
{
    Registration set = { .key_type = wish->key_type, .acme = wish->acme };

    if (text_set(&set.module, wish->module) < 0 || strv_copy(wish->names, &set.names) < 0 ||
        text_set(&set.authority, wish->authority) < 0) {
        registration_done(&set);
        return -ENOMEM;
    }
    registration_done(reg);
    *reg = set;
    return 0;
}

RegistrationRequest registration_request(const Registration *reg)
{
    return (RegistrationRequest){ reg->module, reg->names, reg->key_type, reg->acme, reg->authority };
}

Record *record_free(Record *rec)
{
    if (!rec)
        return NULL;
    for (Source s = 0; s < _SOURCE_MAX; s++)
        chain_unref(rec->slots[s].chain);
    for (size_t i = 0; i < rec->n_registrations; i++)
        registration_done(rec->registrations + i);
    free(rec->registrations);
    problem_clear(&rec->failure.problem);
    blocklist_clear(&rec->blocked);
    free(rec->authority);
    free(rec->solver);
    free(rec->name);
    free(rec);
    return NULL;
}

Record *record_copy(const Record *rec)
{
    _cleanup_record_ Record *copy = record_new(rec->kind, rec->name);
    char *name = copy ? copy->name : NULL;

    if (!copy)
        return NULL;
    *copy = *rec;
    copy->name = name;
    copy->authority = copy->solver = NULL;
    copy->failure.problem = (Problem){};
    copy->registrations = NULL;
    copy->n_registrations = 0;
    copy->blocked = (Blocklist){};
    for (Source s = 0; s < _SOURCE_MAX; s++)
        chain_ref(copy->slots[s].chain);
    for (size_t i = 0; i < rec->n_registrations; i++) {
        RegistrationRequest wish = registration_request(rec->registrations + i);

        if (record_register(copy, &wish) < 0)
            return NULL;
    }
    if (blocklist_copy(&rec->blocked, &copy->blocked) < 0 ||
        record_set_authority(copy, rec->authority, rec->solver) < 0 ||
        problem_copy(&rec->failure.problem, &copy->failure.problem) < 0)
        return NULL;
    return TAKE_PTR(copy);
}

bool record_keeps(const Record *rec, uint64_t generation)
{
    for (Source s = 0; s < _SOURCE_MAX; s++)
        if (rec->slots[s].stored.generation == generation)
            return true;
    return rec->stored.former == generation;
}

void record_candidates(const Record *rec, Candidate ret[static _SOURCE_MAX])
{
    for (Source s = 0; s < _SOURCE_MAX; s++)
        ret[s] = (Candidate){
            .chain = rec->slots[s].chain,
            .broken = rec->slots[s].broken,
            .withdrawn = rec->slots[s].withdrawn,
            .revoked = rec->slots[s].revoked,
        };
}

const Chain *record_usable_acme(const Record *rec, char *const *names, int64_t now)
{
    Candidate candidates[_SOURCE_MAX], *acme = candidates + SOURCE_ACME;

    record_candidates(rec, candidates);
    return candidate_judge(acme, SOURCE_ACME, names, now) == VERDICT_USABLE ? acme->chain : NULL;
}

Registration *record_find_registration(const Record *rec, const char *module)
{
    for (size_t i = 0; i < rec->n_registrations; i++)
        if (streq(rec->registrations[i].module, module))
            return rec->registrations + i;
    return NULL;
}

int record_register(Record *rec, const RegistrationRequest *wish)
{
    Registration *reg = record_find_registration(rec, wish->module), *grown, added = {};
    int r;

    if (reg)
        return registration_set(reg, wish);
    grown = reallocarray(rec->registrations, rec->n_registrations + 1, sizeof(Registration));
    if (!grown)
        return -ENOMEM;
    rec->registrations = grown;
    r = registration_set(&added, wish);
    if (r >= 0)
        grown[rec->n_registrations++] = added;
    return r;
}

bool record_unregister(Record *rec, const char *module)
{
    Registration *reg = record_find_registration(rec, module);

    if (!reg)
        return false;
    registration_done(reg);
    *reg = rec->registrations[--rec->n_registrations];
    return true;
}

void record_set_failure(Record *rec, const Problem *problem, int64_t when)
{
    problem_clear(&rec->failure.problem);
    (void)problem_copy(problem, &rec->failure.problem);
    rec->failure.when = when;
    if (rec->failure.attempts < UINT32_MAX)
        rec->failure.attempts++;
}

void record_clear_failure(Record *rec)
{
    problem_clear(&rec->failure.problem);
    rec->failure = (Failure){};
    rec->order_failed = false;
    rec->order_after = 0;
}

int record_set_authority(Record *rec, const char *authority, const char *solver)
{
    int r = text_set(&rec->authority, authority);

    return r < 0 ? r : text_set(&rec->solver, solver);
}

void record_set_slot(Record *rec, Source source, uint64_t generation, Chain *chain, uint64_t root,
                     unsigned purposes)
{
    Chain *kept = chain_ref(chain);

    record_clear_slot(rec, source);
    rec->slots[source] =
        (Slot){ .stored.generation = generation, .chain = kept, .root = root, .purposes = purposes };
}

void record_clear_slot(Record *rec, Source source)
{
    chain_unref(rec->slots[source].chain);
    rec->slots[source] = (Slot){};
}

int record_block(Record *rec, const Chain *chain, BlockReason reason, int64_t now)
{
    BlockedLeaf leaf = { .reason = reason, .not_after = chain_leaf(chain)->not_after };

    (void)memccpy(leaf.fingerprint, chain_leaf(chain)->fingerprint, 0, sizeof(leaf.fingerprint) - 1);
    return blocklist_add(&rec->blocked, &leaf, now);
}

bool record_serve(Record *rec, Source source, const Record *before)
{
    uint64_t previous = before ? record_current(before) : 0;

    rec->served = source;
    if (record_current(rec) == previous)
        return false;
    rec->warned = 0;
    rec->stored.former = previous;
    return true;
}
