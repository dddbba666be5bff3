/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>

#include "bus/shares-internal.h"
#include "core/limits.h"
#include "util/log.h"
#include "util/time.h"

/* Tracks the replies that connections have not read. Each reply is recorded with its estimated size; if
 * these add up, the bus is queried for the amount of data that waits for the connection
 * (org.freedesktop.DBus.Debug.Stats), which works for clients that block as well. If the bus does not
 * support that, Ping is sent after the reply: a client that answers has read the reply. A client that does
 * not answer in time, for example because it blocks, is assumed to have read it. That is the case soon on a
 * bus that does not know the query: it is dbus-broker, which disconnects clients that do not read, and does
 * not account it to the service. */

#define ASKING_MAX     32 /* the bus bounds the number of replies that a connection waits for */
#define ASK_USEC_MIN   (20 * USEC_PER_MSEC)
#define ASK_USEC_MAX   USEC_PER_SEC
#define STATS_USEC     (10 * USEC_PER_SEC)
#define BROKER_USEC    (50 * USEC_PER_MSEC) /* for a reply to Ping on a bus without that interface */
#define FOLLOWED       (1024 * 1024)        /* bytes, above which reading is checked at once */
#define FOLLOWED_MAX   4                    /* at a time: the bus limits pending calls */
#define PING_USEC      (2 * USEC_PER_SEC)
#define UNREAD_IGNORED (64 * 1024) /* bytes, below which no query is made */

static bool fits(size_t unread, size_t size, size_t limit)
{
    return unread == 0 || unread + size <= limit;
}

static size_t total_limit(size_t size)
{
    return LIMIT_UNREAD + (size <= UNREAD_IGNORED ? LIMIT_UNREAD_SMALL : 0);
}

bool unread_allows(const Sender *sender, size_t size)
{
    return fits(sender->unread, size, LIMIT_UNREAD_OF_SENDER) &&
           fits(sender->user->unread, size, LIMIT_UNREAD_OF_USER) &&
           fits(sender->shares->unread, size, total_limit(size));
}

bool unread_allows_error(const Sender *sender)
{
    return sender->user->unread < LIMIT_UNREAD_OF_USER + LIMIT_UNREAD_SMALL &&
           sender->shares->unread < LIMIT_UNREAD + 2 * LIMIT_UNREAD_SMALL;
}

static void set_unread(Sender *sender, size_t unread)
{
    if (sender->user)
        sender->user->unread += unread - sender->unread;
    sender->shares->unread += unread - sender->unread;
    sender->unread = unread;
}

void unread_note(Sender *sender, size_t size)
{
    set_unread(sender, sender->unread + size);
    sender->since_asked += size;
}

void unread_follow(Sender *sender, uint64_t now)
{
    if (sender->shares->no_stats && sender->unread > FOLLOWED && sender->shares->n_asking < FOLLOWED_MAX)
        unread_ask(sender, now);
}

static void end_asking(Sender *sender)
{
    if (!sender->asking_unread)
        return;
    sender->asking_unread = sd_bus_slot_unref(sender->asking_unread);
    sender->shares->n_asking--;
}

void unread_forget(Sender *sender)
{
    end_asking(sender);
    set_unread(sender, 0);
}

/* Connections that read are queried as soon as needed, others less and less often. */
static void adopt(Sender *sender, size_t unread)
{
    size_t left = MIN(sender->unread, unread + sender->since_asked);

    if (left < sender->unread) {
        sender->read_at = sender->asked_unread;
        sender->ask_interval = ASK_USEC_MIN;
    } else
        sender->ask_interval = MIN(2 * sender->ask_interval, ASK_USEC_MAX);
    set_unread(sender, left);
    shares_wake(sender->shares);
}

static int on_pong(sd_bus_message *reply _unused_, void *userdata, sd_bus_error *error _unused_)
{
    Sender *sender = userdata;

    end_asking(sender);
    adopt(sender, 0);
    return 0;
}

static int on_stats(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    Sender *sender = userdata;
    uint32_t bytes = 0;
    const char *key;
    int r;

    end_asking(sender);
    if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
        sd_bus_message_is_method_error(reply, SD_BUS_ERROR_LIMITS_EXCEEDED) ||
        sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY))
        return 0; /* to be queried again, unless it has left */
    if (sd_bus_message_is_method_error(reply, NULL)) {
        log_debug("The bus does not report unread data: %s", sd_bus_message_get_error(reply)->name);
        sender->shares->no_stats = true;
        sender->shares->is_broker = !sd_bus_message_is_method_error(reply, SD_BUS_ERROR_ACCESS_DENIED);
        shares_wake(sender->shares);
        return 0;
    }
    r = sd_bus_message_enter_container(reply, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        r = sd_bus_message_read_basic(reply, 's', &key);
        if (r >= 0 && streq(key, "OutgoingBytes"))
            r = sd_bus_message_read(reply, "v", "u", &bytes);
        else if (r >= 0)
            r = sd_bus_message_skip(reply, "v");
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
    }
    if (r < 0)
        sender->shares->no_stats = true;
    else
        adopt(sender, bytes);
    return 0;
}

static int new_question(const Sender *sender, sd_bus_message **ret)
{
    sd_bus *bus = sender->shares->bus;
    int r;

    if (sender->shares->no_stats)
        return sd_bus_message_new_method_call(bus, ret, sender->name, "/", "org.freedesktop.DBus.Peer",
                                              "Ping");
    r = sd_bus_message_new_method_call(bus, ret, DRIVER, DRIVER_PATH, DRIVER ".Debug.Stats",
                                       "GetConnectionStats");
    return r < 0 ? r : sd_bus_message_append_basic(*ret, 's', sender->name);
}

void unread_ask(Sender *sender, uint64_t now)
{
    Shares *s = sender->shares;
    sd_bus_message *m = NULL;
    int r;

    if (sender->unread == 0 || sender->asking_unread || s->n_asking >= ASKING_MAX ||
        now < sender->asked_unread + sender->ask_interval)
        return;
    sender->asked_unread = now;
    sender->since_asked = 0;
    r = new_question(sender, &m);
    if (r >= 0)
        r = sd_bus_call_async(s->bus, &sender->asking_unread, m, s->no_stats ? on_pong : on_stats, sender,
                              s->is_broker  ? BROKER_USEC
                              : s->no_stats ? PING_USEC
                                            : STATS_USEC);
    if (r >= 0)
        s->n_asking++;
    sd_bus_message_unref(m);
}

/* All connections whose unread replies block calls of their user, or of everybody. */
void unread_ask_all(Shares *s, uint64_t now)
{
    bool total = s->unread > LIMIT_UNREAD / 2;
    Sender *sender, *next;

    HASH_ITER (hh, s->senders, sender, next)
        if (sender->unread > 0 && (total || sender->load.n > 0 || sender->unread > UNREAD_IGNORED))
            unread_ask(sender, now);
}
