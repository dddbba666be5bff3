/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/deploy.h"
#include "deploy/report.h"

/* When a certificate has to be deployed to a module. Pure. */

/* A digest of everything that a deployment depends on besides the chain, as lower-case hexadecimal. -ENOMEM. */
int deploy_settings_digest(const DeploySettings *s, char ret[static DIGEST_TEXT]);

/* The certificates that the files of a deployment contain, besides the leaf. */
typedef struct DeployScope {
    bool issuers, root;
} DeployScope;

DeployScope deploy_scope(const DeploySettings *s);
/* A digest of what the files are to contain. fingerprints: of the chain, the leaf first, SHA-256 in lower-case hexadecimal;
 * root: of the local root; "": there is none. *ret is "" if there is no chain, or no root and it is needed. */
int deploy_content_digest(DeployScope scope, const char fingerprints[][DIGEST_TEXT], size_t n,
                          const char *root, char ret[static DIGEST_TEXT]);

/* True unless this content was deployed with these settings, and no more is to be done: verified, or written where
 * there is nothing to verify. d: NULL: never tried. */
bool deployment_is_pending(const Deployment *d, const char *content, const char *settings);

/* The earliest time for the next try of the service itself, seconds since 1970-01-01 UTC: 0: at once, because the
 * chain or the settings changed or it was never tried; after a failure 1, 10 and 100 minutes, then one day; INT64_MAX:
 * nothing is pending. DEPLOYMENT_WRITTEN with a unit that did not run is looked at again by RenewDue, an hour later at
 * the earliest. */
int64_t deployment_due(const Deployment *d, const char *content, const char *settings);
