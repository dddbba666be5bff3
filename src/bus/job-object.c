/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "bus/internal.h"
#include "util/text.h"

char *job_path(uint64_t id)
{
    char *path;

    return asprintf(&path, BUS_PATH_JOBS "/%" PRIu64, id) < 0 ? NULL : path;
}

char *job_certificate_path(const Job *j)
{
    return j->certificate ? certificate_path(j->certificate) : strdup("/");
}

int find_job(sd_bus *bus _unused_, const char *path, const char *interface _unused_, void *userdata,
             void **ret, sd_bus_error *error)
{
    const char *id = path + strlen(BUS_PATH_JOBS);
    Bus *b = userdata;
    uint64_t number;
    Job *j;

    if (*id != '/' || parse_uint64(id + 1, &number) < 0)
        return 0;
    j = model_find_job(b->model, number);
    if (!j)
        return error_set(error, PROBLEM_NO_SUCH_JOB, "There is no job %" PRIu64 "; it may have ended.",
                         number);
    j->client.read |= j->client.changed;
    *ret = j;
    return 1;
}

int enumerate_jobs(sd_bus *bus _unused_, const char *prefix, void *userdata, char ***ret,
                   sd_bus_error *error _unused_)
{
    const Bus *b = userdata;
    char **paths, **at;
    Job *j, *next;

    if (!prefix_is_above(prefix, BUS_PATH_JOBS))
        return 0;
    at = paths = calloc(HASH_COUNT(b->model->jobs) + 1, sizeof(char *));
    if (!paths)
        return -ENOMEM;
    FOREACH_JOB (b->model, j, next)
        if (!(*at++ = job_path(j->id))) {
            strv_free(paths);
            return -ENOMEM;
        }
    *ret = paths;
    return 0;
}

TEXT_GETTER(property_get_kind, Job, j, job_kind_to_string(j->kind));
TEXT_GETTER(property_get_state, Job, j, job_state_to_string(j->state));

GETTER(property_get_certificate)
{
    const Job *j = userdata;
    _cleanup_free_ char *certificate = job_certificate_path(j);

    return certificate ? sd_bus_message_append_basic(reply, 'o', certificate) : -ENOMEM;
}

GETTER(property_get_error)
{
    const Job *j = userdata;

    return sd_bus_message_append(reply, "(ss)", valid_text(problem_name(&j->problem)),
                                 valid_text(j->problem.text));
}

static int method_cancel(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    _cleanup_call_ Call *call = NULL;
    Job *j = userdata;
    int r;

    r = j->certificate ? call_begin_for(m, j->certificate, &call)
                       : call_begin(m, ANY_NAME, j->module, &call);
    if (!call)
        return r;
    if (manager_cancel_job(call->bus->manager, j, &call->problem) < 0)
        return 1;
    return call_answer(call, NULL);
}

const sd_bus_vtable job_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_PROPERTY("Id", "t", NULL, offsetof(Job, id), CONST),
    SD_BUS_PROPERTY("Kind", "s", property_get_kind, 0, CONST),
    SD_BUS_PROPERTY("Certificate", "o", property_get_certificate, 0, CONST),
    SD_BUS_PROPERTY("State", "s", property_get_state, 0, CHANGES),
    SD_BUS_PROPERTY("Progress", "d", NULL, offsetof(Job, progress), CHANGES),
    SD_BUS_PROPERTY("Step", "s", NULL, offsetof(Job, step), CHANGES),
    SD_BUS_PROPERTY("Started", "x", NULL, offsetof(Job, started), CONST),
    SD_BUS_PROPERTY("Error", "(ss)", property_get_error, 0, CHANGES),
    METHOD("Cancel", NONE, NONE, method_cancel, 0),
    SD_BUS_VTABLE_END,
};
