/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <uthash.h>

#include "bus/shares.h"

/* Shared by shares.c, senders.c and unread.c alone. */

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

/* A connection to the bus, by its unique name, which is never given to another. */
struct Sender {
    char *name;
    Shares *shares;
    User *user; /* NULL: the bus is being asked */
    sd_bus_slot *asking;
    TAILQ_HEAD(WaitingQueue, Waiting) waiting;
    Load load;
    TAILQ_ENTRY(Sender) turn; /* in its user's queue, while calls wait */

    size_t unread;      /* bytes of replies, an estimate */
    size_t since_asked; /* those sent after the bus was asked how many are unread */
    sd_bus_slot *asking_unread;
    uint64_t asked_unread, ask_interval; /* CLOCK_MONOTONIC, usec */
    uint64_t read_at;                    /* it was seen to have read something */
    UT_hash_handle hh;
};

struct User {
    uid_t uid;
    size_t n_senders;
    size_t held; /* calls that wait elsewhere */
    Load load;
    uint64_t used; /* time that this user's calls took, usec; never behind Shares.used while calls wait */
    uint64_t reported; /* when refusals were last logged */
    size_t unread;
    TAILQ_HEAD(, Sender) turns;
    TAILQ_ENTRY(User) entry; /* among the users whose calls wait */
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
    uint64_t turn_usec; /* how long the last turn took */

    size_t unread, n_asking;
    bool no_stats;  /* the bus does not tell what is unread */
    bool is_broker; /* and is another than dbus-daemon */
};

/* senders.c */
/* Finds or adds the sender of a call, and asks whose it is. NULL: out of memory. */
Sender *sender_get(Shares *s, const char *name);
Sender *sender_find(Shares *s, const char *name);
void sender_free(Sender *sender);
User *user_find(Shares *s, uid_t uid);
/* Frees it if nothing refers to it. */
void user_release(Shares *s, User *u);
int senders_watch(Shares *s);

/* shares.c */
/* The user has become known, or the waiting calls are more: takes part in the turns. */
void shares_activate(Sender *sender);
/* Takes a call out of its queue; the caller's. */
void shares_unlink(Sender *sender, Waiting *w);
void waiting_free(Waiting *w);
/* Looks soon whether a call can be dispatched. */
void shares_wake(Shares *s);

/* unread.c */
/* Whether a reply of this size can be sent now. */
bool unread_allows(const Sender *sender, size_t size);
/* The same for an error that refuses a call. */
bool unread_allows_error(const Sender *sender);
/* Behind a reply: sends Ping, where that is how it is found out what was read. */
void unread_follow(Sender *sender, uint64_t now);
void unread_note(Sender *sender, size_t size);
void unread_forget(Sender *sender);
/* Asks how much it has left unread, if it is time to. */
void unread_ask(Sender *sender, uint64_t now);
void unread_ask_all(Shares *s, uint64_t now);
