/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

int digest_sha256(const void *data, size_t size, uint8_t ret[static DIGEST_SIZE])
{
    return EVP_Digest(data, size, ret, NULL, EVP_sha256(), NULL) > 0 ? 0 : -EIO;
}

int random_bytes(void *ret, size_t size)
{
    return RAND_bytes(ret, (int)size) > 0 ? 0 : -EIO;
}
