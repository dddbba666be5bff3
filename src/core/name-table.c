/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/name-table.h"

#include <errno.h>
#include <uthash.h>

#include "core/limits.h"
#include "core/name.h"

/* Each name has lists of holders with this primary name, or with this alternative name. A wildcard covers
 * one label, so whoever covers a name is listed under one other name: "*" and the name without its first
 * label. */

typedef struct Bucket {
    struct NameListing *primary, *other; /* in joining order */
    UT_hash_handle hh;
    char name[];
} Bucket;

typedef struct NameListing {
    NameHolder *holder;
    Bucket *bucket;
    struct NameListing **list;
    struct NameListing *next;      /* of the same name */
    struct NameListing *following; /* of the same holder */
} NameListing;

struct NameTable {
    Bucket *buckets;
    uint64_t last_number;
};

NameTable *name_table_new(void)
{
    return calloc(1, sizeof(NameTable));
}

NameTable *name_table_free(NameTable *t)
{
    free(t);
    return NULL;
}

static Bucket *find_bucket(const NameTable *t, const char *name)
{
    Bucket *b;

    HASH_FIND_STR(t->buckets, name, b);
    return b;
}

static Bucket *get_bucket(NameTable *t, const char *name)
{
    size_t size = strlen(name) + 1;
    Bucket *b = find_bucket(t, name);

    if (b)
        return b;
    b = calloc(1, sizeof(Bucket) + size);
    if (b) {
        memcpy(b->name, name, size);
        HASH_ADD_KEYPTR(hh, t->buckets, b->name, size - 1, b);
    }
    return b;
}

static void drop_bucket_if_empty(NameTable *t, Bucket *b)
{
    if (b->primary || b->other)
        return;
    HASH_DEL(t->buckets, b);
    free(b);
}

static int add_listing(NameHolder *h, const char *name, bool is_primary, NameListing **listings)
{
    NameListing *l = malloc(sizeof(NameListing)), **at;
    Bucket *b = l ? get_bucket(h->table, name) : NULL;

    if (!b) {
        free(l);
        return -ENOMEM;
    }
    *l = (NameListing){ .holder = h, .bucket = b, .following = *listings };
    l->list = is_primary ? &b->primary : &b->other;
    for (at = l->list; *at && (*at)->holder->number <= h->number;)
        at = &(*at)->next;
    l->next = *at;
    *at = l;
    *listings = l;
    return 0;
}

static void drop_listings(NameTable *t, NameListing *listings)
{
    while (listings) {
        NameListing *l = listings, **at = l->list;

        listings = l->following;
        while (*at != l)
            at = &(*at)->next;
        *at = l->next;
        drop_bucket_if_empty(t, l->bucket);
        free(l);
    }
}

void name_holder_join(NameHolder *h, NameTable *t, void *owner)
{
    *h = (NameHolder){ .table = t, .owner = owner, .number = ++t->last_number };
}

void name_holder_leave(NameHolder *h)
{
    if (h->table)
        drop_listings(h->table, h->listings);
    *h = (NameHolder){};
}

int name_holder_set(NameHolder *h, char *const *names)
{
    NameListing *listings = NULL;
    int r = 0;

    if (!h->table)
        return 0;
    for (size_t i = 0; names && names[i] && r >= 0; i++)
        r = add_listing(h, names[i], i == 0, &listings);
    drop_listings(h->table, r < 0 ? listings : h->listings);
    if (r >= 0)
        h->listings = listings;
    return r;
}

static NameHolder *find_exactly(const NameTable *t, const char *name)
{
    const Bucket *b = find_bucket(t, name);

    return b ? (b->primary ? b->primary : b->other)->holder : NULL;
}

static NameHolder *find_covering(const NameTable *t, const char *name)
{
    char wildcard[LIMIT_NAME + 2] = "*";
    const char *parent = name_without_label(name);
    NameHolder *primary, *other;
    const Bucket *b;

    if (!parent || strlen(parent) + 1 >= sizeof(wildcard))
        return NULL;
    strcpy(wildcard + 1, parent);
    b = find_bucket(t, wildcard);
    primary = b && b->primary ? b->primary->holder : NULL;
    other = b && b->other ? b->other->holder : NULL;
    return primary && (!other || primary->number <= other->number) ? primary : other;
}

void *name_table_find(const NameTable *t, const char *name)
{
    const NameHolder *h = find_exactly(t, name);

    if (!h)
        h = find_covering(t, name);
    return h ? h->owner : NULL;
}
