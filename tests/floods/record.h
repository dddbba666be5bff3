/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What an actor (actor.c) has seen and done, in a file that the test has mapped too: nobody waits for another. */

#define RECORD_WAITS  65536
#define RECORD_ERRORS 4

typedef struct Record {
    gint stop;     /* the test wants it to end */
    gint ready;    /* it has begun */
    guint sent;    /* messages of a flood */
    guint answers; /* to them */
    guint granted; /* of these, no errors */
    guint asked;   /* calls to it: those of polkit to an agent */
    guint refused; /* connections that could not be made */
    /* of an honest client */
    guint n_waits;
    guint n_errors;
    guint n_repeated;                /* calls that the bus did not pass on */
    char errors[RECORD_ERRORS][160]; /* the first ones that differ */
    char slowest[64];                /* member that took longest */
    guint32 longest_usec;
    guint32 waits_usec[RECORD_WAITS];
} Record;

/* Makes the file when create is set. */
Record *record_map(const char *path, gboolean create);
void record_unmap(Record *r);
gboolean record_is_stopped(Record *r);
/* Adds the wait for an answer of that member; text is what was wrong with it, NULL: nothing. */
void record_add(Record *r, const char *member, gint64 usec, const char *text);
/* What another honest client has seen, too. */
void record_merge(Record *r, const Record *other);
/* For a message; the caller frees it. */
char *record_print_errors(const Record *r);
/* So many of a thousand waits are no longer than this; 1000: the longest. */
gint64 record_quantile(const Record *r, guint of_thousand);
