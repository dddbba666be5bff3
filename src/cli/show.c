/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/certificate.h"
#include "cli/deployment.h"
#include "cli/label.h"
#include "cli/module-targets.h"
#include "cli/moment.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/text.h"

#define STATE_DIRECTORY "/var/lib/certwright"

/* Where its chain is on this machine. */
typedef struct Files {
    char *directory;  /* of the store, as services may read it; NULL: nothing is served */
    char **delivered; /* to the modules */
} Files;

static void files_done(Files *f)
{
    free(f->directory);
    strv_free(f->delivered);
}

/* The store has the canonical name, with "_" for the asterisk of a wildcard. */
static void files_init(Files *f, const Certificate *c)
{
    bool root = streq(c->role, "root"), wildcard = *c->name == '*';

    if (!isempty(c->source))
        f->directory = root ? xstrdup(STATE_DIRECTORY "/root/current")
                            : xasprintf(STATE_DIRECTORY "/certificates/%s%s/current", wildcard ? "_" : "",
                                        c->name + wildcard);
    for (char **module = c->modules; module && *module; module++)
        module_read_targets(*module, c->name, &f->delivered);
}

static Exit show_print_json(const Certificate *c, const Files *f)
{
    Json *j = certificate_to_json(c);

    json_set(j, "directory", f->directory ? json_text(f->directory) : NULL);
    json_set(j, "delivered_files", json_texts(f->delivered));
    return json_print(j);
}

static void show_add_time(Table *t, const char *label, int64_t time)
{
    _cleanup_free_ char *text = time_format(time);

    table_add_labelled(t, label, text);
}

static void show_add_expiry(Table *t, const Certificate *c)
{
    _cleanup_free_ char *time = time_format(c->not_after), *left = time_format_remaining(c->not_after),
                        *text = c->not_after == 0 ? NULL : xasprintf("%s (%s)", time, left);

    table_add_labelled(t, _("Not after:"), text);
}

/* Attempts on request are not counted. */
static void show_add_error(Table *t, const Certificate *c)
{
    const struct LastError *e = &c->error;
    _cleanup_free_ char *text = NULL, *when = time_format(e->time), *cause = moment_localize(e->text);

    if (isempty(e->code) && isempty(e->text))
        return;
    if (e->attempts == 0)
        text = xasprintf("%s: %s (%s)", e->code, cause, when);
    else
        text = xasprintf(ngettext("%s: %s (%s, %u attempt since it last succeeded)",
                                  "%s: %s (%s, %u attempts since it last succeeded)", e->attempts),
                         e->code, cause, when, e->attempts);
    table_add_labelled(t, _("Last error:"), text);
}

static void show_add_window(Table *t, const Certificate *c)
{
    _cleanup_free_ char *start = time_format(c->window.start), *end = time_format(c->window.end),
                        *text = NULL;

    if (c->window.start == 0 && c->window.end == 0)
        return;
    text = isempty(c->window.explanation)
               ? xasprintf(_("%s to %s"), start, end)
               : xasprintf(_("%s to %s; see %s"), start, end, c->window.explanation);
    table_add_labelled(t, _("Renewal window:"), text);
}

/* Each as people read it, and as the DNS has it where that is another spelling. */
static void show_add_names(Table *t, const Certificate *c)
{
    const char *heading = _("Names:");

    for (char **name = c->names; name && *name; name++, heading = " ") {
        _cleanup_free_ char *label = name_to_label(*name), *text = streq(label, *name)
                                                                       ? xstrdup(label)
                                                                       : xasprintf("%s (%s)", label, *name);

        table_add_row(t, heading, text);
    }
}

