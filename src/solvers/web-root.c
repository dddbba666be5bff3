/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "solvers/web-root.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "util/fs.h"

#define DIRECTORY_MODE 0755
#define FILE_MODE      0644

/* Others may be able to write to a web root, so no component of the path may be a symbolic link: each
 * directory is opened relative to its parent, and files are created relative to an open directory. */
enum { ROOT, WELL_KNOWN, CHALLENGES, _LEVEL_MAX };

static const char *const level_names[_LEVEL_MAX] = {
    [WELL_KNOWN] = ".well-known",
    [CHALLENGES] = "acme-challenge",
};

typedef struct Level {
    int fd;
    bool made; /* created by this process, so to be removed */
} Level;

struct WebProof {
    WebRoot *root;
    char *token, *text;
    size_t n_users;
    LIST_ENTRY(WebProof) entry;
};

struct WebRoot {
    char *path;
    size_t n_refs;
    LIST_HEAD(, WebProof) proofs; /* while there are any, the levels are open */
    Level levels[_LEVEL_MAX];
};

static bool token_is_valid(const char *token)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t size = strlen(token);

    return size >= LIMIT_TOKEN_MIN && size <= LIMIT_TOKEN_MAX && strspn(token, letters) == size;
}

static int describe(const WebRoot *w, int r, Problem *problem)
{
    const char *what = strerror(-r), *advice = "correct WebRoot=, or fix the problem there";

    switch (r) {
    case -ENOENT:
        what = "the directory does not exist";
        advice = "create it, or correct WebRoot=";
        break;
    case -ENOTDIR:
    case -ELOOP:
        what = "a component of the path is not a directory, or a symbolic link, which is not followed";
        advice =
            "set WebRoot= to the real path, and let .well-known and acme-challenge in it be directories";
        break;
    case -EACCES:
    case -EPERM:
    case -EROFS:
        what = "the service has no write permission there";
        advice =
            "let its user write to the directory (or to .well-known/acme-challenge in it), and add the directory "
            "to ReadWritePaths= of its unit (systemctl edit certwrightd.service)";
        break;
    case -EEXIST:
        what = "a file of that name exists, and it is not the service's";
        advice = "remove what is in .well-known/acme-challenge";
        break;
    case -ENOSPC:
    case -EDQUOT:
        advice = "make room on that file system";
        break;
    default:
        break;
    }
    problem_set(problem, PROBLEM_CHALLENGE_FAILED, "Cannot put a proof into %s: %s; %s", w->path, what,
                advice);
    return r;
}

/* ---- directories */

static int open_step(int fd, const char *name, int *ret)
{
    int step = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (step < 0)
        return -errno;
    *ret = step;
    return 0;
}

static int open_root(const char *path, int *ret)
{
    _cleanup_close_ int fd = -EBADF;
    _cleanup_free_ char *copy = strdup(path);
    char *state, *name;
    int r;

    if (!copy)
        return -ENOMEM;
    if (path[0] != '/')
        return -ENOENT;
    r = open_step(AT_FDCWD, "/", &fd);
    for (name = strtok_r(copy, "/", &state); name && r >= 0; name = strtok_r(NULL, "/", &state)) {
        int above = fd;

        r = streq(name, "..") ? -ENOTDIR : open_step(above, name, &fd);
        if (r >= 0)
            close(above);
    }
    if (r < 0)
        return r;
    *ret = TAKE_FD(fd);
    return 0;
}

/* The web server needs access, regardless of the umask. */
static int make_readable(int above, const char *name)
{
    _cleanup_close_ int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_uid != geteuid())
        return -EPERM;
    return fchmod(fd, DIRECTORY_MODE) < 0 ? -errno : 0;
}

static int open_level(Level *above, Level *l, const char *name)
{
    int r;

    r = open_step(above->fd, name, &l->fd);
    if (r != -ENOENT)
        return r;
    if (mkdirat(above->fd, name, DIRECTORY_MODE) < 0)
        return -errno;
    l->made = true;
    r = make_readable(above->fd, name);
    return r < 0 ? r : open_step(above->fd, name, &l->fd);
}

/* Directories with files of others are kept. */
static void web_root_close(WebRoot *w)
{
    for (int i = CHALLENGES; i >= ROOT; i--) {
        Level *l = w->levels + i;

        closep(&l->fd);
        if (l->made)
            (void)unlinkat(w->levels[i - 1].fd, level_names[i], AT_REMOVEDIR);
        *l = (Level){ .fd = -EBADF };
    }
}

static int web_root_open(WebRoot *w)
{
    int r;

    r = open_root(w->path, &w->levels[ROOT].fd);
    for (int i = WELL_KNOWN; i < _LEVEL_MAX && r >= 0; i++)
        r = open_level(w->levels + i - 1, w->levels + i, level_names[i]);
    if (r < 0)
        web_root_close(w);
    return r;
}

