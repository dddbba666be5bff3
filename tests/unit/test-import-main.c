/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "core/limits.h"
#include "import/import.h"
#include "util/memfd.h"

/* The program, as the service starts it and as somebody else does. */

typedef struct Answer {
    bool given;
    Imported *imported;
    Problem problem;
} Answer;

static void on_done(Imported *imported, const Problem *problem, void *userdata)
{
    Answer *a = userdata;

    a->given = true;
    a->imported = imported;
    g_assert_cmpint(problem_copy(problem, &a->problem), ==, 0);
}

static bool is_given(void *userdata)
{
    const Answer *a = userdata;

    return a->given;
}

static void answer_done(Answer *a)
{
    imported_free(a->imported);
    problem_clear(&a->problem);
}
#define _cleanup_answer_ _cleanup_(answer_done)

/* Takes the descriptors; negative: none. */
static void import(int bundle, int key, int passphrase, Answer *ret)
{
    _cleanup_close_ int bundle_fd = bundle, key_fd = key, passphrase_fd = passphrase;
    const ImportInput input = { .bundle_fd = bundle_fd, .key_fd = key_fd, .passphrase_fd = passphrase_fd };
    _cleanup_(importer_freep) Importer *importer = NULL;
    _cleanup_(sd_event_unrefp) sd_event *event = NULL;
    _cleanup_problem_ Problem problem = {};

    g_assert_cmpint(sd_event_new(&event), ==, 0);
    g_assert_cmpint(importer_new(event, IMPORTER, &importer), ==, 0);
    g_assert_cmpint(importer_start(importer, &input, on_done, ret, &problem), ==, 0);
    loop_until(event, is_given, ret);
}

static int file_of(const char *text)
{
    int fd = memfd_new("test", text, strlen(text));

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void test_read(void)
{
    _cleanup_issued_ Issued leaf = {};
    _cleanup_free_ char *bundle = bundle_for("a.example", "DNS:a.example", &leaf), *key = key_pem_of(&leaf),
                        *alone = pem_of(&leaf);
    _cleanup_answer_ Answer whole = {}, parts = {}, none = {};

    import(file_of(bundle), -1, -1, &whole);
    g_assert_cmpstr(whole.imported->format, ==, "PEM");
    g_assert_cmpuint(whole.imported->n_certificates, ==, 1);
    g_assert_nonnull(whole.imported->key.data);
    import(file_of(alone), file_of(key), -1, &parts);
    g_assert_true(blob_equal(&parts.imported->key, &whole.imported->key));
    import(file_of(alone), -1, -1, &none);
    g_assert_null(none.imported->key.data);
    g_assert_cmpint(none.imported->key_problem.code, ==, PROBLEM_NONE);
}

/* The newline of an editor is none of the passphrase's; a zero byte is in none. */
static void test_passphrase(void)
{
    _cleanup_issued_ Issued leaf = {};
    _cleanup_free_ char *bundle = bundle_for("a.example", "DNS:a.example", &leaf);
    g_autofree char *longest = g_strnfill(LIMIT_PASSPHRASE, 'x'),
                    *with_newline = g_strconcat(longest, "\n", NULL),
                    *longer = g_strconcat(longest, "x\n", NULL);
    _cleanup_answer_ Answer good = {}, large = {}, zero = {};

    import(file_of(bundle), -1, file_of(with_newline), &good);
    g_assert_nonnull(good.imported);
    import(file_of(bundle), -1, file_of(longer), &large);
    g_assert_cmpint(large.problem.code, ==, PROBLEM_LIMITS_EXCEEDED);
    import(file_of(bundle), -1, memfd_new("test", "a\0b", 3), &zero);
    g_assert_cmpint(zero.problem.code, ==, PROBLEM_INVALID_ARGUMENT);
    g_assert_nonnull(strstr(zero.problem.text, "zero byte"));
}

static int pipe_end(void)
{
    int ends[2];

    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    close(ends[1]);
    return ends[0];
}

/* Descriptors of other kinds than the upload may be. */
static void test_descriptors(void)
{
    _cleanup_folder_ Folder f = folder_new();
    g_autofree char *path = folder_path(&f, "file"), *much = g_strnfill(LIMIT_BUNDLE + 1, ' ');
    const struct {
        int fd;
        ProblemCode code;
        const char *words;
    } rows[] = {
        { open(f.path, O_RDONLY | O_CLOEXEC), PROBLEM_INVALID_ARGUMENT, "is a directory" },
        { pipe_end(), PROBLEM_INVALID_ARGUMENT, "is a pipe" },
        { open("/dev/null", O_RDONLY | O_CLOEXEC), PROBLEM_INVALID_ARGUMENT, "is a character device" },
        { open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), PROBLEM_INVALID_ARGUMENT,
          "not opened for reading" },
        { file_of(much), PROBLEM_LIMITS_EXCEEDED, "more than 65536 bytes" },
        { file_of("no upload!"), PROBLEM_INVALID_BUNDLE, "cannot be parsed" },
    };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_answer_ Answer a = {};

        import(rows[i].fd, -1, -1, &a);
        if (a.imported || a.problem.code != rows[i].code || !strstr(a.problem.text, rows[i].words))
            note_failure("\"%s\": %s", rows[i].words, strempty(a.problem.text));
    }
}

static void test_by_hand(void)
{
    static const struct {
        const char *option, *words;
        int status;
    } rows[] = { { "--version", "certwright-import ", EXIT_SUCCESS },
                 { "--help", "See certwrightd(8).", EXIT_SUCCESS },
                 { "--other", "is only started by certwrightd", EXIT_FAILURE } };

    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        char *argv[] = { S(IMPORTER), S(rows[i].option), NULL };
        g_autofree char *output = NULL;

        g_assert_cmpint(run_program(argv, &output), ==, rows[i].status);
        g_assert_nonnull(strstr(output, rows[i].words));
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/import-main/read", test_read);
    g_test_add_func("/import-main/passphrase", test_passphrase);
    g_test_add_func("/import-main/descriptors", test_descriptors);
    g_test_add_func("/import-main/by-hand", test_by_hand);
    return g_test_run();
}
