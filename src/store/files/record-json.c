/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/record-json.h"

#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/name.h"
#include "store/files/strict-json.h"
#include "util/text.h"

#define FORMAT 1
#define DEPTH  8

static json_object *parse(const char *text, size_t size)
{
    return size <= LIMIT_RECORD ? json_parse(text, size, DEPTH) : NULL;
}

/* ---- writing */

static int put_names(json_object *o, const char *key, char *const *names, size_t n)
{
    json_object *l = json_object_new_array();

    for (size_t i = 0; l && i < n; i++)
        json_object_array_add(l, json_object_new_string(names[i]));
    return json_put(o, key, l);
}

static json_object *entry_to_json(const ChainEntry *e)
{
    json_object *o = json_object_new_object();

    if (!o || json_put_text(o, "subject", e->subject) < 0 || json_put_text(o, "issuer", e->issuer) < 0 ||
        json_put_text(o, "serial", e->serial) < 0 || json_put_int(o, "not-before", e->not_before) < 0 ||
        json_put_int(o, "not-after", e->not_after) < 0 ||
        json_put_text(o, "fingerprint", e->fingerprint) < 0) {
        json_object_put(o);
        return NULL;
    }
    return o;
}

static int put_chain(json_object *o, const Chain *c)
{
    json_object *l = json_object_new_array();

    for (unsigned i = 0; l && i < c->n_entries; i++)
        json_object_array_add(l, entry_to_json(c->entries + i));
    if (json_put(o, "chain", l) < 0 || put_names(o, "names", c->names, c->n_names) < 0 ||
        json_put_text(o, "key-type", key_type_to_string(c->key_type)) < 0)
        return -ENOMEM;
    return c->is_authority ? json_put(o, "authority", json_object_new_boolean(true)) : 0;
}

static int put_slot(json_object *sources, Source s, const Slot *slot)
{
    json_object *o = json_object_new_object();
    char digest[2 * sizeof(slot->digest) + 1];

    if (json_put(sources, source_to_string(s), o) < 0)
        return -ENOMEM;
    hex_encode(slot->digest, sizeof(slot->digest), false, digest);
    if (json_put_int(o, "generation", (int64_t)slot->generation) < 0 ||
        json_put_text(o, "digest", digest) < 0 || json_put_int(o, "root", (int64_t)slot->root) < 0 ||
        json_put_int(o, "purposes", slot->purposes) < 0 ||
        json_put(o, "withdrawn", json_object_new_boolean(slot->withdrawn)) < 0 ||
        (slot->revoked && json_put(o, "revoked", json_object_new_boolean(true)) < 0))
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
    json_object *l = json_object_new_array();
    int r = json_put(o, "registrations", l);

    for (size_t i = 0; i < rec->n_registrations && r >= 0; i++) {
        const Registration *reg = rec->registrations + i;
        json_object *item = json_object_new_object();

        if (!item || json_object_array_add(l, item) < 0 || json_put_text(item, "module", reg->module) < 0 ||
            put_names(item, "names", reg->names, strv_length(reg->names)) < 0)
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
        json_put_text(failure, "code", problem_code_to_string(f->problem.code)) < 0 ||
        json_put_text(failure, "text", strempty(f->problem.text)) < 0 ||
        json_put_int(failure, "when", f->when) < 0)
        return -ENOMEM;
    if (f->problem.type && json_put_text(failure, "type", f->problem.type) < 0)
        return -ENOMEM;
    return json_put_int(failure, "attempts", f->attempts);
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
    if (json_object_object_get_ex(before, "history", &was) && json_object_is_type(was, json_type_array)) {
        n = json_object_array_length(was);
        from = n >= LIMIT_HISTORY ? n - LIMIT_HISTORY + 1 : 0;
        for (size_t i = from; i < n; i++)
            json_object_array_add(l, json_object_get(json_object_array_get_idx(was, i)));
    }
    if (!served || !served->chain)
        return 0;
    n = json_object_array_length(l);
    if (n > 0 && json_object_object_get_ex(json_object_array_get_idx(l, n - 1), "generation", &was) &&
        (uint64_t)json_object_get_int64(was) == served->generation)
        return 0;
    item = json_object_new_object();
    if (!item || json_object_array_add(l, item) < 0 || json_put_int(item, "time", now) < 0 ||
        json_put_text(item, "source", source_to_string(rec->served)) < 0 ||
        json_put_text(item, "fingerprint", chain_leaf(served->chain)->fingerprint) < 0)
        return -ENOMEM;
    return json_put_int(item, "generation", (int64_t)served->generation);
}

