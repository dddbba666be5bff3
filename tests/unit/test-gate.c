/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/gate.h"
#include "core/limits.h"

#define LINES "DATA\r\nOK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n"

/* The bus on one side, sd-bus on the other. */
typedef struct Both {
    int bus, reader;
    Gate *gate;
    GByteArray *read;
    gboolean ended;
} Both;

static void begin(Both *b)
{
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
    *b = (Both){ .bus = pair[0], .read = g_byte_array_new() };
    g_assert_cmpint(gate_new(pair[1], &b->gate, &b->reader), ==, 0);
}

static void end(Both *b)
{
    gate_free(b->gate);
    close(b->reader);
    if (b->bus >= 0)
        close(b->bus);
    g_byte_array_unref(b->read);
}

static void take(Both *b)
{
    char buffer[100000];
    ssize_t n;

    while ((n = recv(b->reader, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
        g_byte_array_append(b->read, (const guint8 *)buffer, (guint)n);
}

static void pump(Both *b)
{
    int r;

    do {
        r = gate_pump(b->gate);
        take(b);
    } while (r > 0);
    b->ended = r < 0;
}

/* In pieces of that size. */
static void feed(Both *b, const void *data, gsize size, gsize piece)
{
    const char *p = data;

    while (size > 0) {
        ssize_t n = send(b->bus, p, MIN(size, piece), MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0) {
            p += n;
            size -= (gsize)n;
        } else
            g_assert_cmpint(errno, ==, EAGAIN);
        pump(b);
    }
}

static void put_number(GByteArray *m, char order, guint32 number)
{
    number = order == 'B' ? GUINT32_TO_BE(number) : GUINT32_TO_LE(number);
    g_byte_array_append(m, (const guint8 *)&number, 4);
}

/* Its fields are no fields: the gate does not look. */
static GByteArray *message(char order, guint8 type, gsize fields, gsize body)
{
    GByteArray *m = g_byte_array_new();
    const guint8 head[4] = { (guint8)order, type, 0, 1 };
    gsize padded = (fields + 7) / 8 * 8;

    g_byte_array_append(m, head, sizeof(head));
    put_number(m, order, (guint32)body);
    put_number(m, order, 7);
    put_number(m, order, (guint32)fields);
    g_byte_array_set_size(m, (guint)(16 + padded + body));
    memset(m->data + 16, 'f', padded);
    memset(m->data + 16 + padded, 'b', body);
    return m;
}

static void expect(const Both *b, gsize at, const void *data, gsize size)
{
    g_assert_cmpuint(b->read->len, >=, at + size);
    g_assert_cmpmem(b->read->data + at, size, data, size);
}

static void test_passes(gconstpointer piece)
{
    g_autoptr(GByteArray) small = message('l', 1, 60, 5), none = message('l', 2, 40, 0),
                          large = message('B', 1, 100, LIMIT_CALL - 16 - 104),
                          other = message('l', 3, 8, 90000);
    GByteArray *const all[] = { small, none, large, other };
    gsize at = strlen(LINES);
    Both b;

    begin(&b);
    feed(&b, LINES, at, GPOINTER_TO_SIZE(piece));
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        feed(&b, all[i]->data, all[i]->len, GPOINTER_TO_SIZE(piece));
    expect(&b, 0, LINES, at);
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        expect(&b, at, all[i]->data, all[i]->len);
        at += all[i]->len;
    }
    g_assert_cmpuint(b.read->len, ==, at);
    g_assert_cmpuint(gate_next_call(b.gate), ==, small->len);
    g_assert_cmpuint(gate_next_call(b.gate), ==, LIMIT_CALL);
    g_assert_cmpuint(gate_next_call(b.gate), ==, 0);
    end(&b);
}

/* The header of one that is too large passes, with a body of no bytes, in both byte orders. */
static void test_cuts(gconstpointer order)
{
    char o = *(const char *)order;
    g_autoptr(GByteArray) large = message(o, 1, 60, LIMIT_CALL), huge = message(o, 1, 60, 32 * 1024 * 1024),
                          next = message(o, 1, 60, 5), header = message(o, 1, 60, 0);
    Both b;

    begin(&b);
    feed(&b, LINES, strlen(LINES), SIZE_MAX);
    g_byte_array_set_size(b.read, 0);
    feed(&b, large->data, large->len, SIZE_MAX);
    feed(&b, huge->data, huge->len, SIZE_MAX);
    feed(&b, next->data, next->len, SIZE_MAX);
    g_assert_cmpuint(b.read->len, ==, 2 * header->len + next->len);
    expect(&b, 0, header->data, header->len);
    expect(&b, header->len, header->data, header->len);
    expect(&b, 2 * header->len, next->data, next->len);
    g_assert_cmpuint(gate_next_call(b.gate), ==, large->len);
    g_assert_cmpuint(gate_next_call(b.gate), ==, huge->len);
    g_assert_cmpuint(gate_next_call(b.gate), ==, next->len);
    end(&b);
}

/* A header that is too large by itself passes as it is: its sender can be answered only so. */
static void test_large_header(void)
{
    g_autoptr(GByteArray) m = message('l', 1, LIMIT_CALL, 10);
    Both b;

    begin(&b);
    feed(&b, LINES, strlen(LINES), SIZE_MAX);
    g_byte_array_set_size(b.read, 0);
    feed(&b, m->data, m->len, SIZE_MAX);
    g_assert_cmpuint(b.read->len, ==, m->len);
    expect(&b, 0, m->data, m->len);
    g_assert_cmpuint(gate_next_call(b.gate), ==, m->len);
    end(&b);
}

/* While sd-bus does not read, the gate does not either, and loses nothing. */
static void test_full(void)
{
    g_autoptr(GByteArray) m = message('l', 1, 60, 1000);
    gsize sent = 0;
    Both b;

    begin(&b);
    feed(&b, LINES, strlen(LINES), SIZE_MAX);
    g_byte_array_set_size(b.read, 0);
    for (int i = 0; i < 10000; i++) {
        if (send(b.bus, m->data, m->len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)m->len)
            sent++;
        g_assert_cmpint(gate_pump(b.gate), >=, 0);
    }
    g_assert_cmpuint(sent, <, 10000);
    pump(&b);
    g_assert_cmpuint(b.read->len, ==, sent * m->len);
    for (gsize i = 0; i < sent; i++)
        g_assert_cmpuint(gate_next_call(b.gate), ==, m->len);
    g_assert_cmpuint(gate_next_call(b.gate), ==, 0);
    end(&b);
}

static void send_with_fds(int to, const GByteArray *m, const int *fds, gsize n)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 16)];
    } control = { 0 };
    struct iovec iov = { m->data, m->len };
    struct msghdr mh = { .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = CMSG_SPACE(sizeof(int) * n) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&mh);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * n);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
    g_assert_cmpint(sendmsg(to, &mh, MSG_DONTWAIT), ==, m->len);
}

