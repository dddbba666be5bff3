/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../bus/fixture.h"

/* The daemon as the bus starts it, with a wall clock that the test sets. */
typedef struct Service {
    const Fixture *fixture;
    char *ends;    /* one line with the exit status for each time that it ended */
    guint killed;  /* how often it should have ended by SIGKILL */
    gint64 offset; /* of its clock from this machine's, seconds */
    char *clock;
    gsize log_read;
} Service;

Service *service_new(const Fixture *f);
void service_free(Service *s);

/* 0: it does not run. */
pid_t service_pid(const Service *s);
/* Starts it if need be. */
void service_start(const Service *s);
/* SIGKILL or SIGTERM, and waits for the end. */
void service_end(Service *s, int signal);
/* tell: the service is notified, as by the kernel. */
void service_set_clock(Service *s, gint64 offset, gboolean tell);
guint service_n_ends(const Service *s);
/* What is wrong with how it ended, newly allocated; NULL: nothing. */
char *service_find_fault(const Service *s);
/* What was added to its log since the latest call. */
char *service_read_log(Service *s);
