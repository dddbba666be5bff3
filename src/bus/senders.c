/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "bus/shares-internal.h"
#include "core/limits.h"
#include "util/log.h"
#include "util/time.h"

/* Senders of calls, and their users. */

#define UID_USEC (10 * USEC_PER_SEC)

User *user_find(Shares *s, uid_t uid)
{
    User *u;

    HASH_FIND(hh, s->users, &uid, sizeof(uid), u);
    return u;
}

static User *user_get(Shares *s, uid_t uid)
{
    User *u = user_find(s, uid);

    if (u)
        return u;
    u = calloc(1, sizeof(User));
    if (!u)
        return NULL;
    u->uid = uid;
    TAILQ_INIT(&u->turns);
    HASH_ADD(hh, s->users, uid, sizeof(u->uid), u);
    return u;
}

void user_release(Shares *s, User *u)
{
    if (u->n_senders > 0 || u->held > 0)
        return;
    HASH_DEL(s->users, u);
    free(u);
}

Sender *sender_find(Shares *s, const char *name)
{
    Sender *sender;

    HASH_FIND_STR(s->senders, name, sender);
    return sender;
}

static void leave_user(Sender *sender)
{
    Shares *s = sender->shares;
    User *u = sender->user;

    if (!u)
        return;
    if (sender->is_viewer) {
        sender->is_viewer = false;
        u->n_viewers--;
        s->n_viewers--;
    }
    sender->user = NULL;
    u->n_senders--;
    user_release(s, u);
}

void sender_free(Sender *sender)
{
    Waiting *w;

    while ((w = TAILQ_FIRST(&sender->waiting))) {
        shares_unlink(sender, w);
        waiting_free(w);
    }
    unread_forget(sender);
    leave_user(sender);
    sd_bus_slot_unref(sender->asking);
    HASH_DEL(sender->shares->senders, sender);
    free(sender->name);
    free(sender);
}

static int join_user(Sender *sender, uid_t uid)
{
    User *u = user_get(sender->shares, uid);

    if (!u)
        return -ENOMEM;
    sender->user = u;
    u->n_senders++;
    u->load.n += sender->load.n;
    u->load.bytes += sender->load.bytes;
    u->unread += sender->unread;
    shares_activate(sender);
    return 0;
}

static int on_user(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    Sender *sender = userdata;
    uint32_t uid = UNKNOWN_USER;

    sender->asking = sd_bus_slot_unref(sender->asking);
    if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
        sender_free(sender);
        return 0;
    }
    if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read_basic(reply, 'u', &uid) < 0)
        log_debug("The bus does not report the user of %s.", sender->name);
    if (join_user(sender, uid) < 0)
        sender_free(sender);
    return 0;
}

static int ask_user(Sender *sender)
{
    Shares *s = sender->shares;
    sd_bus_message *m = NULL;
    int r;

    r = sd_bus_message_new_method_call(s->questions, &m, DRIVER, DRIVER_PATH, DRIVER,
                                       "GetConnectionUnixUser");
    if (r >= 0)
        r = sd_bus_message_append_basic(m, 's', sender->name);
    if (r >= 0)
        r = sd_bus_call_async(s->questions, &sender->asking, m, on_user, sender, UID_USEC);
    sd_bus_message_unref(m);
    return r;
}

/* Finds a sender about which nothing need be known, or else one of the viewers of the user who has the most, so that nobody
 * can push out those of others. */
static Sender *find_idle(Shares *s)
{
    Sender *sender, *next, *found = NULL;

    HASH_ITER (hh, s->senders, sender, next) {
        if (sender->load.n > 0 || sender->unread > 0 || !sender->user)
            continue;
        if (!sender->is_viewer)
            return sender;
        if (!found || sender->user->n_viewers > found->user->n_viewers)
            found = sender;
    }
    return found;
}

/* Makes room for another one. */
static void forget_idle(Shares *s)
{
    Sender *sender = HASH_COUNT(s->senders) < LIMIT_SENDERS ? NULL : find_idle(s);

    if (sender)
        sender_free(sender);
}

static Sender *sender_new(Shares *s, const char *name)
{
    Sender *sender = calloc(1, sizeof(Sender));

    if (!sender)
        return NULL;
    sender->name = strdup(name);
    if (!sender->name) {
        free(sender);
        return NULL;
    }
    sender->shares = s;
    TAILQ_INIT(&sender->waiting);
    HASH_ADD_KEYPTR(hh, s->senders, sender->name, strlen(sender->name), sender);
    return sender;
}

Sender *sender_get(Shares *s, const char *name)
{
    Sender *sender = sender_find(s, name);

    if (!sender) {
        forget_idle(s);
        sender = sender_new(s, name);
        if (!sender)
            return NULL;
    } else if (sender->user && sender->user->uid == UNKNOWN_USER && sender->load.n == 0 &&
               sender->unread == 0)
        leave_user(sender); /* queries again */
    if (sender->user || sender->asking)
        return sender;
    if (ask_user(sender) < 0 && join_user(sender, UNKNOWN_USER) < 0) {
        sender_free(sender);
        return NULL;
    }
    return sender;
}

/* A user who is not known is queried again, and may have left the bus before. */
void sender_note_viewer(Sender *sender)
{
    if (sender->is_viewer || !sender->user || sender->user->uid == UNKNOWN_USER)
        return;
    sender->is_viewer = true;
    sender->user->n_viewers++;
    sender->shares->n_viewers++;
}

size_t shares_viewers(const Shares *s, const char **ret_name)
{
    const Sender *sender = s->senders;

    if (s->no_departures || s->n_viewers == 0)
        return 0;
    while (sender && !sender->is_viewer)
        sender = sender->hh.next;
    if (sender && ret_name)
        *ret_name = sender->name;
    return s->n_viewers;
}

static int on_name_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Shares *s = userdata;
    Sender *sender;
    const char *name;
    bool was_viewer;

    if (sd_bus_message_read_basic(m, 's', &name) < 0)
        return 0;
    sender = sender_find(s, name);
    if (!sender)
        return 0;
    was_viewer = sender->is_viewer;
    sender_free(sender);
    s->observer->left(name, was_viewer, s->userdata);
    shares_wake(s); /* others may have waited for it to read */
    return 0;
}

static int on_match_installed(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    Shares *s = userdata;

    s->no_departures = sd_bus_message_is_method_error(reply, NULL) > 0;
    if (s->no_departures)
        log_warning("The bus does not report disconnects, serving calls of connections that have left.");
    return 0;
}

/* Uses the connection for polkit's replies: a reply that arrives after its caller has left then finds the
 * caller gone. With a callback, since sd-bus closes the connection if a match without one cannot be
 * installed. */
int senders_watch(Shares *s)
{
    return sd_bus_add_match_async(s->questions, &s->match,
                                  "type='signal',sender='" DRIVER "',path='" DRIVER_PATH
                                  "',interface='" DRIVER "',member='NameOwnerChanged',arg2=''",
                                  on_name_owner_changed, on_match_installed, s);
}
