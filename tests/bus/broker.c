/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "process.h"

#define LAUNCHER "/usr/bin/dbus-broker-launch"
#define ACTIVATE "/usr/bin/systemd-socket-activate"

const char *broker_obstacle(void)
{
    if (access(LAUNCHER, X_OK) < 0)
        return "there is no " LAUNCHER " (package dbus-broker)";
    return access(ACTIVATE, X_OK) < 0 ? "there is no " ACTIVATE " (package systemd)" : NULL;
}

/* The journal: takes what is logged in its form, until the test ends. */

typedef struct Journal {
    int socket, log;
} Journal;

static gpointer drain(gpointer userdata)
{
    g_autofree Journal *j = userdata;
    g_autofree char *buffer = g_malloc(64 * 1024);
    gssize n;

    while ((n = recv(j->socket, buffer, 64 * 1024, 0)) > 0)
        if (write(j->log, buffer, (size_t)n) < 0)
            break;
    close(j->socket);
    close(j->log);
    return NULL;
}

static void make_journal(const char *path, const char *log)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    Journal *j = g_new0(Journal, 1);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    j->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    j->log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (j->socket < 0 || j->log < 0 ||
        bind(j->socket, (const struct sockaddr *)&address, sizeof(address)) < 0)
        g_error("%s: %s", path, g_strerror(errno));
    g_thread_unref(g_thread_new("journal", drain, j));
}

/* In a /run of its own. */
static void enter_mounts(const void *userdata)
{
    const char *journal = userdata;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("run", "/run", "tmpfs", 0, NULL) < 0 || mkdir("/run/systemd", 0755) < 0 ||
        mkdir("/run/systemd/journal", 0755) < 0 || symlink(journal, "/run/systemd/journal/socket") < 0)
        _exit(123);
}

pid_t broker_start(const char *directory, const char *address)
{
    g_autofree char *log = g_build_filename(directory, "bus.log", NULL),
                    *journal = g_build_filename(directory, "journal", NULL),
                    *socket_path = g_build_filename(directory, "bus", NULL),
                    *listen = g_strdup_printf("--listen=%s", socket_path),
                    *option = g_strdup_printf("--config-file=%s/bus.conf", directory),
                    *setting = g_strdup_printf("DBUS_SYSTEM_BUS_ADDRESS=%s", address);
    const char *const argv[] = { ACTIVATE, "-E",     "DBUS_SYSTEM_BUS_ADDRESS",
                                 listen,   LAUNCHER, "--scope",
                                 "system", option,   NULL },
                      *const env[] = { setting, NULL };
    pid_t pid;

    make_journal(journal, log);
    pid = process_start(argv, env, log, enter_mounts, journal);
    for (int i = 0; i < 3000 && chmod(socket_path, 0666) < 0; i++)
        g_usleep(10000);
    return pid;
}
