/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/text.h"

/* The stored state of an order at an ACME authority. It is written before the order is placed, and again when its URL is
 * known, so that a restarted service resumes the same order with the same key. */
typedef struct OrderRecord {
    char *name;      /* of the certificate */
    char *authority; /* name of its configuration */
    char *directory;
    char **names;
    char *key;      /* of the certificate, PEM: a secret */
    char *url;      /* NULL: the order may not exist yet */
    char *profile;  /* NULL: the authority's default */
    char *replaces; /* RFC 9773 section 5; NULL: none */
    int64_t created;
} OrderRecord;

static inline OrderRecord *order_record_free(OrderRecord *o)
{
    if (o) {
        free(o->name);
        free(o->authority);
        free(o->directory);
        strv_free(o->names);
        erase_and_free(o->key);
        free(o->url);
        free(o->profile);
        free(o->replaces);
        free(o);
    }
    return NULL;
}
DEFINE_CLEANUP(OrderRecord *, order_record_free);
