/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "flood.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE            31000000
#define MIDDLE           2000000
#define UPLOAD           (64 * 1024)
#define MOST_CONNECTIONS 240 /* of one user: the bus allows 256 */
#define CALLS(...)       ((const Call *const[]){ __VA_ARGS__, NULL })

/* Calls. */

static const Call ping = { .path = PATH, .interface = PEER, .member = "Ping" },
                  objects = { .path = PATH, .interface = OBJECTS, .member = "GetManagedObjects" },
                  objects_unanswered = { .path = PATH,
                                         .interface = OBJECTS,
                                         .member = "GetManagedObjects",
                                         .flags = G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED },
                  reload_unanswered = { .path = PATH,
                                        .interface = MANAGER,
                                        .member = "Reload",
                                        .flags = G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED },
                  missing = { .path = PATH,
                              .interface = MANAGER,
                              .member = "GetCertificate",
                              .body = "('missing.example.org',)" },
                  explain = { .path = PATH,
                              .interface = MANAGER,
                              .member = "Explain",
                              .body = "('" NAME "',)" },
                  introspect = { .path = OBJECT,
                                 .interface = "org.freedesktop.DBus.Introspectable",
                                 .member = "Introspect" },
                  introspect_tree = { .path = PATH "/certificate",
                                      .interface = "org.freedesktop.DBus.Introspectable",
                                      .member = "Introspect" },
                  list_uploads = { .path = PATH, .interface = MANAGER, .member = "ListUploads" },
                  get = { .path = OBJECT,
                          .interface = PROPERTIES,
                          .member = "Get",
                          .body = "('" CERTIFICATE "', 'State')" },
                  get_all = { .path = OBJECT,
                              .interface = PROPERTIES,
                              .member = "GetAll",
                              .body = "('" CERTIFICATE "',)" },
                  export = { .path = OBJECT,
                             .interface = CERTIFICATE,
                             .member = "Export",
                             .body = "({'format': <'pkcs7'>},)" },
                  export_root = { .path = OBJECT,
                                  .interface = CERTIFICATE,
                                  .member = "ExportRoot",
                                  .body = "(@a{sv} {},)" };

static const Call rollover = { .path = PATH,
                               .interface = MANAGER,
                               .member = "RolloverAccountKey",
                               .make_body = body_text,
                               .bytes = LARGE },
                  remove_upload = { .path = PATH,
                                    .interface = MANAGER,
                                    .member = "RemoveUpload",
                                    .make_body = body_text,
                                    .bytes = LARGE },
                  rollover_middle = { .path = PATH,
                                      .interface = MANAGER,
                                      .member = "RolloverAccountKey",
                                      .make_body = body_text,
                                      .bytes = MIDDLE },
                  large_bytes = { .path = PATH,
                                  .interface = MANAGER,
                                  .member = "UploadData",
                                  .make_body = body_bytes,
                                  .bytes = LARGE },
                  large_options = { .path = PATH,
                                    .interface = MANAGER,
                                    .member = "ExportRoot",
                                    .make_body = body_options,
                                    .bytes = LARGE / 4 },
                  large_pairs = { .path = PATH,
                                  .interface = MANAGER,
                                  .member = "Reload",
                                  .make_body = body_pairs,
                                  .bytes = LARGE / 4 },
                  large_property = { .path = PATH,
                                     .interface = PROPERTIES,
                                     .member = "Set",
                                     .make_body = body_property,
                                     .bytes = LARGE },
                  large_to_nowhere = { .path = "/none",
                                       .interface = "org.example.None",
                                       .member = "Nothing",
                                       .make_body = body_text,
                                       .bytes = LARGE };

static const Call small_signal = { .path = PATH,
                                   .interface = MANAGER,
                                   .member = "JobNew",
                                   .body = "(objectpath '" PATH "/job/1',)",
                                   .type = G_DBUS_MESSAGE_TYPE_SIGNAL },
                  owner_signal = { .path = "/org/freedesktop/DBus",
                                   .interface = "org.freedesktop.DBus",
                                   .member = "NameOwnerChanged",
                                   .body = "(':1.1', ':1.1', '')",
                                   .type = G_DBUS_MESSAGE_TYPE_SIGNAL },
                  large_signal = { .path = PATH,
                                   .interface = "org.example.None",
                                   .member = "Nothing",
                                   .make_body = body_bytes,
                                   .bytes = MIDDLE,
                                   .type = G_DBUS_MESSAGE_TYPE_SIGNAL },
                  answer = { .path = NULL,
                             .body = "('',)",
                             .type = G_DBUS_MESSAGE_TYPE_METHOD_RETURN,
                             .flags = G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED },
                  failure = { .path = NULL,
                              .body = "('',)",
                              .type = G_DBUS_MESSAGE_TYPE_ERROR,
                              .flags = G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED };

