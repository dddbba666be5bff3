/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/deployment.h"

#include "cli/label.h"
#include "cli/words.h"
#include "cli/xalloc.h"

const Deployment *deployment_find(const Certificate *c, const char *module)
{
    for (size_t i = 0; i < c->deployments.n; i++) {
        const Deployment *d = (const Deployment *)c->deployments.items + i;

        if (streq(d->module, module))
            return d;
    }
    return NULL;
}

bool deployment_is_failure(const Deployment *d)
{
    return streq(d->state, "failed") || streq(d->state, "rolled-back");
}

bool deployment_is_over(const Deployment *d)
{
    return deployment_is_failure(d) || streq(d->state, "verified") || streq(d->state, "written") ||
           streq(d->state, "waiting");
}

/* The service knows which chain was delivered last, and says so as the first reason. */
bool deployment_is_of_revoked(const Certificate *c, const Deployment *d)
{
    return streq(c->reason, REASON_REVOKED_IN_USE) && !streq(d->state, "verified") &&
           !streq(d->state, "written");
}

static char *deployment_to_sentence(const char *module, const char *state)
{
    if (streq(state, "pending"))
        return xasprintf(_("not delivered to %s yet."), module);
    if (streq(state, "written"))
        return xasprintf(_("the chain is in the files of %s."), module);
    if (streq(state, "waiting"))
        return xasprintf(_("the delivery to %s waits for its maintenance window."), module);
    if (streq(state, "verified"))
        return xasprintf(_("%s presents the chain."), module);
    if (streq(state, "failed"))
        return xasprintf(_("the delivery to %s failed."), module);
    if (streq(state, "rolled-back"))
        return xasprintf(_("the delivery to %s failed and was rolled back."), module);
    return xasprintf("%s: %s", module, state);
}

static char *deployment_to_cause(const char *module, const char *state, const char *detail)
{
    _cleanup_free_ char *sentence = deployment_to_sentence(module, state);

    return isempty(detail) ? TAKE_PTR(sentence) : xasprintf("%s %s", sentence, detail);
}

char *deployment_to_line(const char *name, const char *module, const char *state, const char *detail)
{
    _cleanup_free_ char *cause = deployment_to_cause(module, state, detail);

    return xasprintf("%s: %s", name, cause);
}

void deployment_add_cause(const Certificate *c, const Deployment *d, Causes *causes)
{
    _cleanup_free_ char *cause = deployment_to_cause(d->module, d->state, d->detail);

    causes_add(causes, certificate_label(c), c->name, cause, d->time);
}

void deployment_print(const Certificate *c, const Deployment *d)
{
    _cleanup_free_ char *line = deployment_to_line(c->name, d->module, d->state, d->detail),
                        *labelled = text_to_labels(line);

    if (deployment_is_failure(d))
        fail(EXIT_JOB_FAILED, "%s", labelled);
    else
        print_line(stdout, "%s", labelled);
}

Json *deployment_to_json(const Certificate *c, const Deployment *d)
{
    Json *j = json_object_new_object();

    json_set(j, "name", json_text(c->name));
    json_set(j, "module", json_text(d->module));
    json_set(j, "state", json_text(d->state));
    json_set(j, "detail", json_text(d->detail));
    json_set(j, "time", json_time(d->time));
    return j;
}

Exit deployment_start(Session *s, JobWatch *jobs, const char *module, bool again, sd_bus_message **ret_reply)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
    const char *path;
    Exit e = session_new_call(s, MANAGER_PATH, MANAGER_INTERFACE, "Deploy", &call);
    int r;

    if (e == EXIT_DONE)
        e = message_append_text(call, module);
    if (e == EXIT_DONE)
        e = message_check(again ? sd_bus_message_append(call, "a{sv}", 1, "again", "b", true)
                                : sd_bus_message_append(call, "a{sv}", 0));
    if (e == EXIT_DONE)
        e = session_send(s, call, _("Cannot deliver"), &reply);
    if (e != EXIT_DONE)
        return e;
    r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return session_fail_reply(r);
    job_watch_add(jobs, path);
    *ret_reply = TAKE_PTR(reply);
    return EXIT_DONE;
}
