/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/index.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "crypto/digest.h"
#include "util/text.h"

static const char magic[16] = "certwright-ix-6\n";

/* Writes a record, or reads one: the same functions do both, so that the two cannot differ. A value out of
 * its limits, invalid input and OOM set failed; everything read after that is 0 or "". */
typedef struct Coder {
    FILE *out; /* NULL: it reads */
    const uint8_t *at, *end;
    bool failed;
} Coder;

static const void *take(Coder *c, size_t size)
{
    const uint8_t *data = c->at;

    if (c->failed || (size_t)(c->end - c->at) < size) {
        c->failed = true;
        return NULL;
    }
    c->at += size;
    return data;
}

static void code_bytes(Coder *c, void *data, size_t size)
{
    const void *from;

    if (c->out) {
        c->failed |= fwrite_unlocked(data, size, 1, c->out) != 1;
        return;
    }
    from = take(c, size);
    if (from)
        memcpy(data, from, size);
    else
        memset(data, 0, size);
}

/* Returns the value that was written or read. */
static int64_t code_int(Coder *c, int64_t value)
{
    code_bytes(c, &value, sizeof(value));
    return value;
}

static size_t code_count(Coder *c, size_t n, size_t max)
{
    int64_t count = code_int(c, (int64_t)n);

    if (count >= 0 && (uint64_t)count <= max)
        return (size_t)count;
    c->failed = true;
    return 0;
}

/* NULL is written as "". What was read is part of the input. */
static const char *code_text(Coder *c, const char *s)
{
    uint32_t size = (uint32_t)strlen(strempty(s)) + 1;

    code_bytes(c, &size, sizeof(size));
    if (c->out) {
        c->failed |= fwrite_unlocked(strempty(s), size, 1, c->out) != 1;
        return s;
    }
    s = take(c, size);
    if (!s || size == 0 || s[size - 1] != 0 || strlen(s) != size - 1) {
        c->failed = true;
        return "";
    }
    return s;
}

/* Reads "" as NULL. */
static const char *code_optional(Coder *c, const char *s)
{
    s = code_text(c, s);
    return isempty(s) ? NULL : s;
}

static void code_copy(Coder *c, char **s)
{
    const char *text = code_optional(c, *s);

    if (!c->out && text_set(s, text) < 0)
        c->failed = true;
}

static void code_chain(Coder *c, Chain **chain)
{
    const Chain *from = *chain;
    const char *names[LIMIT_NAMES];
    ChainEntry entries[LIMIT_CHAIN];
    KeyType type = (KeyType)code_count(c, from ? from->key_type : 0, _KEY_TYPE_MAX - 1);
    bool authority = code_int(c, from && from->is_authority) > 0;
    size_t n = code_count(c, from ? from->n_entries : 0, LIMIT_CHAIN), n_names;

    for (size_t i = 0; i < n; i++) {
        ChainEntry *e = entries + i;

        *e = from ? from->entries[i] : (ChainEntry){};
        e->subject = code_text(c, e->subject);
        e->issuer = code_text(c, e->issuer);
        e->serial = code_text(c, e->serial);
        e->fingerprint = code_text(c, e->fingerprint);
        e->not_before = code_int(c, e->not_before);
        e->not_after = code_int(c, e->not_after);
    }
    n_names = code_count(c, from ? from->n_names : 0, LIMIT_NAMES);
    for (size_t i = 0; i < n_names; i++)
        names[i] = code_text(c, from ? from->names[i] : NULL);
    if (c->out || c->failed)
        return;
    *chain = n > 0 ? chain_new(entries, n, names, n_names, type, authority) : NULL;
    c->failed = !*chain;
}

static void code_slot(Coder *c, Slot *slot)
{
    if (code_int(c, slot->chain != NULL) <= 0)
        return;
    slot->stored.generation = (uint64_t)code_int(c, (int64_t)slot->stored.generation);
    slot->root = (uint64_t)code_int(c, (int64_t)slot->root);
    slot->purposes = (unsigned)code_int(c, slot->purposes);
    code_bytes(c, slot->stored.digest, sizeof(slot->stored.digest));
    slot->withdrawn = code_int(c, slot->withdrawn) > 0;
    slot->revoked = code_int(c, slot->revoked) > 0;
    slot->broken = code_int(c, slot->broken) > 0;
    code_chain(c, &slot->chain);
}

static void code_registration(Coder *c, Record *rec, const Registration *reg)
{
    RegistrationRequest wish = reg ? registration_request(reg) : (RegistrationRequest){};
    const char *names[LIMIT_NAMES + 1] = {};
    size_t n;

    wish.module = code_text(c, wish.module);
    wish.key_type = (KeyType)code_int(c, wish.key_type);
    wish.acme = (int)code_int(c, wish.acme);
    wish.authority = code_optional(c, wish.authority);
    n = code_count(c, strv_length(wish.names), LIMIT_NAMES);
    for (size_t i = 0; i < n; i++)
        names[i] = code_text(c, reg ? wish.names[i] : NULL);
    wish.names = (char *const *)(uintptr_t)names;
    if (!reg && !c->failed && record_register(rec, &wish) < 0)
        c->failed = true;
}

