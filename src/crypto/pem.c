/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/pem.h"

#include <openssl/evp.h>
#include <stdio.h>

#define LINE_BYTES 48 /* 64 characters */

char *pem_encode(const char *label, const uint8_t *der, size_t size)
{
    size_t lines = (size + LINE_BYTES - 1) / LINE_BYTES;
    char *text = malloc(2 * strlen(label) + 40 + lines * 65), *at = text;

    if (!text)
        return NULL;
    at += sprintf(at, "-----BEGIN %s-----\n", label);
    for (size_t done = 0; done < size; done += LINE_BYTES) {
        size_t n = MIN((size_t)LINE_BYTES, size - done);

        at += EVP_EncodeBlock((uint8_t *)at, der + done, (int)n);
        *at++ = '\n';
    }
    sprintf(at, "-----END %s-----\n", label);
    return text;
}
