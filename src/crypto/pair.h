/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"

/* Creates a bundle from a PEM chain (leaf first) and key; -EBADMSG if they cannot be parsed, or if the key
 * does not belong to the leaf. */
int bundle_from_pem(const char *leaf, const char *issuers, const char *key, Bundle **ret);
/* Reads the metadata of a PEM chain. -EBADMSG if it cannot be parsed. */
int chain_from_parts(const char *leaf, const char *issuers, Chain **ret);
