/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "call.h"

#define HEAD       16 /* the fixed part of a message's header */
#define MOST_FDS   16
#define READ_BYTES (256 * 1024)

struct Raw {
    int fd;
    guint32 serial;
    /* on its way out */
    GBytes *message;
    guchar head[HEAD]; /* of it, with a serial of its own */
    gsize written;
    const int *fds;
    guint n_fds;
    /* on its way in */
    guint lines; /* of the authentication, that are not read yet */
    GByteArray *header;
    guint64 body; /* bytes that are not read yet */
};

static guint32 read_u32(const guchar *header, gsize at)
{
    guint32 n;

    memcpy(&n, header + at, sizeof(n));
    return header[0] == 'l' ? GUINT32_FROM_LE(n) : GUINT32_FROM_BE(n);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct timeval second = { .tv_sec = 1 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second)) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* EXTERNAL, as in the D-Bus specification; all at once, since each line of the answer is known. */
static gboolean greet(int fd)
{
    static const Call hello = { .destination = "org.freedesktop.DBus",
                                .path = "/org/freedesktop/DBus",
                                .interface = "org.freedesktop.DBus",
                                .member = "Hello" };
    g_autofree char *uid = g_strdup_printf("%u", (unsigned)getuid());
    g_autoptr(GString) text = g_string_new_len("\0AUTH EXTERNAL ", 15);
    g_autoptr(GBytes) message = call_marshal(&hello, NULL);
    gsize size;
    const char *data = g_bytes_get_data(message, &size);

    for (const char *p = uid; *p; p++)
        g_string_append_printf(text, "%02x", (unsigned)*p);
    g_string_append(text, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
    g_string_append_len(text, data, (gssize)size);
    return send(fd, text->str, text->len, MSG_NOSIGNAL) == (gssize)text->len;
}

Raw *raw_new(const char *socket_path)
{
    int fd = connect_to(socket_path);
    Raw *r;

    if (fd < 0)
        return NULL;
    if (!greet(fd) || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        close(fd);
        return NULL;
    }
    r = g_new0(Raw, 1);
    r->fd = fd;
    r->serial = 1;
    r->lines = 2;
    r->header = g_byte_array_new();
    return r;
}

void raw_free(Raw *r)
{
    if (!r)
        return;
    close(r->fd);
    g_clear_pointer(&r->message, g_bytes_unref);
    g_byte_array_unref(r->header);
    g_free(r);
}

int raw_fd(const Raw *r)
{
    return r->fd;
}

void raw_push(Raw *r, GBytes *message, const int *fds, guint n_fds)
{
    guint32 serial = ++r->serial;

    g_assert_null(r->message);
    g_assert_cmpuint(n_fds, <=, MOST_FDS);
    r->message = g_bytes_ref(message);
    r->written = 0;
    r->fds = fds;
    r->n_fds = n_fds;
    memcpy(r->head, g_bytes_get_data(message, NULL), HEAD);
    memcpy(r->head + 8, &serial, sizeof(serial)); /* call_marshal() has this machine's order of bytes */
}

gboolean raw_is_writing(const Raw *r)
{
    return r->message != NULL;
}

guint32 raw_serial(const Raw *r)
{
    return r->serial;
}

/* Descriptors go with the first byte. */
static void attach(struct msghdr *m, void *buffer, const int *fds, guint n)
{
    struct cmsghdr *c;

    m->msg_control = buffer;
    m->msg_controllen = CMSG_SPACE(n * sizeof(int));
    c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

static gssize send_piece(Raw *r, gsize most)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(MOST_FDS * sizeof(int))];
    } control = { 0 };
    gsize size, n, in_head = HEAD - MIN(r->written, HEAD);
    const guchar *data = g_bytes_get_data(r->message, &size);
    struct iovec parts[2] = { { r->head + HEAD - in_head, in_head },
                              { (gpointer)(guintptr)(data + MAX(r->written, HEAD)), 0 } };
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = 2 };

    n = MIN(size, most) - r->written;
    parts[0].iov_len = MIN(parts[0].iov_len, n);
    parts[1].iov_len = n - parts[0].iov_len;
    if (r->written == 0 && r->n_fds > 0)
        attach(&m, &control, r->fds, r->n_fds);
    return sendmsg(r->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

gboolean raw_write(Raw *r, gsize most)
{
    while (r->message && r->written < most) {
        gssize n = send_piece(r, most);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR || errno == ETOOMANYREFS || errno == ENOBUFS;
        r->written += (gsize)n;
        if (r->written == g_bytes_get_size(r->message))
            g_clear_pointer(&r->message, g_bytes_unref);
    }
    return TRUE;
}

/* Reading. */

typedef struct Input {
    const guchar *data;
    gsize left;
} Input;

static void skip_lines(Raw *r, Input *i)
{
    while (r->lines > 0 && i->left > 0) {
        if (*i->data == '\n')
            r->lines--;
        i->data++;
        i->left--;
    }
}

/* Moves up to that many bytes behind what is there of the header; whether it has so many now. */
static gboolean fill(Raw *r, Input *i, gsize size)
{
    gsize n = size > r->header->len ? MIN(size - r->header->len, i->left) : 0;

    g_byte_array_append(r->header, i->data, (guint)n);
    i->data += n;
    i->left -= n;
    return r->header->len >= size;
}

static gsize aligned(gsize n, gsize to)
{
    return (n + to - 1) / to * to;
}

/* Reads a field's value, behind its signature; where the next one may begin. Fields have one of four types. */
static gsize take_field(const guchar *h, gsize at, guchar code, char type, RawMessage *m)
{
    if (type == 'g')
        return at + 1 + h[at] + 1;
    at = aligned(at, 4);
    if (type == 'u') {
        if (code == G_DBUS_MESSAGE_HEADER_FIELD_REPLY_SERIAL)
            m->reply_serial = read_u32(h, at);
        return at + 4;
    }
    if (code == G_DBUS_MESSAGE_HEADER_FIELD_ERROR_NAME)
        g_strlcpy(m->error, (const char *)h + at + 4, sizeof(m->error));
    if (code == G_DBUS_MESSAGE_HEADER_FIELD_SENDER)
        m->by_bus = strcmp((const char *)h + at + 4, "org.freedesktop.DBus") == 0;
    return at + 4 + read_u32(h, at) + 1;
}

static void end_header(Raw *r, RawHandler handler, gpointer userdata)
{
    const guchar *h = r->header->data;
    RawMessage m = { .type = h[1] };
    gsize end = HEAD + read_u32(h, 12);

    for (gsize at = HEAD; at + 4 < end;) {
        guchar code = h[at], signature = h[at + 1];

        at = take_field(h, at + 3 + signature, code, (char)h[at + 2], &m);
        at = aligned(at, 8);
    }
    r->body = read_u32(h, 4);
    g_byte_array_set_size(r->header, 0);
    if (handler)
        handler(&m, userdata);
}

static void take_in(Raw *r, Input *i, RawHandler handler, gpointer userdata)
{
    gsize n;

    skip_lines(r, i);
    while (i->left > 0) {
        n = MIN(r->body, i->left);
        r->body -= n;
        i->data += n;
        i->left -= n;
        if (r->body == 0 && fill(r, i, HEAD) && fill(r, i, HEAD + aligned(read_u32(r->header->data, 12), 8)))
            end_header(r, handler, userdata);
    }
}

gboolean raw_read(Raw *r, RawHandler handler, gpointer userdata)
{
    static guchar buffer[READ_BYTES];
    gssize n = recv(r->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    Input i = { buffer, n > 0 ? (gsize)n : 0 };

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    take_in(r, &i, handler, userdata);
    return n > 0;
}
