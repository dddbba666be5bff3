/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "steps.h"

#include <signal.h>
#include <string.h>

#include "../bus/pending.h"
#include "../bus/process.h"
#include "invariants.h"

/* What happens to the service: many callers, an end, what it depends on, the time. */

#define DAY         86400
#define FORTH_MAX   (1000 * (gint64)DAY) /* all together, within the lives of the authorities */
#define UNRECORDED  (300 * (gint64)DAY)  /* a year that nobody saw pass is not believed */
#define ASKS_MAX    24
#define INTERRUPTED "Cancelled org.freedesktop.DBus.Error.NoReply org.freedesktop.DBus.Error.Disconnected"

/* A call of one of several users. */
typedef struct Ask {
    Pending *pending;
    enum { ASK_REGISTER, ASK_UNREGISTER, ASK_OTHER } kind;
    const char *module, *name;
    gboolean denied; /* it has to be, */
    gboolean known;  /* or is for a registration that there is */
} Ask;

static gboolean is_asked(const Ask *asks, guint n, const char *module, const char *name)
{
    for (guint i = 0; i < n; i++)
        if (asks[i].kind != ASK_OTHER && strcmp(asks[i].module, module) == 0 &&
            strcmp(asks[i].name, name) == 0)
            return TRUE;
    return FALSE;
}

static void ask_other(Driver *d, Ask *a)
{
    g_autofree char *path = choose_path(d);

    a->kind = ASK_OTHER;
    a->denied = d->polkit_is_down;
    if (path && driver_chance(d, 60))
        a->pending = pending_new(
            d->root, path, CERTIFICATE, "Reissue",
            g_variant_new("(@a{sv})", client_option("keep-current", g_variant_new_boolean(TRUE))));
    else
        a->pending = pending_new(d->root, PATH, MANAGER, driver_chance(d, 50) ? "RenewDue" : "Reload", NULL);
}

/* Nothing is asked for twice, so that the order of the answers makes no difference. */
static void ask(Driver *d, Ask *asks, guint n)
{
    Ask *a = asks + n;
    GDBusConnection *user = driver_chance(d, 20) ? d->stranger : choose_user(d);

    *a = (Ask){ .kind = driver_chance(d, 60) ? ASK_REGISTER : ASK_UNREGISTER,
                .module = driver_choose_module(d),
                .name = driver_choose_name(d),
                .denied = user == d->stranger || d->polkit_is_down };
    a->known = model_find(d->model, a->module, a->name) != NULL;
    if (driver_chance(d, 30) || is_asked(asks, n, a->module, a->name))
        ask_other(d, a);
    else if (a->kind == ASK_REGISTER)
        a->pending = pending_new(user, PATH, MANAGER, "Register",
                                 g_variant_new("(ss@a{sv})", a->module, a->name, NO_OPTIONS));
    else
        a->pending =
            pending_new(user, PATH, MANAGER, "Unregister", g_variant_new("(ss)", a->module, a->name));
}

static gboolean may_fail(const Ask *a, const char *error)
{
    static const char gone[] = "NoSuchCertificate org.freedesktop.DBus.Error.UnknownObject "
                               "org.freedesktop.DBus.Error.UnknownMethod";

    if (driver_lists("LimitsExceeded", error))
        return TRUE;
    if (a->denied)
        return driver_lists("NotAuthorized", error);
    if (a->kind == ASK_OTHER) /* another call may have taken it away */
        return driver_lists("Busy", error) || driver_lists(gone, error);
    return a->kind == ASK_UNREGISTER && !a->known && driver_lists("NoSuchCertificate", error);
}

/* It may have been done, though nobody learned of it. */
static void doubt(Driver *d, const Ask *a)
{
    Claim *c = a->kind == ASK_OTHER ? NULL : model_find(d->model, a->module, a->name);

    if (!c && a->kind == ASK_REGISTER)
        c = model_claim(d->model, a->module, a->name, NULL);
    if (c)
        c->doubtful = TRUE;
}

