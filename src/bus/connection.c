/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <systemd/sd-daemon.h>

#include "bus/internal.h"
#include "bus/socket.h"
#include "policy/policy.h"
#include "util/log.h"
#include "util/timer.h"

/* The connections to the bus. One receives calls; queries to the bus and polkit use the other, so that their
 * replies neither wait behind calls nor are dropped by a bus with too many of those. Both pass a gate, which
 * drops large messages; a filter passes calls to Shares, which queues them. If a connection is lost, or the
 * bus has not read from it for a long time, both are reconnected; jobs and orders continue meanwhile, and
 * clients list the objects again when the name has a new owner. */

#define DEFAULT_ADDRESS    "unix:path=/run/dbus/system_bus_socket"
#define READ_USEC          (10 * USEC_PER_MSEC) /* for reading calls in one turn of the event loop */
#define RECONNECT_USEC_MIN (100 * USEC_PER_MSEC)
#define RECONNECT_USEC_MAX (5 * USEC_PER_SEC)
#define STALL_LOOK_USEC    (10 * USEC_PER_SEC)
#define STALL_USEC         (30 * USEC_PER_SEC) /* without a byte read by the bus */

/* ---- loss of the connection */

static void lose(Bus *b, const char *why)
{
    if (timer_is_armed(b->connection.reconnect))
        return;
    if (b->connection.was_ready)
        log_fields(LOG_WARNING, MESSAGE_BUS_LOST, NULL, "%s, reconnecting.", why);
    (void)timer_arm(b->connection.reconnect, b->connection.owns_name ? 0 : b->connection.reconnect_usec);
    b->connection.owns_name = false;
}

static int on_reconnect(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
    Bus *b = userdata;
    int r;

    bus_disconnect(b);
    r = bus_connect(b, false);
    if (r >= 0)
        return 0;
    log_debug("Failed to connect to the message bus: %s", strerror(-r));
    b->connection.reconnect_usec = MIN(2 * b->connection.reconnect_usec, RECONNECT_USEC_MAX);
    return timer_arm(s, b->connection.reconnect_usec);
}

static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_)
{
    lose(userdata, "Lost the connection to the message bus");
    return 0;
}

/* Returns true if the bus has read from the service since the last look, or nothing is queued. */
static bool has_moved(Bus *b)
{
    uint64_t unwritten = bus_unwritten(b->bus), before = b->connection.unwritten;
    int unsent = 0, unsent_before = b->connection.unsent;

    (void)ioctl(gate_socket(b->calls.gate), SIOCOUTQ, &unsent);
    b->connection.unwritten = unwritten;
    b->connection.unsent = unsent;
    return unwritten == 0 || unwritten < before || unsent != unsent_before;
}

static int on_stall_timer(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
    Bus *b = userdata;
    uint64_t now = usec_now(CLOCK_MONOTONIC);

    if (!b->connection.owns_name || has_moved(b))
        b->connection.stalled_since = 0;
    else if (b->connection.stalled_since == 0)
        b->connection.stalled_since = now;
    else if (now >= b->connection.stalled_since + STALL_USEC)
        lose(b, "The message bus has stopped reading from this service");
    return timer_arm(s, STALL_LOOK_USEC);
}

/* ---- incoming messages */

/* Calls that only read and expect no reply are pointless; the bus limits the number of calls that expect
 * one, but not of these. */
static bool is_pointless(sd_bus_message *m)
{
    const PolicyRow *row = policy_find(sd_bus_message_get_interface(m), sd_bus_message_get_member(m));

    return sd_bus_message_get_expect_reply(m) <= 0 && (!row || !row->action || row->reads);
}

