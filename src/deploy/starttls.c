/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deploy/starttls.h"

#include <errno.h>

#include "core/limits.h"
#include "util/wait.h"

#define TEXT_LINE_MAX \
    1024 /* RFC 5321 section 4.5.3.1.5 has 512, RFC 9051 section 4 more; the rest is skipped */

typedef struct Talk {
    int fd;
    int64_t deadline;
    size_t n_read;
    char line[TEXT_LINE_MAX]; /* the last one, without its end */
} Talk;

/* Nothing more is read after the deadline, however much there is. */
static int wait_for(const Talk *t, short events)
{
    return monotonic_msec() < t->deadline ? wait_until_ready(t->fd, events, t->deadline) : -ETIMEDOUT;
}

static int error_of(int r)
{
    return r == -EPIPE ? -ECONNRESET : r;
}

/* One by one, as the bytes behind the last line are those of TLS. */
static int read_byte(Talk *t, char *ret)
{
    ssize_t n;
    int r = 0;

    if (++t->n_read > LIMIT_PROBE_TALK)
        return -E2BIG;
    while ((n = read(t->fd, ret, 1)) < 0 && (errno == EAGAIN || errno == EINTR) && r >= 0)
        r = wait_for(t, POLLIN);
    if (r < 0)
        return r;
    return n > 0 ? 0 : n == 0 ? -ECONNRESET : error_of(-errno);
}

static int read_line(Talk *t)
{
    size_t length = 0;
    char byte = 0;
    int r;

    while ((r = read_byte(t, &byte)) >= 0 && byte != '\n')
        if (length < sizeof(t->line) - 1)
            t->line[length++] = byte;
    if (length > 0 && t->line[length - 1] == '\r')
        length--;
    t->line[length] = 0;
    return r;
}

static int say(Talk *t, const char *text)
{
    size_t size = strlen(text), done = 0;
    int r = 0;

    while (done < size && r >= 0) {
        ssize_t n = write(t->fd, text + done, size - done);

        if (n >= 0)
            done += (size_t)n;
        else
            r = errno == EAGAIN || errno == EINTR ? wait_for(t, POLLOUT) : error_of(-errno);
    }
    return r;
}

static bool begins_with(const char *s, const char *beginning)
{
    return strncmp(s, beginning, strlen(beginning)) == 0;
}

static int expect(Talk *t, const char *beginning)
{
    int r = read_line(t);

    return r < 0 ? r : begins_with(t->line, beginning) ? 0 : -EPROTO;
}

/* RFC 5321 section 4.2: all lines of a reply have its code, the last one before a blank or nothing. */
static int expect_code(Talk *t, const char *code)
{
    size_t length = strlen(code);
    int r;

    do
        r = expect(t, code);
    while (r >= 0 && t->line[length] == '-');
    return r < 0 || t->line[length] == ' ' || t->line[length] == 0 ? r : -EPROTO;
}

static int talk_smtp(Talk *t, StarttlsStep *step)
{
    int r = expect_code(t, "220");

    if (r >= 0)
        r = say(t, "EHLO localhost\r\n");
    if (r >= 0)
        r = expect_code(t, "250");
    if (r < 0)
        return r;
    *step = STARTTLS_COMMAND;
    r = say(t, "STARTTLS\r\n");
    return r < 0 ? r : expect_code(t, "220");
}

/* Other lines than that with the tag of the command may come before it (RFC 9051 section 2.2.2). */
static int talk_imap(Talk *t, StarttlsStep *step)
{
    int r = expect(t, "* OK");

    if (r < 0)
        return r;
    *step = STARTTLS_COMMAND;
    r = say(t, "a STARTTLS\r\n");
    while (r >= 0 && (r = read_line(t)) >= 0 && begins_with(t->line, "* "))
        ;
    return r < 0 ? r : begins_with(t->line, "a OK") ? 0 : -EPROTO;
}

static int talk_pop3(Talk *t, StarttlsStep *step)
{
    int r = expect(t, "+OK");

    if (r < 0)
        return r;
    *step = STARTTLS_COMMAND;
    r = say(t, "STLS\r\n");
    return r < 0 ? r : expect(t, "+OK");
}

int starttls(int fd, ProbeScheme scheme, int64_t deadline, StarttlsStep *ret)
{
    static int (*const talks[_PROBE_SCHEME_MAX])(Talk * t, StarttlsStep * step) = {
        [PROBE_SMTP] = talk_smtp,
        [PROBE_IMAP] = talk_imap,
        [PROBE_POP3] = talk_pop3,
    };
    Talk t = { .fd = fd, .deadline = deadline };
    int r = 0;

    *ret = STARTTLS_GREETING;
    if (talks[scheme])
        r = talks[scheme](&t, ret);
    if (r >= 0)
        *ret = STARTTLS_DONE;
    return r;
}