static void code_blocked(Coder *c, Record *rec, const BlockedLeaf *from)
{
    BlockedLeaf leaf = from ? *from : (BlockedLeaf){};

    code_bytes(c, leaf.fingerprint, sizeof(leaf.fingerprint));
    leaf.reason = (BlockReason)code_count(c, leaf.reason, _BLOCK_REASON_MAX - 1);
    leaf.not_after = code_int(c, leaf.not_after);
    leaf.fingerprint[sizeof(leaf.fingerprint) - 1] = 0;
    if (!from && !c->failed && blocklist_add(&rec->blocked, &leaf, INT64_MIN) < 0)
        c->failed = true;
}

/* While writing, rec is a flat copy of the record. */
static void code_members(Coder *c, Record *rec)
{
    Failure *f = &rec->failure;
    size_t n;

    rec->stored.last_generation = (uint64_t)code_int(c, (int64_t)rec->stored.last_generation);
    rec->served = (Source)code_int(c, rec->served);
    rec->stored.former = (uint64_t)code_int(c, (int64_t)rec->stored.former);
    rec->abandoned = code_int(c, rec->abandoned);
    rec->warned = code_int(c, rec->warned);
    for (Source s = 0; s < _SOURCE_MAX; s++)
        code_slot(c, rec->slots + s);
    n = code_count(c, rec->n_registrations, LIMIT_REGISTRATIONS);
    for (size_t i = 0; i < n; i++)
        code_registration(c, rec, c->out ? rec->registrations + i : NULL);
    n = code_count(c, rec->blocked.n, LIMIT_BLOCKED);
    for (size_t i = 0; i < n; i++)
        code_blocked(c, rec, c->out ? rec->blocked.leaves + i : NULL);
    f->problem.code = (ProblemCode)code_count(c, f->problem.code, _PROBLEM_MAX - 1);
    code_copy(c, &f->problem.text);
    f->when = code_int(c, f->when);
    f->attempts = (unsigned)code_int(c, f->attempts);
    code_copy(c, &f->problem.type);
    code_copy(c, &rec->authority);
    code_copy(c, &rec->solver);
    rec->order_after = code_int(c, rec->order_after);
    rec->order_failed = code_int(c, rec->order_failed) > 0;
    rec->uploaded = (uint64_t)code_int(c, (int64_t)rec->uploaded);
    rec->uploaded_at = code_int(c, rec->uploaded_at);
}

static void write_record(Coder *c, const Record *rec)
{
    Record flat = *rec;

    (void)code_int(c, rec->kind);
    (void)code_text(c, rec->name);
    code_members(c, &flat);
}

static Record *read_record(Coder *c)
{
    RecordKind kind = (RecordKind)code_count(c, 0, _RECORD_KIND_MAX - 1);
    _cleanup_record_ Record *rec = record_new(kind, code_text(c, NULL));

    if (!rec)
        return NULL;
    code_members(c, rec);
    if (rec->served >= _SOURCE_MAX || (rec->served >= 0 && !rec->slots[rec->served].chain))
        c->failed = true;
    return c->failed ? NULL : TAKE_PTR(rec);
}

int index_encode(const JournalPosition *position, const Record *const *records, size_t n, void **ret,
                 size_t *ret_size)
{
    _cleanup_free_ char *data = NULL;
    uint8_t digest[DIGEST_SIZE];
    size_t size = 0;
    Coder c = { .out = open_memstream(&data, &size) };
    int r;

    if (!c.out)
        return -ENOMEM;
    c.failed = fwrite_unlocked(magic, sizeof(magic), 1, c.out) != 1;
    (void)code_text(&c, position->id);
    (void)code_int(&c, (int64_t)position->offset);
    (void)code_int(&c, (int64_t)n);
    for (size_t i = 0; i < n && !c.failed; i++)
        write_record(&c, records[i]);
    r = fflush(c.out) != 0 ? -ENOMEM : digest_sha256(data, size, digest);
    code_bytes(&c, digest, sizeof(digest));
    if (fclose(c.out) != 0 || c.failed)
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret = TAKE_PTR(data);
    *ret_size = size;
    return 0;
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
    Coder c;
    size_t n;
    int r;

    if (!is_intact(begin, size))
        return -EBADMSG;
    c = (Coder){ .at = begin + sizeof(magic), .end = begin + size - DIGEST_SIZE };
    id = code_text(&c, NULL);
    if (!text_is_hex(id, JOURNAL_ID_SIZE - 1))
        return -EBADMSG;
    strcpy(position.id, id);
    position.offset = (uint64_t)code_int(&c, 0);
    n = code_count(&c, 0, SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++) {
        Record *rec = read_record(&c);

        if (!rec)
            return c.failed ? -EBADMSG : -ENOMEM;
        r = visit(rec, userdata);
        if (r < 0)
            return r;
    }
    *ret_position = position;
    return 0;
}