static void show_properties(const Certificate *c, const Files *files)
{
    _cleanup_table_ Table t = { .n_columns = 2 };
    _cleanup_free_ char *next_renewal = moment_format_due(c->next_renewal);

    table_add_labelled(&t, _("Name:"), certificate_label(c));
    table_add_labelled(&t, _("A-label:"), streq(certificate_label(c), c->name) ? "" : c->name);
    if (strv_length(c->names) > 1)
        show_add_names(&t, c);
    table_add(&t, _("State:"));
    table_add_styled(&t, word_to_text(c->state), word_to_style(c->state));
    table_add_labelled(&t, _("Source:"), word_to_text(c->source));
    table_add_labelled(&t, _("Reason:"), word_to_text(c->reason));
    table_add_labelled(&t, _("Authority:"), c->authority);
    show_add_time(&t, _("Not before:"), c->not_before);
    show_add_expiry(&t, c);
    table_add_labelled(&t, _("Subject:"), c->subject);
    table_add_labelled(&t, _("Issuer:"), c->issuer);
    table_add_labelled(&t, _("Serial:"), c->serial);
    table_add_labelled(&t, _("Fingerprint:"), c->fingerprint);
    table_add_labelled(&t, _("Key type:"), c->key_type);
    table_add_list(&t, _("Modules:"), c->modules);
    table_add_labelled(&t, _("Next renewal:"), next_renewal);
    show_add_window(&t, c);
    show_add_error(&t, c);
    table_add_labelled(&t, _("Files:"), files->directory);
    table_add_list(&t, _("Delivered files:"), files->delivered);
    table_add_labelled(&t, _("Job:"), streq(c->job, "/") ? "" : c->job);
    table_add_labelled(&t, _("Object:"), c->path);
    table_print(&t, true, 0);
}

/* Prints a table that has rows besides its headings. */
static void show_table(Table *t, const char *title)
{
    if (t->n_cells <= t->n_columns)
        return;
    printf("\n");
    print_line(stdout, "%s", title);
    table_style_headings(t);
    table_print(t, true, 2);
}

static void show_chain(const Certificate *c)
{
    _cleanup_table_ Table t = { .n_columns = 3 };

    table_add_row(&t, _("SUBJECT"), _("ISSUER"), _("NOT AFTER"));
    for (size_t i = 0; i < c->chain.n; i++) {
        const ChainLink *l = (const ChainLink *)c->chain.items + i;
        _cleanup_free_ char *expiry = time_format_expiry(l->not_after);

        table_add_row(&t, l->subject, l->issuer, expiry);
    }
    show_table(&t, _("Chain:"));
}

static void show_candidates(const Certificate *c)
{
    _cleanup_table_ Table t = { .n_columns = 4 };

    table_add_row(&t, _("SOURCE"), _("USABLE"), _("NOT AFTER"), _("REASON"));
    for (size_t i = 0; i < c->candidates.n; i++) {
        const Candidate *d = (const Candidate *)c->candidates.items + i;
        _cleanup_free_ char *expiry = time_format_expiry(d->not_after);

        table_add_row(&t, word_to_text(d->source), d->usable ? _("yes") : _("no"), expiry,
                      word_to_text(d->reason));
    }
    show_table(&t, _("Candidates:"));
}

static void show_deployments(const Certificate *c)
{
    _cleanup_table_ Table t = { .n_columns = 4 };

    table_add_row(&t, _("MODULE"), _("STATE"), _("WHEN"), _("DETAIL"));
    for (size_t i = 0; i < c->deployments.n; i++) {
        const Deployment *d = (const Deployment *)c->deployments.items + i;
        _cleanup_free_ char *when = time_format(d->time);

        table_add(&t, d->module);
        table_add_styled(&t, word_to_text(d->state), word_to_style(d->state));
        table_add(&t, when);
        table_add(&t, d->detail);
    }
    for (char **module = c->modules; module && *module; module++) {
        _cleanup_free_ char *why = NULL;

        if (deployment_find(c, *module))
            continue;
        why = xasprintf(_("no [Deploy] section of modules.d/%s.conf applies to it"), *module);
        table_add_row(&t, *module, _("not delivered"), "", why);
    }
    show_table(&t, _("Deployments:"));
}

Exit verb_show(Session *s, const Options *o, char **arguments)
{
    _cleanup_certificates_ CertificateList list = {};
    _cleanup_(files_done) Files files = {};
    const char *path;
    Exit e = session_find_target(s, o->given & OPTION_ROOT, arguments[0], &path);

    if (e == EXIT_DONE)
        e = certificate_load(s, path, &list);
    if (e != EXIT_DONE)
        return e;
    files_init(&files, list.items);
    if (s->json)
        return show_print_json(list.items, &files);
    show_properties(list.items, &files);
    show_chain(list.items);
    show_candidates(list.items);
    show_deployments(list.items);
    return EXIT_DONE;
}
