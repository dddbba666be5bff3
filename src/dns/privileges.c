/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define USER "certwright-dns"

static int become_user(void)
{
    const struct passwd *user = getpwnam(USER);

    if (!user)
        user = getpwnam("nobody");
    if (!user || user->pw_uid == 0 || user->pw_gid == 0)
        return -ESRCH;
    if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        return -errno;
    return 0;
}

int privileges_drop(void)
{
    const struct rlimit none = { 0, 0 };
    int r;

    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return -errno;
    if (geteuid() == 0 || getuid() == 0) {
        r = become_user();
        if (r < 0)
            return r;
    }
    /* the service may have passed the capability to bind to low ports */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    return 0;
}
