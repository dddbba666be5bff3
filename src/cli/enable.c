/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "cli/delivery-wait.h"
#include "cli/module-targets.h"
#include "cli/verbs.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* A run of enable or disable: the only commands that do more than talk to the service. */
typedef struct Enabling {
    ModuleFiles files;
    FilesChange change;
    char **targets;
} Enabling;

static void enabling_done(Enabling *e)
{
    module_files_done(&e->files);
    files_change_done(&e->change);
    strv_free(e->targets);
}

/* Everything that can be known to fail does so before the first change. */
static Exit enabling_begin(Session *s, Enabling *n, char **arguments)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    Exit e = module_files_init(&n->files, arguments[0], arguments[1]);

    if (e != EXIT_DONE)
        return e;
    if (geteuid() != 0)
        return fail(EXIT_NOT_AUTHORIZED,
                    _("Only root may change files in /etc/certwright: run it with sudo."));
    return session_get_all(s, MANAGER_PATH, MANAGER_INTERFACE, &reply);
}

static Exit enabling_reload(Session *s)
{
    Exit e = session_call_manager(s, "Reload", NULL, 0, _("Cannot reload the configuration"), NULL);

    if (e != EXIT_DONE)
        hint(_("The files stay as they are now; \"certwright reload\" makes the service read them."));
    return e;
}

static void print_files(const char *label, char *const *files)
{
    for (; files && *files; files++)
        print_line(stdout, "%s %s", label, *files);
}

static Exit enabling_print_json(const Enabling *n, const char *done, const Certificate *c,
                                const Deployment *d)
{
    Json *object = json_object_new_object();

    json_set(object, "module", json_text(n->files.service->name));
    json_set(object, "name", json_text(n->files.name));
    json_set(object, done, json_texts(n->change.done));
    json_set(object, "kept", json_texts(n->change.kept));
    json_set(object, "targets", json_texts(n->targets));
    if (c)
        json_set(object, "deployment", d ? deployment_to_json(c, d) : NULL);
    return json_print(object);
}

/* ---- enable */

static Exit enable_print_lines(const Enabling *n)
{
    print_line(stdout, _("%s uses the chain with these lines in its configuration (%s):"),
               n->files.service->title, n->files.service->configuration);
    return module_files_print_snippet(&n->files);
}

static Exit enable_write(Session *s, Enabling *n)
{
    Exit e = module_files_write(&n->files, &n->change);

    if (!s->json) {
        print_files(_("Wrote"), n->change.done);
        print_files(_("Already there:"), n->change.kept);
    }
    if (e == EXIT_DONE)
        e = module_files_targets(&n->files, &n->targets);
    if (e == EXIT_DONE && !n->targets)
        return fail(
            EXIT_FAILED,
            _("%s names no file to deliver to: its [Deploy] section is missing; see certwright.conf(5)."),
            n->change.kept ? n->change.kept[0] : n->files.module);
    return e;
}

static bool enable_lacks_lines(const Enabling *n)
{
    return !module_files_are_used(&n->files, n->targets);
}

static void enable_advise(const Enabling *n, const Deployment *d)
{
    if (streq(d->state, "verified") || streq(d->state, "waiting"))
        return;
    if (enable_lacks_lines(n))
        hint(_("No file in %s names %s yet: add the lines, then run \"certwright deploy %s\"."),
             n->files.service->configuration, n->targets[0], n->files.service->name);
    else if (deployment_is_failure(d))
        hint(_("The delivery is retried automatically; \"certwright deploy %s\" tries it at once."),
             n->files.service->name);
    else
        hint(_("%s uses the chain as soon as it runs."), n->files.service->title);
}

static Exit enable_report(Session *s, const Enabling *n, bool printed, const Certificate *c,
                          const Deployment *d)
{
    Exit e = EXIT_DONE;

    if (s->json) {
        e = enabling_print_json(n, "written", c, d);
    } else {
        deployment_print(c, d);
        if (!printed && !streq(d->state, "verified") && enable_lacks_lines(n))
            e = enable_print_lines(n);
        enable_advise(n, d);
    }
    if (e != EXIT_DONE)
        return e;
    return deployment_is_failure(d) ? EXIT_JOB_FAILED : EXIT_DONE;
}

static Exit enable_find(Session *s, const Enabling *n, const char **ret_path)
{
    Exit e = session_find_certificate(s, n->files.name, ret_path);

    if (e == EXIT_NOT_FOUND)
        hint(_("The service did not accept the configuration. The journal says why: "
               "journalctl -u certwrightd.service"));
    return e;
}

Exit verb_enable(Session *s, const Options *o _unused_, char **arguments)
{
    _cleanup_(enabling_done) Enabling n = {};
    _cleanup_certificates_ CertificateList list = {};
    const char *path;
    const Deployment *d = NULL;
    time_t begun = time(NULL);
    bool print = false;
    Exit e = enabling_begin(s, &n, arguments);

    if (e == EXIT_DONE)
        e = enable_write(s, &n);
    if (e != EXIT_DONE)
        return e;
    print = !s->json && n.change.done && enable_lacks_lines(&n);
    if (print)
        e = enable_print_lines(&n);
    if (e == EXIT_DONE)
        e = enabling_reload(s);
    if (e == EXIT_DONE)
        e = enable_find(s, &n, &path);
    if (e == EXIT_DONE)
        e = delivery_wait(s, path, n.files.service->name, begun, &list, &d);
    return e == EXIT_DONE ? enable_report(s, &n, print, list.items, d) : e;
}

/* ---- disable */

static void disable_drop_missing(Enabling *n)
{
    char **kept = n->targets;

    for (char **target = n->targets; target && *target; target++)
        if (access(*target, F_OK) == 0)
            *kept++ = *target;
        else
            free(*target);
    if (kept)
        *kept = NULL;
}

static void disable_report(const Enabling *n)
{
    print_files(_("Removed"), n->change.done);
    print_files(_("Changed since it was written, and kept:"), n->change.kept);
    if (n->targets && *n->targets)
        print_line(stdout,
                   _("The delivered files stay, and %s goes on using them; they are not renewed any more:"),
                   n->files.service->title);
    for (char **target = n->targets; target && *target; target++)
        print_line(stdout, "    %s", *target);
}

Exit verb_disable(Session *s, const Options *o _unused_, char **arguments)
{
    _cleanup_(enabling_done) Enabling n = {};
    Exit e = enabling_begin(s, &n, arguments);

    if (e == EXIT_DONE)
        e = module_files_targets(&n.files, &n.targets);
    if (e == EXIT_DONE)
        e = module_files_remove(&n.files, &n.change);
    if (e != EXIT_DONE)
        return e;
    disable_drop_missing(&n);
    if (!s->json)
        disable_report(&n);
    e = enabling_reload(s);
    return e == EXIT_DONE && s->json ? enabling_print_json(&n, "removed", NULL, NULL) : e;
}
