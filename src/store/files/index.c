/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/index.h"

#include <errno.h>

#include "core/limits.h"
#include "crypto/digest.h"
#include "util/text.h"

static const char magic[16] = "certwright-ix-5\n";

typedef struct Packer {
    uint8_t *data;
    size_t size, allocated;
    bool failed;
} Packer;

static void pack(Packer *p, const void *data, size_t size)
{
    if (p->allocated - p->size < size) {
        size_t grown = MAX(p->allocated * 2, p->size + size + 4096);
        uint8_t *copy = realloc(p->data, grown);

        if (!copy) {
            p->failed = true;
            return;
        }
        p->data = copy;
        p->allocated = grown;
    }
    memcpy(p->data + p->size, data, size);
    p->size += size;
}

static void pack_int(Packer *p, int64_t value)
{
    pack(p, &value, sizeof(value));
}

static void pack_text(Packer *p, const char *s)
{
    uint32_t size = (uint32_t)strlen(s) + 1;

    pack(p, &size, sizeof(size));
    pack(p, s, size);
}

static void pack_chain(Packer *p, const Chain *c)
{
    pack_int(p, c->key_type);
    pack_int(p, c->is_authority);
    pack_int(p, c->n_entries);
    for (unsigned i = 0; i < c->n_entries; i++) {
        const ChainEntry *e = c->entries + i;

        pack_text(p, e->subject);
        pack_text(p, e->issuer);
        pack_text(p, e->serial);
        pack_text(p, e->fingerprint);
        pack_int(p, e->not_before);
        pack_int(p, e->not_after);
    }
    pack_int(p, c->n_names);
    for (unsigned i = 0; i < c->n_names; i++)
        pack_text(p, c->names[i]);
}

static void pack_slot(Packer *p, const Slot *slot)
{
    pack_int(p, slot->chain != NULL);
    if (!slot->chain)
        return;
    pack_int(p, (int64_t)slot->generation);
    pack_int(p, (int64_t)slot->root);
    pack_int(p, slot->purposes);
    pack(p, slot->digest, sizeof(slot->digest));
    pack_int(p, slot->withdrawn);
    pack_int(p, slot->revoked);
    pack_int(p, slot->broken);
    pack_chain(p, slot->chain);
}

static void pack_registration(Packer *p, const Registration *reg)
{
    pack_text(p, reg->module);
    pack_int(p, reg->key_type);
    pack_int(p, reg->acme);
    pack_text(p, strempty(reg->authority));
    pack_int(p, (int64_t)strv_length(reg->names));
    for (size_t i = 0; reg->names && reg->names[i]; i++)
        pack_text(p, reg->names[i]);
}

static void pack_record(Packer *p, const Record *rec)
{
    pack_int(p, rec->kind);
    pack_text(p, rec->name);
    pack_int(p, (int64_t)rec->last_generation);
    pack_int(p, rec->served);
    pack_int(p, (int64_t)rec->former);
    pack_int(p, rec->abandoned);
    pack_int(p, rec->warned);
    for (Source s = 0; s < _SOURCE_MAX; s++)
        pack_slot(p, rec->slots + s);
    pack_int(p, (int64_t)rec->n_registrations);
    for (size_t i = 0; i < rec->n_registrations; i++)
        pack_registration(p, rec->registrations + i);
    pack_int(p, rec->failure.problem.code);
    pack_text(p, strempty(rec->failure.problem.text));
    pack_int(p, rec->failure.when);
    pack_int(p, rec->failure.attempts);
    pack_text(p, strempty(rec->failure.problem.type));
    pack_text(p, strempty(rec->authority));
    pack_text(p, strempty(rec->solver));
    pack_int(p, rec->order_after);
    pack_int(p, rec->order_failed);
    pack_int(p, (int64_t)rec->uploaded);
    pack_int(p, rec->uploaded_at);
}

