/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "deploy/lock.h"
#include "util/text.h"

static char **names_of(const char *text)
{
    char **names = NULL;

    g_assert_cmpint(strv_split(text, &names), ==, 0);
    return names;
}

static void take(Locks *l, const char *text)
{
    _cleanup_strv_ char **names = names_of(text);

    g_assert_cmpint(locks_take(l, names, NULL), ==, 0);
}

static bool is_free(const Folder *f, const char *name)
{
    _cleanup_close_ int fd = openat(f->fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void test_taken(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_locks_ Locks l = { .dir_fd = -EBADF };

    if (skip_without_root())
        return;
    f = folder_of_root();
    g_assert_cmpint(locks_open(f.path, &l, NULL), ==, 0);
    take(&l, "module-a");
    take(&l, "unit-z unit-b unit-z folder-1-2");
    g_assert_cmpuint(l.n, ==, 4); /* each once: a second one would wait for the first */
    g_assert_false(is_free(&f, "module-a"));
    g_assert_false(is_free(&f, "unit-z"));
    g_assert_false(is_free(&f, "folder-1-2"));
    g_assert_true(is_free(&f, "unit-c"));
    locks_release(&l);
    g_assert_true(is_free(&f, "module-a"));
    g_assert_true(is_free(&f, "unit-z"));
}

/* Two processes that name them in other orders do not wait for each other for ever. */
static void test_order(void)
{
    static const char *const orders[] = { "a b c", "c b a" };
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    pid_t children[ELEMENTSOF(orders)];
    int status;

    if (skip_without_root())
        return;
    f = folder_of_root();
    for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
        children[i] = fork();
        g_assert_cmpint(children[i], >=, 0);
        if (children[i] > 0)
            continue;
        (void)alarm(30);
        for (int n = 0; n < 2000; n++) {
            Locks l = {};
            char **names = names_of(orders[i]);

            if (locks_open(f.path, &l, NULL) < 0 || locks_take(&l, names, NULL) < 0)
                _exit(1);
            locks_release(&l);
            strv_free(names);
        }
        _exit(0);
    }
    for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_cmpint(status, ==, 0);
    }
}

static void test_refused(void)
{
    _cleanup_folder_ Folder f = { .fd = -EBADF };
    _cleanup_problem_ Problem problem = {}, other = {};
    _cleanup_strv_ char **names = names_of("a");
    _cleanup_locks_ Locks l = { .dir_fd = -EBADF };

    if (skip_without_root())
        return;
    f = folder_of_root();
    g_assert_cmpint(locks_open(f.path, &l, NULL), ==, 0);
    g_assert_cmpint(symlinkat("elsewhere", f.fd, "a"), ==, 0);
    g_assert_cmpint(locks_take(&l, names, &problem), <, 0);
    assert_says(&problem, "\"a\" cannot be taken");
    g_assert_false(folder_has(&f, "elsewhere"));
    g_assert_cmpint(fchmodat(f.fd, ".", 0777, 0), ==, 0);
    locks_release(&l);
    g_assert_cmpint(locks_open(f.path, &l, &other), <, 0);
    assert_says(&other, "can be changed by other users");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/lock/taken", test_taken);
    g_test_add_func("/lock/order", test_order);
    g_test_add_func("/lock/refused", test_refused);
    return g_test_run();
}
