/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../bus/client.h"
#include "../bus/files.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

static GVariant *ask_bus(const Service *s, const char *member, GVariant *arguments)
{
    return g_dbus_connection_call_sync(s->fixture->root, BUS_NAME, BUS_PATH, BUS_NAME, member, arguments,
                                       NULL, G_DBUS_CALL_FLAGS_NONE, 120000, NULL, NULL);
}

static void write_offset(const Service *s)
{
    g_autofree char *path = g_build_filename(s->clock, "offset", NULL),
                    *text = g_strdup_printf("%" G_GINT64_FORMAT, s->offset);

    file_replace(path, text);
}

static void make_clock(Service *s)
{
    g_autofree char *set = g_build_filename(s->clock, "set", NULL),
                    *module = g_build_filename(s->clock, "other-clock.so", NULL);

    directory_make(s->clock, 0755);
    file_copy(g_getenv("CERTWRIGHT_OTHER_CLOCK"), module, 0755);
    write_offset(s);
    g_assert_cmpint(mkfifo(set, 0666), ==, 0);
    g_assert_cmpint(chmod(set, 0666), ==, 0);
}

/* The shell stays, since only its parent learns how a process ended. */
static void write_script(const Service *s, const char *path)
{
    const Fixture *f = s->fixture;
    const char *asan = g_getenv("ASAN_OPTIONS");
    g_autofree char *text = g_strdup_printf(
        "#!/bin/sh\n"
        "setpriv --reuid=certwright --regid=certwright --clear-groups --inh-caps=-all --no-new-privs \\\n"
        "    env LD_PRELOAD=%s/other-clock.so OTHER_CLOCK=%s "
        "ASAN_OPTIONS=verify_asan_link_order=0:%s \\\n"
        "    %s/certwrightd --state=%s --config=%s >>%s 2>&1\n"
        "echo $? >>%s\n",
        s->clock, s->clock, asan ? asan : "", f->directory, f->state, f->config, f->daemon_log, s->ends);

    file_write(path, text);
    g_assert_cmpint(chmod(path, 0755), ==, 0);
}

Service *service_new(const Fixture *f)
{
    Service *s = g_new0(Service, 1);
    g_autofree char *script = g_build_filename(f->directory, "start-daemon", NULL),
                    *path = g_build_filename(f->directory, "services", "org.certwright1.service", NULL),
                    *text = g_strdup_printf("[D-BUS Service]\nName=" SERVICE "\nExec=%s\n", script);
    g_autoptr(GVariant) reply = NULL;

    s->fixture = f;
    s->ends = g_build_filename(f->directory, "ends", NULL);
    s->clock = g_build_filename(f->directory, "clock", NULL);
    make_clock(s);
    file_write(s->ends, "");
    write_script(s, script);
    file_write(path, text);
    reply = ask_bus(s, "ReloadConfig", NULL);
    g_assert_nonnull(reply);
    return s;
}

void service_free(Service *s)
{
    g_free(s->ends);
    g_free(s->clock);
    g_free(s);
}

pid_t service_pid(const Service *s)
{
    return client_service_pid(s->fixture->root);
}

void service_start(const Service *s)
{
    g_autoptr(GVariant) reply = ask_bus(s, "StartServiceByName", g_variant_new("(su)", SERVICE, 0));

    if (!reply)
        g_error("the bus could not start the service");
}

guint service_n_ends(const Service *s)
{
    g_autofree char *text = file_read(s->ends);
    guint n = 0;

    for (const char *c = text; *c; c++)
        n += *c == '\n';
    return n;
}

typedef struct EndWait {
    const Service *service;
    guint ends;
} EndWait;

static gboolean has_ended(gpointer userdata)
{
    const EndWait *w = userdata;

    return service_n_ends(w->service) > w->ends;
}

void service_end(Service *s, int signal)
{
    EndWait w = { s, service_n_ends(s) };
    pid_t pid = service_pid(s);

    if (pid == 0 || kill(pid, signal) < 0)
        return;
    s->killed += signal == SIGKILL;
    wait_until(has_ended, &w, "the service to end");
}

void service_set_clock(Service *s, gint64 offset, gboolean tell)
{
    g_autofree char *path = g_build_filename(s->clock, "set", NULL);
    const guint64 once = 1;
    int fd;

    s->offset = offset;
    write_offset(s);
    fd = tell ? open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0)
        return; /* nobody listens */
    g_assert_cmpint(write(fd, &once, sizeof(once)), ==, sizeof(once));
    close(fd);
}

/* One that came to its end by itself between service_pid() and kill() was not killed. */
char *service_find_fault(const Service *s)
{
    g_autofree char *text = file_read(s->ends);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint killed = 0;

    for (guint i = 0; lines[i] && *lines[i]; i++)
        if (strcmp(lines[i], "137") == 0)
            killed++;
        else if (strcmp(lines[i], "0") != 0)
            return g_strdup_printf("the service ended with status %s", lines[i]);
    return killed > s->killed ? g_strdup("somebody else killed the service") : NULL;
}

char *service_read_log(Service *s)
{
    g_autofree char *text = file_read(s->fixture->daemon_log);
    gsize size = text ? strlen(text) : 0;
    char *fresh = g_strdup(size > s->log_read ? text + s->log_read : "");

    s->log_read = size;
    return fresh;
}
