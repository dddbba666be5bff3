/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* The stored state of an order at an ACME authority: written before the order is placed, and again when its URL is known, so
 * that a service that was stopped resumes the same order with the same key. */
typedef struct OrderRecord {
    char *name;      /* of the certificate */
    char *authority; /* name of its configuration */
    char *directory;
    char **names;
    char *key;      /* of the certificate, PEM: a secret */
    char *url;      /* NULL: the order may not have been made yet */
    char *profile;  /* NULL: the authority's default */
    char *replaces; /* RFC 9773 section 5; NULL */
    int64_t created;
} OrderRecord;

OrderRecord *order_record_free(OrderRecord *o);
DEFINE_CLEANUP(OrderRecord *, order_record_free);
