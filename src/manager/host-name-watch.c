/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>

#include "manager/manager-internal.h"
#include "util/log.h"

/* Reloads the configuration when the host name changes, since modules request certificates for it (%H). The kernel
 * signals the change to those that poll a file in /proc/sys; where the sandbox hides that, the name is compared every few
 * seconds while the service runs. */

#define HOST_NAME_FILE "/proc/sys/kernel/hostname"
#define COMPARE_USEC   (5 * USEC_PER_SEC)

struct HostNameWatch {
    Manager *manager;
    char name[HOST_NAME_MAX + 1];
    int fd;
    sd_event_source *source; /* of the file, or a timer */
};

static bool update_name(HostNameWatch *w)
{
    char name[HOST_NAME_MAX + 1] = "";

    if (gethostname(name, sizeof(name) - 1) < 0 || streq(name, w->name))
        return false;
    memcpy(w->name, name, sizeof(name));
    return true;
}

void host_name_watch_note(HostNameWatch *w)
{
    (void)update_name(w);
}

static void compare_name(HostNameWatch *w)
{
    if (!update_name(w))
        return;
    log_info("The host name changed to %s, reloading the configuration.", w->name);
    (void)manager_reload(w->manager);
}

static int on_signalled(sd_event_source *s _unused_, int fd _unused_, uint32_t revents _unused_,
                        void *userdata)
{
    compare_name(userdata);
    return 0;
}

static int on_timer(sd_event_source *s, uint64_t usec _unused_, void *userdata)
{
    compare_name(userdata);
    return timer_arm(s, COMPARE_USEC);
}

/* No events are asked for: the kernel reports the change as an error. */
static int watch_file(HostNameWatch *w)
{
    w->fd = open(HOST_NAME_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return w->fd < 0 ? -errno : sd_event_add_io(w->manager->event, &w->source, w->fd, 0, on_signalled, w);
}

static int watch_clock(HostNameWatch *w)
{
    int r = timer_add(w->manager->event, &w->source, CLOCK_MONOTONIC, USEC_PER_SEC, on_timer, w);

    return r < 0 ? r : timer_arm(w->source, COMPARE_USEC);
}

int host_name_watch_new(Manager *m, HostNameWatch **ret)
{
    _cleanup_(host_name_watch_freep) HostNameWatch *w = calloc(1, sizeof(HostNameWatch));
    int r;

    if (!w)
        return -ENOMEM;
    *w = (HostNameWatch){ .manager = m, .fd = -EBADF };
    r = watch_file(w);
    if (r < 0 && r != -ENOMEM)
        r = watch_clock(w);
    if (r < 0)
        return r;
    host_name_watch_note(w);
    *ret = TAKE_PTR(w);
    return 0;
}

HostNameWatch *host_name_watch_free(HostNameWatch *w)
{
    if (!w)
        return NULL;
    sd_event_source_disable_unref(w->source);
    if (w->fd >= 0)
        close(w->fd);
    free(w);
    return NULL;
}
