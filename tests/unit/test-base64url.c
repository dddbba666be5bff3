/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "crypto/base64url.h"

#include <errno.h>

/* RFC 4648 section 10 */
static const struct {
    const char *data, *url, *padded;
} vectors[] = {
    { "", "", "" },
    { "f", "Zg", "Zg==" },
    { "f\x6f", "Zm8", "Zm8=" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg", "Zm9vYg==" },
    { "fooba", "Zm9vYmE", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
    { "\xfb\xff\xbf", "-_-_", "+/+/" },
};

static void test_vectors(void)
{
    for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
        size_t wanted = strlen(vectors[i].data), size = 99;
        _cleanup_free_ char *text = base64url_encode(vectors[i].data, wanted);
        _cleanup_free_ void *data = NULL;
        _cleanup_blob_ Blob blob = {};

        g_assert_cmpstr(text, ==, vectors[i].url);
        g_assert_cmpint(base64url_decode(text, &data, &size), ==, 0);
        g_assert_cmpuint(size, ==, wanted);
        g_assert_cmpint(memcmp(data, vectors[i].data, wanted + 1), ==, 0);
        g_assert_cmpint(base64_decode(vectors[i].padded, &blob), ==, 0);
        g_assert_cmpmem(blob.data, blob.size, vectors[i].data, wanted);
    }
}

static void test_refused(void)
{
    static const char *const bad[] = {
        "Zg==", "Zg=",  "Z",   "Zm9vY",        "Zh", "Zm9",   "Zm+v", "Zm/v",
        " Zg",  "Zg\n", "Z g", "Zm9v\xc3\xa9", "=",  "Zm9v.", "-",    "Zm9v-"
    };
    static const char *const bad_padded[] = {
        "Zg",   "Zg=",  "Zh==",     "Zm9=",         "=",        "====",     "Zg==Zg==",      "Z===",
        "-_-_", " Zm9", "Zm9v    ", "Zm9v\n\n\n\n", "    Zm9v", "Zm9vZg=x", "Zm9vY\xc3\xa9="
    };
    void *data = NULL;
    Blob blob = {};
    size_t size;

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        if (base64url_decode(bad[i], &data, &size) != -EINVAL)
            note_failure("\"%s\" is taken for base64url", bad[i]);
    for (size_t i = 0; i < ELEMENTSOF(bad_padded); i++)
        if (base64_decode(bad_padded[i], &blob) != -EINVAL)
            note_failure("\"%s\" is taken for base64", bad_padded[i]);
    g_assert_null(data);
    g_assert_null(blob.data);
}

/* All bytes, in texts of all lengths. */
static void test_round_trip(void)
{
    uint8_t bytes[256];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(255 - i);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        _cleanup_free_ char *text = base64url_encode(bytes, n);
        _cleanup_free_ void *data = NULL;
        size_t size;

        g_assert_cmpuint(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                         ==, (n * 4 + 2) / 3);
        g_assert_cmpint(base64url_decode(text, &data, &size), ==, 0);
        g_assert_cmpmem(data, size, bytes, n);
    }
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/base64url/vectors", test_vectors);
    g_test_add_func("/base64url/refused", test_refused);
    g_test_add_func("/base64url/round-trip", test_round_trip);
    return g_test_run();
}
