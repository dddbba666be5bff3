/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/record-json.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/name.h"
#include "store/files/blocklist-json.h"
#include "util/strict-json.h"
#include "util/text.h"

#define FORMAT RECORD_FORMAT

static json_object *parse(const char *text, size_t size)
{
    return size <= LIMIT_RECORD ? json_parse(text, size, RECORD_DEPTH) : NULL;
}

static const JsonField entry_fields[] = {
    { "subject", JSON_BORROWED, offsetof(ChainEntry, subject), false },
    { "issuer", JSON_BORROWED, offsetof(ChainEntry, issuer), false },
    { "serial", JSON_BORROWED, offsetof(ChainEntry, serial), false },
    { "not-before", JSON_INT, offsetof(ChainEntry, not_before), false },
    { "not-after", JSON_INT, offsetof(ChainEntry, not_after), false },
    { "fingerprint", JSON_BORROWED, offsetof(ChainEntry, fingerprint), false },
};

/* These follow generation and digest. */
static const JsonField slot_fields[] = {
    { "root", JSON_COUNT, offsetof(Slot, root), false },
    { "purposes", JSON_UNSIGNED, offsetof(Slot, purposes), false },
    { "withdrawn", JSON_FLAG, offsetof(Slot, withdrawn), false },
    { "revoked", JSON_FLAG, offsetof(Slot, revoked), true },
};

/* These follow the code of the problem. */
static const JsonField failure_fields[] = {
    { "text", JSON_TEXT, offsetof(Failure, problem.text), false },
    { "when", JSON_INT, offsetof(Failure, when), false },
    { "type", JSON_TEXT, offsetof(Failure, problem.type), true },
    { "attempts", JSON_UNSIGNED, offsetof(Failure, attempts), false },
};

/* The first follow the name of the served source, the others the objects. */
static const JsonField record_fields[] = {
    { "former", JSON_COUNT, offsetof(Record, stored.former), false },
    { "abandoned", JSON_INT, offsetof(Record, abandoned), false },
    { "warned", JSON_INT, offsetof(Record, warned), true },
};
static const JsonField order_fields[] = {
    { "authority", JSON_TEXT, offsetof(Record, authority), true },
    { "challenge", JSON_TEXT, offsetof(Record, solver), true },
    { "order-after", JSON_INT, offsetof(Record, order_after), true },
    { "order-failed", JSON_FLAG, offsetof(Record, order_failed), true },
    { "upload-number", JSON_COUNT, offsetof(Record, uploaded), true },
};

/* ---- writing */

static int add_object(json_object *array, json_object **ret)
{
    *ret = json_object_new_object();
    return *ret && json_object_array_add(array, *ret) == 0 ? 0 : -ENOMEM;
}

static int put_chain(json_object *o, const Chain *c)
{
    json_object *l = json_object_new_array(), *entry;
    int r = json_put(o, "chain", l);

    for (unsigned i = 0; i < c->n_entries && r >= 0; i++) {
        r = add_object(l, &entry);
        if (r >= 0)
            r = json_put_fields(entry, entry_fields, ELEMENTSOF(entry_fields), c->entries + i);
    }
    if (r < 0 || json_put_list(o, "names", c->names) < 0 ||
        json_put_text(o, "key-type", key_type_to_string(c->key_type)) < 0)
        return -ENOMEM;
    return c->is_authority ? json_put(o, "authority", json_object_new_boolean(true)) : 0;
}

static int put_slot(json_object *sources, Source s, const Slot *slot)
{
    json_object *o = json_object_new_object();
    char digest[2 * sizeof(slot->stored.digest) + 1];

    if (json_put(sources, source_to_string(s), o) < 0)
        return -ENOMEM;
    hex_encode(slot->stored.digest, sizeof(slot->stored.digest), false, digest);
    if (json_put_int(o, "generation", (int64_t)slot->stored.generation) < 0 ||
        json_put_text(o, "digest", digest) < 0 ||
        json_put_fields(o, slot_fields, ELEMENTSOF(slot_fields), slot) < 0)
        return -ENOMEM;
    return put_chain(o, slot->chain);
}