static const Call dialog = { .path = PATH,
                             .interface = MANAGER,
                             .member = "Reload",
                             .flags = G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION },
                  upload_fd = { .path = PATH,
                                .interface = MANAGER,
                                .member = "UploadFd",
                                .body = "(handle 0, @a{sv} {})",
                                .fds = 1 },
                  check_fd = { .path = PATH,
                               .interface = MANAGER,
                               .member = "CheckUpload",
                               .body = "(handle 0, @a{sv} {})",
                               .fds = 1 },
                  upload_fds = { .path = PATH,
                                 .interface = MANAGER,
                                 .member = "UploadFd",
                                 .body = "(handle 15, @a{sv} {'key': <handle 14>})",
                                 .fds = 16 },
                  ping_fds = { .path = PATH, .interface = PEER, .member = "Ping", .fds = 16 },
                  register_one = { .path = PATH,
                                   .interface = MANAGER,
                                   .member = "Register",
                                   .body = "('flood', 'one.flood.example.com', @a{sv} {})" },
                  unregister_one = { .path = PATH,
                                     .interface = MANAGER,
                                     .member = "Unregister",
                                     .body = "('flood', 'one.flood.example.com')" },
                  register_two = { .path = PATH,
                                   .interface = MANAGER,
                                   .member = "Register",
                                   .body = "('flood', 'two.flood.example.com', @a{sv} {})" },
                  unregister_two = { .path = PATH,
                                     .interface = MANAGER,
                                     .member = "Unregister",
                                     .body = "('flood', 'two.flood.example.com')" };

/* What is said first. */

/* Its user's agent for all that this process asks for; it shows nothing and answers nothing. */
static const Call *register_agent(guint n)
{
    static Call c = { .destination = "org.freedesktop.PolicyKit1",
                      .path = "/org/freedesktop/PolicyKit1/Authority",
                      .interface = "org.freedesktop.PolicyKit1.Authority",
                      .member = "RegisterAuthenticationAgent" };
    g_autofree char *text = NULL;
    g_auto(GStrv) fields = NULL;
    const char *behind;

    if (n > 0 || !g_file_get_contents("/proc/self/stat", &text, NULL, NULL))
        return NULL;
    behind = strrchr(text, ')') + 2; /* the third field, proc(5) */
    fields = g_strsplit(behind, " ", -1);
    c.body =
        g_strdup_printf("(('unix-process', {'pid': <uint32 %u>, 'start-time': <uint64 %s>}), 'C', '/agent')",
                        (unsigned)getpid(), fields[22 - 3]);
    return &c;
}

/* One rule for everything, and so many that fit nothing. */
static const Call *add_match(guint n)
{
    static Call c = { .destination = "org.freedesktop.DBus",
                      .path = "/org/freedesktop/DBus",
                      .interface = "org.freedesktop.DBus",
                      .member = "AddMatch",
                      .flags = G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED };

    if (n >= 300)
        return NULL;
    g_free((char *)(guintptr)c.body);
    c.body = n == 0 ? g_strdup("(\"type='signal'\",)")
                    : g_strdup_printf("(\"type='signal',sender='" SERVICE "',arg0='%u'\",)", n);
    return &c;
}

/* Descriptors. */

static int new_file(gsize size)
{
    int fd = memfd_create("flood", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        g_error("memfd_create: %s", g_strerror(errno));
    return fd;
}

/* The largest bundle that is read, and much more than that. */
static int *open_large(guint *ret_n)
{
    int *fds = g_new(int, 16);

    for (guint i = 0; i < 16; i++)
        fds[i] = new_file(i % 2 == 0 ? UPLOAD : (gsize)1 << 30);
    *ret_n = 16;
    return fds;
}

static int *open_bombs(guint *ret_n)
{
    const char *path = g_getenv("CERTWRIGHT_BOMBS"), *name;
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));

    while (directory && (name = g_dir_read_name(directory))) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        int fd = open(file, O_RDONLY | O_CLOEXEC);

        if (fd >= 0)
            g_array_append_val(fds, fd);
    }
    if (fds->len == 0)
        g_error("there are no bombs in %s", path);
    *ret_n = fds->len;
    return (int *)(void *)g_array_free(g_steal_pointer(&fds), FALSE);
}

/* The floods. */

