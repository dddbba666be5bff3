/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "store/files/paths.h"

#include "crypto/digest.h"

static void test_paths(void)
{
    static const struct {
        RecordKind kind;
        const char *name, *path;
    } rows[] = { { RECORD_CERTIFICATE, "a.example", "certificates/a.example" },
                 { RECORD_CERTIFICATE, "*.a.example", "certificates/_.a.example" },
                 { RECORD_CERTIFICATE, "::1", "certificates/::1" },
                 { RECORD_ROOT, "root", "./root" },
                 { RECORD_UPLOAD, "00ff", "uploads/00ff" } };
    char number[24];

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_free_ char *path = object_path(rows[i].kind, rows[i].name);

        g_assert_cmpstr(path, ==, rows[i].path);
    }
    generation_name(UINT64_MAX, number);
    g_assert_cmpstr(number, ==, "18446744073709551615");
}

/* The digest is that of the files' texts, each with its NUL: moving text from one to the next changes it. */
static void test_digest(void)
{
    Bundle b = { .leaf = S("leaf"), .issuers = S("issuers"), .key = S("key"), .bridges = S("bridges") };
    static const char all[] = "leafissuers\0issuers\0leaf\0key\0leafissuerskey",
                      root[] = "leaf\0key\0bridges\0issuers",
                      with_anchor[] = "leaf\0key\0bridges\0issuers\0anchor";
    uint8_t expected[DIGEST_SIZE], got[DIGEST_SIZE];

    g_assert_cmpint(digest_sha256(all, sizeof(all), expected), ==, 0);
    g_assert_cmpint(generation_digest(RECORD_CERTIFICATE, &b, got), ==, 0);
    g_assert_cmpmem(got, sizeof(got), expected, sizeof(expected));
    g_assert_cmpint(generation_digest(RECORD_UPLOAD, &b, got), ==, 0);
    g_assert_cmpmem(got, sizeof(got), expected, sizeof(expected));
    g_assert_cmpint(digest_sha256(root, sizeof(root), expected), ==, 0);
    g_assert_cmpint(generation_digest(RECORD_ROOT, &b, got), ==, 0);
    g_assert_cmpmem(got, sizeof(got), expected, sizeof(expected));
    b.anchor = S("anchor");
    g_assert_cmpint(digest_sha256(with_anchor, sizeof(with_anchor), expected), ==, 0);
    g_assert_cmpint(generation_digest(RECORD_ROOT, &b, got), ==, 0);
    g_assert_cmpmem(got, sizeof(got), expected, sizeof(expected));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/paths/paths", test_paths);
    g_test_add_func("/paths/digest", test_digest);
    return g_test_run();
}
