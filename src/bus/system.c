/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "bus/internal.h"
#include "core/now.h"
#include "util/log.h"

/* Calls to other services on the bus: queries systemd-timedated whether the clock is synchronized, and asks
 * systemd to start the unit for warnings. Neither has to exist. */

#define TIMEDATED      "org.freedesktop.timedate1"
#define TIMEDATED_PATH "/org/freedesktop/timedate1"
#define SYSTEMD        "org.freedesktop.systemd1"
#define SYSTEMD_PATH   "/org/freedesktop/systemd1"
#define UNIT_NAME_MAX  255 /* systemd.unit(5) */

static int on_synchronized(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    Bus *b = userdata;
    int yes = 0;

    b->asking_clock = false;
    if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_enter_container(reply, 'v', "b") < 0 ||
        sd_bus_message_read_basic(reply, 'b', &yes) < 0 || !yes)
        return 0;
    clock_set_synchronized(true); /* at this moment; later changes need another query */
    manager_look_at_clock(b->manager);
    clock_set_synchronized(false);
    return 0;
}

void bus_ask_clock(Bus *b)
{
    int r;

    if (b->asking_clock)
        return;
    r = sd_bus_call_method_async(b->bus, NULL, TIMEDATED, TIMEDATED_PATH, "org.freedesktop.DBus.Properties",
                                 "Get", on_synchronized, b, "ss", TIMEDATED, "NTPSynchronized");
    b->asking_clock = r >= 0;
}

/* ---- the unit for warnings */

/* Escapes like systemd-escape(1). -ENAMETOOLONG. */
static int escape(const char *name, char *ret, size_t size)
{
    static const char plain[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:_.";
    size_t n = 0;

    for (const char *p = name; *p; p++) {
        bool keep = strchr(plain, *p) && (*p != '.' || p > name);

        if (n + 5 > size)
            return -ENAMETOOLONG;
        n += (size_t)(keep ? snprintf(ret + n, size - n, "%c", *p)
                           : snprintf(ret + n, size - n, "\\x%02x", (unsigned char)*p));
    }
    ret[n] = 0;
    return 0;
}

int unit_name_for(const char *unit, const char *name, char *ret, size_t size)
{
    const char *at = strchr(unit, '@');
    char instance[UNIT_NAME_MAX + 1];
    int r = at ? escape(name, instance, sizeof(instance)) : 0, n;

    if (r < 0)
        return r;
    n = at ? snprintf(ret, size, "%.*s%s%s", (int)(at + 1 - unit), unit, instance, at + 1)
           : snprintf(ret, size, "%s", unit);
    return n < 0 || (size_t)n >= size || n > UNIT_NAME_MAX ? -ENAMETOOLONG : 0;
}

/* A unit that systemd was asked to start for a certificate. */
typedef struct Starting {
    Bus *bus;
    char name[];
} Starting;

static int on_started(sd_bus_message *reply, void *userdata, sd_bus_error *error _unused_)
{
    const sd_bus_error *e = sd_bus_message_get_error(reply);
    const Starting *s = userdata;

    s->bus->n_starting--;
    bus_reset_idle(s->bus);
    if (e)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(s->name),
                   "Failed to start the unit of OnWarning= for %s, ignoring: %s", s->name,
                   strempty(e->message));
    return 0;
}

/* The data of the callback is freed with the call, also if the connection ends without a reply. */
static int start_unit(Bus *b, const char *unit, const char *name)
{
    Starting *s = malloc(sizeof(Starting) + strlen(name) + 1);
    sd_bus_slot *slot = NULL;
    int r;

    if (!s)
        return -ENOMEM;
    s->bus = b;
    strcpy(s->name, name);
    r = sd_bus_call_method_async(b->bus, &slot, SYSTEMD, SYSTEMD_PATH, SYSTEMD ".Manager", "StartUnit",
                                 on_started, s, "ss", unit, "replace");
    if (r < 0) {
        free(s);
        return r;
    }
    (void)sd_bus_slot_set_destroy_callback(slot, free);
    (void)sd_bus_slot_set_floating(slot, true);
    sd_bus_slot_unref(slot);
    b->n_starting++;
    return 0;
}

void bus_start_warning_unit(Bus *b, const char *name)
{
    const char *unit = manager_settings(b->manager)->on_warning;
    char text[UNIT_NAME_MAX + 2];
    int r;

    if (!unit)
        return;
    r = unit_name_for(unit, name, text, sizeof(text));
    if (r >= 0)
        r = start_unit(b, text, name);
    if (r < 0)
        log_fields(LOG_WARNING, MESSAGE_FAILURE, ABOUT(name),
                   "Failed to start the unit of OnWarning= for %s, ignoring: %s", name, strerror(-r));
}
