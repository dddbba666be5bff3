/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

#define DIGEST_SIZE 32

/* SHA-256 (FIPS 180-4). */
int digest_sha256(const void *data, size_t size, uint8_t ret[static DIGEST_SIZE]);
/* Fills the buffer with cryptographically secure random bytes. */
int random_bytes(void *ret, size_t size);