static gsize count_fds(int from, gsize size)
{
    char data[4096];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 16)];
    } control = { 0 };
    struct iovec iov = { data, size };
    struct msghdr mh = { .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes) };
    const struct cmsghdr *c;
    gsize n = 0;

    g_assert_cmpint(recvmsg(from, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), ==, size);
    c = CMSG_FIRSTHDR(&mh);
    if (!c)
        return 0;
    n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (gsize i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        close(fd);
    }
    return n;
}

static guint n_open(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;
    return n;
}

/* Descriptors come with their message, and none is left. */
static void test_descriptors(void)
{
    g_autoptr(GByteArray) with = message('l', 1, 60, 10), without = message('l', 1, 60, 20),
                          cut = message('l', 1, 60, LIMIT_CALL);
    const int fds[] = { 0, 1, 2 };
    guint before;
    Both b;

    begin(&b);
    feed(&b, LINES, strlen(LINES), SIZE_MAX);
    before = n_open();
    send_with_fds(b.bus, without, fds, 0);
    send_with_fds(b.bus, with, fds, 3);
    send_with_fds(b.bus, without, fds, 0);
    send_with_fds(b.bus, with, fds, 1);
    g_assert_cmpint(gate_pump(b.gate), >, 0);
    g_assert_cmpuint(count_fds(b.reader, without->len), ==, 0);
    g_assert_cmpuint(count_fds(b.reader, with->len), ==, 3);
    g_assert_cmpuint(count_fds(b.reader, without->len), ==, 0);
    g_assert_cmpuint(count_fds(b.reader, with->len), ==, 1);
    send_with_fds(b.bus, cut, fds, 2);
    send_with_fds(b.bus, without, fds, 0);
    while (gate_pump(b.gate) > 0)
        ;
    g_assert_cmpuint(count_fds(b.reader, 16 + 64), ==, 2);
    g_assert_cmpuint(count_fds(b.reader, without->len), ==, 0);
    g_assert_cmpuint(n_open(), ==, before);
    send_with_fds(b.bus, with, fds, 3); /* not taken */
    g_assert_cmpint(gate_pump(b.gate), >, 0);
    end(&b);
}

