/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "util/macro.h"

/* Decodes %XX. Returns the number of bytes, or -EINVAL. */
static int unescape(const char *text, size_t length, char *ret, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned byte = (unsigned char)text[i];

        if (text[i] == '%') {
            char digits[3] = { i + 1 < length ? text[i + 1] : 0, i + 2 < length ? text[i + 2] : 0, 0 };

            if (sscanf(digits, "%2x", &byte) != 1 || !digits[1])
                return -EINVAL;
            i += 2;
        }
        if (n >= size)
            return -ENAMETOOLONG;
        ret[n++] = (char)byte;
    }
    return (int)n;
}

static int connect_to(const char *name, size_t length, bool abstract, bool wait)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    _cleanup_close_ int fd = -EBADF;
    int n = unescape(name, length, address.sun_path + abstract, sizeof(address.sun_path) - 1 - abstract);

    if (n < 0)
        return n;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1)) <
        0) /* NUL before or after */
        return -errno;
    return TAKE_FD(fd);
}

/* The value of a key in the list after "unix:". */
static const char *find_value(const char *address, size_t length, const char *key, size_t *ret_length)
{
    for (const char *p = address, *end = address + length; p < end;) {
        size_t n = strcspn(p, ",;"), k = strlen(key);

        if (n > k && strncmp(p, key, k) == 0 && p[k] == '=') {
            *ret_length = n - k - 1;
            return p + k + 1;
        }
        p += n + 1;
    }
    return NULL;
}

static int connect_address(const char *address, size_t length, bool wait)
{
    static const char transport[] = "unix:";
    const size_t skip = sizeof(transport) - 1;
    const char *value;
    size_t n;

    if (length < skip || strncmp(address, transport, skip) != 0)
        return -EPROTONOSUPPORT;
    value = find_value(address + skip, length - skip, "path", &n);
    if (value)
        return connect_to(value, n, false, wait);
    value = find_value(address + skip, length - skip, "abstract", &n);
    return value ? connect_to(value, n, true, wait) : -EPROTONOSUPPORT;
}

int bus_socket_open(const char *addresses, bool wait)
{
    int r = -EPROTONOSUPPORT;

    for (const char *p = addresses; *p;) {
        size_t n = strcspn(p, ";");
        int fd = connect_address(p, n, wait);

        if (fd >= 0)
            return fd;
        if (r == -EPROTONOSUPPORT)
            r = fd;
        p += n + (p[n] == ';');
    }
    return r;
}