static int put_order(json_object *o, const Record *rec)
{
    if ((rec->authority && json_put_text(o, "authority", rec->authority) < 0) ||
        (rec->solver && json_put_text(o, "challenge", rec->solver) < 0) ||
        (rec->order_after != 0 && json_put_int(o, "order-after", rec->order_after) < 0) ||
        (rec->order_failed && json_put(o, "order-failed", json_object_new_boolean(true)) < 0))
        return -ENOMEM;
    return 0;
}

static int put_upload(json_object *o, const Record *rec)
{
    return rec->uploaded > 0 ? json_put_int(o, "upload-number", (int64_t)rec->uploaded) : 0;
}

int record_to_json(const Record *rec, const char *former, int64_t now, char **ret)
{
    _cleanup_json_ json_object *o = json_object_new_object();

    if (!o || json_put_int(o, "format", FORMAT) < 0 ||
        json_put_text(o, "kind", record_kind_to_string(rec->kind)) < 0 ||
        json_put_text(o, "name", rec->name) < 0 ||
        json_put_int(o, "last-generation", (int64_t)rec->last_generation) < 0 ||
        json_put_text(o, "served", source_to_string(rec->served)) < 0 ||
        json_put_int(o, "former", (int64_t)rec->former) < 0 ||
        json_put_int(o, "abandoned", rec->abandoned) < 0 ||
        (rec->warned != 0 && json_put_int(o, "warned", rec->warned) < 0) || put_sources(o, rec) < 0 ||
        put_registrations(o, rec) < 0 || put_failure(o, &rec->failure) < 0 || put_order(o, rec) < 0 ||
        put_upload(o, rec) < 0 || put_history(o, rec, former, now) < 0)
        return -ENOMEM;
    *ret =
        strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    return *ret ? 0 : -ENOMEM;
}

/* ---- reading */

static int get_optional_int(json_object *o, const char *key, int64_t *ret)
{
    return json_object_object_get_ex(o, key, NULL) ? json_get_int(o, key, ret) : 0;
}

static int get_count(json_object *o, const char *key, uint64_t *ret)
{
    int64_t value;
    int r = json_get_int(o, key, &value);

    if (r < 0 || value < 0)
        return -EBADMSG;
    *ret = (uint64_t)value;
    return 0;
}

static int get_names(json_object *o, const char *key, const char *names[static LIMIT_NAMES], size_t *ret_n)
{
    json_object *l;
    size_t n;

    if (json_get(o, key, json_type_array, &l) < 0 || (n = json_object_array_length(l)) > LIMIT_NAMES)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        json_object *item = json_object_array_get_idx(l, i);

        if (!json_object_is_type(item, json_type_string))
            return -EBADMSG;
        names[i] = json_object_get_string(item);
        if (strlen(names[i]) != (size_t)json_object_get_string_len(item))
            return -EBADMSG;
    }
    *ret_n = n;
    return 0;
}

static int entry_from_json(json_object *o, ChainEntry *ret)
{
    ChainEntry e;

    if (json_get_text(o, "subject", &e.subject) < 0 || json_get_text(o, "issuer", &e.issuer) < 0 ||
        json_get_text(o, "serial", &e.serial) < 0 || json_get_text(o, "fingerprint", &e.fingerprint) < 0 ||
        json_get_int(o, "not-before", &e.not_before) < 0 || json_get_int(o, "not-after", &e.not_after) < 0 ||
        !text_is_hex(e.fingerprint, 64))
        return -EBADMSG;
    *ret = e;
    return 0;
}

