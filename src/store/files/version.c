/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "store/files/files-internal.h"
#include "store/files/record-json.h"
#include "util/fs.h"
#include "util/text.h"

/* The file with the version of the folder's format. If it is damaged, the rest of the store tells the version: a store of
 * another version has no journal or record that this one can read. */

#define VERSION_SIZE_MAX 32

static int write_version(int dir_fd, uint64_t version)
{
    char text[VERSION_SIZE_MAX];
    int r;

    snprintf(text, sizeof(text), "%" PRIu64 "\n", version);
    r = fs_replace_at(dir_fd, VERSION_FILE, text, strlen(text), true);
    return r < 0 ? r : fs_sync(dir_fd);
}

/* -EBADMSG: it is damaged. A number that is too large is one of a later version. */
static int read_version(int dir_fd, uint64_t *ret)
{
    _cleanup_free_ char *text = NULL;
    struct stat st;
    size_t size;
    int r;

    if (fstatat(dir_fd, VERSION_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    r = fs_read_at(dir_fd, VERSION_FILE, VERSION_SIZE_MAX, &text, &size);
    if (r < 0)
        return r == -E2BIG ? -EBADMSG : r;
    if (strlen(text) != size)
        return -EBADMSG;
    text[strcspn(text, "\n")] = 0;
    r = parse_uint64(text, ret);
    if (r == -ERANGE)
        *ret = UINT64_MAX;
    return r == -ERANGE || (r >= 0 && *ret > 0) ? 0 : -EBADMSG;
}

int store_upgrade(int dir_fd, uint64_t wanted, const StoreUpgrade *steps, size_t n_steps)
{
    uint64_t version;
    int r;

    r = read_version(dir_fd, &version);
    if (r == -ENOENT)
        return write_version(dir_fd, wanted);
    for (size_t i = 0; i < n_steps && r >= 0; i++)
        if (steps[i].from == version) {
            r = steps[i].upgrade(dir_fd);
            if (r >= 0)
                r = write_version(dir_fd, ++version);
        }
    if (r < 0)
        return r;
    return version == wanted ? 0 : -EPROTONOSUPPORT;
}

static bool has_record(int dir_fd, const char *path)
{
    _cleanup_record_ Record *rec = NULL;
    _cleanup_free_ char *text = NULL;

    return fs_read_at(dir_fd, path, LIMIT_RECORD, &text, NULL) >= 0 && record_from_json(text, &rec) >= 0;
}

/* Returns 1 if an object of this kind has a record that can be read, 0 if there are only others, -ENOENT if there are none. */
static int find_record(int dir_fd, RecordKind kind)
{
    _cleanup_(closedirp) DIR *d = NULL;
    struct dirent *entry;
    int r = -ENOENT;

    if (fs_open_stream_at(dir_fd, object_parent(kind), &d) < 0)
        return -ENOENT;
    while (r <= 0 && (entry = readdir(d))) {
        _cleanup_free_ char *path = NULL;

        if (entry->d_name[0] == '.')
            continue;
        if (asprintf(&path, "%s/" RECORD_FILE, entry->d_name) < 0)
            return -ENOMEM;
        r = has_record(dirfd(d), path);
    }
    return r;
}

/* Returns true if the rest of the folder is of this version, or there is nothing in it. */
static bool rest_is_known(int dir_fd)
{
    int certificates = find_record(dir_fd, RECORD_CERTIFICATE), uploads = find_record(dir_fd, RECORD_UPLOAD),
        journal = journal_probe(dir_fd);

    if (certificates > 0 || uploads > 0 || journal >= 0 || has_record(dir_fd, "root/" RECORD_FILE))
        return true;
    return certificates == -ENOENT && uploads == -ENOENT && journal == -ENOENT &&
           faccessat(dir_fd, "root", F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

static int replace_damaged(Store *s, uint64_t version, Problem *problem)
{
    int r;

    if (!rest_is_known(s->fd))
        return problem_set(problem, PROBLEM_STORAGE_FAILED,
                           "The file %s/" VERSION_FILE
                           " is damaged, and no other file tells the version of the store; if it "
                           "is %" PRIu64 ", write that number to the file.",
                           s->path, version);
    r = put_aside(s, s->fd, VERSION_FILE, VERSION_FILE, "the other files show the version of the store");
    if (r >= 0)
        r = write_version(s->fd, version);
    return r == -EROFS ? 0 : r;
}

int version_check(Store *s, uint64_t version, const StoreUpgrade *steps, size_t n_steps, Problem *problem)
{
    uint64_t found = version;
    int r = read_version(s->fd, &found);

    if (r < 0 && r != -ENOENT && r != -ENOMEM)
        return replace_damaged(s, version, problem);
    if (r >= 0 || r == -ENOENT)
        r = store_upgrade(s->fd, version, steps, n_steps);
    if (r == -EPROTONOSUPPORT)
        problem_set(problem, PROBLEM_STORAGE_FAILED,
                    "The store %s is of version %" PRIu64 ", according to its file " VERSION_FILE
                    ", which this program does not know; install the newer program.",
                    s->path, found);
    else if (r < 0)
        problem_set(problem, PROBLEM_STORAGE_FAILED,
                    "The file %s/" VERSION_FILE " cannot be read or written: %s.%s", s->path, strerror(-r),
                    store_advice(r));
    return r;
}
