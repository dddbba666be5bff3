/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/deployment.h"
#include "deploy/image.h"
#include "deploy/probe.h"
#include "deploy/source.h"

/* The former files of a certificate, as they were found: of Certwright, of another program, or made by hand. */

typedef struct Former {
    Presented chain;   /* no certificates: the files contain no chain in PEM, or there are none */
    int64_t not_after; /* of its leaf, seconds since 1970-01-01 UTC; 0: unknown */
    bool mismatched;   /* the key, in a file of its own, is not that of the chain */
} Former;

/* Why former files are put back, or are not. */
typedef enum FormerVerdict {
    FORMER_USABLE, /* also if they cannot be examined: better than files that failed */
    FORMER_EXPIRED,
    FORMER_REVOKED,
    FORMER_WITHDRAWN,
    _FORMER_VERDICT_MAX,
} FormerVerdict;

/* "was revoked" */
const char *former_verdict_explain(FormerVerdict v);

/* True if a private key in PEM may be in it. */
bool former_has_key(const Image *image);
/* Examines the files, one for each kind (NULL: none), by one child. */
int former_examine(const Image *const images[static _DEPLOY_FILE_MAX], int64_t now, Former *ret,
                   Problem *problem);
/* Examines them and looks in the store whether their leaf must not be served again. Failures are logged. ret: NULL: not
 * needed. */
FormerVerdict former_judge(const Image *const images[static _DEPLOY_FILE_MAX], const SourceStore *store,
                           const char *name, int64_t now, Former *ret);
