/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "core/limits.h"
#include "core/problem.h"

/* Sockets for challenges: opened temporarily at the addresses of a setting, or passed by systemd and always
 * open (sd_listen_fds(3), systemd.socket(5)). */

#define ENDPOINTS_MAX (2 * LIMIT_LISTEN_ADDRESSES)

/* A connection that was accepted, as a part of what its server keeps of it. */
typedef struct Place {
    TAILQ_ENTRY(Place) entry;
    uint64_t deadline; /* CLOCK_MONOTONIC */
    bool expected;     /* it has asked for a proof that waits */
    bool ended;        /* it leaves by itself */
} Place;

/* Of a challenge. */
typedef struct AcceptorUse {
    const char *name;    /* of the challenge; FileDescriptorName= of the sockets that are its own */
    const char *key;     /* the setting that has the addresses */
    const char *instead; /* what to do when the port is another program's: an imperative for a sentence */
    /* Takes the descriptor of a new connection, which has until the deadline to be done. */
    void (*welcome)(int fd, const struct sockaddr *address, socklen_t size, uint64_t deadline,
                    void *userdata);
    /* Calls acceptor_leave(), or sets ended and calls it soon. */
    void (*dismiss)(Place *p, void *userdata);
    /* Does what can be done now; returns when there is more to do, or UINT64_MAX. May be NULL. */
    uint64_t (*run)(void *userdata);
    /* Starts the server before the first connection is accepted, and stops it with all connections. May be NULL. */
    int (*open)(void *userdata);
    void (*close)(void *userdata);
} AcceptorUse;

typedef struct Acceptor Acceptor;

typedef struct Port {
    Acceptor *acceptor;
    int fd;
    bool deferring; /* the kernel waits for the first bytes */
    sd_event_source *source;
} Port;

struct Acceptor {
    const AcceptorUse *use;
    void *userdata;
    sd_event *event;
    Port ports[ENDPOINTS_MAX];
    size_t n_ports;
    bool passed;            /* the sockets are the process's: never closed */
    sd_event_source *timer; /* NULL: it does not listen */
    TAILQ_HEAD(, Place) places;
    size_t n_places, n_holds;
    uint64_t paused_until; /* 0: not paused */
};

/* Takes the sockets that systemd passed under the use's name, if there are any, sets passed, and accepts from then on. */
int acceptor_init(Acceptor *a, sd_event *event, const AcceptorUse *use, void *userdata);
/* Accepts from now on, at the addresses unless systemd passed sockets. ADDRESS:PORT, [ADDRESS]:PORT, or :PORT for all
 * addresses of both families, as far as the kernel has them. All or nothing. */
int acceptor_listen(Acceptor *a, char *const *addresses, Problem *problem);
/* Dismisses all connections. */
void acceptor_close(Acceptor *a);
void acceptor_done(Acceptor *a);
/* Accepts, as acceptor_listen(), until each hold was released; always, if systemd passed sockets. */
int acceptor_hold(Acceptor *a, char *const *addresses, Problem *problem);
void acceptor_release(Acceptor *a);

void acceptor_enter(Acceptor *a, Place *p, uint64_t deadline);
void acceptor_leave(Acceptor *a, Place *p);
/* Lets the server run, and sees to it that the timer goes off when there is more to do. */
void acceptor_run(Acceptor *a);
