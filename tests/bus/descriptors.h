/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

/* Calls with descriptors in them, or in their answers. */

/* A memfd at its beginning, with these bytes. */
int descriptor_new(const void *data, gsize size);
int descriptor_new_text(const char *text);
/* All that is in it from its beginning, with a NUL behind; its position stays. */
char *descriptor_read(int fd, gsize *ret_size);

/* fds go with the message, NULL: none; *ret_fds, if given, come back, NULL: none did. flags as of
 * g_dbus_connection_call(). */
GVariant *descriptor_call(GDBusConnection *c, const char *path, const char *interface, const char *member,
                          GVariant *arguments, GUnixFDList *fds, GDBusCallFlags flags, GUnixFDList **ret_fds,
                          GError **error);

/* What UploadFd and CheckUpload are called with. */
typedef struct DescriptorUpload {
    const char *member;       /* NULL: UploadFd */
    int bundle;               /* stays the caller's */
    int key;                  /* the same; 0: none */
    const char *passphrase;   /* NULL: none */
    const char *name;         /* for CheckUpload; NULL: none */
    gboolean fetches_issuers; /* false: the option is not there */
} DescriptorUpload;

GVariant *descriptor_upload(GDBusConnection *c, const char *path, const DescriptorUpload *upload,
                            GError **error);
/* The whole bundle as text; fails the test if it is not taken. */
void descriptor_expect_upload(GDBusConnection *c, const char *path, const char *bundle);

/* The descriptor of OpenKey; -1 and the error when there is none. */
int descriptor_open_key(GDBusConnection *c, const char *path, GVariant *options, GError **error);