static int put_sources(json_object *o, const Record *rec)
{
    json_object *sources = json_object_new_object();
    int r = json_put(o, "sources", sources);

    for (Source s = 0; s < _SOURCE_MAX && r >= 0; s++)
        if (rec->slots[s].chain)
            r = put_slot(sources, s, rec->slots + s);
    return r;
}

static int put_registrations(json_object *o, const Record *rec)
{
    json_object *l = json_object_new_array(), *item;
    int r = json_put(o, "registrations", l);

    for (size_t i = 0; i < rec->n_registrations && r >= 0; i++) {
        const Registration *reg = rec->registrations + i;

        if (add_object(l, &item) < 0 || json_put_text(item, "module", reg->module) < 0 ||
            json_put_list(item, "names", reg->names) < 0)
            return -ENOMEM;
        if (reg->key_type >= 0)
            r = json_put_text(item, "key-type", key_type_to_string(reg->key_type));
        if (r >= 0 && reg->acme >= 0)
            r = json_put(item, "acme", json_object_new_boolean(reg->acme));
        if (r >= 0 && reg->authority)
            r = json_put_text(item, "authority", reg->authority);
    }
    return r;
}

static int put_failure(json_object *o, const Failure *f)
{
    json_object *failure;

    if (f->problem.code == PROBLEM_NONE)
        return 0;
    failure = json_object_new_object();
    if (json_put(o, "failure", failure) < 0 ||
        json_put_text(failure, "code", problem_code_to_string(f->problem.code)) < 0)
        return -ENOMEM;
    return json_put_fields(failure, failure_fields, ELEMENTSOF(failure_fields), f);
}

/* The newest last. The history of a damaged former record is dropped. */
static int put_history(json_object *o, const Record *rec, const char *former, int64_t now)
{
    _cleanup_json_ json_object *before = former ? parse(former, strlen(former)) : NULL;
    json_object *l = json_object_new_array(), *was, *item;
    const Slot *served = record_served(rec);
    size_t n, from;

    if (json_put(o, "history", l) < 0)
        return -ENOMEM;
    if (json_get(before, "history", json_type_array, &was) >= 0) {
        n = json_object_array_length(was);
        from = n >= LIMIT_HISTORY ? n - LIMIT_HISTORY + 1 : 0;
        for (size_t i = from; i < n; i++)
            json_object_array_add(l, json_object_get(json_object_array_get_idx(was, i)));
    }
    if (!served || !served->chain)
        return 0;
    n = json_object_array_length(l);
    if (n > 0 && json_object_object_get_ex(json_object_array_get_idx(l, n - 1), "generation", &was) &&
        (uint64_t)json_object_get_int64(was) == served->stored.generation)
        return 0;
    if (add_object(l, &item) < 0 || json_put_int(item, "time", now) < 0 ||
        json_put_text(item, "source", source_to_string(rec->served)) < 0 ||
        json_put_text(item, "fingerprint", chain_leaf(served->chain)->fingerprint) < 0)
        return -ENOMEM;
    return json_put_int(item, "generation", (int64_t)served->stored.generation);
}

int record_to_json(const Record *rec, const char *former, int64_t now, char **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    const char *text;

    if (!o || json_put_int(o, "format", FORMAT) < 0 ||
        json_put_text(o, "kind", record_kind_to_string(rec->kind)) < 0 ||
        json_put_text(o, "name", rec->name) < 0 ||
        json_put_int(o, "last-generation", (int64_t)rec->stored.last_generation) < 0 ||
        json_put_text(o, "served", source_to_string(rec->served)) < 0 ||
        json_put_fields(o, record_fields, ELEMENTSOF(record_fields), rec) < 0 || put_sources(o, rec) < 0 ||
        put_registrations(o, rec) < 0 || put_failure(o, &rec->failure) < 0 ||
        json_put_fields(o, order_fields, ELEMENTSOF(order_fields), rec) < 0 ||
        blocklist_to_json(&rec->blocked, o) < 0 || put_history(o, rec, former, now) < 0)
        return -ENOMEM;
    text = json_to_text(o);
    *ret = text ? strdup(text) : NULL;
    return *ret ? 0 : -ENOMEM;
}

