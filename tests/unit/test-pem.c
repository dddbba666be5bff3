/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/pem.h"

#include <openssl/pem.h>

/* Data of every length: the text that OpenSSL writes, which it reads again. */
static void test_encode(void)
{
    uint8_t data[300];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t n = 1; n <= sizeof(data); n++) {
        _cleanup_free_ char *text = pem_encode("SOME LABEL", data, n);
        BIO *out = BIO_new(BIO_s_mem()), *in = BIO_new_mem_buf(text, -1);
        char *label, *header, *expected;
        unsigned char *back;
        long size;

        g_assert_cmpint(PEM_write_bio(out, "SOME LABEL", "", data, (long)n), >, 0);
        size = BIO_get_mem_data(out, &expected);
        g_assert_cmpmem(text, strlen(text), expected, (size_t)size);
        g_assert_cmpint(PEM_read_bio(in, &label, &header, &back, &size), ==, 1);
        g_assert_cmpstr(label, ==, "SOME LABEL");
        g_assert_cmpmem(back, (size_t)size, data, n);
        OPENSSL_free(label);
        OPENSSL_free(header);
        OPENSSL_free(back);
        BIO_free(in);
        BIO_free(out);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/pem/encode", test_encode);
    return g_test_run();
}
