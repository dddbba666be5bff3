/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/bus.h"

#include <errno.h>
#include <systemd/sd-daemon.h>

#include "bus/bus-internal.h"
#include "policy/policy.h"
#include "util/log.h"

#define USEC_PER_SEC    1000000ULL
#define LOOK_AGAIN_USEC (1 * USEC_PER_SEC)

/* A member without a row in the policy's table is a mistake of ours that must not reach anybody. */
static int check_policy(const char *interface, const sd_bus_vtable *vtable)
{
    for (const sd_bus_vtable *v = vtable; v->type != _SD_BUS_VTABLE_END; v++)
        if (v->type == _SD_BUS_VTABLE_METHOD && !policy_find(interface, v->x.method.member)) {
            log_error("%s.%s has no row in the policy's table.", interface, v->x.method.member);
            return -EACCES;
        }
    return 0;
}

static int add_object(Bus *b, const char *path, const char *interface, const sd_bus_vtable *vtable,
                      void *object)
{
    int r = check_policy(interface, vtable);

    return r < 0
               ? r
               : sd_bus_add_object_vtable(b->bus, b->slots + b->n_slots++, path, interface, vtable, object);
}

static int add_objects(Bus *b, const char *prefix, const char *interface, const sd_bus_vtable *vtable,
                       sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate)
{
    int r = check_policy(interface, vtable);

    if (r >= 0)
        r = sd_bus_add_fallback_vtable(b->bus, b->slots + b->n_slots++, prefix, interface, vtable, find, b);
    return r < 0 ? r : sd_bus_add_node_enumerator(b->bus, b->slots + b->n_slots++, prefix, enumerate, b);
}

/* The root is one object, but its handlers want to find the Bus in their slot as those of all others do. */
static int find_root(sd_bus *bus _unused_, const char *path, const char *interface _unused_, void *userdata,
                     void **ret, sd_bus_error *error _unused_)
{
    Bus *b = userdata;

    if (!streq(path, BUS_PATH_ROOT))
        return 0;
    *ret = manager_root(b->manager);
    return 1;
}

static int enumerate_root(sd_bus *bus _unused_, const char *prefix _unused_, void *userdata _unused_,
                          char ***ret, sd_bus_error *error _unused_)
{
    char **paths = calloc(2, sizeof(char *));

    if (!paths || !(paths[0] = strdup(BUS_PATH_ROOT))) {
        free(paths);
        return -ENOMEM;
    }
    *ret = paths;
    return 0;
}

static int add_all(Bus *b)
{
    int r;

    r = sd_bus_add_object_manager(b->bus, b->slots + b->n_slots++, BUS_PATH);
    if (r >= 0)
        r = add_object(b, BUS_PATH, INTERFACE_MANAGER, manager_vtable, b);
    if (r >= 0)
        r = add_objects(b, BUS_PATH_ROOT, INTERFACE_CERTIFICATE, certificate_vtable, find_root,
                        enumerate_root);
    if (r >= 0)
        r = add_objects(b, BUS_PATH_CERTIFICATES, INTERFACE_CERTIFICATE, certificate_vtable,
                        find_certificate, enumerate_certificates);
    if (r >= 0)
        r = add_objects(b, BUS_PATH_JOBS, INTERFACE_JOB, job_vtable, find_job, enumerate_jobs);
    return r;
}

/* Idle exit: the name is given back first. The bus answers that in order with the calls that it passed on before, so
 * when the answer comes every call is known; if one came, the name is taken again. A call that comes
 * later starts the service anew. */

void bus_reset_idle(Bus *b)
{
    (void)sd_event_now(b->event, CLOCK_MONOTONIC, &b->last_activity);
}

static bool is_idle(Bus *b)
{
    uint64_t unsent = 0;

    if (sd_bus_get_n_queued_write(b->bus, &unsent) < 0 || unsent > 0)
        return false;
    return b->n_calls == 0 && b->n_starting == 0 && authorizer_pending(b->authorizer) == 0 &&
           !bus_has_changes(b) && manager_is_idle(b->manager) && !manager_awaits_change(b->manager);
}

static uint64_t idle_since(Bus *b)
{
    return b->last_activity + (uint64_t)manager_settings(b->manager)->idle_exit * USEC_PER_SEC;
}

static int arm_idle(Bus *b, uint64_t at)
{
    int r = sd_event_source_set_time(b->idle_timer, at);

    return r < 0 ? r : sd_event_source_set_enabled(b->idle_timer, SD_EVENT_ONESHOT);
}

