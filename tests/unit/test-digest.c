/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/digest.h"

/* GLib's is the oracle. */
static void test_sha256(void)
{
    g_autofree guchar *data = g_malloc0(1000);

    for (size_t n = 0; n < 1000; n += 37) {
        guint8 expected[DIGEST_SIZE];
        uint8_t got[DIGEST_SIZE];
        gsize size = sizeof(expected);
        g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

        data[n] = (guchar)n;
        g_checksum_update(sum, data, (gssize)n);
        g_checksum_get_digest(sum, expected, &size);
        g_assert_cmpint(digest_sha256(data, n, got), ==, 0);
        g_assert_cmpmem(got, sizeof(got), expected, size);
    }
}

static void test_random(void)
{
    uint8_t a[32] = {}, b[32] = {}, zero[32] = {};

    g_assert_cmpint(random_bytes(a, sizeof(a)), ==, 0);
    g_assert_cmpint(random_bytes(b, sizeof(b)), ==, 0);
    g_assert_cmpint(memcmp(a, b, sizeof(a)), !=, 0);
    g_assert_cmpint(memcmp(a, zero, sizeof(a)), !=, 0);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/digest/sha256", test_sha256);
    g_test_add_func("/digest/random", test_random);
    return g_test_run();
}
