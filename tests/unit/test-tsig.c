/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "dns/tsig.h"

#define SECRET "c2l4dGVlbiBieXRlcyBhbmQgbW9yZSBvZiB0aGVtIQ=="
#define PLAIN  "key \"certwright.\" { algorithm hmac-sha256; secret \"" SECRET "\"; };\n"

static void test_good(void)
{
    static const struct {
        const char *text, *name, *algorithm, *secret;
    } cases[] = {
        { PLAIN, "certwright", "hmac-sha256", SECRET },
        { "key \"certwright.\" {\n\talgorithm hmac-sha256;\n\tsecret \"" SECRET "\";\n};\n", "certwright",
          "hmac-sha256", SECRET },
        { "key Certwright.Example.NET { secret " SECRET "; algorithm HMAC-SHA512; };",
          "certwright.example.net", "hmac-sha512", SECRET },
        { "KEY k{algorithm hmac-sha1;secret AAAA;};", "k", "hmac-sha1", "AAAA" },
        { "# one\n// two\n/* three\n */key/**/k{algorithm \"hmac-sha384\"/* a { */;secret \"AA//\";# end\n}// };\n;",
          "k", "hmac-sha384", "AA//" },
        { "key _k-1._x { algorithm hmac-sha224; secret AA==; };", "_k-1._x", "hmac-sha224", "AA==" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_tsig_ Tsig t = {};

        if (tsig_parse(cases[i].text, strlen(cases[i].text), &t, &problem) < 0)
            note_failure("%s: %s", cases[i].text, problem.text);
        else if (!streq(t.name, cases[i].name) || !streq(t.algorithm, cases[i].algorithm) ||
                 !streq(t.secret, cases[i].secret))
            note_failure("%s: %s %s %s", cases[i].text, t.name, t.algorithm, t.secret);
    }
}

static void test_bad(void)
{
    static const struct {
        const char *text, *line, *what;
    } cases[] = {
        { "", "line 1:", "there is no key" },
        { "\n# nothing\n", "line 3:", "there is no key" },
        { "key:\n  - id: k\n", "line 1:", "Knot DNS" },
        { "options { };", "line 1:", "\"key\" is expected" },
        { "key", "line 1:", "name of the key" },
        { "key { algorithm hmac-sha256; secret AAAA; };", "line 1:", "name of the key" },
        { "key \"\" { algorithm hmac-sha256; secret AAAA; };", "line 1:", "name of the key" },
        { "key \"a b\" { algorithm hmac-sha256; secret AAAA; };", "line 1:", "not a domain name" },
        { "key a..b { algorithm hmac-sha256; secret AAAA; };", "line 1:", "not a domain name" },
        { "key . { algorithm hmac-sha256; secret AAAA; };", "line 1:", "not a domain name" },
        { "key -a { algorithm hmac-sha256; secret AAAA; };", "line 1:", "not a domain name" },
        { "key k algorithm", "line 1:", "\"{\" is expected" },
        { "key k {\nalgorithm hmac-md5;\nsecret AAAA; };", "line 2:", "hmac-md5 is broken" },
        { "key k {\nalgorithm hmac-md5.sig-alg.reg.int;\nsecret AAAA; };", "line 2:", "hmac-md5 is broken" },
        { "key k {\n\nalgorithm sha256;\nsecret AAAA; };", "line 3:", "none of hmac-sha1" },
        { "key k { algorithm hmac-sha256-128; secret AAAA; };", "line 1:", "none of hmac-sha1" },
        { "key k { algorithm ; secret AAAA; };", "line 1:", "after \"algorithm\"" },
        { "key k { algorithm hmac-sha256\nsecret AAAA; };", "line 2:", "\";\" is missing" },
        { "key k { algorithm hmac-sha256; secret AAAA };", "line 1:", "\";\" is missing" },
        { "key k { algorithm hmac-sha256; secret ; };", "line 1:", "after \"secret\"" },
        { "key k { algorithm hmac-sha256; secret \"\"; };", "line 1:", "after \"secret\"" },
        { "key k { algorithm hmac-sha256; secret AAAAA; };", "line 1:", "not base64" },
        { "key k { algorithm hmac-sha256; secret A===; };", "line 1:", "not base64" },
        { "key k { algorithm hmac-sha256; secret AA-.; };", "line 1:", "not base64" },
        { "key k { algorithm hmac-sha256; secret \"AAAA AAAA\"; };", "line 1:", "not base64" },
        { "key k { algorithm hmac-sha256; secret \"AAAA; };\n", "line 1:", "quotation mark" },
        { "key k { algorithm hmac-sha256; };", "line 1:", "no secret" },
        { "key k { secret AAAA; };", "line 1:", "no algorithm" },
        { "key k { secret AAAA; secret AAAA; };", "line 1:", "second secret" },
        { "key k { algorithm hmac-sha1;\nalgorithm hmac-sha1; };", "line 2:", "second algorithm" },
        { "key k { algorithm hmac-sha1; bits 3; };", "line 1:", "\"algorithm\" or \"secret\"" },
        { "key k { algorithm hmac-sha1; secret AAAA;", "line 1:", "\"}\"" },
        { "key k { algorithm hmac-sha1; secret AAAA; }", "line 1:", "after \"}\"" },
        { PLAIN PLAIN, "line 2:", "only one key" },
        { "\n/* no end", "line 2:", "has no end" },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_tsig_ Tsig t = {};
        int r = tsig_parse(cases[i].text, strlen(cases[i].text), &t, &problem);

        if (r != -EINVAL || t.name || t.algorithm || t.secret || !problem.text)
            note_failure("%s: is taken", cases[i].text);
        else if (strncmp(problem.text, cases[i].line, strlen(cases[i].line)) != 0 ||
                 !strstr(problem.text, cases[i].what))
            note_failure("%s: %s", cases[i].text, problem.text);
    }
}

/* A word in a wrong place may be the secret. */
static void test_secret_is_not_told(void)
{
    static const char *const cases[] = {
        "key " SECRET ";",
        SECRET,
        "key k { " SECRET "; };",
        "key k { algorithm " SECRET "; };",
        "key k { secret x" SECRET "; };",
        "key k { algorithm hmac-sha256; secret " SECRET " " SECRET "; };",
        "key k { algorithm hmac-sha256; secret \"" SECRET "; };",
        PLAIN SECRET,
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_tsig_ Tsig t = {};

        g_assert_cmpint(tsig_parse(cases[i], strlen(cases[i]), &t, &problem), ==, -EINVAL);
        g_assert_null(strcasestr(problem.text, "c2l4dGVlbiBieXRl"));
    }
}

static void test_nul(void)
{
    static const char text[] = "key k { algorithm hmac-sha1; secret AAAA; };\0";
    _cleanup_problem_ Problem problem = {};
    _cleanup_tsig_ Tsig t = {};

    g_assert_cmpint(tsig_parse(text, sizeof(text) - 1, &t, &problem), ==, -EINVAL);
    g_assert_nonnull(strstr(problem.text, "not text"));
}

static void check_file(const char *path, int expected, const char *what)
{
    _cleanup_problem_ Problem problem = {};
    _cleanup_tsig_ Tsig t = {};
    int r = tsig_read(path, &t, &problem);

    g_assert_cmpint(r, ==, expected);
    if (r >= 0) {
        g_assert_cmpstr(t.secret, ==, SECRET);
        return;
    }
    g_assert_cmpint(problem.code, ==, PROBLEM_CHALLENGE_FAILED);
    if (!strstr(problem.text, what) || !strstr(problem.text, path) || strstr(problem.text, SECRET))
        note_failure("%s", problem.text);
}

static void test_file(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_free_ char *path = folder_path(&f, "key"), *link = folder_path(&f, "link"),
                        *pipe = folder_path(&f, "pipe"), *big = g_strnfill(LIMIT_TSIG_FILE + 1, ' ');

    check_file(path, -ENOENT, "0640");
    folder_write(&f, "key", PLAIN);
    g_assert_cmpint(chmod(path, 0640), ==, 0);
    check_file(path, 0, NULL);
    g_assert_cmpint(chmod(path, 0644), ==, 0);
    check_file(path, -EPERM, "every user");
    g_assert_cmpint(chmod(path, 0602), ==, 0);
    check_file(path, -EPERM, "every user");
    g_assert_cmpint(chmod(path, 0600), ==, 0);
    g_assert_cmpint(symlink(path, link), ==, 0);
    check_file(link, -ELOOP, "symbolic link");
    check_file(f.path, -EINVAL, "not a regular file");
    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
    check_file(pipe, -EINVAL, "not a regular file");
    folder_write(&f, "key", big);
    g_assert_cmpint(chmod(path, 0600), ==, 0);
    check_file(path, -EINVAL, "too large");
    folder_write(&f, "key", "\nkey k {\n" SECRET "; };");
    g_assert_cmpint(chmod(path, 0600), ==, 0);
    check_file(path, -EINVAL, "line 3:");
}

/* As editors of other systems write it. */
static void test_editors(void)
{
    static const char plain[] = "key k {\n# comment\nalgorithm hmac-sha256;\nsecret \"" SECRET "\";\n};\n";
    g_auto(GStrv) lines = g_strsplit(plain, "\n", -1);
    g_auto(GStrv) words = g_strsplit(plain, " ", -1);
    g_autofree char *crlf = g_strjoinv("\r\n", lines), *cr = g_strdelimit(g_strdup(plain), "\n", '\r'),
                    *marked = g_strconcat("\xef\xbb\xbf", crlf, NULL), *hard = g_strjoinv("\xc2\xa0", words);
    const char *const texts[] = { crlf, cr, marked, hard };
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_free_ char *path = folder_path(&f, "key");
    glong n = 0;
    g_autofree gunichar2 *wide = g_utf8_to_utf16(plain, -1, NULL, &n, NULL);

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        folder_write(&f, "key", texts[i]);
        g_assert_cmpint(chmod(path, 0600), ==, 0);
        check_file(path, 0, NULL);
    }
    folder_write_bytes(&f, "key", wide, (size_t)n * 2);
    g_assert_cmpint(chmod(path, 0600), ==, 0);
    check_file(path, 0, NULL);
}