/* ---- reading */

static int get_count(json_object *o, const char *key, uint64_t *ret)
{
    const JsonField field = { key, JSON_COUNT, 0, false };

    return json_get_fields(o, &field, 1, ret);
}

static int get_chain(json_object *o, Chain **ret)
{
    _cleanup_strv_ char **names = NULL;
    ChainEntry entries[LIMIT_CHAIN];
    const char *key_type;
    json_object *l;
    KeyType type;
    size_t n;
    int r;

    r = json_get_list(o, "names", LIMIT_NAMES, &names);
    if (r < 0)
        return r;
    if (json_get(o, "chain", json_type_array, &l) < 0 || json_get_text(o, "key-type", &key_type) < 0)
        return -EBADMSG;
    n = json_object_array_length(l);
    type = key_type_from_string(key_type);
    if (n < 1 || n > LIMIT_CHAIN || type < 0)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++)
        if (json_get_fields(json_object_array_get_idx(l, i), entry_fields, ELEMENTSOF(entry_fields),
                            entries + i) < 0 ||
            !text_is_hex(entries[i].fingerprint, 64))
            return -EBADMSG;
    *ret = chain_new(entries, n, (const char *const *)names, strv_length(names), type,
                     json_object_object_get_ex(o, "authority", NULL));
    return *ret ? 0 : -ENOMEM;
}

static int digest_from_text(const char *text, uint8_t ret[static 32])
{
    if (!text_is_hex(text, 64))
        return -EBADMSG;
    for (size_t i = 0; i < 32; i++)
        if (sscanf(text + 2 * i, "%2hhx", ret + i) != 1)
            return -EBADMSG;
    return 0;
}

static int get_slot(json_object *sources, Source s, Slot *ret)
{
    const char *digest;
    json_object *o;
    Slot slot = {};
    int r;

    if (!json_object_object_get_ex(sources, source_to_string(s), &o))
        return 0;
    if (get_count(o, "generation", &slot.stored.generation) < 0 || slot.stored.generation == 0 ||
        json_get_text(o, "digest", &digest) < 0 || digest_from_text(digest, slot.stored.digest) < 0 ||
        json_get_fields(o, slot_fields, ELEMENTSOF(slot_fields), &slot) < 0)
        return -EBADMSG;
    r = get_chain(o, &slot.chain);
    if (r >= 0)
        *ret = slot;
    return r;
}

