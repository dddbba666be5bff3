/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/gate.h"

#include <byteswap.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/limits.h"
#include "util/log.h"

/* The start of each message (D-Bus Specification, "Message Format"): byte order, type, flags, version,
 * length of the body, serial, and the length of the array of header fields, which is padded to 8 bytes. */
#define HEAD_SIZE        16
#define HEAD_TYPE        1
#define HEAD_BODY_SIZE   4
#define HEAD_FIELDS_SIZE 12
#define TYPE_CALL        1
#define TYPE_SIGNAL      4
#define BUFFER_SIZE      (64 * 1024)
#define PUMP_MAX         (1024 * 1024) /* bytes per read */
#define DESCRIPTORS_MAX  253           /* SCM_MAX_FD of the kernel */
#define LINE_MAX_BYTES   4096          /* of the data before the first message */

/* File descriptors beside data. */
typedef union Control {
    struct cmsghdr align;
    uint8_t bytes[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
} Control;

struct Gate {
    int socket, feed;
    bool authenticated;
    uint8_t buffer[BUFFER_SIZE];
    size_t begin, end; /* of the data to pass on */
    size_t to_read;    /* remaining bytes of the message to pass on */
    size_t to_drop;    /* and to drop */
    bool is_signal;    /* passed on only if sent by the bus */
    size_t head;       /* bytes of the next header at the start of the buffer */
    int fds[DESCRIPTORS_MAX];
    size_t n_fds;  /* that belong to the data in the buffer */
    size_t *calls; /* ring of sizes */
    size_t first_call, n_calls, calls_size;
};

static void close_fds(Gate *g)
{
    for (size_t i = 0; i < g->n_fds; i++)
        close(g->fds[i]);
    g->n_fds = 0;
}

static void take_fds(Gate *g, struct msghdr *mh)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (g->n_fds < DESCRIPTORS_MAX)
                g->fds[g->n_fds++] = fd;
            else
                close(fd);
        }
    }
}

/* File descriptors arrive with the first bytes of their message. */
static ssize_t receive(Gate *g, void *data, size_t size)
{
    Control control;
    struct iovec iov = { data, size };
    struct msghdr mh = { .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes) };
    ssize_t n = recvmsg(g->socket, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    take_fds(g, &mh);
    return n == 0 ? -ECONNRESET : n;
}