/* Base64url, and without padding. */
static void test_secrets(void)
{
    static const char *const rows[][2] = {
        { "-_8=", "+/8=" }, { "-_8", "+/8=" }, { "AA", "AA==" }, { "AAAA", "AAAA" }
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *text =
            g_strdup_printf("key k { algorithm hmac-sha1; secret \"%s\"; };", rows[i][0]);
        _cleanup_tsig_ Tsig t = {};

        g_assert_cmpint(tsig_parse(text, strlen(text), &t, NULL), ==, 0);
        g_assert_cmpstr(t.secret, ==, rows[i][1]);
    }
}

/* Only who is not root can be refused. */
static void test_file_of_others(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_free_ char *path = folder_path(&f, "key");

    if (geteuid() != 0) {
        g_test_skip("only root can be somebody else");
        return;
    }
    folder_write(&f, "key", PLAIN);
    g_assert_cmpint(chmod(f.path, 0755), ==, 0);
    g_assert_cmpint(chmod(path, 0600), ==, 0);
    g_assert_cmpint(seteuid(65534), ==, 0);
    check_file(path, -EACCES, "user certwright");
    g_assert_cmpint(seteuid(0), ==, 0);
    check_file(path, 0, NULL);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/tsig/good", test_good);
    g_test_add_func("/tsig/bad", test_bad);
    g_test_add_func("/tsig/secret", test_secret_is_not_told);
    g_test_add_func("/tsig/nul", test_nul);
    g_test_add_func("/tsig/file", test_file);
    g_test_add_func("/tsig/editors", test_editors);
    g_test_add_func("/tsig/secrets", test_secrets);
    g_test_add_func("/tsig/file-of-others", test_file_of_others);
    return g_test_run();
}
