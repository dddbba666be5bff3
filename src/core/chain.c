/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/chain.h"

#include "core/name.h"
#include "util/text.h"

static const char *const key_types[_KEY_TYPE_MAX] = {
    [KEY_TYPE_ECDSA_P256] = "ecdsa-p256", [KEY_TYPE_ECDSA_P384] = "ecdsa-p384",
    [KEY_TYPE_ECDSA_P521] = "ecdsa-p521", [KEY_TYPE_RSA_2048] = "rsa-2048",
    [KEY_TYPE_RSA_3072] = "rsa-3072",     [KEY_TYPE_RSA_4096] = "rsa-4096",
    [KEY_TYPE_RSA_OTHER] = "rsa-other",   [KEY_TYPE_ED25519] = "ed25519",
};

DEFINE_STRING_TABLE(key_type, KeyType, key_types);

bool key_type_suits_leaf(KeyType t)
{
    return t >= 0 && t != KEY_TYPE_ECDSA_P521 && t != KEY_TYPE_RSA_OTHER;
}

bool key_type_suits_account(KeyType t)
{
    return key_type_suits_leaf(t) && t != KEY_TYPE_ED25519;
}

bool key_type_suits_root(KeyType t)
{
    return t == KEY_TYPE_ECDSA_P256 || t == KEY_TYPE_ECDSA_P384 || t == KEY_TYPE_RSA_3072 ||
           t == KEY_TYPE_RSA_4096;
}

KeyType key_type_to_order(KeyType t)
{
    return t == KEY_TYPE_ED25519 ? KEY_TYPE_ECDSA_P256 : t;
}

static char *put(char **at, const char *s)
{
    char *begin = *at;

    *at = stpcpy(begin, s) + 1;
    return begin;
}

Chain *chain_new(const ChainEntry *entries, size_t n_entries, const char *const *names, size_t n_names,
                 KeyType key_type, bool is_authority)
{
    size_t head = sizeof(Chain) + n_entries * sizeof(ChainEntry) + (n_names + 1) * sizeof(char *), text = 0;
    Chain *c;
    char *at;

    for (size_t i = 0; i < n_entries; i++)
        text += strlen(entries[i].subject) + strlen(entries[i].issuer) + strlen(entries[i].serial) +
                strlen(entries[i].fingerprint) + 4;
    for (size_t i = 0; i < n_names; i++)
        text += strlen(names[i]) + 1;
    c = malloc(head + text);
    if (!c)
        return NULL;
    *c = (Chain){ .n_refs = 1,
                  .key_type = key_type,
                  .is_authority = is_authority,
                  .n_entries = (unsigned)n_entries,
                  .n_names = (unsigned)n_names };
    c->names = (char **)(void *)(c->entries + n_entries);
    at = (char *)c + head;
    for (size_t i = 0; i < n_entries; i++) {
        const ChainEntry *e = entries + i;

        c->entries[i] = (ChainEntry){ put(&at, e->subject),     put(&at, e->issuer), put(&at, e->serial),
                                      put(&at, e->fingerprint), e->not_before,       e->not_after };
    }
    for (size_t i = 0; i < n_names; i++)
        c->names[i] = put(&at, names[i]);
    c->names[n_names] = NULL;
    return c;
}

Chain *chain_ref(Chain *c)
{
    if (c)
        __atomic_add_fetch(&c->n_refs, 1, __ATOMIC_RELAXED);
    return c;
}

Chain *chain_unref(Chain *c)
{
    if (c && __atomic_sub_fetch(&c->n_refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(c);
    return NULL;
}

static bool covers_one(const Chain *c, const char *name)
{
    for (unsigned i = 0; i < c->n_names; i++)
        if (name_covers(c->names[i], name))
            return true;
    return false;
}

bool chain_covers(const Chain *c, char *const *names, const char **ret_missing)
{
    for (size_t i = 0; names && names[i]; i++)
        if (!covers_one(c, names[i])) {
            if (ret_missing)
                *ret_missing = names[i];
            return false;
        }
    return true;
}

int64_t chain_not_before(const Chain *c)
{
    int64_t latest = c->entries[0].not_before;

    for (unsigned i = 1; i < c->n_entries; i++)
        latest = MAX(latest, c->entries[i].not_before);
    return latest;
}

int64_t chain_not_after(const Chain *c)
{
    int64_t earliest = c->entries[0].not_after;

    for (unsigned i = 1; i < c->n_entries; i++)
        earliest = MIN(earliest, c->entries[i].not_after);
    return earliest;
}

bool chain_equal(const Chain *a, const Chain *b)
{
    if (a->n_entries != b->n_entries)
        return false;
    for (unsigned i = 0; i < a->n_entries; i++)
        if (!streq(a->entries[i].fingerprint, b->entries[i].fingerprint))
            return false;
    return true;
}

static bool entry_identical(const ChainEntry *a, const ChainEntry *b)
{
    return streq(a->subject, b->subject) && streq(a->issuer, b->issuer) && streq(a->serial, b->serial) &&
           streq(a->fingerprint, b->fingerprint) && a->not_before == b->not_before &&
           a->not_after == b->not_after;
}

bool chain_identical(const Chain *a, const Chain *b)
{
    if (a->n_entries != b->n_entries || a->key_type != b->key_type || a->is_authority != b->is_authority ||
        !strv_equal(a->names, b->names))
        return false;
    for (unsigned i = 0; i < a->n_entries; i++)
        if (!entry_identical(a->entries + i, b->entries + i))
            return false;
    return true;
}
