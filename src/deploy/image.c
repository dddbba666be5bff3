/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "core/limits.h"
#include "util/fs.h"
#include "util/text.h"

#define LABEL       "security.selinux"
#define ACL         "system.posix_acl_access"
#define VALUE_MAX   4096
#define PERMISSIONS 07777

static const char *const kinds[_IMAGE_KIND_MAX] = {
    [IMAGE_ABSENT] = "absent",
    [IMAGE_FILE] = "file",
    [IMAGE_LINK] = "link",
};

DEFINE_STRING_TABLE(image_kind, ImageKind, kinds);

void image_clear(Image *i)
{
    if (i->data)
        explicit_bzero(i->data, i->size);
    free(i->data);
    free(i->label);
    free(i->acl);
    *i = (Image){ 0 };
}

int image_copy(const Image *from, Image *to)
{
    _cleanup_image_ Image i = { .kind = from->kind,
                                .owner = from->owner,
                                .group = from->group,
                                .mode = from->mode,
                                .size = from->size };

    if (text_set(&i.label, from->label) < 0 || text_set(&i.acl, from->acl) < 0)
        return -ENOMEM;
    if (from->data) {
        i.data = malloc(from->size + 1);
        if (!i.data)
            return -ENOMEM;
        memcpy(i.data, from->data, from->size);
        i.data[from->size] = 0;
    }
    *to = i;
    i = (Image){ 0 };
    return 0;
}

/* Not all systems and file systems have both attributes. */
static bool has_no_attribute(int r)
{
    return r == -ENODATA || r == -EOPNOTSUPP;
}

static int read_label(int fd, char **ret)
{
    char value[VALUE_MAX + 1];
    ssize_t n = fgetxattr(fd, LABEL, value, VALUE_MAX);

    if (n < 0)
        return has_no_attribute(-errno) ? 0 : -errno;
    value[n] = 0;
    return text_set(ret, value);
}

static int read_acl(int fd, char **ret)
{
    uint8_t value[VALUE_MAX];
    ssize_t n = fgetxattr(fd, ACL, value, VALUE_MAX);

    if (n < 0)
        return has_no_attribute(-errno) ? 0 : -errno;
    *ret = malloc(2 * (size_t)n + 1);
    if (!*ret)
        return -ENOMEM;
    hex_encode(value, (size_t)n, false, *ret);
    return 0;
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static int write_acl(int fd, const char *acl)
{
    uint8_t value[VALUE_MAX];
    size_t n = strlen(strempty(acl)) / 2;

    if (!acl) /* the folder may have a default one */
        return fremovexattr(fd, ACL) < 0 && !has_no_attribute(-errno) ? -errno : 0;
    if (n > VALUE_MAX || !text_is_hex(acl, 2 * n))
        return -EBADMSG;
    for (size_t i = 0; i < n; i++)
        value[i] = (uint8_t)(hex_digit(acl[2 * i]) << 4 | hex_digit(acl[2 * i + 1]));
    return fsetxattr(fd, ACL, value, n, 0) < 0 ? -errno : 0;
}

static int write_label(int fd, const char *label)
{
    return label && fsetxattr(fd, LABEL, label, strlen(label), 0) < 0 && !has_no_attribute(-errno) ? -errno
                                                                                                   : 0;
}

static int capture_link(int dir_fd, const char *name, Image *ret)
{
    int r = fs_read_link_at(dir_fd, name, &ret->data);

    if (r < 0)
        return r;
    ret->kind = IMAGE_LINK;
    ret->size = strlen(ret->data);
    return 0;
}

static int capture_file(int dir_fd, const char *name, Image *ret)
{
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    int r;

    if (fd < 0)
        return -errno;
    r = fs_read_fd(fd, LIMIT_DEPLOYED_FILE, &ret->data, &ret->size);
    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0)
        return -errno;
    ret->kind = IMAGE_FILE;
    ret->mode = st.st_mode & PERMISSIONS;
    ret->owner = st.st_uid;
    ret->group = st.st_gid;
    r = read_label(fd, &ret->label);
    return r < 0 ? r : read_acl(fd, &ret->acl);
}

static int capture(int dir_fd, const char *name, Image *ret)
{
    struct stat st;
    int r;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISLNK(st.st_mode))
        return S_ISREG(st.st_mode) ? capture_file(dir_fd, name, ret) : -EINVAL;
    r = capture_link(dir_fd, name, ret);
    ret->owner = st.st_uid;
    ret->group = st.st_gid;
    return r;
}

int image_capture(int dir_fd, const char *name, const char *path, Image *ret, Problem *problem)
{
    _cleanup_image_ Image i = { 0 };
    int r = capture(dir_fd, name, &i);

    if (r == -EINVAL || r == -EISDIR)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "\"%s\" is neither a regular file nor a symbolic link, so it is not replaced.",
                           QUOTE(path, 1024));
    if (r == -E2BIG)
        return problem_set(problem, PROBLEM_INVALID_ARGUMENT,
                           "\"%s\" is larger than %d bytes, so it is no chain or key and is not replaced.",
                           QUOTE(path, 1024), LIMIT_DEPLOYED_FILE);
    if (r < 0)
        return problem_set(problem, PROBLEM_STORAGE_FAILED, "\"%s\" cannot be read: %s.", QUOTE(path, 1024),
                           strerror(-r));
    *ret = i;
    i = (Image){ 0 };
    return 0;
}

/* The owner comes before the mode, as chown(2) clears set-id bits, and the ACL too, as its mask is part of the mode.
 * All of them come before the first byte of a key. */
static int write_file(int fd, const Image *i, bool flush)
{
    int r = fchown(fd, i->owner, i->group) < 0 ? -errno : write_acl(fd, i->acl);

    if (r >= 0 && fchmod(fd, i->mode) < 0)
        r = -errno;
    if (r >= 0)
        r = write_label(fd, i->label);
    if (r >= 0)
        r = fs_write_all(fd, i->data, i->size);
    return r >= 0 && flush ? fs_sync(fd) : r;
}

static int create_file(int dir_fd, const char *name, const Image *i, bool flush)
{
    _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0);
    int r;

    if (fd < 0)
        return -errno;
    r = write_file(fd, i, flush);
    if (r >= 0 && close(TAKE_FD(fd)) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(dir_fd, name, 0);
    return r;
}

static int create_link(int dir_fd, const char *name, const Image *i)
{
    if (symlinkat(i->data, dir_fd, name) < 0)
        return -errno;
    return fchownat(dir_fd, name, i->owner, i->group, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int image_create(int dir_fd, const char *name, const Image *i, bool flush)
{
    return i->kind == IMAGE_LINK ? create_link(dir_fd, name, i) : create_file(dir_fd, name, i, flush);
}

bool image_equal(const Image *a, const Image *b)
{
    return a->kind == b->kind && a->owner == b->owner && a->group == b->group && a->mode == b->mode &&
           a->size == b->size && streq(strempty(a->label), strempty(b->label)) &&
           streq(strempty(a->acl), strempty(b->acl)) &&
           (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}
