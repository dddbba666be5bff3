/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/delivery-wait.h"

#include <errno.h>
#include <time.h>

#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/time.h"

/* For a chain of the local root, a reload, a probe, and a rollback with another probe. */
#define WAIT_SEC 120

/* The authority and the DNS take their time. */
#define WAIT_ORDER_SEC 600

/* A module without [Deploy] gets no deployment, however long one waits. */
#define WAIT_DEPLOYMENT_SEC 10

/* Properties are read again when they change, and now and then. */
#define LOOK_AGAIN_USEC (2 * USEC_PER_SEC)

typedef struct DeliveryWait {
    Session *session;
    const char *path, *module;
    char *const *files;
    time_t since, begun;
    time_t ordered; /* until then an order was under way */
    bool changed, gone;
    bool retried;
    sd_bus_slot *slots[2];
    JobWatch jobs; /* of the retry */
    char *step;    /* last one shown */
} DeliveryWait;

static void delivery_done(DeliveryWait *w)
{
    for (size_t i = 0; i < ELEMENTSOF(w->slots); i++)
        sd_bus_slot_unref(w->slots[i]);
    job_watch_done(&w->jobs);
    free(w->step);
}

static int on_changed(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_)
{
    ((DeliveryWait *)userdata)->changed = true;
    return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    DeliveryWait *w = userdata;
    const char *name, *before, *after;

    if (message_is_from(m, "org.freedesktop.DBus") &&
        sd_bus_message_read(m, "sss", &name, &before, &after) >= 0)
        w->gone = w->gone || *before;
    return 0;
}

static Exit delivery_subscribe(DeliveryWait *w)
{
    int r = sd_bus_match_signal(w->session->bus, &w->slots[0], SERVICE, w->path, PROPERTIES_INTERFACE,
                                "PropertiesChanged", on_changed, w);

    if (r >= 0)
        r = session_match_owner(w->session, &w->slots[1], on_owner_changed, w);
    return r < 0 ? session_fail(r, NULL, _("Cannot subscribe to the signals of the service")) : EXIT_DONE;
}

static bool certificate_awaits_order(const Certificate *c)
{
    return c->not_after != 0 && (!streq(c->job, "/") || streq(c->reason, REASON_ORDER_AHEAD));
}

/* The step of the order, in the user's language; allocated. */
static char *order_to_line(const DeliveryWait *w, const Certificate *c)
{
    _cleanup_free_ char *step = NULL;

    if (streq(c->job, "/") ||
        sd_bus_get_property_string(w->session->bus, SERVICE, c->job, JOB_INTERFACE, "Step", NULL, &step) <
            0 ||
        isempty(step))
        return xasprintf(_("Waiting for the order of a chain for %s ..."), c->name);
    return xasprintf("%s: %s ...", c->name, word_to_text(step));
}

static char *delivery_to_line(const DeliveryWait *w, const Certificate *c, const Deployment *d)
{
    if (c->not_after == 0)
        return xasprintf(_("Waiting for the chain of %s ..."), c->name);
    if (certificate_awaits_order(c))
        return order_to_line(w, c);
    if (d)
        return xasprintf(_("Waiting for the delivery to %s ..."), w->module);
    return xasprintf(_("Waiting for the service to begin the delivery to %s ..."), w->module);
}

static void delivery_show_step(DeliveryWait *w, const Certificate *c, const Deployment *d)
{
    _cleanup_free_ char *line = NULL;

    if (w->session->json || !isatty(STDERR_FILENO))
        return;
    line = delivery_to_line(w, c, d);
    if (streq(strempty(w->step), line))
        return;
    free(w->step);
    w->step = TAKE_PTR(line);
    hint("%s", w->step);
}

