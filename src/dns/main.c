/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>

#include "core/limits.h"
#include "dns/hook.h"
#include "dns/privileges.h"
#include "dns/update.h"
#include "util/time.h"

/* certwright-dns: one change of the DNS. Reads a request from the socket on standard input (dns/request.h),
 * runs a program for the change, and sends the reply. Errors are also written to standard error, which is
 * the journal. */

static void help(void)
{
    puts(
        "certwright-dns\n\n"
        "Makes or removes one TXT record for certwrightd, which asks for that by a socket (certwright-dns.socket):\n"
        "by nsupdate(1) or knsupdate(1), or by a hook of /etc/certwright/dns-hooks.\n\n"
        "  --version  show the version\n"
        "  --help     show this\n\n"
        "See certwrightd(8) and certwright-dns-hook(5).");
}

/* The number is the priority of the line, see sd-daemon(3). */
static void tell(int priority, const char *what, const char *detail)
{
    if (getenv("JOURNAL_STREAM"))
        fprintf(stderr, "<%d>", priority);
    fprintf(stderr, "%s%s\n", what, detail);
}

/* Receives until the peer shuts down its side. */
static int request_receive(char data[static LIMIT_DNS_REQUEST + 1], size_t *ret_size, Problem *problem)
{
    int64_t end = monotonic_msec() + LIMIT_DNS_REQUEST_TIME * MSEC_PER_SEC;
    size_t size = 0;

    while (size <= LIMIT_DNS_REQUEST) {
        struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
        int64_t left = end - monotonic_msec();
        ssize_t n;

        if (left <= 0)
            return problem_set(problem, PROBLEM_INVALID_ARGUMENT, "No request arrived within %d seconds.",
                               LIMIT_DNS_REQUEST_TIME);
        if (poll(&fd, 1, (int)left) <= 0)
            continue;
        n = recv(STDIN_FILENO, data + size, LIMIT_DNS_REQUEST + 1 - size, MSG_DONTWAIT);
        if (n == 0) {
            *ret_size = size;
            return 0;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return problem_set(problem, PROBLEM_INTERNAL, "The request cannot be read: %s.",
                               strerror(errno));
        size += n > 0 ? (size_t)n : 0;
    }
    return problem_set(problem, PROBLEM_LIMITS_EXCEEDED, "The request has more than %d bytes.",
                       LIMIT_DNS_REQUEST);
}

static int change(Problem *problem)
{
    _cleanup_dns_request_ DnsRequest q = {};
    char data[LIMIT_DNS_REQUEST + 1];
    size_t size = 0;
    int r;

    r = request_receive(data, &size, problem);
    if (r >= 0)
        r = dns_request_decode(data, size, &q, problem);
    explicit_bzero(data, sizeof(data));
    if (r < 0)
        return r;
    r = q.hook ? hook_run(HOOK_FOLDER, 0, LIMIT_DNS_HOOK_TIME, &q, problem)
               : update_run(update_programs, LIMIT_DNS_HOOK_TIME, &q, problem);
    if (r >= 0)
        tell(LOG_INFO, q.remove ? "Removed a TXT record of " : "Made a TXT record of ", q.fqdn);
    return r;
}

/* The peer may be gone. */
static void reply(const Problem *outcome)
{
    _cleanup_free_ char *text = dns_reply_encode(outcome);
    size_t size = text ? strlen(text) : 0, at = 0;

    while (at < size) {
        ssize_t n = send(STDIN_FILENO, text + at, size - at, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return;
        at += n > 0 ? (size_t)n : 0;
    }
}

static int run(void)
{
    _cleanup_problem_ Problem problem = {};
    int r = privileges_drop();

    if (r < 0)
        (void)problem_set(&problem, PROBLEM_INTERNAL, "certwright-dns cannot drop its privileges: %s.",
                          strerror(-r));
    else
        r = change(&problem);
    if (r < 0) {
        (void)problem_set(&problem, PROBLEM_INTERNAL, "certwright-dns failed: %s.", strerror(-r));
        tell(LOG_WARNING, strempty(problem.text), "");
    }
    reply(&problem);
    return EXIT_SUCCESS;
}

static bool has_socket(void)
{
    struct stat st;

    return fstat(STDIN_FILENO, &st) >= 0 && S_ISSOCK(st.st_mode);
}

int main(int argc, char *argv[])
{
    if (argc == 2 && streq(argv[1], "--help")) {
        help();
        return EXIT_SUCCESS;
    }
    if (argc == 2 && streq(argv[1], "--version")) {
        puts("certwright-dns " CERTWRIGHT_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc != 1 || !has_socket()) {
        fprintf(stderr, "certwright-dns is started by certwrightd alone; see --help.\n");
        return EXIT_FAILURE;
    }
    return run();
}
