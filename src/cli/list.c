/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/list.h"

#include <time.h>

#include "cli/cause.h"
#include "cli/configuration-error.h"
#include "cli/csv.h"
#include "cli/deployment.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* The column of authorities is shown if it is not empty. */
#define COLUMNS 6

/* In the legend; the status has the rest. */
#define CAUSES_MAX 3
#define NAMES_MAX  3

typedef struct Rows {
    const Certificate **items;
    size_t n;
} Rows;

static void rows_done(Rows *r)
{
    free(r->items);
}

/* ---- table */

static void list_add_headings(Table *t)
{
    table_add(t, _("NAME"));
    table_add(t, _("SOURCE"));
    if (t->n_columns > COLUMNS)
        table_add(t, _("AUTHORITY"));
    table_add(t, _("STATE"));
    table_add(t, _("NOT AFTER"));
    table_add(t, _("ISSUER"));
    table_add(t, _("MODULES"));
}

static void list_add_certificate(Table *t, const Certificate *c)
{
    _cleanup_free_ char *issuer = distinguished_name_short(c->issuer),
                        *expiry = time_format_expiry(c->not_after),
                        *modules = xcheck(strv_join(c->modules, " "));

    table_add(t, certificate_label(c));
    table_add(t, word_to_text(c->source));
    if (t->n_columns > COLUMNS)
        table_add(t, c->authority);
    table_add_styled(t, word_to_text(c->state), word_to_style(c->state));
    table_add(t, expiry);
    table_add(t, issuer);
    table_add(t, modules);
}

static bool rows_have_authority(const Rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (!isempty(r->items[i]->authority))
            return true;
    return false;
}

static void list_print_table(const ListView *v, const Rows *r)
{
    _cleanup_table_ Table t = { .n_columns = COLUMNS };
    bool authority = rows_have_authority(r);

    t.n_columns += authority;
    t.elastic = (authority ? 1U << 2 : 0) | 3U << (t.n_columns - 2); /* authority, issuer, modules */
    t.reluctant = 1U | 1U << (t.n_columns - 3);                      /* name, time */
    list_add_headings(&t);
    table_style_headings(&t);
    for (size_t i = 0; i < r->n; i++)
        list_add_certificate(&t, r->items[i]);
    if (r->n > 0)
        table_print(&t, v->session->legend, 0);
}

/* ---- legend */

static void list_print_root(const CertificateList *l)
{
    _cleanup_free_ char *subject = NULL, *expiry = NULL;

    if (!l->root || l->root->not_after == 0)
        return;
    subject = distinguished_name_short(l->root->subject);
    expiry = time_format_expiry(l->root->not_after);
    print_line(stdout, _("Local root: %s, valid until %s."), subject, expiry);
}

static void list_print_failures(const Rows *r)
{
    _cleanup_causes_ Causes causes = {};

    for (size_t i = 0; i < r->n; i++)
        certificate_add_cause(r->items[i], &causes);
    if (causes.n == 0)
        return;
    print_line(stdout,
               ngettext("The last attempt for %zu of them failed: \"certwright status\" says why.",
                        "The last attempts for %zu of them failed: \"certwright status\" says why.",
                        causes.n),
               causes.n);
    causes_print(&causes, stdout, "  ", CAUSES_MAX, NAMES_MAX);
}

static bool certificate_is_undelivered(const Certificate *c)
{
    for (size_t i = 0; i < c->deployments.n; i++)
        if (deployment_is_failure((const Deployment *)c->deployments.items + i))
            return true;
    return false;
}

static void list_print_undelivered(const Rows *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n; i++)
        n += certificate_is_undelivered(r->items[i]);
    if (n > 0)
        print_line(stdout,
                   ngettext("The delivery of %zu of them failed: \"certwright status\" says why.",
                            "The deliveries of %zu of them failed: \"certwright status\" says why.", n),
                   n);
}

static void list_print_legend(const ListView *v, const CertificateList *l, const Rows *r)
{
    if (l->n == 0) {
        print_line(stdout, _("There are no certificates yet. Request one with \"certwright register MODULE "
                             "NAME\", or in a file in /etc/certwright/modules.d."));
        return;
    }
    if (r->n > 0)
        printf("\n");
    if (selection_is_all(&v->selection))
        print_line(stdout, ngettext("%zu certificate.", "%zu certificates.", l->n), l->n);
    else
        print_line(stdout, ngettext("%zu of %zu certificate.", "%zu of %zu certificates.", l->n), r->n,
                   l->n);
    list_print_root(l);
    list_print_failures(r);
    list_print_undelivered(r);
}