/* The connection for queries receives no calls. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Link *l = userdata;
    Bus *b = l->owner;
    size_t size;

    if (!sd_bus_message_is_method_call(m, NULL, NULL))
        return 0;
    if (shares_is_dispatching(b->shares, m))
        return 0;
    size = gate_next_call(l->gate);
    if (l == &b->questions || is_pointless(m))
        return 1;
    bus_reset_idle(b);
    shares_take(b->shares, m, size);
    return 1;
}

/* Reads as long as there is data, so that each call is queued soon, however many others there are. */
static int read_link(Link *l)
{
    uint64_t begin = usec_now(CLOCK_MONOTONIC);
    int r;

    do {
        r = gate_pump(l->gate);
        while (sd_bus_process(l->bus, NULL) > 0)
            ;
    } while (r > 0 && usec_now(CLOCK_MONOTONIC) - begin < READ_USEC);
    if (r > 0)
        return sd_event_source_set_enabled(l->more, SD_EVENT_ONESHOT);
    if (r == 0)
        return 0;
    (void)sd_event_source_set_enabled(l->readable, SD_EVENT_OFF);
    lose(l->owner, "Lost the connection to the message bus");
    return 0;
}

static int on_readable(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_,
                       void *userdata)
{
    return read_link(userdata);
}

/* The socket may be empty while the gate is not. */
static int on_more(sd_event_source *s _unused_, void *userdata)
{
    return read_link(userdata);
}

/* ---- Shares and the authorizer */

static void on_dispatched(sd_bus_message *m, void *userdata)
{
    Bus *b = userdata;

    call_log_end(b);
    authorizer_forget_decision(b->authorizer, m);
}

static void on_left(const char *sender, bool viewer, void *userdata)
{
    Bus *b = userdata;

    authorizer_forget_sender(b->authorizer, sender);
    if (viewer)
        bus_note_departure(b);
}

static bool on_asked(sd_bus_message *m, void *userdata)
{
    return bus_awaits_chains(userdata, m) || bus_export_waits(userdata, m);
}

static const SharesObserver shares_observer = {
    .reply_size = bus_reply_size,
    .lists_objects = bus_lists_objects,
    .waits = on_asked,
    .dispatched = on_dispatched,
    .refused = call_log_refused,
    .left = on_left,
};

static int on_decided(sd_bus_message *m, void *userdata)
{
    Bus *b = userdata;

    return shares_resume(b->shares, m);
}

/* ---- the name */

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    const sd_bus_error *e = sd_bus_message_get_error(reply);
    Bus *b = userdata;
    uint32_t code = 0;
    bool owned = !e && sd_bus_message_read_basic(reply, 'u', &code) >= 0 && (code == 1 || code == 4);

    if (owned) {
        if (b->connection.was_ready && !b->connection.owns_name)
            log_info("Reconnected to the message bus.");
        b->connection.owns_name = b->connection.was_ready = true;
        b->connection.reconnect_usec = RECONNECT_USEC_MIN;
        (void)sd_notify(false, "READY=1");
        return 0;
    }
    if (e)
        log_error("Failed to acquire the name " BUS_NAME
                  ": %s. Does the bus policy allow this user to own it?",
                  strempty(e->message));
    else
        log_error("The name " BUS_NAME " is taken: the service is already running.");
    if (!b->connection.was_ready)
        return sd_event_exit(b->event, EXIT_FAILURE);
    b->connection.owns_name = false;
    b->connection.reconnect_usec = RECONNECT_USEC_MAX;
    lose(b, "Failed to acquire the name " BUS_NAME);
    return 0;
}

int bus_request_name(Bus *b)
{
    return sd_bus_request_name_async(b->bus, NULL, BUS_NAME, 0, on_name, b);
}

/* ---- connecting */

/* Takes ownership of both file descriptors, also on failure. */
static int open_bus(Link *l, int in, int out, int64_t priority)
{
    int r;

    l->bus = sd_bus_unref(l->bus);
    r = sd_bus_new(&l->bus);
    if (r >= 0)
        r = sd_bus_set_fd(l->bus, in, out);
    if (r < 0) {
        close(in);
        close(out);
        return r;
    }
    r = sd_bus_set_bus_client(l->bus, true);
    if (r >= 0)
        r = sd_bus_set_close_on_exit(l->bus,
                                     false); /* pending calls are answered when the event loop has ended */
    if (r >= 0)
        r = sd_bus_start(l->bus);
    return r < 0 ? r : sd_bus_attach_event(l->bus, l->owner->event, (int)priority);
}

