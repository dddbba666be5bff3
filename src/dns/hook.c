/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "dns/process.h"

static int refuse(const char *path, const char *why, Problem *problem)
{
    return problem_set(problem, PROBLEM_CHALLENGE_FAILED, "The hook %s (DNSHook=) is not run: %s.", path,
                       why);
}

/* Returns NULL if everything is fine. */
static const char *check_owner(const struct stat *st, uid_t owner)
{
    if (st->st_uid != owner)
        return "it does not belong to root (chown root)";
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return "users other than root can write to it (chmod go-w)";
    return NULL;
}

static int check_folder(const char *folder, uid_t owner, int *ret, Problem *problem)
{
    _cleanup_close_ int fd = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const char *wrong;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return problem_set(
            problem, PROBLEM_CHALLENGE_FAILED,
            "The folder of hooks, %s, cannot be opened as a directory: %s; see certwright-dns-hook(5).",
            folder, strerror(errno));
    wrong = check_owner(&st, owner);
    if (wrong)
        return problem_set(problem, PROBLEM_CHALLENGE_FAILED, "No hook of the folder %s is run: %s.", folder,
                           wrong);
    *ret = TAKE_FD(fd);
    return 0;
}

/* Runs the checked path and not the opened file, as the interpreter of a script opens the path again. Nobody
 * can replace the file in between: only root can write to the folder. */
static int check_hook(const char *folder, uid_t owner, const char *name, const char *path, Problem *problem)
{
    _cleanup_close_ int fd = -EBADF;
    const char *wrong = NULL;
    struct stat st;
    int r;

    r = check_folder(folder, owner, &fd, problem);
    if (r < 0)
        return r;
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        wrong = errno == ENOENT ? "there is no such file" : strerror(errno);
    else if (S_ISLNK(st.st_mode))
        wrong = "it is a symbolic link; put the program itself there";
    else if (!S_ISREG(st.st_mode))
        wrong = "it is not a regular file";
    else
        wrong = check_owner(&st, owner);
    if (!wrong && faccessat(fd, name, X_OK, AT_EACCESS) < 0)
        wrong =
            errno == EACCES ? "the user that it runs as may not execute it (chmod a+x)" : strerror(errno);
    return wrong ? refuse(path, wrong, problem) : 0;
}

static int call_hook(const char *path, unsigned seconds, const DnsRequest *q, Problem *problem)
{
    _cleanup_free_ char *fqdn = NULL, *how = NULL;
    ProcessEnd end;
    int r;

    if (asprintf(&fqdn, "%s.", q->fqdn) < 0) {
        fqdn = NULL;
        return -ENOMEM;
    }
    const char *const arguments[] = { path, q->remove ? "cleanup" : "present", fqdn, q->value, NULL };
    const ProcessCall call = { .path = path, .arguments = arguments, .seconds = seconds };

    r = process_run(&call, &end);
    if (r == -ENOEXEC || r == -ENOENT)
        return refuse(path, "its first line has to name its interpreter, as in #!/bin/sh", problem);
    if (r < 0)
        return refuse(path, strerror(-r), problem);
    if (end.status == 0 && !end.late)
        return 0;
    how = process_describe(&call, &end);
    return problem_set(problem, PROBLEM_CHALLENGE_FAILED, "The hook %s (DNSHook=) failed at \"%s %s\": %s",
                       path, arguments[1], fqdn, strempty(how));
}

int hook_run(const char *folder, uid_t owner, unsigned seconds, const DnsRequest *q, Problem *problem)
{
    _cleanup_free_ char *path = NULL;
    int r;

    if (asprintf(&path, "%s/%s", folder, q->hook) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    r = check_hook(folder, owner, q->hook, path, problem);
    return r < 0 ? r : call_hook(path, seconds, q, problem);
}
