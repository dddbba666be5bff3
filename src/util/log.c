/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "util/text.h"

#define FIELDS_MAX 16
#define PREFIX     "CERTWRIGHT_"

static bool journal;
static int max_level = LOG_INFO;

/* $JOURNAL_STREAM is the device and inode of the journal's end of stderr, see systemd.exec(5). */
void log_open(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat st;

    journal = stream && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
              fstat(STDERR_FILENO, &st) >= 0 && st.st_dev == device && st.st_ino == inode;
}

void log_set_max_level(int priority)
{
    max_level = priority;
}

static void add_field(struct iovec *v, size_t *n, const char *prefix, const char *name, const char *value)
{
    char *text;

    if (asprintf(&text, "%s%s=%s", prefix, name, value) < 0)
        return;
    text_make_plain(text, SIZE_MAX);
    v[(*n)++] = (struct iovec){ text, strlen(text) };
}

static void send_to_journal(int priority, const char *message_id, const LogField *fields,
                            const char *message)
{
    struct iovec v[FIELDS_MAX];
    char digit[] = { (char)('0' + priority), 0 };
    size_t n = 0;

    add_field(v, &n, "", "MESSAGE", message);
    add_field(v, &n, "", "PRIORITY", digit);
    add_field(v, &n, "", "SYSLOG_IDENTIFIER", program_invocation_short_name);
    if (message_id)
        add_field(v, &n, "", "MESSAGE_ID", message_id);
    for (; fields && fields->name && n < FIELDS_MAX; fields++)
        add_field(v, &n, PREFIX, fields->name, strempty(fields->value));
    (void)sd_journal_sendv(v, (int)n);
    for (size_t i = 0; i < n; i++)
        free(v[i].iov_base);
}

void log_fields(int priority, const char *message_id, const LogField *fields, const char *format, ...)
{
    _cleanup_free_ char *message = NULL;
    va_list ap;

    if (priority > max_level)
        return;
    va_start(ap, format);
    message = text_format_plain(SIZE_MAX, format, ap);
    va_end(ap);
    if (message && journal)
        send_to_journal(priority, message_id, fields, message);
    else if (message)
        fprintf(stderr, "%s\n", message);
}
