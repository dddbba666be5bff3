/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/bundle.h"

/* Creates a bundle from a PEM chain (leaf first) and key; -EBADMSG if they cannot be parsed, or if the key
 * does not belong to the leaf. */
int bundle_from_pem(const char *leaf, const char *issuers, const char *key, Bundle **ret);
/* Reads the metadata of a chain from its PEM texts. An authority is useless after the root above it has expired, so this root is
 * part of it. -EBADMSG if there is no leaf, or if they cannot be parsed. */
int bundle_read_chain(const Bundle *b, bool is_authority, Chain **ret);
