/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/base64url.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>

/* Replaces the two characters in which the alphabets differ. */
static void translate(char *text, const char *from, const char *to)
{
    for (char *c = text; *c; c++)
        *c = *c == from[0] ? to[0] : *c == from[1] ? to[1] : *c;
}

char *base64url_encode(const void *data, size_t size)
{
    char *text = size < INT_MAX / 2 ? malloc(size / 3 * 4 + 5) : NULL;

    if (!text)
        return NULL;
    (void)EVP_EncodeBlock((uint8_t *)text, data, (int)size);
    text[strcspn(text, "=")] = 0;
    translate(text, "+/", "-_");
    return text;
}

/* EVP_DecodeBlock() accepts white space and stray bits, so its result has to encode to the same text. */
int base64_decode(const char *text, Blob *ret)
{
    size_t length = strlen(text);
    _cleanup_erase_ char *again = malloc(length + 1);
    _cleanup_blob_ Blob data = { malloc(length + 1), length };
    int n;

    if (!again || !data.data)
        return -ENOMEM;
    *again = 0;
    n = length < INT_MAX / 2 ? EVP_DecodeBlock(data.data, (const uint8_t *)text, (int)length) : -1;
    if (n < 0)
        return -EINVAL;
    data.size = (size_t)n;
    for (size_t i = length; data.size > 0 && i > 0 && text[i - 1] == '='; i--)
        data.size--;
    (void)EVP_EncodeBlock((uint8_t *)again, data.data, (int)data.size);
    if (!streq(again, text))
        return -EINVAL;
    data.data[data.size] = 0;
    *ret = TAKE_GENERIC(data, Blob, (Blob){});
    return 0;
}

int base64url_decode(const char *text, void **ret, size_t *ret_size)
{
    size_t padding = -strlen(text) % 4;
    _cleanup_erase_ char *padded = NULL;
    Blob data;
    int r;

    if (strpbrk(text, "+/="))
        return -EINVAL;
    if (asprintf(&padded, "%s%s", text, &"==="[3 - padding]) < 0)
        return -ENOMEM;
    translate(padded, "-_", "+/");
    r = base64_decode(padded, &data);
    if (r < 0)
        return r;
    *ret = data.data;
    *ret_size = data.size;
    return 0;
}
