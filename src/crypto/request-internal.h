/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "crypto/key.h"
#include "crypto/request.h"

/* What both halves of request.h need. */

/* OpenSSL 3 takes 600 us to decode a key, many times what a signature takes; one that was made here takes 30. */
int request_decode_key(const char *pem, EVP_PKEY **ret);
/* What an i2d function returned, as base64url; frees it. */
int request_encode(int size, uint8_t *der, char **ret);