int index_encode(const JournalPosition *position, const Record *const *records, size_t n, void **ret,
                 size_t *ret_size)
{
    uint8_t digest[DIGEST_SIZE];
    Packer p = {};
    int r;

    pack(&p, magic, sizeof(magic));
    pack_text(&p, position->id);
    pack_int(&p, (int64_t)position->offset);
    pack_int(&p, (int64_t)n);
    for (size_t i = 0; i < n && !p.failed; i++)
        pack_record(&p, records[i]);
    r = p.failed ? -ENOMEM : digest_sha256(p.data, p.size, digest);
    if (r >= 0)
        pack(&p, digest, sizeof(digest));
    if (r < 0 || p.failed) {
        free(p.data);
        return r < 0 ? r : -ENOMEM;
    }
    *ret = p.data;
    *ret_size = p.size;
    return 0;
}

/* Reading. Invalid input sets failed, and everything read after that is 0 or "". */
typedef struct Unpacker {
    const uint8_t *at, *end;
    bool failed;
} Unpacker;

static const void *unpack(Unpacker *u, size_t size)
{
    const uint8_t *data = u->at;

    if (u->failed || (size_t)(u->end - u->at) < size) {
        u->failed = true;
        return NULL;
    }
    u->at += size;
    return data;
}

static int64_t unpack_int(Unpacker *u)
{
    const void *data = unpack(u, sizeof(int64_t));
    int64_t value = 0;

    if (data)
        memcpy(&value, data, sizeof(value));
    return value;
}

static size_t unpack_count(Unpacker *u, size_t max)
{
    int64_t n = unpack_int(u);

    if (n < 0 || (uint64_t)n > max) {
        u->failed = true;
        return 0;
    }
    return (size_t)n;
}

static const char *unpack_text(Unpacker *u)
{
    const void *data = unpack(u, sizeof(uint32_t));
    uint32_t size = 0;
    const char *s;

    if (data)
        memcpy(&size, data, sizeof(size));
    s = unpack(u, size);
    if (!s || size == 0 || s[size - 1] != 0 || strlen(s) != size - 1) {
        u->failed = true;
        return "";
    }
    return s;
}

static size_t unpack_names(Unpacker *u, const char *names[static LIMIT_NAMES + 1])
{
    size_t n = unpack_count(u, LIMIT_NAMES);

    for (size_t i = 0; i < n; i++)
        names[i] = unpack_text(u);
    names[n] = NULL;
    return n;
}

static Chain *unpack_chain(Unpacker *u)
{
    const char *names[LIMIT_NAMES + 1];
    ChainEntry entries[LIMIT_CHAIN];
    KeyType type = (KeyType)unpack_count(u, _KEY_TYPE_MAX - 1);
    bool authority = unpack_int(u) > 0;
    size_t n = unpack_count(u, LIMIT_CHAIN), n_names;
    Chain *c;

    for (size_t i = 0; i < n; i++) {
        ChainEntry *e = entries + i;

        e->subject = unpack_text(u);
        e->issuer = unpack_text(u);
        e->serial = unpack_text(u);
        e->fingerprint = unpack_text(u);
        e->not_before = unpack_int(u);
        e->not_after = unpack_int(u);
    }
    n_names = unpack_names(u, names);
    c = u->failed || n == 0 ? NULL : chain_new(entries, n, names, n_names, type, authority);
    u->failed = !c;
    return c;
}

/* Returns NULL for an empty one. */
static char *unpack_optional(Unpacker *u)
{
    const char *text = unpack_text(u);

    return isempty(text) ? NULL : strdup(text);
}

static void unpack_slot(Unpacker *u, Slot *slot)
{
    const void *digest;

    if (unpack_int(u) <= 0)
        return;
    slot->generation = (uint64_t)unpack_int(u);
    slot->root = (uint64_t)unpack_int(u);
    slot->purposes = (unsigned)unpack_int(u);
    digest = unpack(u, sizeof(slot->digest));
    if (digest)
        memcpy(slot->digest, digest, sizeof(slot->digest));
    slot->withdrawn = unpack_int(u) > 0;
    slot->revoked = unpack_int(u) > 0;
    slot->broken = unpack_int(u) > 0;
    slot->chain = unpack_chain(u);
}

