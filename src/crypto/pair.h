/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"

/* Takes a chain (leaf first) and a key in PEM as they were found; -EBADMSG when they cannot be read, or when
 * the key is not the leaf's. */
int bundle_from_pem(const char *leaf, const char *issuers, const char *key, Bundle **ret);
