/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "solvers/web-root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/limits.h"

#define PLACE ".well-known/acme-challenge"
#define TOKEN "DGyRejmCefe7v4NfDGDKfA"
#define OTHER "AoqXcYV8q5ONbJQxbmR7SC"
#define TEXT  TOKEN ".9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"

static WebRoot *root_at(const char *path)
{
    WebRoot *w = NULL;

    g_assert_cmpint(web_root_new(path, &w), ==, 0);
    g_assert_cmpstr(web_root_path(w), ==, path);
    return w;
}

static WebProof *add(WebRoot *w, const char *token)
{
    _cleanup_problem_ Problem problem = {};
    WebProof *p = NULL;

    if (web_root_add(w, token, TEXT, &p, &problem) < 0)
        g_error("%s", problem.text);
    g_assert_nonnull(p);
    return p;
}

static void assert_refused(WebRoot *w, const char *token, const char *text, ProblemCode code)
{
    _cleanup_problem_ Problem problem = {};
    WebProof *p = NULL;

    g_assert_cmpint(web_root_add(w, token, text, &p, &problem), <, 0);
    g_assert_null(p);
    g_assert_cmpint(problem.code, ==, code);
    g_assert_nonnull(strstr(problem.text, web_root_path(w)));
}

static unsigned mode_of(const Folder *f, const char *path)
{
    struct stat st;

    g_assert_cmpint(fstatat(f->fd, path, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    return st.st_mode & 07777;
}

/* The web server can read it, whatever the umask; with the last one, all that was made is gone. */
static void test_proofs(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_(web_root_unrefp) WebRoot *w = root_at(f.path);
    mode_t before = umask(0077);
    WebProof *one = NULL, *two = NULL;
    g_autofree char *text = NULL;

    g_assert_false(folder_has(&f, ".well-known")); /* nothing has been touched yet */
    one = add(w, TOKEN);
    two = add(w, OTHER);
    umask(before);
    text = folder_read(&f, PLACE "/" TOKEN);
    g_assert_cmpstr(text, ==, TEXT);
    g_assert_cmpuint(mode_of(&f, PLACE "/" TOKEN), ==, 0644);
    g_assert_cmpuint(mode_of(&f, PLACE), ==, 0755);
    g_assert_cmpuint(mode_of(&f, ".well-known"), ==, 0755);
    g_assert_null(web_root_remove(one));
    g_assert_false(folder_has(&f, PLACE "/" TOKEN));
    g_assert_true(folder_has(&f, PLACE "/" OTHER));
    g_assert_null(web_root_remove(two));
    g_assert_false(folder_has(&f, ".well-known"));
    g_assert_null(web_root_remove(NULL));
}

/* What was there before stays, with the mode that it had. */
static void test_directories_of_others(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_(web_root_unrefp) WebRoot *w = root_at(f.path);

    g_assert_cmpint(mkdirat(f.fd, ".well-known", 0711), ==, 0);
    web_root_remove(add(w, TOKEN));
    g_assert_true(folder_has(&f, ".well-known"));
    g_assert_false(folder_has(&f, PLACE));
    g_assert_cmpuint(mode_of(&f, ".well-known"), ==, 0711);
}

/* Several names may have the same token, which is there until the last of them. */
static void test_same_token(void)
{
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_(web_root_unrefp) WebRoot *w = root_at(f.path);
    WebProof *one = add(w, TOKEN), *two = add(w, TOKEN);

    assert_refused(w, TOKEN, "another text", PROBLEM_CHALLENGE_FAILED);
    web_root_remove(one);
    g_assert_true(folder_has(&f, PLACE "/" TOKEN));
    web_root_remove(two);
    g_assert_false(folder_has(&f, ".well-known"));
}

/* It becomes the name of a file. */
static void test_token(void)
{
    static const char *const bad[] = { "",
                                       "../../../../etc/passwd-",
                                       "DGyRejmCefe7v4NfDGDKf",
                                       "DGyRejmCefe7v4NfDGDKf/",
                                       "DGyRejmCefe7v4NfDGDKf.",
                                       "DGyRejmCefe7v4NfDGDKf A" };
    _cleanup_folder_ Folder f = folder_new();
    _cleanup_(web_root_unrefp) WebRoot *w = root_at(f.path);
    g_autofree char *large = g_strnfill(LIMIT_TOKEN_MAX + 1, 'a');

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        assert_refused(w, bad[i], TEXT, PROBLEM_AUTHORITY_FAILED);
    assert_refused(w, large, TEXT, PROBLEM_AUTHORITY_FAILED);
    g_assert_false(folder_has(&f, ".well-known"));
    large[LIMIT_TOKEN_MAX] = 0;
    web_root_remove(add(w, large));
}

/* The path is not followed through links, nor upwards, and nothing is left where it fails half-way. */
static void test_path(void)
{
    _cleanup_folder_ Folder f = folder_new();
    static const char *const bad[] = { "/missing", "/file", "/link", "/link/below", "/www/../www", "/www2" };
    g_autofree char *good = folder_path(&f, "www//below/.");

    folder_write(&f, "www/below/index.html", "");
    folder_write(&f, "file", "");
    folder_write(&f, "www2/.well-known", "a file, and no directory");
    g_assert_cmpint(symlinkat("www", f.fd, "link"), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
        g_autofree char *path = g_strconcat(f.path, bad[i], NULL);
        _cleanup_(web_root_unrefp) WebRoot *w = root_at(path);

        assert_refused(w, TOKEN, TEXT, PROBLEM_CHALLENGE_FAILED);
    }
    _cleanup_(web_root_unrefp) WebRoot *w = root_at(good), *relative = root_at("www");
    WebProof *p = add(w, TOKEN);

    g_assert_true(folder_has(&f, "www/below/" PLACE "/" TOKEN));
    web_root_remove(p);
    assert_refused(relative, TOKEN, TEXT, PROBLEM_CHALLENGE_FAILED);
}

/* What a crash has left, whole or in part, is replaced; what is not the beginning of the text is another's. */
static void test_left(void)
{
    static const struct {
        const char *text;
        bool replaced;
    } rows[] = { { "", true }, { TOKEN, true }, { TEXT, true }, { TEXT "x", false }, { "x", false } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_folder_ Folder f = folder_new();
        _cleanup_(web_root_unrefp) WebRoot *w = root_at(f.path);
        g_autofree char *text = NULL;

        folder_write(&f, PLACE "/" TOKEN, rows[i].text);
        if (rows[i].replaced) {
            web_root_remove(add(w, TOKEN));
            g_assert_false(folder_has(&f, PLACE "/" TOKEN));
            continue;
        }
        assert_refused(w, TOKEN, TEXT, PROBLEM_CHALLENGE_FAILED);
        text = folder_read(&f, PLACE "/" TOKEN);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
}

/* It may be given up before its last proof is removed. */
static void test_given_up(void)
{
    _cleanup_folder_ Folder f = folder_new();
    WebRoot *w = root_at(f.path);
    WebProof *p = add(w, TOKEN);

    g_assert_null(web_root_unref(w));
    g_assert_true(folder_has(&f, PLACE "/" TOKEN));
    web_root_remove(p);
    g_assert_false(folder_has(&f, ".well-known"));
    g_assert_null(web_root_unref(NULL));
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/web-root/proofs", test_proofs);
    g_test_add_func("/web-root/directories-of-others", test_directories_of_others);
    g_test_add_func("/web-root/same-token", test_same_token);
    g_test_add_func("/web-root/token", test_token);
    g_test_add_func("/web-root/path", test_path);
    g_test_add_func("/web-root/left", test_left);
    g_test_add_func("/web-root/given-up", test_given_up);
    return g_test_run();
}
