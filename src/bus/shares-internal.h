/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <uthash.h>

#include "bus/shares.h"

/* Shared by shares.c, senders.c and unread.c only. */

#define DRIVER       "org.freedesktop.DBus"
#define DRIVER_PATH  "/org/freedesktop/DBus"
#define UNKNOWN_USER ((uid_t)-1)

typedef struct Sender Sender;
typedef struct User User;

/* A waiting call. */
typedef struct Waiting {
    TAILQ_ENTRY(Waiting) entry;
    sd_bus_message *call;
    size_t size;
    uint64_t since; /* CLOCK_MONOTONIC */
    bool resumed;
} Waiting;

typedef struct Load {
    size_t n, bytes;
} Load;

/* A connection to the bus, identified by its unique name, which is never reused. */
struct Sender {
    char *name;
    Shares *shares;
    User *user; /* NULL: the query is pending */
    sd_bus_slot *asking;
    TAILQ_HEAD(WaitingQueue, Waiting) waiting;
    Load load;
    TAILQ_ENTRY(Sender) turn; /* in the queue of its user, while calls wait */

    size_t unread;      /* estimated bytes of unread replies */
    size_t since_asked; /* sent since the bus was last queried */
    sd_bus_slot *asking_unread;
    uint64_t asked_unread, ask_interval; /* CLOCK_MONOTONIC, usec */
    uint64_t read_at;                    /* when it was last known to have read something */

    bool is_viewer; /* it has listed all objects; its user is known */
    UT_hash_handle hh;
};

struct User {
    uid_t uid;
    size_t n_senders;
    size_t n_viewers;
    size_t held; /* calls that wait elsewhere */
    Load load;
    uint64_t used;     /* time used by calls of this user, usec; at least Shares.used while calls wait */
    uint64_t reported; /* when refusals were last logged */
    size_t unread;
    TAILQ_HEAD(, Sender) turns;
    TAILQ_ENTRY(User) entry; /* in the list of users with waiting calls */
    UT_hash_handle hh;
};

struct Shares {
    sd_bus *bus, *questions;
    const SharesObserver *observer;
    void *userdata;
    sd_bus_slot *match;
    Sender *senders;
    User *users;
    TAILQ_HEAD(, User) active;
    Load load;
    uint64_t used; /* of the user served last */
    sd_bus_message *current;
    sd_event_source *turn, *retry;
    struct {
        uint64_t written_at; /* the last one */
        uint64_t after;      /* no other before this time while many calls come in */
        uint64_t call_at;    /* when the last call came in */
        size_t n_calls;      /* that came in since the last one was written */
    } large;                 /* replies; times of CLOCK_MONOTONIC */

    size_t n_viewers;
    bool no_departures; /* the bus does not report who leaves it */

    size_t unread, n_asking;
    bool no_stats;  /* the bus does not report unread data */
    bool is_broker; /* and is not dbus-daemon */
};

/* senders.c */
/* Finds or adds the sender of a call, and queries its user. Returns NULL on OOM. */
Sender *sender_get(Shares *s, const char *name);
Sender *sender_find(Shares *s, const char *name);
void sender_free(Sender *sender);
/* Counts it among those that show the objects. */
void sender_note_viewer(Sender *sender);
User *user_find(Shares *s, uid_t uid);
/* Frees the user if there are no references left. */
void user_release(Shares *s, User *u);
int senders_watch(Shares *s);

/* shares.c */
/* Lets the sender take part in the turns, when its user is known or more calls wait. */
void shares_activate(Sender *sender);
/* Removes a call from its queue; the caller takes ownership. */
void shares_unlink(Sender *sender, Waiting *w);
void waiting_free(Waiting *w);
/* Schedules a check whether a call can be dispatched. */
void shares_wake(Shares *s);

/* unread.c */
/* Returns true if a reply of this size can be sent now. */
bool unread_allows(const Sender *sender, size_t size);
/* The same for an error that refuses a call. */
bool unread_allows_error(const Sender *sender);
/* Called after a reply: sends Ping, if that is how reading is detected. */
void unread_follow(Sender *sender, uint64_t now);
void unread_note(Sender *sender, size_t size);
void unread_forget(Sender *sender);
/* Queries how much the sender has left unread, if it is time to. */
void unread_ask(Sender *sender, uint64_t now);
void unread_ask_all(Shares *s, uint64_t now);