/* interrupted: the service was ended, perhaps before it answered. */
static void take_answer(Driver *d, Ask *a, gboolean interrupted)
{
    g_autofree char *error = pending_finish(a->pending);

    if (interrupted && driver_lists(INTERRUPTED, error)) {
        if (!a->denied)
            doubt(d, a);
    } else if (*error ? !may_fail(a, error) : a->denied)
        driver_fail(d, "one of many calls, %s %s: %s", a->module ? a->module : "", a->name ? a->name : "",
                    *error ? error : "it is allowed");
    else if (!*error && a->kind == ASK_REGISTER)
        (void)model_claim(d->model, a->module, a->name, NULL);
    else if (!*error && a->kind == ASK_UNREGISTER)
        model_disclaim(d->model, a->module, a->name);
}

void step_burst(Driver *d)
{
    Ask asks[ASKS_MAX];
    guint n = 2 + driver_choose(d, ASKS_MAX - 2);

    driver_say(d, "%u calls at once", n);
    for (guint i = 0; i < n; i++)
        ask(d, asks, i);
    for (guint i = 0; i < n; i++)
        take_answer(d, asks + i, FALSE);
}

static void end(Driver *d, int signal, const char *what)
{
    Ask asks[ASKS_MAX];
    guint n = driver_choose(d, 8), wait = driver_choose(d, 80);
    g_autofree char *fingerprint = NULL;
    Pending *upload = NULL;

    driver_say(d, "%s, %u ms after %u calls", what, wait, n);
    service_start(d->service);
    for (guint i = 0; i < n; i++)
        ask(d, asks, i);
    if (driver_chance(d, 30))
        upload = begin_upload(d, &fingerprint);
    if (wait > 0)
        wait_milliseconds(wait);
    service_end(d->service, signal);
    for (guint i = 0; i < n; i++)
        take_answer(d, asks + i, TRUE);
    driver_restarted(d);
    resolve_doubts(d);
    if (upload)
        undo_upload(d, upload, fingerprint);
}

void step_kill(Driver *d)
{
    end(d, SIGKILL, "SIGKILL");
}

void step_terminate(Driver *d)
{
    end(d, SIGTERM, "SIGTERM");
    d->unrecorded = 0;
}

/* ---- what it depends on */

void step_polkit(Driver *d)
{
    if (d->polkit_is_down) {
        driver_say(d, "polkit starts");
        fixture_start_polkit(d->fixture);
        d->polkit_is_down = FALSE;
        return;
    }
    driver_say(d, "polkit is gone");
    fixture_stop_polkit(d->fixture);
    d->polkit_is_down = TRUE;
}

void step_pebble(Driver *d)
{
    if (!d->pebble)
        return;
    driver_say(d, "Pebble %s", d->pebble->process > 0 ? "stops" : "starts");
    if (d->pebble->process > 0)
        pebble_stop(d->pebble);
    else
        pebble_start(d->pebble);
}

/* ---- time */

void step_clock_forth(Driver *d)
{
    gint64 seconds = driver_chance(d, 30) ? 60 * (gint64)(1 + driver_choose(d, 3000))
                                          : DAY * (gint64)(1 + driver_choose(d, 75));

    if (d->believed + seconds > FORTH_MAX)
        return;
    if (d->unrecorded + seconds > UNRECORDED)
        step_terminate(d);
    d->unrecorded += seconds;
    d->believed += seconds;
    driver_say(d, "the clock goes forth by %d hours", (int)(seconds / 3600));
    service_set_clock(d->service, d->believed, TRUE);
}

/* Nobody believes it, and nothing changes; until it is right again. */
void step_clock_back(Driver *d)
{
    gint64 seconds = 3600 + 60 * (gint64)driver_choose(d, 60 * 24 * 300);
    guint32 started = 0;
    pid_t pid;

    driver_settle(d);
    pid = service_pid(d->service);
    driver_say(d, "the clock goes back by %d hours", (int)(seconds / 3600));
    service_set_clock(d->service, d->believed - seconds, TRUE);
    if (pid > 0 && service_pid(d->service) == pid) {
        if (driver_call(d, d->root, PATH, MANAGER, "RenewDue", NULL, ""))
            g_variant_get(d->reply, "(u)", &started);
        if (started > 0)
            driver_fail(d, "%u renewals are begun by a clock that is wrong", started);
        invariants_check(d);
    }
    driver_say(d, "the clock is right again");
    service_set_clock(d->service, d->believed, TRUE);
}

void step_wait(Driver *d)
{
    guint milliseconds = driver_choose(d, 2500);

    driver_say(d, "nothing for %u ms", milliseconds);
    wait_milliseconds(milliseconds);
}
