/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

Record *record_map(const char *path, gboolean create)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0600);
    Record *r;

    /* actors are other users */
    if (fd < 0 || (create && (ftruncate(fd, sizeof(Record)) < 0 || fchmod(fd, 0666) < 0)))
        g_error("%s: %s", path, g_strerror(errno));
    r = mmap(NULL, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (r == MAP_FAILED)
        g_error("%s: %s", path, g_strerror(errno));
    close(fd);
    return r;
}

void record_unmap(Record *r)
{
    munmap(r, sizeof(*r));
}

gboolean record_is_stopped(Record *r)
{
    return g_atomic_int_get(&r->stop);
}

static void note_error(Record *r, const char *text)
{
    for (guint i = 0; i < RECORD_ERRORS && strcmp(r->errors[i], text) != 0; i++)
        if (!r->errors[i][0]) {
            g_strlcpy(r->errors[i], text, sizeof(r->errors[i]));
            return;
        }
}

void record_add(Record *r, const char *member, gint64 usec, const char *text)
{
    guint32 n = (guint32)CLAMP(usec, 0, G_MAXUINT32);

    if (n > r->longest_usec) {
        r->longest_usec = n;
        g_strlcpy(r->slowest, member, sizeof(r->slowest));
    }
    if (r->n_waits < RECORD_WAITS)
        r->waits_usec[r->n_waits++] = n;
    if (!text)
        return;
    r->n_errors++;
    note_error(r, text);
}

void record_merge(Record *r, const Record *other)
{
    guint n = MIN(other->n_waits, RECORD_WAITS - r->n_waits);

    memcpy(r->waits_usec + r->n_waits, other->waits_usec, n * sizeof(guint32));
    r->n_waits += n;
    r->n_repeated += other->n_repeated;
    if (other->longest_usec > r->longest_usec) {
        r->longest_usec = other->longest_usec;
        g_strlcpy(r->slowest, other->slowest, sizeof(r->slowest));
    }
    for (guint i = 0; i < RECORD_ERRORS && other->errors[i][0]; i++)
        note_error(r, other->errors[i]);
    r->n_errors += other->n_errors;
}

char *record_print_errors(const Record *r)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < RECORD_ERRORS && r->errors[i][0]; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "", r->errors[i]);
    return g_string_free(text, FALSE);
}

static int compare(const void *a, const void *b)
{
    guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;

    return (x > y) - (x < y);
}

gint64 record_quantile(const Record *r, guint of_thousand)
{
    g_autofree guint32 *sorted = g_memdup2(r->waits_usec, r->n_waits * sizeof(guint32));

    if (r->n_waits == 0)
        return 0;
    qsort(sorted, r->n_waits, sizeof(guint32), compare);
    return sorted[MIN((guint64)r->n_waits * of_thousand / 1000, r->n_waits - 1)];
}