/* Waits for the next change, for two seconds at most. */
static Exit delivery_next(DeliveryWait *w)
{
    int r = 1;

    w->changed = false;
    while (r > 0 && !w->changed)
        r = sd_bus_process(w->session->bus, NULL);
    if (r == 0)
        r = sd_bus_wait(w->session->bus, LOOK_AGAIN_USEC);
    if (r < 0 && r != -EINTR)
        return session_fail(r, NULL, _("Cannot wait for the delivery"));
    if (!w->gone)
        return EXIT_DONE;
    fail(EXIT_NO_SERVICE, _("The service stopped before the chain was delivered."));
    hint(_("The journal says why: journalctl -u certwrightd.service"));
    return EXIT_NO_SERVICE;
}

static Exit order_check_time(DeliveryWait *w, const Certificate *c)
{
    w->ordered = time(NULL);
    if (w->ordered - w->begun <= WAIT_ORDER_SEC)
        return EXIT_DONE;
    fail(EXIT_JOB_FAILED, _("%s: the order is not over after %d seconds."), c->name, WAIT_ORDER_SEC);
    hint(_("The service goes on trying; \"certwright show %s\" tells how far it is."), c->name);
    return EXIT_JOB_FAILED;
}

static Exit delivery_check_time(DeliveryWait *w, const Certificate *c, const Deployment *d)
{
    time_t waited = time(NULL) - MAX(w->begun, w->ordered);

    if (certificate_awaits_order(c))
        return order_check_time(w, c);
    if (c->not_after != 0 && !d && waited > WAIT_DEPLOYMENT_SEC) {
        fail(EXIT_FAILED,
             _("%s: the service does not deliver to %s: its configuration is incomplete or wrong."), c->name,
             w->module);
        hint(_("The journal says why: journalctl -u certwrightd.service"));
        return EXIT_FAILED;
    }
    if (waited <= WAIT_SEC)
        return EXIT_DONE;
    fail(EXIT_JOB_FAILED, _("%s: not delivered to %s within %d seconds."), c->name, w->module, WAIT_SEC);
    hint(_("The service goes on trying; \"certwright show %s\" tells how far it is."), c->name);
    return EXIT_JOB_FAILED;
}

static bool delivery_lacks_file(const DeliveryWait *w)
{
    for (char *const *file = w->files; file && *file; file++)
        if (access(*file, F_OK) < 0)
            return true;
    return false;
}

static Exit delivery_retry(DeliveryWait *w)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Exit e = job_watch_begin(&w->jobs, w->session, false);

    w->retried = true;
    if (e == EXIT_DONE)
        e = deployment_start(w->session, &w->jobs, w->module, delivery_lacks_file(w), &reply);
    return e == EXIT_DONE ? job_watch_wait(&w->jobs, reply) : e;
}

/* An outcome of before, or of the same second, is not the answer, unless it is the best one, and nobody has removed the files
 * since. */
static bool delivery_is_stale(const DeliveryWait *w, const Deployment *d)
{
    if (w->retried || d->time > w->since)
        return false;
    return (!streq(d->state, "verified") && !streq(d->state, "waiting")) || delivery_lacks_file(w);
}

Exit delivery_wait(Session *s, const char *path, const char *module, char *const *files, time_t since,
                   CertificateList *list, const Deployment **ret)
{
    _cleanup_(delivery_done) DeliveryWait w = {
        .session = s, .path = path, .module = module, .files = files, .since = since, .begun = time(NULL)
    };
    Exit e = delivery_subscribe(&w);

    while (e == EXIT_DONE) {
        const Certificate *c;
        const Deployment *d;
        bool over;

        certificate_list_done(list);
        e = certificate_load(s, path, list);
        if (e != EXIT_DONE)
            return e;
        c = list->items;
        d = deployment_find(c, module);
        over = d && deployment_is_over(d) && !certificate_awaits_order(c);
        if (over && !delivery_is_stale(&w, d)) {
            *ret = d;
            return EXIT_DONE;
        }
        delivery_show_step(&w, c, d);
        if (over) {
            e = delivery_retry(&w);
            continue;
        }
        e = delivery_check_time(&w, c, d);
        if (e == EXIT_DONE)
            e = delivery_next(&w);
    }
    return e;
}