/* A section with an error may be why a certificate is not in the list. */
static void list_print_errors(const Listing *l)
{
    if (l->errors.n > 0)
        printf("\n");
    configuration_errors_print_section(&l->errors);
}

/* ---- data */

static Exit list_print_json(const Rows *r, bool line)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < r->n; i++)
        json_object_array_add(array, certificate_to_json(r->items[i]));
    return line ? json_print_line(array) : json_print(array);
}

/* ISO 8601, in UTC; "" for none. */
#define TIMESTAMP_SIZE 32

static const char *timestamp_format(int64_t t, char ret[static TIMESTAMP_SIZE])
{
    time_t seconds = (time_t)t;
    struct tm tm;

    if (t == 0 || !gmtime_r(&seconds, &tm) || strftime(ret, TIMESTAMP_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        *ret = '\0';
    return ret;
}

static void csv_print_certificate(const Certificate *c)
{
    _cleanup_free_ char *names = xcheck(strv_join(c->names, " ")),
                        *modules = xcheck(strv_join(c->modules, " "));
    char not_before[TIMESTAMP_SIZE], not_after[TIMESTAMP_SIZE], next_renewal[TIMESTAMP_SIZE];
    const char *row[] = {
        c->name,
        names,
        c->source,
        c->authority,
        c->state,
        timestamp_format(c->not_before, not_before),
        timestamp_format(c->not_after, not_after),
        timestamp_format(c->next_renewal, next_renewal),
        c->subject,
        c->issuer,
        c->serial,
        c->fingerprint,
        c->key_type,
        modules,
        c->error.code,
    };

    csv_print_row(row, ELEMENTSOF(row));
}

static Exit list_print_csv(const ListView *v, const Rows *r)
{
    static const char *const headings[] = { "name",     "names",      "source",    "authority",
                                            "state",    "not_before", "not_after", "next_renewal",
                                            "subject",  "issuer",     "serial",    "fingerprint",
                                            "key_type", "modules",    "last_error" };

    if (v->session->legend)
        csv_print_row(headings, ELEMENTSOF(headings));
    for (size_t i = 0; i < r->n; i++)
        csv_print_certificate(r->items[i]);
    return EXIT_DONE;
}

/* ---- */

void listing_done(Listing *l)
{
    certificate_list_done(&l->certificates);
    list_done(&l->errors);
    sd_bus_message_unref(l->errors_reply);
    *l = (Listing){ 0 };
}

Exit listing_load(const ListView *v, Listing *l)
{
    Exit e = certificates_load(v->session, &l->certificates);

    if (e == EXIT_DONE && v->session->legend && !v->session->json && !v->csv)
        e = configuration_errors_load(v->session, &l->errors, &l->errors_reply);
    return e;
}

Exit listing_print(const ListView *v, const Listing *l)
{
    _cleanup_(rows_done) Rows r = {};

    r.items = selection_apply(&v->selection, &l->certificates, &r.n);
    if (v->session->json)
        return list_print_json(&r, v->watch);
    if (v->csv)
        return list_print_csv(v, &r);
    list_print_table(v, &r);
    if (v->session->legend) {
        list_print_legend(v, &l->certificates, &r);
        list_print_errors(l);
    }
    return EXIT_DONE;
}

Exit verb_list(Session *s, const Options *o, char **arguments _unused_)
{
    ListView v = { .session = s, .csv = o->given & OPTION_CSV, .watch = o->given & OPTION_WATCH };
    _cleanup_(listing_done) Listing listing = {};
    Exit e = selection_parse(&v.selection, o);

    v.selection.labelled = !v.csv && !s->json;
    if (e == EXIT_DONE && v.csv && (v.watch || s->json))
        return fail(EXIT_USAGE, _("--csv goes with neither --json nor --watch."));
    if (e == EXIT_DONE && v.watch)
        return list_watch(&v);
    if (e == EXIT_DONE)
        e = listing_load(&v, &listing);
    return e == EXIT_DONE ? listing_print(&v, &listing) : e;
}
