/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crowd.h"

#include <poll.h>

#include "raw.h"

#define BURST     16   /* messages of a connection before the next one has its turn */
#define JOIN_USEC 2000 /* between two connections: else the bus is busy with these alone */

typedef struct Crowd Crowd;

typedef struct Member {
    Crowd *crowd;
    Raw *raw; /* NULL: to be connected */
    guint sent, answers, first;
    gint64 leaves_usec; /* when it closes its connection; 0: not yet */
} Member;

struct Crowd {
    const Flood *flood;
    const char *socket_path;
    Record *record;
    GPtrArray *says, *first; /* messages */
    int *fds;
    guint n_fds, next_fd;
    Member *members;
    struct pollfd *polls;
    gint64 next_join_usec;
};

static void member_leave(Member *m)
{
    g_clear_pointer(&m->raw, raw_free);
    m->sent = m->answers = m->first = 0;
    m->leaves_usec = 0;
}

static gboolean may_join(Crowd *c)
{
    gint64 now = g_get_monotonic_time();

    if (now < c->next_join_usec)
        return FALSE;
    c->next_join_usec = c->flood->flags & FLOOD_BURST ? 0 : now + JOIN_USEC;
    return TRUE;
}

static void member_join(Member *m)
{
    if (!may_join(m->crowd))
        return;
    m->raw = raw_new(m->crowd->socket_path);
    if (!m->raw)
        m->crowd->record->refused++;
}

static void on_message(const RawMessage *message, gpointer userdata)
{
    Member *m = userdata;

    if (message->type == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
        m->crowd->record->asked++;
    /* the first answers are those to Hello and to what was said first */
    if (message->reply_serial > 1 + m->first) {
        m->answers++;
        m->crowd->record->answers++;
        m->crowd->record->granted += message->type == G_DBUS_MESSAGE_TYPE_METHOD_RETURN;
    }
}

static gboolean has_said_all(const Member *m)
{
    return m->crowd->flood->calls > 0 && m->sent >= m->crowd->flood->calls;
}

static gboolean may_say(const Member *m)
{
    const Flood *f = m->crowd->flood;

    return !has_said_all(m) && (f->pending == 0 || m->sent - m->answers < f->pending);
}

/* The next one of the crowd's descriptors; as many in a row as a message has. */
static const int *take_fds(Crowd *c, guint n)
{
    if (n == 0)
        return NULL;
    if (c->next_fd + n > c->n_fds)
        c->next_fd = 0;
    c->next_fd += n;
    return c->fds + c->next_fd - n;
}

static guint choose_call(const Member *m)
{
    guint n = m->crowd->says->len;

    return m->crowd->flood->flags & FLOOD_RANDOM ? (guint)g_random_int_range(0, (gint32)n) : m->sent % n;
}

static void push_next(Member *m)
{
    Crowd *c = m->crowd;
    guint i = choose_call(m), n_fds = c->flood->says[i]->fds;

    if (m->first < c->first->len) {
        raw_push(m->raw, g_ptr_array_index(c->first, m->first++), NULL, 0);
        return;
    }
    raw_push(m->raw, g_ptr_array_index(c->says, i), take_fds(c, n_fds), n_fds);
    m->sent++;
    c->record->sent++;
}

static gboolean is_half_written(const Member *m)
{
    return m->crowd->flood->flags & FLOOD_HALF && has_said_all(m);
}

static gsize most_to_write(const Member *m)
{
    GBytes *last = g_ptr_array_index(m->crowd->says, (m->sent - 1) % m->crowd->says->len);

    return is_half_written(m) ? g_bytes_get_size(last) / 2 : G_MAXSIZE;
}

static gboolean member_write(Member *m)
{
    for (guint i = 0; i < BURST; i++) {
        if (!raw_is_writing(m->raw)) {
            if (!may_say(m))
                return TRUE;
            push_next(m);
        }
        if (!raw_write(m->raw, most_to_write(m)))
            return FALSE;
        if (raw_is_writing(m->raw))
            return TRUE;
    }
    return TRUE;
}

static gboolean wants_to_write(const Member *m)
{
    return raw_is_writing(m->raw) || may_say(m);
}

static void member_go_on(Member *m, short events)
{
    gint64 now = g_get_monotonic_time();
    gboolean lives = TRUE;

    if (!m->raw) {
        member_join(m);
        return;
    }
    if (events & POLLIN)
        lives = raw_read(m->raw, on_message, m);
    if (lives && events & POLLOUT)
        lives = member_write(m);
    if (lives && m->leaves_usec == 0 && has_said_all(m) && (is_half_written(m) || !raw_is_writing(m->raw)))
        m->leaves_usec = now + m->crowd->flood->hold_msec * 1000LL;
    if (!lives || events & (POLLERR | POLLHUP) || (m->leaves_usec > 0 && now >= m->leaves_usec))
        member_leave(m);
}

static void set_poll(const Member *m, struct pollfd *p)
{
    p->fd = m->raw ? raw_fd(m->raw) : -1;
    p->revents = 0;
    p->events = (short)((m->crowd->flood->pending > 0 ? POLLIN : 0) |
                        (m->raw && m->leaves_usec == 0 && wants_to_write(m) ? POLLOUT : 0));
}

static void crowd_turn(Crowd *c)
{
    guint n = c->flood->connections;

    for (guint i = 0; i < n; i++)
        set_poll(&c->members[i], &c->polls[i]);
    (void)poll(c->polls, n, 10);
    for (guint i = 0; i < n && !record_is_stopped(c->record); i++)
        member_go_on(&c->members[i], c->polls[i].revents);
}

static void marshal(Crowd *c, const char *destination)
{
    const Call *call;

    c->says = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    c->first = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (guint i = 0; c->flood->says[i]; i++)
        g_ptr_array_add(c->says, call_marshal(c->flood->says[i], destination));
    for (guint i = 0; c->flood->first && (call = c->flood->first(i)); i++)
        g_ptr_array_add(c->first, call_marshal(call, destination));
    if (c->flood->open_fds)
        c->fds = c->flood->open_fds(&c->n_fds);
}

void crowd_run(const Flood *flood, const char *destination, const char *socket_path, Record *record)
{
    Crowd c = { .flood = flood, .socket_path = socket_path, .record = record };

    marshal(&c, destination);
    c.members = g_new0(Member, flood->connections);
    c.polls = g_new0(struct pollfd, flood->connections);
    for (guint i = 0; i < flood->connections; i++)
        c.members[i].crowd = &c;
    g_atomic_int_set(&record->ready, 1);
    while (!record_is_stopped(record))
        crowd_turn(&c);
    for (guint i = 0; i < flood->connections; i++)
        member_leave(&c.members[i]);
    g_free(c.members);
    g_free(c.polls);
    g_free(c.fds);
    g_ptr_array_unref(c.says);
    g_ptr_array_unref(c.first);
}