static ssize_t pass_with_fds(Gate *g, const struct iovec *iov)
{
    Control control = {};
    struct msghdr mh = { .msg_iov = (struct iovec *)(uintptr_t)iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * g->n_fds) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * g->n_fds);
    memcpy(CMSG_DATA(c), g->fds, sizeof(int) * g->n_fds);
    return sendmsg(g->feed, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Passes on the buffer. -EAGAIN: sd-bus has to read first. */
static int pass(Gate *g)
{
    while (g->begin < g->end) {
        struct iovec iov = { g->buffer + g->begin, g->end - g->begin };
        ssize_t n = g->n_fds > 0 ? pass_with_fds(g, &iov)
                                 : send(g->feed, iov.iov_base, iov.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        close_fds(g);
        g->begin += (size_t)n;
    }
    explicit_bzero(g->buffer, g->end); /* may contain a key */
    g->begin = g->end = 0;
    return 0;
}

static int note_call(Gate *g, size_t size)
{
    if (g->n_calls == g->calls_size) {
        size_t n = g->calls_size > 0 ? 2 * g->calls_size : 64;
        size_t *ring = calloc(n, sizeof(size_t));

        if (!ring)
            return -ENOMEM;
        for (size_t i = 0; i < g->n_calls; i++)
            ring[i] = g->calls[(g->first_call + i) % g->calls_size];
        free(g->calls);
        g->calls = ring;
        g->calls_size = n;
        g->first_call = 0;
    }
    g->calls[(g->first_call + g->n_calls++) % g->calls_size] = size;
    return 0;
}

size_t gate_next_call(Gate *g)
{
    size_t size;

    if (g->n_calls == 0)
        return 0;
    size = g->calls[g->first_call];
    g->first_call = (g->first_call + 1) % g->calls_size;
    g->n_calls--;
    return size;
}

static uint32_t read_number(const Gate *g, size_t at)
{
    uint32_t number;

    memcpy(&number, g->buffer + at, sizeof(number));
    return g->buffer[0] == 'B' ? be32toh(number) : le32toh(number);
}

/* Checks the sender of the signal in the buffer. The bus sets this field, so clients cannot forge it. */
static bool is_from_bus(const Gate *g)
{
    static const char little[] = "\7\1s\0\24\0\0\0org.freedesktop.DBus",
                      big[] = "\7\1s\0\0\0\0\24org.freedesktop.DBus";
    const char *field = g->buffer[0] == 'B' ? big : little;

    return memmem(g->buffer + HEAD_SIZE, g->end - HEAD_SIZE, field, sizeof(little)) != NULL;
}

/* Drops all of it, including the data still to come. */
static void drop_message(Gate *g)
{
    g->to_drop += g->to_read;
    g->to_read = g->head = 0;
    g->begin = g->end = 0;
    close_fds(g);
}

/* sd-bus accepts a header without its body as a message. A header that is too large itself is passed on
 * unchanged, since its sender could not be answered otherwise. */
static int begin_message(Gate *g)
{
    uint64_t fields = ((uint64_t)read_number(g, HEAD_FIELDS_SIZE) + 7) & ~UINT64_C(7);
    uint64_t body = read_number(g, HEAD_BODY_SIZE), size = HEAD_SIZE + fields + body;

    g->to_read = size - HEAD_SIZE;
    g->to_drop = 0;
    g->is_signal = g->buffer[HEAD_TYPE] == TYPE_SIGNAL;
    if (g->is_signal && size > BUFFER_SIZE) {
        drop_message(g);
        return 0;
    }
    if (size > LIMIT_CALL && HEAD_SIZE + fields <= LIMIT_CALL) {
        g->to_read = fields;
        g->to_drop = body;
        memset(g->buffer + HEAD_BODY_SIZE, 0, sizeof(uint32_t));
    }
    g->begin = 0;
    g->end = HEAD_SIZE;
    g->head = 0;
    return g->buffer[HEAD_TYPE] == TYPE_CALL ? note_call(g, size) : 0;
}

static ssize_t read_head(Gate *g)
{
    ssize_t n = receive(g, g->buffer + g->head, HEAD_SIZE - g->head);
    int r;

    if (n < 0)
        return n;
    g->head += (size_t)n;
    if (g->head < HEAD_SIZE)
        return n;
    r = begin_message(g);
    return r < 0 ? r : n;
}

static ssize_t read_more(Gate *g)
{
    size_t room = BUFFER_SIZE - g->end;
    ssize_t n = receive(g, g->buffer + g->end, g->to_read < room ? g->to_read : room);

    if (n < 0)
        return n;
    g->end += (size_t)n;
    g->to_read -= (size_t)n;
    if (g->is_signal && g->to_read == 0 && !is_from_bus(g))
        drop_message(g);
    return n;
}

static ssize_t drop(Gate *g)
{
    ssize_t n = receive(g, g->buffer, g->to_drop < BUFFER_SIZE ? g->to_drop : BUFFER_SIZE);

    if (n > 0)
        g->to_drop -= (size_t)n;
    return n;
}

/* The first message is preceded by lines, none of which begins like a message. */
static ssize_t read_line(Gate *g)
{
    ssize_t n = recv(g->socket, g->buffer, LINE_MAX_BYTES, MSG_DONTWAIT | MSG_PEEK);
    const uint8_t *end;

    if (n <= 0)
        return n == 0 ? -ECONNRESET : errno == EINTR ? -EAGAIN : -errno;
    if (g->buffer[0] == 'l' || g->buffer[0] == 'B') {
        g->authenticated = true;
        return n;
    }
    end = memchr(g->buffer, '\n', (size_t)n);
    n = receive(g, g->buffer, end ? (size_t)(end + 1 - g->buffer) : (size_t)n);
    if (n > 0)
        g->end = (size_t)n;
    return n;
}

/* Waits for sd-bus to read: the buffer is full, or contains the whole message. */
static bool is_waiting(const Gate *g)
{
    return g->end > g->begin && (g->to_read == 0 || g->end == BUFFER_SIZE);
}

/* One step. Returns the number of bytes read. */
static ssize_t step(Gate *g)
{
    int r;

    if (is_waiting(g)) {
        r = pass(g);
        if (r < 0)
            return r;
    }
    if (!g->authenticated)
        return read_line(g);
    if (g->to_read > 0)
        return read_more(g);
    if (g->to_drop > 0)
        return drop(g);
    return read_head(g);
}

int gate_pump(Gate *g)
{
    size_t done = 0;

    while (done < PUMP_MAX) {
        ssize_t n = step(g);

        if (n == -EAGAIN)
            return done > 0 || is_waiting(g);
        if (n < 0)
            return (int)n;
        done += (size_t)n;
    }
    return 1;
}

int gate_socket(const Gate *g)
{
    return g ? g->socket : -EBADF;
}

int gate_new(int socket, Gate **ret, int *ret_fd)
{
    _cleanup_(gate_freep) Gate *g = calloc(1, sizeof(Gate));
    int pair[2];

    if (!g)
        return -ENOMEM;
    g->socket = g->feed = -EBADF;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    g->socket = socket;
    g->feed = pair[0];
    *ret_fd = pair[1];
    *ret = TAKE_PTR(g);
    return 0;
}

Gate *gate_free(Gate *g)
{
    if (!g)
        return NULL;
    close_fds(g);
    if (g->feed >= 0)
        close(g->feed);
    if (g->socket >= 0)
        close(g->socket);
    free(g->calls);
    free(g);
    return NULL;
}
