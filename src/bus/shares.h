/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "util/macro.h"

/* Fair scheduling of the users of the bus. A method call waits in the queue of its sender until it is the
 * turn of the sender's user: the user whose calls have used the least time is served first, so that a
 * thousand calls of one user delay another user by a single one of them. The number of waiting calls of a
 * user is limited, and so is the amount of unread replies of its connections, which the bus accounts to the
 * service: dbus-daemon stops reading from it at 127 MiB. Calls above these limits are refused with
 * LimitsExceeded. root is a user like any other.
 *
 * Everything is asynchronous: while calls of a sender wait, the bus is queried for the user and the unread
 * data of the sender. */
typedef struct Shares Shares;

/* Calls of a user are refused. */
typedef struct Refusal {
    uid_t uid;
    size_t n_pending; /* calls */
    size_t unread;    /* bytes of replies, estimated */
    const char *why;
} Refusal;

typedef struct SharesObserver {
    /* Estimates the size of the reply to a call, in bytes. */
    size_t (*reply_size)(sd_bus_message *call, void *userdata);
    /* Returns true if this call lists all objects, which its sender will show as long as it is on the bus. */
    bool (*lists_objects)(sd_bus_message *call, void *userdata);
    /* Returns true if the call cannot be answered yet. It is asked again every few milliseconds. */
    bool (*waits)(sd_bus_message *call, void *userdata);
    /* The call has been dispatched and has left the queue. */
    void (*dispatched)(sd_bus_message *call, void *userdata);
    /* Called once in a while for each user. */
    void (*refused)(const Refusal *refusal, void *userdata);
    /* This connection has left the bus, and its waiting calls were dropped. viewer: it had listed all objects. */
    void (*left)(const char *sender, bool viewer, void *userdata);
} SharesObserver;

/* bus: connection for calls; questions: another connection, for queries to the bus. Both are attached to an
 * event loop; observer and userdata are borrowed. */
int shares_new(sd_bus *bus, sd_bus *questions, const SharesObserver *observer, void *userdata, Shares **ret);
/* Drops waiting calls. */
Shares *shares_free(Shares *s);
DEFINE_CLEANUP(Shares *, shares_free);

/* Returns true if this call is being dispatched, and passes the filters of the bus a second time. */
bool shares_is_dispatching(Shares *s, sd_bus_message *call);
/* Queues a call of this size in bytes, or refuses it. */
void shares_take(Shares *s, sd_bus_message *call, size_t size);
/* Queues a dispatched call again, in front of the others of its sender. -ESRCH if the sender has left. */
int shares_resume(Shares *s, sd_bus_message *call);
/* Returns the user who sent a dispatched call; (uid_t)-1 if the bus does not report it. */
uid_t shares_get_user(Shares *s, sd_bus_message *call);
/* Counts a call that waits for its reply elsewhere among the waiting calls of its user. */
void shares_hold(Shares *s, uid_t uid);
void shares_release(Shares *s, uid_t uid);
/* Returns the number of waiting calls. */
size_t shares_waiting(const Shares *s);
/* Returns the number of connections on the bus that have listed all objects, and the name of one of them. 0 if the bus does
 * not report when they leave. */
size_t shares_viewers(const Shares *s, const char **ret_name);
