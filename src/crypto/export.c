/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/export.h"

#include <errno.h>
#include <openssl/pkcs7.h>

#include "crypto/inspect.h"
#include "util/text.h"

ExportFormat export_format_from_string(const char *s)
{
    static const char *const formats[_EXPORT_FORMAT_MAX] = {
        [EXPORT_PEM] = "pem",
        [EXPORT_DER] = "der",
        [EXPORT_PKCS7] = "pkcs7",
    };

    return (ExportFormat)TABLE_FROM_STRING(formats, s);
}

/* From OpenSSL's memory to ours. */
static int hand_over(uint8_t *der, int size, void **ret, size_t *ret_size)
{
    void *copy;

    if (size < 0)
        return -EIO;
    copy = malloc((size_t)size);
    if (copy) {
        memcpy(copy, der, (size_t)size);
        *ret = copy;
        *ret_size = (size_t)size;
    }
    OPENSSL_free(der);
    return copy ? 0 : -ENOMEM;
}

static int to_pkcs7(STACK_OF(X509) * l, uint8_t **ret)
{
    PKCS7 *p7 = PKCS7_new();
    int size = -1;

    if (p7 && PKCS7_set_type(p7, NID_pkcs7_signed) > 0 && PKCS7_content_new(p7, NID_pkcs7_data) > 0) {
        bool failed = false;

        for (int i = 0; i < sk_X509_num(l) && !failed; i++)
            failed = PKCS7_add_certificate(p7, sk_X509_value(l, i)) <= 0;
        PKCS7_set_detached(p7, 1);
        if (!failed)
            size = i2d_PKCS7(p7, ret);
    }
    PKCS7_free(p7);
    return size;
}

int export_certificates(const char *pem, ExportFormat format, void **ret, size_t *ret_size)
{
    _cleanup_x509_stack_ STACK_OF(X509) *l = NULL;
    uint8_t *der = NULL;
    int r, size;

    if (format == EXPORT_PEM) {
        *ret = strdup(pem);
        *ret_size = strlen(pem);
        return *ret ? 0 : -ENOMEM;
    }
    r = x509_list_from_pem(pem, &l);
    if (r < 0)
        return r;
    size = format == EXPORT_DER ? i2d_X509(sk_X509_value(l, 0), &der) : to_pkcs7(l, &der);
    return hand_over(der, size, ret, ret_size);
}