static void unpack_registration(Unpacker *u, Record *rec)
{
    const char *names[LIMIT_NAMES + 1], *authority;
    RegistrationRequest wish = { .module = unpack_text(u), .names = (char *const *)(uintptr_t)names };

    wish.key_type = (KeyType)unpack_int(u);
    wish.acme = (int)unpack_int(u);
    authority = unpack_text(u);
    wish.authority = isempty(authority) ? NULL : authority;
    unpack_names(u, names);
    if (!u->failed && record_register(rec, &wish) < 0)
        u->failed = true;
}

static void unpack_members(Unpacker *u, Record *rec)
{
    size_t n;

    rec->last_generation = (uint64_t)unpack_int(u);
    rec->served = (Source)unpack_int(u);
    rec->former = (uint64_t)unpack_int(u);
    rec->abandoned = unpack_int(u);
    rec->warned = unpack_int(u);
    for (Source s = 0; s < _SOURCE_MAX; s++)
        unpack_slot(u, rec->slots + s);
    n = unpack_count(u, LIMIT_REGISTRATIONS);
    for (size_t i = 0; i < n; i++)
        unpack_registration(u, rec);
    rec->failure.problem.code = (ProblemCode)unpack_count(u, _PROBLEM_MAX - 1);
    rec->failure.problem.text =
        rec->failure.problem.code != PROBLEM_NONE ? strdup(unpack_text(u)) : (unpack_text(u), NULL);
    rec->failure.when = unpack_int(u);
    rec->failure.attempts = (unsigned)unpack_int(u);
    rec->failure.problem.type = unpack_optional(u);
    rec->authority = unpack_optional(u);
    rec->solver = unpack_optional(u);
    rec->order_after = unpack_int(u);
    rec->order_failed = unpack_int(u) > 0;
    rec->uploaded = (uint64_t)unpack_int(u);
    rec->uploaded_at = unpack_int(u);
    if (rec->served >= _SOURCE_MAX || (rec->served >= 0 && !rec->slots[rec->served].chain))
        u->failed = true;
}

static Record *unpack_record(Unpacker *u)
{
    RecordKind kind = (RecordKind)unpack_count(u, _RECORD_KIND_MAX - 1);
    _cleanup_record_ Record *rec = record_new(kind, unpack_text(u));

    if (!rec)
        return NULL;
    unpack_members(u, rec);
    return u->failed ? NULL : TAKE_PTR(rec);
}

static bool is_intact(const uint8_t *data, size_t size)
{
    uint8_t digest[DIGEST_SIZE];

    return size > sizeof(magic) + DIGEST_SIZE && memcmp(data, magic, sizeof(magic)) == 0 &&
           digest_sha256(data, size - DIGEST_SIZE, digest) >= 0 &&
           memcmp(digest, data + size - DIGEST_SIZE, DIGEST_SIZE) == 0;
}

int index_decode(const void *data, size_t size, JournalPosition *ret_position, IndexVisit visit,
                 void *userdata)
{
    const uint8_t *begin = data;
    JournalPosition position = {};
    const char *id;
    Unpacker u;
    size_t n;
    int r;

    if (!is_intact(begin, size))
        return -EBADMSG;
    u = (Unpacker){ begin + sizeof(magic), begin + size - DIGEST_SIZE, false };
    id = unpack_text(&u);
    if (!text_is_hex(id, JOURNAL_ID_SIZE - 1))
        return -EBADMSG;
    strcpy(position.id, id);
    position.offset = (uint64_t)unpack_int(&u);
    n = unpack_count(&u, SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++) {
        Record *rec = unpack_record(&u);

        if (!rec)
            return u.failed ? -EBADMSG : -ENOMEM;
        r = visit(rec, userdata);
        if (r < 0)
            return r;
    }
    *ret_position = position;
    return 0;
}
