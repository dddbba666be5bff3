/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/proof-probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

#include "cli/xalloc.h"
#include "core/limits.h"
#include "util/fs.h"
#include "util/wait.h"

#define PROBES          5 /* in a row */
#define PROBE_TIME_MSEC INT64_C(10000)
#define PAUSE_USEC      50000

/* "0.0.0.0:80" and "[::]:80" are reached at the loopback addresses. */
static int address_connect(const char *address)
{
    _cleanup_free_ char *host = xstrdup(*address == '[' ? address + 1 : address);
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char *port = strrchr(host, ':');
    int fd, r;

    *port++ = '\0';
    host[strcspn(host, "]")] = '\0';
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0) {
        r = -errno;
        close(fd);
        fd = r;
    }
    freeaddrinfo(found);
    return fd;
}

/* Reads the header of the reply, as far as there is room. */
static void reply_read(int fd, char *reply, size_t room, int64_t deadline)
{
    size_t size = 0;

    while (size < room - 1 && wait_until_ready(fd, POLLIN, deadline) >= 0) {
        ssize_t n = read(fd, reply + size, room - 1 - size);

        if (n <= 0)
            break;
        size += (size_t)n;
    }
    reply[size] = '\0';
}

/* Certwright's own 404 is empty, and not to be stored. */
static bool reply_is_own(const char *reply)
{
    return strncmp(reply, "HTTP/1.", 7) == 0 && strncmp(reply + 8, " 404", 4) == 0 &&
           strcasestr(reply, "\nCache-Control: no-store\r");
}

static bool probe_once(const char *name, const char *address, int64_t deadline)
{
    _cleanup_free_ char *request = xasprintf(
        "GET /.well-known/acme-challenge/certwright HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
        name);
    _cleanup_close_ int fd = address_connect(address);
    char reply[LIMIT_CONNECTION_MEMORY];

    if (fd < 0 || fs_write_all(fd, request, strlen(request)) < 0)
        return false;
    reply_read(fd, reply, sizeof reply, deadline);
    return reply_is_own(reply);
}

bool proof_requests_arrive(const char *name, const char *address)
{
    int64_t deadline = monotonic_msec() + PROBE_TIME_MSEC;
    unsigned arrived = 0;

    while (arrived < PROBES && monotonic_msec() < deadline) {
        arrived = probe_once(name, address, deadline) ? arrived + 1 : 0;
        usleep(PAUSE_USEC);
    }
    return arrived == PROBES;
}