/* ---- files */

/* An incomplete file of a previous process that crashed: owned by us, and a prefix of the same text. */
static bool file_is_left(int dir_fd, const char *token, const char *text)
{
    _cleanup_close_ int fd = openat(dir_fd, token, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    _cleanup_free_ char *there = NULL;
    size_t size;
    struct stat st;

    return fd >= 0 && fstat(fd, &st) >= 0 && st.st_uid == geteuid() &&
           fs_read_fd(fd, strlen(text), &there, &size) >= 0 && memcmp(text, there, size) == 0;
}

static int create_file(int dir_fd, const char *token)
{
    int fd = openat(dir_fd, token, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

    return fd < 0 ? -errno : fd;
}

static int write_file(int dir_fd, const char *token, const char *text)
{
    _cleanup_close_ int fd = create_file(dir_fd, token);
    int r;

    if (fd == -EEXIST && file_is_left(dir_fd, token, text)) {
        if (unlinkat(dir_fd, token, 0) < 0)
            return -errno;
        fd = create_file(dir_fd, token);
    }
    if (fd < 0)
        return fd;
    r = fs_write_all(fd, text, strlen(text));
    if (r >= 0 && fchmod(fd, FILE_MODE) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(dir_fd, token, 0);
    return r;
}

/* ---- proofs */

static WebProof *proof_free(WebProof *p)
{
    free(p->token);
    free(p->text);
    free(p);
    return NULL;
}
DEFINE_CLEANUP(WebProof *, proof_free);

static int proof_new(const char *token, const char *text, WebProof **ret)
{
    _cleanup_(proof_freep) WebProof *p = calloc(1, sizeof(WebProof));

    if (!p)
        return -ENOMEM;
    p->n_users = 1;
    p->token = strdup(token);
    p->text = strdup(text);
    if (!p->token || !p->text)
        return -ENOMEM;
    *ret = TAKE_PTR(p);
    return 0;
}

static int web_root_write(WebRoot *w, const WebProof *p)
{
    int r = LIST_EMPTY(&w->proofs) ? web_root_open(w) : 0;

    if (r >= 0)
        r = write_file(w->levels[CHALLENGES].fd, p->token, p->text);
    if (r < 0 && LIST_EMPTY(&w->proofs))
        web_root_close(w);
    return r;
}

int web_root_add(WebRoot *w, const char *token, const char *key_authorization, WebProof **ret,
                 Problem *problem)
{
    _cleanup_(proof_freep) WebProof *p = NULL;
    WebProof *other;
    int r;

    if (!token_is_valid(token))
        return problem_set(problem, PROBLEM_AUTHORITY_FAILED,
                           "The authority's token is not a valid file name in %s; tell its operator",
                           w->path);
    LIST_FOREACH (other, &w->proofs, entry)
        if (streq(other->token, token)) {
            if (!streq(other->text, key_authorization))
                return describe(w, -EEXIST, problem);
            other->n_users++;
            *ret = other;
            return 0;
        }
    r = proof_new(token, key_authorization, &p);
    if (r < 0)
        return problem_set_errno(problem, r, "Answering http-01");
    r = web_root_write(w, p);
    if (r < 0)
        return describe(w, r, problem);
    p->root = w;
    w->n_refs++;
    LIST_INSERT_HEAD(&w->proofs, p, entry);
    *ret = TAKE_PTR(p);
    return 0;
}

WebProof *web_root_remove(WebProof *p)
{
    WebRoot *w = p ? p->root : NULL;

    if (!p || --p->n_users > 0)
        return NULL;
    LIST_REMOVE(p, entry);
    (void)unlinkat(w->levels[CHALLENGES].fd, p->token, 0);
    if (LIST_EMPTY(&w->proofs))
        web_root_close(w);
    web_root_unref(w);
    return proof_free(p);
}

/* ---- the web root */

int web_root_new(const char *path, WebRoot **ret)
{
    _cleanup_(web_root_unrefp) WebRoot *w = calloc(1, sizeof(WebRoot));

    if (!w)
        return -ENOMEM;
    w->n_refs = 1;
    for (size_t i = 0; i < _LEVEL_MAX; i++)
        w->levels[i].fd = -EBADF;
    w->path = strdup(path);
    if (!w->path)
        return -ENOMEM;
    *ret = TAKE_PTR(w);
    return 0;
}

const char *web_root_path(const WebRoot *w)
{
    return w->path;
}

WebRoot *web_root_unref(WebRoot *w)
{
    if (!w || --w->n_refs > 0)
        return NULL;
    free(w->path);
    free(w);
    return NULL;
}
