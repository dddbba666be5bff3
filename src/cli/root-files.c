/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/root-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cli/xalloc.h"
#include "core/limits.h"
#include "util/fs.h"
#include "util/text.h"

/* Of a service's own configuration: what is deeper or larger is not looked at. */
#define SEARCHED_FILE_MAX  ((size_t)1024 * 1024)
#define SEARCHED_DEPTH_MAX 4

void files_change_done(FilesChange *c)
{
    strv_free(c->done);
    strv_free(c->kept);
    *c = (FilesChange){ 0 };
}

static void files_change_add(char ***list, const char *path)
{
    xcheck(strv_extend(list, path) < 0 ? NULL : list);
}

void files_change_keep(FilesChange *c, const char *path)
{
    files_change_add(&c->kept, path);
}

/* ---- read */

int root_file_read(const char *path, char **ret)
{
    int r = fs_read_at(AT_FDCWD, path, LIMIT_CONFIG_FILE, ret, NULL);

    return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

Exit root_file_load(const char *path, char **ret)
{
    int r = root_file_read(path, ret);

    if (r == 0)
        *ret = NULL;
    return r < 0 ? fail(EXIT_FAILED, _("Cannot read %s: %s"), path, strerror(-r)) : EXIT_DONE;
}

/* ---- write */

static char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    return xcheck(strndup(path, slash > path ? (size_t)(slash - path) : 1));
}

static Exit file_fail_write(const char *path, int r)
{
    fail(EXIT_FAILED, _("Cannot write %s: %s"), path, strerror(-r));
    if (r == -EROFS)
        hint(_(
            "/etc is read-only: put the files into the image that the system boots, or make it writable."));
    return EXIT_FAILED;
}

int root_folder_make(const char *path)
{
    if (mkdir(path, 0755) == 0)
        return chmod(path, 0755) < 0 ? -errno : 0;
    return errno == EEXIST ? 0 : -errno;
}

static int file_write_aside(const char *path, const char *text)
{
    _cleanup_close_ int fd = -EBADF;
    int r = fs_remove_file_at(AT_FDCWD, path);

    if (r < 0)
        return r;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0) /* the service reads it, whatever the umask */
        return -errno;
    r = fs_write_all(fd, text, strlen(text));
    return r < 0 ? r : fs_sync(fd);
}

static int file_put(const char *path, const char *text, unsigned flags)
{
    _cleanup_free_ char *folder = path_folder(path), *aside = xasprintf("%s.new", path);
    int r = root_folder_make(folder);

    if (r >= 0)
        r = file_write_aside(aside, text);
    if (r >= 0 && renameat2(AT_FDCWD, aside, AT_FDCWD, path, flags) < 0)
        r = -errno;
    if (r < 0) {
        fs_remove_file_at(AT_FDCWD, aside);
        return r;
    }
    return fs_fsync_directory_at(AT_FDCWD, folder);
}

static Exit file_conclude(const char *path, int r, FilesChange *c)
{
    if (r < 0)
        return file_fail_write(path, r);
    files_change_add(&c->done, path);
    return EXIT_DONE;
}

Exit root_file_create(const char *path, const char *text, FilesChange *c)
{
    return file_conclude(path, file_put(path, text, RENAME_NOREPLACE), c);
}

Exit root_file_replace(const char *path, const char *text, FilesChange *c)
{
    return file_conclude(path, file_put(path, text, 0), c);
}

Exit root_file_link(const char *path, const char *target, FilesChange *c)
{
    _cleanup_free_ char *folder = path_folder(path);
    int r = symlink(target, path) < 0 ? -errno : fs_fsync_directory_at(AT_FDCWD, folder);

    return file_conclude(path, r, c);
}

Exit root_file_remove(const char *path, FilesChange *c)
{
    _cleanup_free_ char *folder = path_folder(path);
    int r = fs_remove_file_at(AT_FDCWD, path);

    if (r >= 0)
        r = fs_fsync_directory_at(AT_FDCWD, folder);
    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot remove %s: %s"), path, strerror(-r));
    files_change_add(&c->done, path);
    return EXIT_DONE;
}

/* ---- search */

static bool text_mentions(const char *text, char *const *words)
{
    for (; words && *words; words++)
        if (strstr(text, *words))
            return true;
    return false;
}

static bool file_mentions(int dir_fd, const char *path, char *const *words)
{
    _cleanup_free_ char *text = NULL;

    return fs_read_at(dir_fd, path, SEARCHED_FILE_MAX, &text, NULL) >= 0 && text_mentions(text, words);
}

static bool folder_mentions(int dir_fd, const char *path, char *const *words, const char *except, int depth)
{
    _cleanup_(closedirp) DIR *directory = NULL;
    const struct dirent *entry;

    if (depth == 0 || fs_open_stream_at(dir_fd, path, &directory) < 0)
        return false;
    while ((entry = readdir(directory))) {
        const char *name = entry->d_name;

        if (*name == '.' || (except && strncmp(name, except, strlen(except)) == 0))
            continue;
        if (entry->d_type == DT_DIR ? folder_mentions(dirfd(directory), name, words, except, depth - 1)
                                    : file_mentions(dirfd(directory), name, words))
            return true;
    }
    return false;
}

bool root_folder_mentions(const char *folder, char *const *words, const char *except)
{
    return folder_mentions(AT_FDCWD, folder, words, except, SEARCHED_DEPTH_MAX);
}