/* Signals pass if the bus sends them; sender is its header field. */
static void test_signals(void)
{
    static const char of_bus[] = "\7\1s\0\24\0\0\0org.freedesktop.DBus",
                      of_big_bus[] = "\7\1s\0\0\0\0\24org.freedesktop.DBus",
                      of_name[] = "\7\1s\0\4\0\0\0:1.7",
                      as_interface[] = "\2\1s\0\24\0\0\0org.freedesktop.DBus";
    static const struct {
        const char *field;
        gsize size;
        char order;
        gsize body;
        gboolean passes;
    } signals[] = {
        { of_bus, sizeof(of_bus), 'l', 20, TRUE },
        { of_big_bus, sizeof(of_big_bus), 'B', 0, TRUE },
        { of_name, sizeof(of_name), 'l', 20, FALSE },
        { as_interface, sizeof(as_interface), 'l', 0, FALSE },
        { of_bus, sizeof(of_bus), 'l', 1000 * 1000, FALSE },
        { of_name, sizeof(of_name), 'l', 60000, FALSE },
    };
    Both b;

    begin(&b);
    feed(&b, LINES, strlen(LINES), SIZE_MAX);
    for (gsize i = 0; i < G_N_ELEMENTS(signals); i++) {
        g_autoptr(GByteArray) m = message(signals[i].order, 4, 100, signals[i].body),
                              call = message('l', 1, 60, 5);

        memcpy(m->data + 16 + 40, signals[i].field, signals[i].size);
        g_byte_array_set_size(b.read, 0);
        feed(&b, m->data, m->len, SIZE_MAX);
        g_assert_cmpuint(b.read->len, ==, signals[i].passes ? m->len : 0);
        feed(&b, call->data, call->len, SIZE_MAX);
        expect(&b, signals[i].passes ? m->len : 0, call->data, call->len);
    }
    end(&b);
}

static void test_end(void)
{
    Both b;

    begin(&b);
    feed(&b, LINES "l", strlen(LINES) + 1, SIZE_MAX);
    g_assert_false(b.ended);
    close(b.bus);
    b.bus = -1;
    pump(&b);
    g_assert_true(b.ended);
    end(&b);
}

int main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/gate/passes/whole", GSIZE_TO_POINTER(SIZE_MAX), test_passes);
    g_test_add_data_func("/gate/passes/pieces", GSIZE_TO_POINTER(1001), test_passes);
    g_test_add_data_func("/gate/passes/bytes", GSIZE_TO_POINTER(1), test_passes);
    g_test_add_data_func("/gate/cuts/little", "l", test_cuts);
    g_test_add_data_func("/gate/cuts/big", "B", test_cuts);
    g_test_add_func("/gate/large-header", test_large_header);
    g_test_add_func("/gate/full", test_full);
    g_test_add_func("/gate/descriptors", test_descriptors);
    g_test_add_func("/gate/signals", test_signals);
    g_test_add_func("/gate/end", test_end);
    return g_test_run();
}
