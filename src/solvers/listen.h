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

/* An accepted connection; part of the struct that its server keeps for it. */
typedef struct Place {
    TAILQ_ENTRY(Place) entry;
    uint64_t deadline; /* CLOCK_MONOTONIC */
    bool expected;     /* it has requested a pending proof */
    bool ended;        /* dismissed, leaves soon */
} Place;

/* The server of a challenge. */
typedef struct AcceptorUse {
    const char *name;    /* of the challenge, and FileDescriptorName= of its sockets */
    const char *key;     /* the setting that has the addresses */
    const char *instead; /* advice if another program uses the port, as an imperative clause */
    /* Takes ownership of the descriptor of a new connection, which has to end before the deadline. */
    void (*welcome)(int fd, const struct sockaddr *address, socklen_t size, uint64_t deadline,
                    void *userdata);
    /* Calls acceptor_leave(), or sets ended and calls it soon. */
    void (*dismiss)(Place *p, void *userdata);
    /* Handles pending events; returns the time of the next one, or UINT64_MAX. May be NULL. */
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
    bool passed;            /* by systemd: never closed */
    sd_event_source *timer; /* NULL: not listening */
    TAILQ_HEAD(, Place) places;
    size_t n_places, n_holds;
    uint64_t paused_until; /* 0: not paused */
};

/* Returns true if systemd passed any sockets, at which somebody may be waiting already. */
bool sockets_are_passed(void);
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
/* Runs the server, and arms the timer for its next event. */
void acceptor_run(Acceptor *a);
