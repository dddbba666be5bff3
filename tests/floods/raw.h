/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* A connection to a bus below any library: it writes messages as they are, half of one if need be, and need not
 * read. Nothing here waits but raw_new(), for a second at most. */
typedef struct Raw Raw;

/* What is known of a message that came in. */
typedef struct RawMessage {
    GDBusMessageType type;
    guint32 reply_serial; /* 0: it answers nothing */
    char error[128];      /* its name, if it is one */
    gboolean by_bus;      /* the bus itself made it */
} RawMessage;

typedef void (*RawHandler)(const RawMessage *m, gpointer userdata);

/* Connects to the socket, says who it is and Hello, without waiting for the answers; NULL: nobody listens. */
Raw *raw_new(const char *socket_path);
void raw_free(Raw *r);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Raw, raw_free)

int raw_fd(const Raw *r);
/* Takes a marshalled message to be written next; there must be none. fds are borrowed until it is written. */
void raw_push(Raw *r, GBytes *message, const int *fds, guint n_fds);
gboolean raw_is_writing(const Raw *r);
/* Serial of what was pushed last. */
guint32 raw_serial(const Raw *r);
/* Writes what the socket takes, but not more than that of the message; false: the connection is gone. */
gboolean raw_write(Raw *r, gsize most);
/* Takes in what is there, and calls handler for each message; false: the connection is gone. */
gboolean raw_read(Raw *r, RawHandler handler, gpointer userdata);
