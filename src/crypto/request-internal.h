/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/key.h"
#include "crypto/request.h"

/* Shared by both halves of request.h. */

/* OpenSSL 3 takes 600 us to decode a key, much longer than for a signature; a key made here takes 30 us. */
int request_decode_key(const char *pem, EVP_PKEY **ret);
/* Encodes the result of an i2d function as base64url, and frees it. */
int request_encode(int size, uint8_t *der, char **ret);
