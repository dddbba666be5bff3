/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "core/limits.h"
#include "deploy/starttls.h"
#include "util/time.h"

/* The server has said all of it before it is asked, and then waits, or has closed the connection. */

#define TLS     "\x16\x03\x03"
#define WAITS   200 /* milliseconds */
#define EHLO    "EHLO localhost\r\n"
#define GREETED "220 mail.example ESMTP\r\n250-mail.example\r\n250 STARTTLS\r\n"

typedef struct Row {
    ProbeScheme scheme;
    const char *server, *client; /* what each of them says */
    int r;
    StarttlsStep step;
    const char *rest; /* what is not read */
} Row;

static const Row rows[] = {
    { PROBE_TLS, TLS, "", 0, STARTTLS_DONE, TLS },
    { PROBE_HTTPS, "", "", 0, STARTTLS_DONE, "" },
    /* SMTP */
    { PROBE_SMTP, GREETED "220 Ready\r\n" TLS, EHLO "STARTTLS\r\n", 0, STARTTLS_DONE, TLS },
    { PROBE_SMTP, "220-a\r\n220-b\r\n220 c\r\n250 x\r\n220\r\n", EHLO "STARTTLS\r\n", 0, STARTTLS_DONE, "" },
    { PROBE_SMTP, "220 a\n250 x\n220 y\n", EHLO "STARTTLS\r\n", 0, STARTTLS_DONE, "" },
    { PROBE_SMTP, GREETED "454 no\r\n", EHLO "STARTTLS\r\n", -EPROTO, STARTTLS_COMMAND, "" },
    { PROBE_SMTP, GREETED "2200 no\r\n", EHLO "STARTTLS\r\n", -EPROTO, STARTTLS_COMMAND, "" },
    { PROBE_SMTP, GREETED, EHLO "STARTTLS\r\n", -ETIMEDOUT, STARTTLS_COMMAND, "" },
    { PROBE_SMTP, "220 a\r\n502 no\r\n", EHLO, -EPROTO, STARTTLS_GREETING, "" },
    { PROBE_SMTP, "220-a\r\n250 b\r\n", "", -EPROTO, STARTTLS_GREETING, "" },
    { PROBE_SMTP, "554 no service\r\n", "", -EPROTO, STARTTLS_GREETING, "" },
    { PROBE_SMTP, "220 mail", "", -ETIMEDOUT, STARTTLS_GREETING, "" },
    { PROBE_SMTP, "", "", -ETIMEDOUT, STARTTLS_GREETING, "" },
    /* IMAP */
    { PROBE_IMAP, "* OK ready\r\na OK begin\r\n" TLS, "a STARTTLS\r\n", 0, STARTTLS_DONE, TLS },
    { PROBE_IMAP, "* OK\r\n* CAPABILITY IMAP4rev1\r\n* x\r\na OK\r\n", "a STARTTLS\r\n", 0, STARTTLS_DONE,
      "" },
    { PROBE_IMAP, "* OK ready\r\na BAD no\r\n", "a STARTTLS\r\n", -EPROTO, STARTTLS_COMMAND, "" },
    { PROBE_IMAP, "* OK ready\r\nb OK\r\n", "a STARTTLS\r\n", -EPROTO, STARTTLS_COMMAND, "" },
    { PROBE_IMAP, "* BYE no\r\n", "", -EPROTO, STARTTLS_GREETING, "" },
    { PROBE_IMAP, "* PREAUTH x\r\n", "", -EPROTO, STARTTLS_GREETING, "" },
    /* POP3 */
    { PROBE_POP3, "+OK ready\r\n+OK begin\r\n" TLS, "STLS\r\n", 0, STARTTLS_DONE, TLS },
    { PROBE_POP3, "+OK ready\r\n-ERR no\r\n", "STLS\r\n", -EPROTO, STARTTLS_COMMAND, "" },
    { PROBE_POP3, "-ERR no\r\n", "", -EPROTO, STARTTLS_GREETING, "" },
    { PROBE_POP3, "220 mail\r\n", "", -EPROTO, STARTTLS_GREETING, "" },
};

static void read_text(int fd, char *ret, size_t size)
{
    ssize_t n = recv(fd, ret, size - 1, MSG_DONTWAIT);

    ret[MAX(n, (ssize_t)0)] = 0;
}

static void open_pair(int ends[static 2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    g_assert_cmpint(fcntl(ends[0], F_SETFL, O_NONBLOCK), ==, 0);
}

/* Of a server that waits, and of one that has closed its side. */
static void check(size_t i, bool closed)
{
    const Row *row = rows + i;
    int ends[2], r, expected = closed && row->r == -ETIMEDOUT ? -ECONNRESET : row->r;
    char client[128], rest[128];
    StarttlsStep step;

    open_pair(ends);
    g_assert_cmpint(write(ends[1], row->server, strlen(row->server)), ==, strlen(row->server));
    if (closed)
        g_assert_cmpint(shutdown(ends[1], SHUT_WR), ==, 0);
    r = starttls(ends[0], row->scheme, monotonic_msec() + WAITS, &step);
    read_text(ends[1], client, sizeof(client));
    read_text(ends[0], rest, sizeof(rest));
    if (r != expected || step != row->step || !streq(client, row->client) || !streq(rest, row->rest))
        note_failure("%zu: %d, step %d, \"%s\", rest \"%s\"", i, r, (int)step, client, rest);
    close(ends[0]);
    close(ends[1]);
}

static void test_table(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        check(i, false);
        check(i, true);
    }
}

static void test_gone(void)
{
    StarttlsStep step;
    int ends[2];

    open_pair(ends);
    g_assert_cmpint(write(ends[1], "+OK\r\n", 5), ==, 5);
    close(ends[1]);
    g_assert_cmpint(starttls(ends[0], PROBE_POP3, monotonic_msec() + WAITS, &step), ==, -ECONNRESET);
    g_assert_cmpint(step, ==, STARTTLS_COMMAND);
    close(ends[0]);
}

/* Much that says nothing. */
static void test_long(void)
{
    g_autofree char *line = g_strnfill(LIMIT_PROBE_TALK + 100, '-');
    StarttlsStep step;
    char rest[256];
    int ends[2];

    open_pair(ends);
    memcpy(line, "220", 3);
    g_assert_cmpint(write(ends[1], line, strlen(line)), ==, strlen(line));
    g_assert_cmpint(starttls(ends[0], PROBE_SMTP, monotonic_msec() + WAITS, &step), ==, -E2BIG);
    read_text(ends[0], rest, sizeof(rest));
    g_assert_cmpuint(strlen(rest), ==, 100);
    close(ends[0]);
    close(ends[1]);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    (void)signal(SIGPIPE, SIG_IGN);
    g_test_add_func("/starttls/table", test_table);
    g_test_add_func("/starttls/gone", test_gone);
    g_test_add_func("/starttls/long", test_long);
    return g_test_run();
}