static int get_registration(json_object *o, Record *rec)
{
    RegistrationRequest wish = { .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    _cleanup_strv_ char **names = NULL;
    const char *key_type;
    json_object *acme;
    int r;

    if (json_get_text(o, "module", &wish.module) < 0 || !module_name_is_valid(wish.module))
        return -EBADMSG;
    r = json_get_list(o, "names", LIMIT_NAMES, &names);
    if (r < 0)
        return r;
    wish.names = names;
    if (json_get_text(o, "key-type", &key_type) >= 0)
        wish.key_type = key_type_from_string(key_type);
    if (json_get(o, "acme", json_type_boolean, &acme) >= 0)
        wish.acme = json_object_get_boolean(acme);
    (void)json_get_text(o, "authority", &wish.authority);
    return record_register(rec, &wish);
}

static int get_registrations(json_object *o, Record *rec)
{
    json_object *l;
    int r = json_get(o, "registrations", json_type_array, &l);

    for (size_t i = 0; r >= 0 && i < json_object_array_length(l); i++)
        r = get_registration(json_object_array_get_idx(l, i), rec);
    return r;
}

static int get_failure(json_object *o, Failure *ret)
{
    json_object *failure;
    const char *code;

    if (!json_object_object_get_ex(o, "failure", &failure))
        return 0;
    if (json_get_text(failure, "code", &code) < 0)
        return -EBADMSG;
    ret->problem.code = problem_code_from_string(code);
    return json_get_fields(failure, failure_fields, ELEMENTSOF(failure_fields), ret);
}

/* Returns the time when the served chain was added; 0: not recorded. */
static int64_t last_of_history(json_object *o)
{
    json_object *l;
    int64_t time = 0;
    size_t n;

    if (json_get(o, "history", json_type_array, &l) >= 0 && (n = json_object_array_length(l)) > 0)
        (void)json_get_int(json_object_array_get_idx(l, n - 1), "time", &time);
    return time;
}

static int get_members(json_object *o, Record *rec)
{
    json_object *sources;
    const char *served;
    int r;

    if (get_count(o, "last-generation", &rec->stored.last_generation) < 0 ||
        json_get_fields(o, record_fields, ELEMENTSOF(record_fields), rec) < 0 ||
        json_get_text(o, "served", &served) < 0 || json_get(o, "sources", json_type_object, &sources) < 0)
        return -EBADMSG;
    for (Source s = 0; s < _SOURCE_MAX; s++) {
        r = get_slot(sources, s, rec->slots + s);
        if (r < 0)
            return r;
        rec->stored.last_generation = MAX(rec->stored.last_generation, rec->slots[s].stored.generation);
    }
    rec->served = source_from_string(served);
    if (rec->served >= 0 && !rec->slots[rec->served].chain)
        return -EBADMSG;
    if (rec->kind == RECORD_UPLOAD)
        rec->uploaded_at = last_of_history(o);
    r = get_registrations(o, rec);
    if (r >= 0)
        r = get_failure(o, &rec->failure);
    if (r >= 0)
        r = blocklist_from_json(o, &rec->blocked);
    return r < 0 ? r : json_get_fields(o, order_fields, ELEMENTSOF(order_fields), rec);
}

/* Gets the object that a record, or a line of the journal, is about. */
static int get_object(json_object *o, RecordKind *ret_kind, const char **ret_name)
{
    const char *kind;

    if (json_get_text(o, "kind", &kind) < 0 || json_get_text(o, "name", ret_name) < 0)
        return -EBADMSG;
    *ret_kind = record_kind_from_string(kind);
    return record_name_is_valid(*ret_kind, *ret_name) ? 0 : -EBADMSG;
}

int record_from_json(const char *text, Record **ret)
{
    _cleanup_json_ json_object *o = parse(text, strlen(text));
    _cleanup_record_ Record *rec = NULL;
    RecordKind kind;
    const char *name;
    int r;

    if (!json_has_format(o, FORMAT) || get_object(o, &kind, &name) < 0)
        return -EBADMSG;
    rec = record_new(kind, name);
    if (!rec)
        return -ENOMEM;
    r = get_members(o, rec);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(rec);
    return 0;
}

int journal_line_from_change(const Record *rec, const char *event, Source source, int64_t now, char **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();
    const Slot *slot = source >= 0 ? &rec->slots[source] : NULL;
    const char *text;
    char *line;

    if (!o || json_put_int(o, "time", now) < 0 || json_put_text(o, "event", event) < 0 ||
        json_put_text(o, "kind", record_kind_to_string(rec->kind)) < 0 ||
        json_put_text(o, "name", rec->name) < 0)
        return -ENOMEM;
    if (slot && slot->chain &&
        (json_put_text(o, "source", source_to_string(source)) < 0 ||
         json_put_int(o, "generation", (int64_t)slot->stored.generation) < 0 ||
         json_put_text(o, "serial", chain_leaf(slot->chain)->serial) < 0 ||
         json_put_text(o, "fingerprint", chain_leaf(slot->chain)->fingerprint) < 0))
        return -ENOMEM;
    text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (asprintf(&line, "%s\n", text) < 0)
        return -ENOMEM;
    *ret = line;
    return 0;
}

int journal_line_parse(const char *line, size_t size, RecordKind *ret_kind, char **ret_name)
{
    _cleanup_json_ json_object *o = parse(line, size);
    const char *name;

    if (get_object(o, ret_kind, &name) < 0)
        return -EBADMSG;
    *ret_name = strdup(name);
    return *ret_name ? 0 : -ENOMEM;
}