static int get_chain(json_object *o, Chain **ret)
{
    const char *names[LIMIT_NAMES], *key_type;
    ChainEntry entries[LIMIT_CHAIN];
    json_object *l, *authority;
    size_t n, n_names;
    KeyType type;

    if (json_get(o, "chain", json_type_array, &l) < 0 || get_names(o, "names", names, &n_names) < 0 ||
        json_get_text(o, "key-type", &key_type) < 0)
        return -EBADMSG;
    n = json_object_array_length(l);
    type = key_type_from_string(key_type);
    if (n < 1 || n > LIMIT_CHAIN || type < 0)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++)
        if (entry_from_json(json_object_array_get_idx(l, i), entries + i) < 0)
            return -EBADMSG;
    *ret =
        chain_new(entries, n, names, n_names, type, json_object_object_get_ex(o, "authority", &authority));
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
    json_object *o, *withdrawn;
    uint64_t purposes;
    const char *digest;
    Slot slot = {};
    int r;

    if (!json_object_object_get_ex(sources, source_to_string(s), &o))
        return 0;
    if (get_count(o, "generation", &slot.generation) < 0 || slot.generation == 0 ||
        get_count(o, "root", &slot.root) < 0 || get_count(o, "purposes", &purposes) < 0 ||
        json_get_text(o, "digest", &digest) < 0 || digest_from_text(digest, slot.digest) < 0 ||
        json_get(o, "withdrawn", json_type_boolean, &withdrawn) < 0)
        return -EBADMSG;
    slot.purposes = (unsigned)purposes;
    slot.withdrawn = json_object_get_boolean(withdrawn);
    slot.revoked = json_object_object_get_ex(o, "revoked", NULL);
    r = get_chain(o, &slot.chain);
    if (r >= 0)
        *ret = slot;
    return r;
}

static int get_registrations(json_object *o, Record *rec)
{
    const char *names[LIMIT_NAMES + 1], *key_type;
    json_object *l, *acme;
    size_t n;
    int r = 0;

    if (json_get(o, "registrations", json_type_array, &l) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < json_object_array_length(l) && r >= 0; i++) {
        json_object *item = json_object_array_get_idx(l, i);
        RegistrationRequest wish = { .key_type = _KEY_TYPE_INVALID, .acme = -1 };

        if (json_get_text(item, "module", &wish.module) < 0 || !module_name_is_valid(wish.module) ||
            get_names(item, "names", names, &n) < 0)
            return -EBADMSG;
        if (json_get_text(item, "key-type", &key_type) >= 0)
            wish.key_type = key_type_from_string(key_type);
        if (json_get(item, "acme", json_type_boolean, &acme) >= 0)
            wish.acme = json_object_get_boolean(acme);
        (void)json_get_text(item, "authority", &wish.authority);
        names[n] = NULL;
        wish.names = (char *const *)(uintptr_t)names;
        r = record_register(rec, &wish);
    }
    return r;
}

static int get_failure(json_object *o, Record *rec)
{
    json_object *failure;
    const char *code, *text, *type = NULL;
    uint64_t attempts;

    if (!json_object_object_get_ex(o, "failure", &failure))
        return 0;
    if (json_get_text(failure, "code", &code) < 0 || json_get_text(failure, "text", &text) < 0 ||
        json_get_int(failure, "when", &rec->failure.when) < 0 ||
        get_count(failure, "attempts", &attempts) < 0)
        return -EBADMSG;
    rec->failure.attempts = (unsigned)MIN(attempts, (uint64_t)UINT32_MAX);
    if (json_object_object_get_ex(failure, "type", NULL) && json_get_text(failure, "type", &type) < 0)
        return -EBADMSG;
    rec->failure.problem = (Problem){ .code = problem_code_from_string(code),
                                      .text = strdup(text),
                                      .type = type ? strdup(type) : NULL };
    return rec->failure.problem.text && (!type || rec->failure.problem.type) ? 0 : -ENOMEM;
}

