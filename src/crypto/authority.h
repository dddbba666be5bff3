/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"
#include "core/problem.h"
#include "core/record.h"

/* The local certificate authority: a root with its key, and what it signs (RFC 5280). Immutable and
 * reference-counted; any thread may issue. */
typedef struct Authority Authority;

typedef struct RootTemplate {
    KeyType key_type;
    int64_t lifetime;         /* seconds */
    const char *host;         /* part of the common name */
    const char *organization; /* NULL: none */
    /* RFC 5280 section 4.2.1.10: permitted DNS suffixes and networks, excluded ones with "!" in front;
     * NULL: none */
    char *const *constraints;
    int64_t now;
} RootTemplate;

typedef struct LeafTemplate {
    char *const *names; /* canonical, the primary one first */
    KeyType key_type;
    unsigned purposes; /* Purpose bits in addition to serverAuth */
    int64_t lifetime;  /* seconds; limited by the root */
    int64_t now;
} LeafTemplate;

/* Makes a root, with bridges to its predecessor (NULL: none) as authority_bridge() makes them. keeps_name: it gets the name
 * of its predecessor, unless that has another organization: clients with GnuTLS that trust only the newest root do not stop
 * at it when bridges with other names follow. It also does if the predecessor, or a former root, permits no other authority
 * below it, since self-issued certificates do not count for the path length (RFC 5280 section 4.2.1.9). */
int authority_make_root(const RootTemplate *t, const Authority *predecessor, bool keeps_name, Bundle **ret,
                        Problem *problem);
/* Adds bridges to the bundle of an authority that is about to replace predecessor: certificates that link
 * the new key to former roots, for clients that only trust those (RFC 4210 section 4.4). These are the new
 * key signed by the predecessor, the chain above it, and the bridges of the predecessor that are still
 * valid. */
int authority_bridge(Bundle *root, const Authority *predecessor, int64_t now, Problem *problem);
/* Creates an authority from a root that was made or uploaded (with the chain above an intermediate authority
 * as issuers and anchor). Bridges that have expired at now are dropped; generation is passed on to the
 * bundles. -EBADMSG if the parts do not belong together. */
int authority_new(const Bundle *root, uint64_t generation, int64_t now, Authority **ret, Problem *problem);
Authority *authority_ref(Authority *a);
Authority *authority_unref(Authority *a);
DEFINE_CLEANUP(Authority *, authority_unref);
#define _cleanup_authority_ _cleanup_(authority_unrefp)

/* Makes a key and a leaf for it. -ERANGE with a problem if the name constraints of the root do not permit
 * the names. */
int authority_issue(Authority *a, const LeafTemplate *t, Bundle **ret, Problem *problem);
uint64_t authority_generation(const Authority *a);
int64_t authority_not_after(const Authority *a);
