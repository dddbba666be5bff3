/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "util/macro.h"

/* Fair shares of the service for the users of the bus. A method call waits in the queue of its sender until it is the
 * turn of the sender's user: the user whose calls have taken the least time comes first, so a thousand calls of one user
 * delay another user by one of them. How much a user can have waiting is bounded, and so is how much his connections can leave
 * unread of their replies, which the bus counts against the service: dbus-daemon stops reading from it at 127 MiB. Calls
 * beyond that are refused with LimitsExceeded. root is a user like any other.
 *
 * Everything is asynchronous: the bus is asked which user a sender belongs to, and how much it has left unread, while its
 * calls wait. */
typedef struct Shares Shares;

typedef struct SharesObserver {
    /* Estimates the size of the reply to a call, in bytes. */
    size_t (*reply_size)(sd_bus_message *call, void *userdata);
    /* The call has been dispatched and has left the queue. */
    void (*dispatched)(sd_bus_message *call, void *userdata);
    /* This connection has left the bus. Its waiting calls were dropped. */
    void (*left)(const char *sender, void *userdata);
} SharesObserver;

/* Calls come by bus; questions is another connection, by which the bus is asked whose they are. Both are attached to an event
 * loop; observer and userdata are borrowed. */
int shares_new(sd_bus *bus, sd_bus *questions, const SharesObserver *observer, void *userdata, Shares **ret);
/* Drops waiting calls. */
Shares *shares_free(Shares *s);
DEFINE_CLEANUP(Shares *, shares_free);

/* Whether this call is the one being dispatched, which passes the filters of the bus a second time. */
bool shares_is_dispatching(Shares *s, sd_bus_message *call);
/* Queues a call of so many bytes, or refuses it. */
void shares_take(Shares *s, sd_bus_message *call, size_t size);
/* Queues a dispatched call once more, in front of the others of its sender. -ESRCH: the sender has left. */
int shares_resume(Shares *s, sd_bus_message *call);
/* The user who sent a call that was dispatched; (uid_t)-1: the bus does not tell. */
uid_t shares_get_user(Shares *s, sd_bus_message *call);
/* Counts a call that waits for its answer elsewhere among those that its user has waiting. */
void shares_hold(Shares *s, uid_t uid);
void shares_release(Shares *s, uid_t uid);
/* How long calls were dispatched in the last turn of the event loop. */
uint64_t shares_turn_usec(const Shares *s);
/* Number of waiting calls. */
size_t shares_waiting(const Shares *s);
