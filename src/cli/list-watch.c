/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <time.h>

#include "cli/list.h"
#include "util/time.h"

/* Changes come in bursts, so the list is read once they have ceased for a moment, or go on for too long. */
#define QUIET_USEC  (200 * USEC_PER_MSEC)
#define BURST_USEC  (2 * USEC_PER_SEC)
#define MINUTE_USEC (60 * USEC_PER_SEC) /* times that are left change by themselves */

/* Neither starts the service again when it has exited nor keeps it running: what it had is shown until it is back. */
typedef struct Watch {
    const ListView *view;
    Listing listing;
    bool absent;          /* the service is not on the bus */
    uint64_t changed;     /* when the first change came that is not shown yet; 0: none */
    uint64_t last, shown; /* change; time of the last print */
    bool again;           /* something was printed before */
} Watch;

static void watch_done(Watch *w)
{
    listing_done(&w->listing);
}

static void watch_note(Watch *w)
{
    w->last = usec_now(CLOCK_MONOTONIC);
    if (w->changed == 0)
        w->changed = w->last;
}

static int on_changed(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_)
{
    watch_note(userdata);
    return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    Watch *w = userdata;
    const char *name, *before, *after;

    if (!message_is_from(m, "org.freedesktop.DBus") ||
        sd_bus_message_read(m, "sss", &name, &before, &after) < 0)
        return 0;
    w->absent = isempty(after);
    if (!w->absent)
        watch_note(w);
    return 0;
}

static int watch_subscribe(Watch *w)
{
    static const char *const rules[] = {
        "type='signal',sender='" SERVICE "',interface='" PROPERTIES_INTERFACE "',member='PropertiesChanged',"
        "path_namespace='" MANAGER_PATH "',arg0='" CERTIFICATE_INTERFACE "'",
        "type='signal',sender='" SERVICE
        "',interface='org.freedesktop.DBus.ObjectManager',path='" MANAGER_PATH "'",
    };
    Session *s = w->view->session;
    int r = session_match_owner(s, NULL, on_owner_changed, w);

    for (size_t i = 0; i < ELEMENTSOF(rules) && r >= 0; i++)
        r = sd_bus_add_match(s->bus, NULL, rules[i], on_changed, w);
    return r;
}

/* A terminal shows the list in one place; elsewhere the lists follow each other. */
static void watch_clear(const Watch *w)
{
    if (isatty(STDOUT_FILENO))
        fputs("\x1b[H\x1b[2J\x1b[3J", stdout);
    else if (w->again && !w->view->session->json)
        putchar('\n');
}

static Exit watch_show(Watch *w)
{
    Exit e;

    watch_clear(w);
    e = listing_print(w->view, &w->listing);
    fflush(stdout);
    w->again = true;
    w->shown = usec_now(CLOCK_MONOTONIC);
    return e;
}

static Exit watch_load(Watch *w)
{
    Listing listing = {};
    Exit e = listing_load(w->view, &listing);

    if (e != EXIT_DONE) {
        listing_done(&listing);
        return e;
    }
    listing_done(&w->listing);
    w->listing = listing;
    w->changed = 0;
    return watch_show(w);
}

/* When there is something to do next. */
static uint64_t watch_due(const Watch *w)
{
    if (w->changed > 0 && !w->absent)
        return MIN(w->last + QUIET_USEC, w->changed + BURST_USEC);
    return isatty(STDOUT_FILENO) ? w->shown + MINUTE_USEC : UINT64_MAX;
}

static Exit watch_turn(Watch *w)
{
    uint64_t now = usec_now(CLOCK_MONOTONIC), due = watch_due(w);
    int r;

    if (due <= now)
        return w->changed > 0 && !w->absent ? watch_load(w) : watch_show(w);
    r = sd_bus_process(w->view->session->bus, NULL);
    if (r == 0)
        r = session_wait(w->view->session, due == UINT64_MAX ? UINT64_MAX : due - now);
    return r < 0 && r != -EINTR ? session_fail(r, NULL, _("Lost the connection to the bus")) : EXIT_DONE;
}

Exit list_watch(const ListView *v)
{
    _cleanup_(watch_done) Watch w = { .view = v };
    int r = watch_subscribe(&w);
    Exit e =
        r < 0 ? session_fail(r, NULL, _("Cannot subscribe to the signals of the service")) : watch_load(&w);

    while (e == EXIT_DONE && !ferror(stdout) && !output_is_closed())
        e = watch_turn(&w);
    return e;
}
