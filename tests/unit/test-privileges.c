/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "dns/privileges.h"

/* Only a process that ends afterwards can drop them. Its exit status is the first that is wrong; with the sanitizers, it may not
 * end as usual, as nobody may trace it any more. */
static void assert_in_child(int (*check)(void))
{
    pid_t pid = fork();
    int status;

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0)
        _exit(privileges_drop() < 0 ? 100 : check());
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

static int check_process(void)
{
    struct rlimit limit;

    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 1;
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 2;
    if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_cur != 0 || limit.rlim_max != 0)
        return 3;
    for (unsigned long i = 0; i <= CAP_LAST_CAP; i++)
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0, 0) > 0)
            return 4;
    return 0;
}

static void test_process(void)
{
    assert_in_child(check_process);
}

static uid_t before;

static int check_user(void)
{
    const struct passwd *user = getpwnam("certwright-dns");
    uid_t real, effective, saved;

    user = user ? user : getpwnam("nobody");
    if (getresuid(&real, &effective, &saved) < 0 || real != effective || real != saved)
        return 1;
    if (before != 0)
        return real == before ? 0 : 2;
    if (!user || real != user->pw_uid || getgid() != user->pw_gid || getegid() != user->pw_gid)
        return 3;
    if (getgroups(0, NULL) != 0)
        return 4;
    return setuid(0) < 0 && setgid(0) < 0 ? 0 : 5;
}

/* Root becomes a user without rights, and stays it; others are that already. */
static void test_user(void)
{
    before = geteuid();
    assert_in_child(check_user);
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/privileges/process", test_process);
    g_test_add_func("/privileges/user", test_user);
    return g_test_run();
}
