/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/bus.h"

#include <errno.h>

#include "bus/internal.h"
#include "policy/policy.h"
#include "util/log.h"

/* A member without a row in the policy is a bug that must not be exposed. */
static int check_policy(const char *interface, const sd_bus_vtable *vtable)
{
    for (const sd_bus_vtable *v = vtable; v->type != _SD_BUS_VTABLE_END; v++)
        if (v->type == _SD_BUS_VTABLE_METHOD && !policy_find(interface, v->x.method.member)) {
            log_error("%s.%s has no row in the policy.", interface, v->x.method.member);
            return -EACCES;
        }
    return 0;
}

/* find NULL: there is a single object at the path, the Bus. */
static int add_objects(Bus *b, const char *path, const char *interface, const sd_bus_vtable *vtable,
                       sd_bus_object_find_t find, sd_bus_node_enumerator_t enumerate)
{
    int r = check_policy(interface, vtable);

    if (r < 0)
        return r;
    if (!find)
        return sd_bus_add_object_vtable(b->bus, b->slots + b->n_slots++, path, interface, vtable, b);
    r = sd_bus_add_fallback_vtable(b->bus, b->slots + b->n_slots++, path, interface, vtable, find, b);
    return r < 0 ? r : sd_bus_add_node_enumerator(b->bus, b->slots + b->n_slots++, path, enumerate, b);
}

/* The root is a single object, but its handlers expect the Bus in their slot, as for all others. */
static int find_root(sd_bus *bus _unused_, const char *path, const char *interface _unused_, void *userdata,
                     void **ret, sd_bus_error *error _unused_)
{
    Bus *b = userdata;

    if (!streq(path, BUS_PATH_ROOT))
        return 0;
    known_values_note_read(b, b->model->root);
    *ret = b->model->root;
    return 1;
}

static int enumerate_root(sd_bus *bus _unused_, const char *prefix _unused_, void *userdata _unused_,
                          char ***ret, sd_bus_error *error _unused_)
{
    return strv_extend(ret, BUS_PATH_ROOT);
}

int bus_add_objects(Bus *b)
{
    int r;

    r = sd_bus_add_object_manager(b->bus, b->slots + b->n_slots++, BUS_PATH);
    if (r >= 0)
        r = add_objects(b, BUS_PATH, INTERFACE_MANAGER, manager_vtable, NULL, NULL);
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

int bus_new(sd_event *event, Manager *m, bool idle_exit, Bus **ret)
{
    _cleanup_(bus_freep) Bus *b = calloc(1, sizeof(Bus));
    int r;

    if (!b)
        return -ENOMEM;
    b->event = sd_event_ref(event);
    b->manager = m;
    b->model = manager_model(m);
    LIST_INIT(&b->deploys.units);
    LIST_INIT(&b->deploys.programs);
    if ((r = bus_changes_init(b)) < 0 || (r = bus_idle_init(b, idle_exit)) < 0 ||
        (r = bus_connection_init(b)) < 0 || (r = bus_connect(b, true)) < 0 ||
        (r = model_watch(b->model, &bus_watcher, b)) < 0 || (r = bus_log_init(b)) < 0)
        return r;
    manager_observe(m, &bus_observer, b);
    if (manager_clock_is_doubted(m))
        bus_ask_clock(b);
    *ret = TAKE_PTR(b);
    return 0;
}

Bus *bus_free(Bus *b)
{
    manager_observe(b->manager, NULL, NULL);
    model_unwatch(b->model, b);
    bus_deploy_done(b);
    bus_changes_done(b);
    bus_idle_done(b);
    bus_connection_done(b);
    user_names_free(b->log.users);
    sd_event_unref(b->event);
    free(b);
    return NULL;
}
