/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus/internal.h"
#include "core/name.h"
#include "util/text.h"

/* Authorities, and what orders there need. */

typedef struct States {
    const AuthorityState *list;
    size_t n;
} States;

static int append_states(sd_bus_message *reply, const void *userdata)
{
    const States *states = userdata;
    int r = sd_bus_message_open_container(reply, 'a', "(sssbxuux)");

    for (size_t i = 0; i < states->n && r >= 0; i++) {
        const AuthorityState *a = states->list + i;

        r = sd_bus_message_append(reply, "(sssbxuux)", a->name, valid_text(a->directory),
                                  valid_text(a->account), (int)a->is_public, a->avoided_until,
                                  (uint32_t)a->orders, (uint32_t)a->limit, a->span);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_listed(const AuthorityState *list, size_t n, void *userdata)
{
    _cleanup_call_ Call *call = userdata;

    (void)call_answer_with(call, append_states, &(States){ list, n });
}

int method_list_authorities(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error _unused_)
{
    _cleanup_call_ Call *call = NULL;
    int r;

    r = call_begin(m, ANY_NAME, NULL, &call);
    if (!call)
        return r;
    return call_park(&call, manager_list_authorities(call->bus->manager, on_listed, call, &call->problem));
}

typedef struct Findings {
    const RehearsalFinding *list;
    size_t n;
} Findings;

static int append_findings(sd_bus_message *reply, const void *userdata)
{
    const Findings *findings = userdata;
    int r = sd_bus_message_open_container(reply, 'a', "(sbs)");

    for (size_t i = 0; i < findings->n && r >= 0; i++) {
        const RehearsalFinding *f = findings->list + i;

        r = sd_bus_message_append(reply, "(sbs)", f->check, (int)f->passed, valid_text(f->text));
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_rehearsed(const RehearsalFinding *list, size_t n, const Problem *problem, void *userdata)
{
    _cleanup_call_ Call *call = userdata;

    if (!call_failed(call, problem))
        (void)call_answer_with(call, append_findings, &(Findings){ list, n });
}

int method_test_order(sd_bus_message *m, void *userdata _unused_, sd_bus_error *error)
{
    const char *text, *authority = NULL;
    const OptionRow rows[] = { { "authority", "s", &authority }, {} };
    _cleanup_problem_ Problem problem = {};
    _cleanup_free_ char *name = NULL;
    _cleanup_call_ Call *call = NULL;
    int r;

    r = sd_bus_message_read_basic(m, 's', &text);
    if (r >= 0)
        r = read_options(m, rows, error);
    if (r >= 0 && name_canonicalize(text, &name, &problem) < 0)
        r = error_set_problem(error, &problem);
    if (r >= 0)
        r = call_begin(m, name, NULL, &call);
    if (!call)
        return r;
    return call_park(
        &call, manager_rehearse(call->bus->manager, name, authority, on_rehearsed, call, &call->problem));
}