static int watch_gate(Link *l, int64_t priority)
{
    sd_event *event = l->owner->event;
    int r;

    r = sd_event_add_io(event, &l->readable, gate_socket(l->gate), EPOLLIN, on_readable, l);
    if (r >= 0)
        r = sd_event_source_set_priority(l->readable, priority);
    if (r >= 0)
        r = deferred_add(event, &l->more, on_more, l);
    return r < 0 ? r : sd_event_source_set_priority(l->more, priority);
}

static int link_open(Link *l, Bus *b, int64_t priority, bool wait)
{
    const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
    int fd = bus_socket_open(isempty(address) ? DEFAULT_ADDRESS : address, wait), in, out, r;

    if (fd < 0)
        return fd;
    l->owner = b;
    out = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    r = out < 0 ? -errno : gate_new(fd, &l->gate, &in);
    if (r < 0) {
        close(fd);
        if (out >= 0)
            close(out);
        return r;
    }
    r = open_bus(l, in, out, priority);
    if (r >= 0)
        r = watch_gate(l, priority);
    if (r >= 0)
        r = sd_bus_match_signal(l->bus, b->slots + b->n_slots++, "org.freedesktop.DBus.Local", NULL,
                                "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, b);
    return r;
}

/* The bus object is kept, but closed. */
static void link_close(Link *l)
{
    l->readable = sd_event_source_disable_unref(l->readable);
    l->more = sd_event_source_disable_unref(l->more);
    l->gate = gate_free(l->gate);
    if (!l->bus)
        return;
    (void)sd_bus_detach_event(l->bus);
    sd_bus_close(l->bus);
}

int bus_connect(Bus *b, bool first)
{
    int r;

    b->connection.number++;
    r = link_open(&b->calls, b, BUS_PRIORITY, first);
    b->bus = b->calls.bus;
    if (r >= 0)
        r = link_open(&b->questions, b, SD_EVENT_PRIORITY_NORMAL, first);
    if (r < 0)
        return first ? log_error_errno(r, "Failed to connect to the system bus") : r;
    if ((r = sd_bus_add_filter(b->bus, b->slots + b->n_slots++, on_message, &b->calls)) < 0 ||
        (r = sd_bus_add_filter(b->questions.bus, b->slots + b->n_slots++, on_message, &b->questions)) < 0 ||
        (r = shares_new(b->bus, b->questions.bus, &shares_observer, b, &b->shares)) < 0 ||
        (r = authorizer_new(b->questions.bus, on_decided, b, &b->authorizer)) < 0 ||
        (r = bus_add_objects(b)) < 0)
        return r;
    return bus_request_name(b);
}

void bus_disconnect(Bus *b)
{
    bus_changes_drop(b);
    bus_deploy_disconnect(b);
    b->authorizer = authorizer_free(b->authorizer);
    b->shares = shares_free(b->shares);
    for (size_t i = 0; i < b->n_slots; i++)
        sd_bus_slot_unref(b->slots[i]);
    b->n_slots = 0;
    b->idle.release = sd_bus_slot_unref(b->idle.release);
    b->asking_clock = b->connection.owns_name = false;
    b->n_starting = 0;
    b->connection.stalled_since = 0;
    link_close(&b->calls);
    link_close(&b->questions);
}

int bus_connection_init(Bus *b)
{
    int r;

    b->connection.reconnect_usec = RECONNECT_USEC_MIN;
    r = timer_add(b->event, &b->connection.reconnect, CLOCK_MONOTONIC, 0, on_reconnect, b);
    if (r >= 0)
        r = timer_add(b->event, &b->connection.stall_timer, CLOCK_MONOTONIC, STALL_LOOK_USEC / 2,
                      on_stall_timer, b);
    return r < 0 ? r : timer_arm(b->connection.stall_timer, STALL_LOOK_USEC);
}

void bus_connection_done(Bus *b)
{
    if (b->bus && b->connection.owns_name)
        (void)sd_bus_flush(b->bus);
    bus_disconnect(b);
    sd_bus_unref(b->calls.bus);
    sd_bus_unref(b->questions.bus);
    sd_event_source_disable_unref(b->connection.reconnect);
    sd_event_source_disable_unref(b->connection.stall_timer);
}
