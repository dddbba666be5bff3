/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/certificate.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/words.h"

/* The label stands at the first one only; further cells of its column must not be "-". */
static void show_add_list(Table *t, const char *label, const TextList *l)
{
    for (size_t i = 0; i < l->n; i++)
        table_add_labelled(t, i == 0 ? label : " ", l->items[i]);
}

static void show_add_time(Table *t, const char *label, int64_t time, const char *remark)
{
    _cleanup_free_ char *date = time_format(time), *text = NULL;

    if (time == 0)
        return;
    if (isempty(remark))
        table_add_labelled(t, label, date);
    else if (asprintf(&text, "%s (%s)", strempty(date), remark) >= 0)
        table_add_labelled(t, label, text);
}

/* Attempts on request are not counted. */
static void show_add_error(Table *t, const Certificate *c)
{
    _cleanup_free_ char *text = NULL, *when = time_format(c->error_time);
    int n;

    if (isempty(c->error_code) && isempty(c->error_text))
        return;
    if (c->error_attempts == 0)
        n = asprintf(&text, "%s: %s (%s)", c->error_code, c->error_text, strempty(when));
    else
        n = asprintf(&text,
                     ngettext("%s: %s (%s, %u attempt since it last succeeded)",
                              "%s: %s (%s, %u attempts since it last succeeded)", c->error_attempts),
                     c->error_code, c->error_text, strempty(when), c->error_attempts);
    if (n < 0)
        text = NULL;
    table_add_labelled(t, _("Last error:"), text);
}

static void show_add_window(Table *t, const Certificate *c)
{
    _cleanup_free_ char *start = time_format(c->window_start), *end = time_format(c->window_end),
                        *text = NULL;

    if (c->window_start == 0 && c->window_end == 0)
        return;
    if ((isempty(c->window_page)
             ? asprintf(&text, _("%s to %s"), strempty(start), strempty(end))
             : asprintf(&text, _("%s to %s; see %s"), strempty(start), strempty(end), c->window_page)) < 0)
        text = NULL;
    table_add_labelled(t, _("Renewal window:"), text);
}

static Exit show_properties(const Certificate *c)
{
    _cleanup_table_ Table t = { .n_columns = 2 };
    _cleanup_free_ char *left = time_format_remaining(c->not_after);

    table_add_labelled(&t, _("Name:"), c->name);
    if (c->names.n > 1)
        show_add_list(&t, _("Names:"), &c->names);
    table_add_labelled(&t, _("State:"), state_to_text(c->state));
    table_add_labelled(&t, _("Source:"), source_to_text(c->source));
    table_add_labelled(&t, _("Reason:"), reason_to_text(c->reason));
    table_add_labelled(&t, _("Authority:"), c->authority);
    show_add_time(&t, _("Not before:"), c->not_before, NULL);
    show_add_time(&t, _("Not after:"), c->not_after, left);
    table_add_labelled(&t, _("Subject:"), c->subject);
    table_add_labelled(&t, _("Issuer:"), c->issuer);
    table_add_labelled(&t, _("Serial:"), c->serial);
    table_add_labelled(&t, _("Fingerprint:"), c->fingerprint);
    table_add_labelled(&t, _("Key type:"), c->key_type);
    show_add_list(&t, _("Modules:"), &c->modules);
    show_add_time(&t, _("Next renewal:"), c->next_renewal, NULL);
    show_add_window(&t, c);
    show_add_error(&t, c);
    table_add_labelled(&t, _("Job:"), streq(c->job, "/") ? "" : c->job);
    table_add_labelled(&t, _("Object:"), c->path);
    return table_print(&t, true, 0);
}

static Exit show_chain(const Certificate *c)
{
    _cleanup_table_ Table t = { .n_columns = 3 };

    if (c->n_chain == 0)
        return EXIT_DONE;
    table_add(&t, _("SUBJECT"));
    table_add(&t, _("ISSUER"));
    table_add(&t, _("NOT AFTER"));
    for (size_t i = 0; i < c->n_chain; i++) {
        table_add(&t, c->chain[i].subject);
        table_add(&t, c->chain[i].issuer);
        table_add_date(&t, c->chain[i].not_after);
    }
    printf("\n");
    print_line(stdout, _("Chain:"));
    return table_print(&t, true, 2);
}

static Exit show_candidates(const Certificate *c)
{
    _cleanup_table_ Table t = { .n_columns = 4 };

    if (c->n_candidates == 0)
        return EXIT_DONE;
    table_add(&t, _("SOURCE"));
    table_add(&t, _("USABLE"));
    table_add(&t, _("NOT AFTER"));
    table_add(&t, _("WHY NOT"));
    for (size_t i = 0; i < c->n_candidates; i++) {
        table_add(&t, source_to_text(c->candidates[i].source));
        table_add(&t, c->candidates[i].usable ? _("yes") : _("no"));
        table_add_date(&t, c->candidates[i].not_after);
        table_add(&t, reason_to_text(c->candidates[i].reason));
    }
    printf("\n");
    print_line(stdout, _("Candidates:"));
    return table_print(&t, true, 2);
}

static Exit show_deployments(const Certificate *c)
{
    _cleanup_table_ Table t = { .n_columns = 4 };

    if (c->n_deployments == 0)
        return EXIT_DONE;
    table_add(&t, _("MODULE"));
    table_add(&t, _("STATE"));
    table_add(&t, _("WHEN"));
    table_add(&t, _("DETAIL"));
    for (size_t i = 0; i < c->n_deployments; i++) {
        _cleanup_free_ char *when = time_format(c->deployments[i].time);

        table_add(&t, c->deployments[i].module);
        table_add(&t, c->deployments[i].state);
        table_add(&t, when);
        table_add(&t, c->deployments[i].detail);
    }
    printf("\n");
    print_line(stdout, _("Deployments:"));
    return table_print(&t, true, 2);
}

static Exit show_print(const Certificate *c)
{
    Exit e = show_properties(c);

    if (e == EXIT_DONE)
        e = show_chain(c);
    if (e == EXIT_DONE)
        e = show_candidates(c);
    return e == EXIT_DONE ? show_deployments(c) : e;
}

static Exit show_print_json(const Certificate *c)
{
    _cleanup_json_ Json *j = json_certificate(c);

    return json_print(j);
}

Exit verb_show(Session *s, const Options *o, char **arguments, int n)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *found = NULL;
    _cleanup_certificates_ CertificateList list = {};
    const char *path;
    Exit e = session_find_target(s, o->given & OPTION_ROOT, n > 0 ? arguments[0] : NULL, &path, &found);
    const Certificate *c;

    if (e == EXIT_DONE)
        e = certificate_load(s, path, &list);
    if (e != EXIT_DONE)
        return e;
    c = list.root ? list.root : list.items;
    return s->json ? show_print_json(c) : show_print(c);
}
