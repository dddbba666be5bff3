/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/problem.h"
#include "core/record.h"

/* The local certificate authority: a root with its key, and what it makes (RFC 5280). Immutable and shared by
 * reference: any thread may issue. */
typedef struct Authority Authority;

typedef struct RootTemplate {
    KeyType key_type;
    int64_t lifetime;         /* seconds */
    const char *host;         /* goes into the common name */
    const char *organization; /* NULL: none */
    char *const
        *constraints; /* RFC 5280 section 4.2.1.10: DNS suffixes and networks that are permitted, with
                                 "!" in front excluded; NULL: none */
    int64_t now;
} RootTemplate;

typedef struct LeafTemplate {
    char *const *names; /* canonical, the primary one first */
    KeyType key_type;
    unsigned purposes; /* Purpose, beside serverAuth */
    int64_t lifetime;  /* seconds; cut at the root's end */
    int64_t now;
} LeafTemplate;

/* Checks one name constraint as configured. -EINVAL. */
int constraint_check(const char *text);

/* Makes a root. With a predecessor its subject stays the same, whatever host and organization are, and issuers in
 * the bundle are the cross-certificates that lead from the new key to former roots (RFC 4210 section 4.4): the
 * new one signed by the predecessor, and those of the predecessor that are valid still. They are self-issued,
 * so that they do not count against the roots' path length of 0. */
int authority_make_root(const RootTemplate *t, const Authority *predecessor, Bundle **ret, Problem *problem);
/* Takes what authority_make_root() made. Bridges that have expired at now are left out of the chains; generation
 * is passed on to the bundles. -EBADMSG: the parts are no root that belongs together. */
int authority_new(const Bundle *root, uint64_t generation, int64_t now, Authority **ret, Problem *problem);
Authority *authority_ref(Authority *a);
Authority *authority_unref(Authority *a);
DEFINE_CLEANUP(Authority *, authority_unref);
#define _cleanup_authority_ _cleanup_(authority_unrefp)

/* Makes a key and a leaf for it. -ERANGE with a problem: the root's name constraints do not permit the names. */
int authority_issue(Authority *a, const LeafTemplate *t, Bundle **ret, Problem *problem);
uint64_t authority_generation(const Authority *a);
int64_t authority_not_after(const Authority *a);
