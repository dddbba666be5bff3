/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/configuration-error.h"
#include "cli/deployment.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* The column of authorities is shown if it is not empty. */
#define COLUMNS 6

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

    table_add(t, c->name);
    table_add(t, word_to_text(c->source));
    if (t->n_columns > COLUMNS)
        table_add(t, c->authority);
    table_add(t, word_to_text(c->state));
    table_add(t, expiry);
    table_add(t, issuer);
    table_add(t, modules);
}

static bool list_has_authority(const CertificateList *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (!isempty(l->items[i].authority))
            return true;
    return false;
}

static size_t list_count_failures(const CertificateList *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += !isempty(l->items[i].error.code);
    return n;
}

/* Certificates with a delivery that failed. */
static size_t list_count_undelivered(const CertificateList *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        const List *d = &l->items[i].deployments;
        bool failed = false;

        for (size_t j = 0; j < d->n; j++)
            failed = failed || deployment_is_failure((const Deployment *)d->items + j);
        n += failed;
    }
    return n;
}

static void list_print_legend(const CertificateList *l)
{
    size_t failures = list_count_failures(l), undelivered = list_count_undelivered(l);

    if (l->n == 0) {
        print_line(stdout, _("There are no certificates yet. Request one with \"certwright register MODULE "
                             "NAME\", or in a file in /etc/certwright/modules.d."));
        return;
    }
    printf("\n");
    print_line(stdout, ngettext("%zu certificate.", "%zu certificates.", l->n), l->n);
    if (l->root && l->root->not_after != 0) {
        _cleanup_free_ char *subject = distinguished_name_short(l->root->subject);
        _cleanup_free_ char *expiry = time_format_expiry(l->root->not_after);

        print_line(stdout, _("Local root: %s, valid until %s."), subject, expiry);
    }
    if (failures > 0)
        print_line(stdout,
                   ngettext("The last attempt for %zu of them failed: \"certwright status\" says why.",
                            "The last attempts for %zu of them failed: \"certwright status\" says why.",
                            failures),
                   failures);
    if (undelivered > 0)
        print_line(stdout,
                   ngettext("The delivery of %zu of them failed: \"certwright status\" says why.",
                            "The deliveries of %zu of them failed: \"certwright status\" says why.",
                            undelivered),
                   undelivered);
}

/* A section with an error may be why a certificate is not in the list. */
static Exit list_print_errors(Session *s)
{
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    _cleanup_list_ List errors = {};
    Exit e = configuration_errors_load(s, &errors, &reply);

    if (e == EXIT_DONE && errors.n > 0)
        printf("\n");
    if (e == EXIT_DONE)
        configuration_errors_print_section(&errors);
    return e;
}

static Exit list_print_json(const CertificateList *l)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < l->n; i++)
        json_object_array_add(array, certificate_to_json(&l->items[i]));
    return json_print(array);
}

Exit verb_list(Session *s, const Options *o _unused_, char **arguments _unused_)
{
    _cleanup_certificates_ CertificateList list = {};
    _cleanup_table_ Table table = { .n_columns = COLUMNS };
    Exit e = certificates_load(s, &list);

    if (e != EXIT_DONE)
        return e;
    if (s->json)
        return list_print_json(&list);
    table.n_columns += list_has_authority(&list);
    list_add_headings(&table);
    for (size_t i = 0; i < list.n; i++)
        list_add_certificate(&table, &list.items[i]);
    if (list.n > 0)
        table_print(&table, s->legend, 0);
    if (!s->legend)
        return EXIT_DONE;
    list_print_legend(&list);
    return list_print_errors(s);
}