static int on_name_released(sd_bus_message *reply _unused_, void *userdata, sd_bus_error *error _unused_)
{
    Bus *b = userdata;
    uint64_t now;

    b->releasing = false;
    (void)sd_event_now(b->event, CLOCK_MONOTONIC, &now);
    if (is_idle(b) && idle_since(b) <= now) {
        log_info("Nothing to do, exiting.");
        return sd_event_exit(b->event, 0);
    }
    (void)sd_notify(false, "READY=1");
    (void)sd_bus_request_name_async(b->bus, NULL, BUS_NAME, 0, NULL, NULL);
    return arm_idle(b, now + LOOK_AGAIN_USEC);
}

static int on_idle_timer(sd_event_source *s _unused_, uint64_t usec _unused_, void *userdata)
{
    Bus *b = userdata;
    uint64_t now;

    (void)sd_event_now(b->event, CLOCK_MONOTONIC, &now);
    if (manager_settings(b->manager)->idle_exit == 0)
        return arm_idle(b, now + 60 * USEC_PER_SEC);
    if (idle_since(b) > now)
        return arm_idle(b, idle_since(b));
    if (!is_idle(b))
        return arm_idle(b, now + LOOK_AGAIN_USEC);
    b->releasing = true;
    (void)sd_notify(false, "STOPPING=1");
    b->release = sd_bus_slot_unref(b->release);
    return sd_bus_release_name_async(b->bus, &b->release, BUS_NAME, on_name_released, b);
}

/* A call that only reads, and whose reply nobody waits for, is not worth the work; the bus bounds the number of calls
 * that do expect one, but not of these. */
static bool is_pointless(sd_bus_message *m)
{
    const PolicyRow *row = policy_find(sd_bus_message_get_interface(m), sd_bus_message_get_member(m));

    return sd_bus_message_get_expect_reply(m) <= 0 && (!row || !row->action || row->reads);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
    if (!sd_bus_message_is_method_call(m, NULL, NULL))
        return 0;
    if (is_pointless(m))
        return 1;
    bus_reset_idle(userdata);
    return 0;
}

static int on_disconnected(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_)
{
    Bus *b = userdata;

    log_error("The message bus has gone; exiting.");
    return sd_event_exit(b->event, EXIT_FAILURE);
}

static int init_idle(Bus *b)
{
    int r;

    bus_reset_idle(b);
    r = sd_event_add_time(b->event, &b->idle_timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_idle_timer, b);
    if (r < 0)
        return r;
    return b->idle_exit ? arm_idle(b, idle_since(b))
                        : sd_event_source_set_enabled(b->idle_timer, SD_EVENT_OFF);
}

static int connect_bus(Bus *b)
{
    int r;

    r = sd_bus_open_system(&b->bus);
    if (r < 0)
        return log_error_errno(r, "The system bus cannot be reached");
    r = sd_bus_attach_event(b->bus, b->event, SD_EVENT_PRIORITY_NORMAL);
    if (r >= 0)
        r = sd_bus_add_filter(b->bus, b->slots + b->n_slots++, on_message, b);
    if (r >= 0)
        r = sd_bus_match_signal(b->bus, b->slots + b->n_slots++, "org.freedesktop.DBus.Local", NULL,
                                "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, b);
    return r;
}

int bus_new(sd_event *event, Manager *m, const BusOptions *options, Bus **ret)
{
    _cleanup_(bus_freep) Bus *b = calloc(1, sizeof(Bus));
    int r;

    if (!b)
        return -ENOMEM;
    b->event = sd_event_ref(event);
    b->manager = m;
    b->idle_exit = options->idle_exit;
    if ((r = connect_bus(b)) < 0 || (r = authorizer_new(b->bus, &b->authorizer)) < 0 ||
        (r = bus_changes_init(b)) < 0 || (r = init_idle(b)) < 0 || (r = add_all(b)) < 0)
        return r;
    manager_observe(m, &bus_observer, b);
    r = sd_bus_request_name(b->bus, BUS_NAME, 0);
    if (r == -EEXIST)
        log_error("The name %s is taken: the service runs already.", BUS_NAME);
    else if (r < 0)
        (void)log_error_errno(r, "The name %s cannot be had; does the bus policy allow this user to own it?",
                              BUS_NAME);
    if (r < 0)
        return r;
    if (manager_clock_is_doubted(m))
        bus_ask_clock(b);
    *ret = TAKE_PTR(b);
    return 0;
}

Bus *bus_free(Bus *b)
{
    manager_observe(b->manager, NULL, NULL);
    bus_changes_done(b);
    if (b->authorizer)
        authorizer_free(b->authorizer);
    for (size_t i = 0; i < b->n_slots; i++)
        sd_bus_slot_unref(b->slots[i]);
    sd_bus_slot_unref(b->release);
    sd_event_source_disable_unref(b->idle_timer);
    sd_bus_flush_close_unref(b->bus);
    sd_event_unref(b->event);
    free(b);
    return NULL;
}