static int get_order(json_object *o, Record *rec)
{
    const char *authority = NULL, *solver = NULL;

    if ((json_object_object_get_ex(o, "authority", NULL) && json_get_text(o, "authority", &authority) < 0) ||
        (json_object_object_get_ex(o, "challenge", NULL) && json_get_text(o, "challenge", &solver) < 0) ||
        get_optional_int(o, "order-after", &rec->order_after) < 0)
        return -EBADMSG;
    rec->order_failed = json_object_object_get_ex(o, "order-failed", NULL);
    return record_set_authority(rec, authority, solver);
}

/* When the served chain was added; 0: not recorded. */
static int64_t last_of_history(json_object *o)
{
    json_object *l, *last;
    int64_t time = 0;
    size_t n;

    if (json_get(o, "history", json_type_array, &l) < 0 || (n = json_object_array_length(l)) == 0)
        return 0;
    last = json_object_array_get_idx(l, n - 1);
    return json_object_is_type(last, json_type_object) && json_get_int(last, "time", &time) >= 0 ? time : 0;
}

static int get_upload(json_object *o, Record *rec)
{
    if (rec->kind != RECORD_UPLOAD)
        return 0;
    rec->uploaded_at = last_of_history(o);
    return json_object_object_get_ex(o, "upload-number", NULL)
               ? get_count(o, "upload-number", &rec->uploaded)
               : 0;
}

static int get_members(json_object *o, Record *rec)
{
    json_object *sources;
    const char *served;
    int r;

    if (get_count(o, "last-generation", &rec->last_generation) < 0 ||
        get_count(o, "former", &rec->former) < 0 || json_get_int(o, "abandoned", &rec->abandoned) < 0 ||
        get_optional_int(o, "warned", &rec->warned) < 0 || json_get_text(o, "served", &served) < 0 ||
        json_get(o, "sources", json_type_object, &sources) < 0)
        return -EBADMSG;
    for (Source s = 0; s < _SOURCE_MAX; s++) {
        r = get_slot(sources, s, rec->slots + s);
        if (r < 0)
            return r;
        rec->last_generation = MAX(rec->last_generation, rec->slots[s].generation);
    }
    rec->served = source_from_string(served);
    if (rec->served >= 0 && !rec->slots[rec->served].chain)
        return -EBADMSG;
    r = get_registrations(o, rec);
    if (r >= 0)
        r = get_failure(o, rec);
    if (r >= 0)
        r = get_order(o, rec);
    return r < 0 ? r : get_upload(o, rec);
}

int record_from_json(const char *text, Record **ret)
{
    _cleanup_json_ json_object *o = parse(text, strlen(text));
    _cleanup_record_ Record *rec = NULL;
    const char *kind, *name;
    int64_t format;
    int r;

    if (!o || json_get_int(o, "format", &format) < 0 || format != FORMAT ||
        json_get_text(o, "kind", &kind) < 0 || json_get_text(o, "name", &name) < 0 ||
        record_kind_from_string(kind) < 0 || !record_name_is_valid(record_kind_from_string(kind), name))
        return -EBADMSG;
    rec = record_new(record_kind_from_string(kind), name);
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
         json_put_int(o, "generation", (int64_t)slot->generation) < 0 ||
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
    const char *kind, *name;

    if (!o || json_get_text(o, "kind", &kind) < 0 || json_get_text(o, "name", &name) < 0 ||
        record_kind_from_string(kind) < 0 || !record_name_is_valid(record_kind_from_string(kind), name))
        return -EBADMSG;
    *ret_kind = record_kind_from_string(kind);
    *ret_name = strdup(name);
    return *ret_name ? 0 : -ENOMEM;
}
