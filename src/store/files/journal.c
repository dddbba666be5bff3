/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/files/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/limits.h"
#include "crypto/digest.h"
#include "store/files/record-json.h"
#include "util/fs.h"
#include "util/text.h"

#define HEADER_FORMAT "{\"journal\":\"%s\"}\n"
#define HEADER_PREFIX "{\"journal\":\""
#define HEADER_SIZE   (sizeof(HEADER_PREFIX) - 1 + JOURNAL_ID_SIZE - 1 + 3)
#define REPLAY_MAX    (LIMIT_JOURNAL * 16)

struct Journal {
    int dir_fd; /* borrowed */
    int fd;
    bool read_only; /* the file system was, when it was opened */
    char id[JOURNAL_ID_SIZE];
    uint64_t end; /* after the last complete line */
};

static int read_header(Journal *j)
{
    char header[HEADER_SIZE + 1], expected[HEADER_SIZE + 1];
    ssize_t n = pread(j->fd, header, HEADER_SIZE, 0);

    if (n < 0)
        return -errno;
    if ((size_t)n < HEADER_SIZE)
        return -EBADMSG;
    memcpy(j->id, header + strlen(HEADER_PREFIX), JOURNAL_ID_SIZE - 1);
    snprintf(expected, sizeof(expected), HEADER_FORMAT, j->id);
    return text_is_hex(j->id, JOURNAL_ID_SIZE - 1) && memcmp(header, expected, HEADER_SIZE) == 0 ? 0
                                                                                                 : -EBADMSG;
}

/* Truncates an incomplete line left by a crash. */
static int find_end(Journal *j)
{
    char last[4096];
    struct stat st;
    ssize_t n;

    if (fstat(j->fd, &st) < 0)
        return -errno;
    j->end = (uint64_t)st.st_size;
    while (j->end > HEADER_SIZE) {
        size_t size = (size_t)MIN(j->end - HEADER_SIZE, (uint64_t)sizeof(last));
        const char *newline;

        n = pread(j->fd, last, size, (off_t)(j->end - size));
        if (n < 0 || (size_t)n != size)
            return n < 0 ? -errno : -EIO;
        newline = memrchr(last, '\n', size);
        if (newline) {
            j->end -= size - (size_t)(newline + 1 - last);
            break;
        }
        j->end -= size;
    }
    if (!j->read_only && j->end < (uint64_t)st.st_size && ftruncate(j->fd, (off_t)j->end) < 0)
        return -errno;
    return 0;
}

static int create(int dir_fd)
{
    _cleanup_free_ char *header = NULL;
    char id[JOURNAL_ID_SIZE];
    uint8_t random[(JOURNAL_ID_SIZE - 1) / 2];
    int r;

    r = random_bytes(random, sizeof(random));
    if (r < 0)
        return r;
    hex_encode(random, sizeof(random), false, id);
    if (asprintf(&header, HEADER_FORMAT, id) < 0)
        return -ENOMEM;
    r = fs_replace_at(dir_fd, JOURNAL_FILE, header, strlen(header), true);
    return r < 0 ? r : fs_sync(dir_fd);
}

static int open_file(int dir_fd, int flags)
{
    int fd = openat(dir_fd, JOURNAL_FILE, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

static int open_present(int dir_fd, Journal **ret)
{
    _cleanup_(journal_closep) Journal *j = calloc(1, sizeof(Journal));
    int r;

    if (!j)
        return -ENOMEM;
    j->dir_fd = dir_fd;
    j->fd = open_file(dir_fd, O_RDWR | O_APPEND);
    if (j->fd == -EROFS) {
        j->fd = open_file(dir_fd, O_RDONLY);
        j->read_only = true;
    }
    if (j->fd < 0)
        return j->fd;
    if ((r = read_header(j)) < 0 || (r = find_end(j)) < 0)
        return r;
    *ret = TAKE_PTR(j);
    return 0;
}

int journal_probe(int dir_fd)
{
    _cleanup_(journal_closep) Journal *j = calloc(1, sizeof(Journal));

    if (!j)
        return -ENOMEM;
    j->fd = open_file(dir_fd, O_RDONLY);
    return j->fd < 0 ? j->fd : read_header(j);
}

int journal_open(int dir_fd, Journal **ret)
{
    int r = open_present(dir_fd, ret);
    bool damaged;

    if (r >= 0 || r == -ENOMEM || r == -EACCES || r == -EIO || r == -EROFS)
        return r;
    damaged = r != -ENOENT;
    r = fs_put_aside_at(dir_fd, JOURNAL_FILE);
    if (r >= 0)
        r = create(dir_fd);
    if (r >= 0)
        r = open_present(dir_fd, ret);
    return r < 0 ? r : damaged;
}

Journal *journal_close(Journal *j)
{
    if (j && j->fd >= 0)
        close(j->fd);
    free(j);
    return NULL;
}

JournalPosition journal_end(const Journal *j)
{
    JournalPosition p = { .offset = j->end };

    memcpy(p.id, j->id, sizeof(p.id));
    return p;
}

/* The file system may have become writable since. */
static int make_writable(Journal *j)
{
    int fd;

    if (!j->read_only)
        return 0;
    fd = open_file(j->dir_fd, O_RDWR | O_APPEND);
    if (fd < 0)
        return fd;
    close(j->fd);
    j->fd = fd;
    j->read_only = false;
    return ftruncate(fd, (off_t)j->end) < 0 ? -errno : 0;
}

int journal_append(Journal *j, const char *lines, size_t size)
{
    int r = make_writable(j);

    if (r < 0)
        return r;
    r = fs_write_all(j->fd, lines, size);
    if (r < 0) {
        (void)!ftruncate(j->fd, (off_t)j->end);
        return r;
    }
    j->end += size;
    return 0;
}

int journal_sync(Journal *j)
{
    return fdatasync(j->fd) < 0 ? -errno : 0;
}

int journal_rotate(int dir_fd, Journal **j)
{
    Journal *fresh;
    int r;

    if ((*j)->end < LIMIT_JOURNAL || (*j)->read_only)
        return 0;
    if (renameat(dir_fd, JOURNAL_FILE, dir_fd, JOURNAL_FILE ".1") < 0)
        return -errno;
    r = journal_open(dir_fd, &fresh);
    if (r < 0)
        return r;
    journal_close(*j);
    *j = fresh;
    return 1;
}

static int replay_text(char *text, size_t size, JournalVisit visit, void *userdata)
{
    RecordKind kind;
    int r = 0;

    for (char *line = text, *end; r >= 0 && (end = memchr(line, '\n', size - (size_t)(line - text)));
         line = end + 1) {
        _cleanup_free_ char *name = NULL;

        *end = 0;
        if (line == end || strncmp(line, HEADER_PREFIX, strlen(HEADER_PREFIX)) == 0)
            continue;
        r = journal_line_parse(line, (size_t)(end - line), &kind, &name);
        if (r >= 0)
            r = visit(kind, name, userdata);
    }
    return r;
}

int journal_replay(Journal *j, const JournalPosition *from, JournalVisit visit, void *userdata)
{
    _cleanup_free_ char *text = NULL;
    size_t size, found;
    int r;

    if (!streq(from->id, j->id) || from->offset > j->end || from->offset < HEADER_SIZE ||
        j->end - from->offset > REPLAY_MAX)
        return -ESTALE;
    size = (size_t)(j->end - from->offset);
    r = fs_pread(j->fd, from->offset, size, &text, &found);
    if (r >= 0 && found < size)
        r = -EIO;
    return r < 0 ? r : replay_text(text, size, visit, userdata);
}