static const Flood floods[] = {
    { .name = "none", .users = 1, .says = CALLS(&ping), .flags = FLOOD_TABLE | FLOOD_SYSTEM },
    { "large-calls", 1, 16, 4, 0, 1000, CALLS(&rollover), .flags = FLOOD_TABLE | FLOOD_SYSTEM },
    { "large-removals", 1, 16, 4, 0, 1000, CALLS(&remove_upload), .flags = FLOOD_TABLE },
    { "middle-calls", 1, 100, 16, 0, 1000, CALLS(&rollover_middle), .flags = FLOOD_TABLE },
    { "one-unread", 1, 1, 128, 0, 60000, CALLS(&objects), .flags = FLOOD_TABLE },
    { "many-unread", 1, MOST_CONNECTIONS, 128, 0, 10000, CALLS(&objects),
      .flags = FLOOD_TABLE | FLOOD_SYSTEM },
    { "missing-names", 1, 20, 0, 127, 0, CALLS(&missing), .flags = FLOOD_TABLE },
    { "explanations", 1, 20, 0, 127, 0, CALLS(&explain), .flags = FLOOD_TABLE },
    { "introspection", 1, 20, 0, 127, 0, CALLS(&introspect_tree, &introspect), .flags = FLOOD_TABLE },
    { "objects", 1, 20, 0, 127, 0, CALLS(&objects), .flags = FLOOD_TABLE | FLOOD_SYSTEM },
    { "large-others", 1, 16, 5, 0, 1000,
      CALLS(&large_bytes, &large_options, &large_pairs, &large_property, &large_to_nowhere) },
    { "properties", 1, 20, 0, 127, 0, CALLS(&list_uploads, &get, &get_all) },
    { "pipelined-properties", 1, MOST_CONNECTIONS, 0, 128, 0, CALLS(&get) },
    { "two-users", 2, 20, 0, 128, 0, CALLS(&get_all, &explain, &missing, &ping) },
    { "exports", 1, 20, 0, 127, 0, CALLS(&export, &export_root) },
    { "pings", 1, 20, 0, 127, 0, CALLS(&ping) },
    { "unanswered", 1, 20, 0, 0, 0, CALLS(&objects_unanswered, &reload_unanswered) },
    { "signals", 1, 20, 0, 0, 0, CALLS(&small_signal, &owner_signal, &small_signal, &small_signal) },
    { "large-signals", 1, 16, 64, 0, 1000, CALLS(&large_signal) },
    { "answers", 1, 20, 0, 0, 0, CALLS(&answer, &failure) },
    { "dialogs", 4, 2, 0, 24, 0, CALLS(&dialog), .first = register_agent },
    { "come-and-go", 1, MOST_CONNECTIONS, 2, 0, 0, CALLS(&dialog, &get_all), .flags = FLOOD_BURST },
    { "registrations", 1, 8, 0, 16, 0, CALLS(&register_one, &register_two, &unregister_one, &unregister_two),
      .flags = FLOOD_RULES },
    { "large-files", 1, 20, 0, 16, 0, CALLS(&upload_fd), .open_fds = open_large, .flags = FLOOD_RULES },
    { "bombs", 1, 20, 0, 16, 0, CALLS(&check_fd), .open_fds = open_bombs, .flags = FLOOD_RULES },
    { "descriptors", 1, 20, 0, 64, 0, CALLS(&upload_fds, &ping_fds), .open_fds = open_large },
    { "matches", 1, MOST_CONNECTIONS, 1, 0, 60000, CALLS(&introspect), .first = add_match },
    { "mixture", 4, 30, 300, 64, 100,
      CALLS(&objects, &missing, &explain, &introspect, &introspect_tree, &list_uploads, &get, &get_all,
            &ping, &dialog, &rollover_middle, &large_options, &upload_fd, &check_fd, &ping_fds,
            &register_one, &unregister_one),
      .open_fds = open_bombs, .flags = FLOOD_RULES | FLOOD_RANDOM },
    { "half-sent", 1, MOST_CONNECTIONS, 2, 0, 1000, CALLS(&get, &rollover_middle), .flags = FLOOD_HALF },
};

const Flood *flood_nth(guint n)
{
    return n < G_N_ELEMENTS(floods) ? &floods[n] : NULL;
}

const Flood *flood_find(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(floods); i++)
        if (g_str_equal(floods[i].name, name))
            return &floods[i];
    return NULL;
}

gboolean flood_is_sampled(guint32 *ret_seed)
{
    const char *seed = g_getenv("CERTWRIGHT_TESTS_SEED");

    *ret_seed = seed ? (guint32)g_ascii_strtoull(seed, NULL, 10) : 0;
    return seed && g_strcmp0(g_getenv("CERTWRIGHT_TESTS_FULL"), "1") != 0;
}

const char *flood_user(guint n)
{
    static const char *const users[] = { "nobody", "daemon", "games", "news" };

    return users[n % G_N_ELEMENTS(users)];
}
