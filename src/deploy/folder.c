/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/folder.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "util/fs.h"

#define NEW_FOLDER ".certwright-deploy.new" /* no target can be below such a name */
#define ACL        "system.posix_acl_access"
#define DEFAULT    "system.posix_acl_default"
#define READ_ENTER (ACL_READ | ACL_EXECUTE)

static int remove_acl(int fd, const char *acl)
{
    return fremovexattr(fd, acl) < 0 && errno != ENODATA && errno != EOPNOTSUPP ? -errno : 0;
}

static struct posix_acl_xattr_entry entry(unsigned tag, unsigned permissions, uint32_t id)
{
    return (struct posix_acl_xattr_entry){ htole16((uint16_t)tag), htole16((uint16_t)permissions),
                                           htole32(id) };
}

static int write_acl(int fd, const FolderAccess *a)
{
    struct {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[5];
    } acl = { .header.a_version = htole32(POSIX_ACL_XATTR_VERSION),
              .entries = {
                  entry(ACL_USER_OBJ, READ_ENTER | ACL_WRITE, (uint32_t)ACL_UNDEFINED_ID),
                  entry(ACL_USER, READ_ENTER, a->user),
                  entry(ACL_GROUP_OBJ, a->group != 0 ? READ_ENTER : 0, (uint32_t)ACL_UNDEFINED_ID),
                  entry(ACL_MASK, READ_ENTER, (uint32_t)ACL_UNDEFINED_ID),
                  entry(ACL_OTHER, 0, (uint32_t)ACL_UNDEFINED_ID),
              } };

    return fsetxattr(fd, ACL, &acl, sizeof(acl), 0) < 0 ? -errno : 0;
}

static int give_access(int fd, const FolderAccess *a)
{
    mode_t mode = a->mode | (a->group != 0 ? S_IRGRP | S_IXGRP : 0);
    int r = fchown(fd, 0, a->group) < 0 ? -errno : remove_acl(fd, DEFAULT);

    if (r >= 0)
        r = remove_acl(fd, ACL);
    if (r >= 0 && fchmod(fd, mode) < 0)
        r = -errno;
    if (r >= 0 && a->user != 0)
        r = write_acl(fd, a);
    return r < 0 ? r : fs_sync(fd);
}

/* A run that ends here leaves nothing under the final name, which the next one would take for somebody else's folder. */
static int make_aside(int parent_fd, const char *name, const FolderAccess *access)
{
    _cleanup_close_ int fd = -EBADF;
    int r = fs_remove_tree_at(parent_fd, NEW_FOLDER);

    if (r >= 0 && mkdirat(parent_fd, NEW_FOLDER, S_IRWXU) < 0)
        r = -errno;
    if (r >= 0)
        r = fs_open_directory_at(parent_fd, NEW_FOLDER, &fd);
    if (r >= 0)
        r = give_access(fd, access);
    if (r >= 0 && renameat2(parent_fd, NEW_FOLDER, parent_fd, name, RENAME_NOREPLACE) < 0)
        r = -errno;
    if (r < 0)
        (void)fs_remove_tree_at(parent_fd, NEW_FOLDER);
    return r;
}

int folder_make(int parent_fd, const char *name, const FolderAccess *access)
{
    int r;

    if (access->user != 0 || access->group != 0)
        r = make_aside(parent_fd, name, access);
    else
        r = mkdirat(parent_fd, name, access->mode) < 0 ? -errno : 0;
    return r < 0 ? r : fs_sync(parent_fd);
}
