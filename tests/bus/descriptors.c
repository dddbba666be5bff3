/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "descriptors.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

#define TIMEOUT_MSEC 120000

int descriptor_new(const void *data, gsize size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pwrite(fd, data, size, 0), ==, (gssize)size);
    return fd;
}

int descriptor_new_text(const char *text)
{
    return descriptor_new(text, strlen(text));
}

char *descriptor_read(int fd, gsize *ret_size)
{
    struct stat st;
    char *data;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    data = g_malloc0((gsize)st.st_size + 1);
    g_assert_cmpint(pread(fd, data, (gsize)st.st_size, 0), ==, st.st_size);
    if (ret_size)
        *ret_size = (gsize)st.st_size;
    return data;
}

GVariant *descriptor_call(GDBusConnection *c, const char *path, const char *interface, const char *member,
                          GVariant *arguments, GUnixFDList *fds, GDBusCallFlags flags, GUnixFDList **ret_fds,
                          GError **error)
{
    return g_dbus_connection_call_with_unix_fd_list_sync(c, SERVICE, path, interface, member, arguments,
                                                         NULL, flags, TIMEOUT_MSEC, fds, ret_fds, NULL,
                                                         error);
}

static GVariant *handle_of(GUnixFDList *fds, int fd)
{
    g_autoptr(GError) error = NULL;
    int handle = g_unix_fd_list_append(fds, fd, &error);

    g_assert_no_error(error);
    return g_variant_new_handle(handle);
}

GVariant *descriptor_upload(GDBusConnection *c, const char *path, const DescriptorUpload *upload,
                            GError **error)
{
    g_autoptr(GUnixFDList) fds = g_unix_fd_list_new();
    GVariant *bundle = handle_of(fds, upload->bundle);
    GVariantBuilder options;

    g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
    if (upload->key > 0)
        g_variant_builder_add(&options, "{sv}", "key", handle_of(fds, upload->key));
    if (upload->passphrase)
        g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string(upload->passphrase));
    if (upload->name)
        g_variant_builder_add(&options, "{sv}", "name", g_variant_new_string(upload->name));
    if (upload->fetches_issuers)
        g_variant_builder_add(&options, "{sv}", "fetch-issuers", g_variant_new_boolean(TRUE));
    return descriptor_call(c, path, strcmp(path, PATH) == 0 ? MANAGER : CERTIFICATE,
                           upload->member ? upload->member : "UploadFd",
                           g_variant_new("(@ha{sv})", bundle, &options), fds, 0, NULL, error);
}

void descriptor_expect_upload(GDBusConnection *c, const char *path, const char *bundle)
{
    DescriptorUpload upload = { .bundle = descriptor_new_text(bundle) };
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = descriptor_upload(c, path, &upload, &error);

    close(upload.bundle);
    if (!reply)
        g_error("UploadFd at %s: %s", path, error->message);
}

int descriptor_open_key(GDBusConnection *c, const char *path, GVariant *options, GError **error)
{
    g_autoptr(GUnixFDList) fds = NULL;
    g_autoptr(GVariant) reply = descriptor_call(c, path, CERTIFICATE, "OpenKey",
                                                g_variant_new("(@a{sv})", options), NULL, 0, &fds, error);
    gint32 handle = -1;
    int fd;

    if (!reply) {
        g_assert_null(fds);
        return -1;
    }
    g_variant_get(reply, "(h)", &handle);
    g_assert_nonnull(fds);
    g_assert_cmpint(g_unix_fd_list_get_length(fds), ==, 1);
    fd = g_unix_fd_list_get(fds, handle, NULL);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}
