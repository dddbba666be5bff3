/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/deployment.h"
#include "cli/module.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* Modules: those that have a file, and those that only registered certificates. */
typedef struct Modules {
    ModuleList files;
    CertificateList certificates;
    char **names; /* of all, sorted */
} Modules;

static void modules_done(Modules *m)
{
    module_list_done(&m->files);
    certificate_list_done(&m->certificates);
    strv_free(m->names);
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void modules_add_name(Modules *m, const char *name)
{
    xcheck(strv_extend(&m->names, name) < 0 ? NULL : m->names);
}

static void modules_collect_names(Modules *m)
{
    const Module *files = m->files.modules.items;
    size_t n;

    for (size_t i = 0; i < m->files.modules.n; i++)
        modules_add_name(m, files[i].name);
    for (size_t i = 0; i < m->certificates.n; i++)
        for (char **name = m->certificates.items[i].modules; name && *name; name++)
            if (!module_find(&m->files, *name) && !strv_contains(m->names, *name))
                modules_add_name(m, *name);
    n = m->names ? strv_length(m->names) : 0;
    if (n > 0)
        qsort(m->names, n, sizeof *m->names, name_compare);
}

static const char *modules_state(const Deployment *d)
{
    return d ? word_to_text(d->state) : _("not delivered");
}

/* A row for each certificate of a module; a module without any has one row. */
static void modules_add_rows(Table *t, const Modules *m, const char *name)
{
    const Module *file = module_find(&m->files, name);
    _cleanup_free_ char *units = file ? xcheck(strv_join(file->units, " ")) : NULL;
    const char *description = file ? file->description : _("(registered at run time)");
    bool any = false;

    for (size_t i = 0; i < m->certificates.n; i++) {
        const Certificate *c = &m->certificates.items[i];

        if (!strv_contains(c->modules, name))
            continue;
        any = true;
        table_add_row(t, name, certificate_label(c), modules_state(deployment_find(c, name)), units,
                      description);
    }
    if (!any)
        table_add_row(t, name, NULL, NULL, units, description);
}

static Json *modules_certificates_json(const Modules *m, const char *name)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < m->certificates.n; i++) {
        const Certificate *c = &m->certificates.items[i];
        const Deployment *d = deployment_find(c, name);
        Json *j;

        if (!strv_contains(c->modules, name))
            continue;
        j = json_object_new_object();
        json_set(j, "name", json_text(c->name));
        json_set(j, "deployment", d ? deployment_to_json(c, d) : NULL);
        json_object_array_add(array, j);
    }
    return array;
}

static Exit modules_print_json(const Modules *m)
{
    Json *array = json_object_new_array();

    for (char **name = m->names; name && *name; name++) {
        const Module *file = module_find(&m->files, *name);
        Json *j = json_object_new_object();

        json_set(j, "module", json_text(*name));
        json_set(j, "configured", json_object_new_boolean(file != NULL));
        json_set(j, "description",
                 file && !isempty(file->description) ? json_text(file->description) : NULL);
        json_set(j, "units", json_texts(file ? file->units : NULL));
        json_set(j, "certificates", modules_certificates_json(m, *name));
        json_object_array_add(array, j);
    }
    return json_print(array);
}

static void modules_print(const Session *s, const Modules *m)
{
    _cleanup_table_ Table t = { .n_columns = 5 };

    table_add_row(&t, _("MODULE"), _("CERTIFICATE"), _("DELIVERY"), _("UNITS"), _("DESCRIPTION"));
    for (char **name = m->names; name && *name; name++)
        modules_add_rows(&t, m, *name);
    if (m->names)
        table_print(&t, s->legend, 0);
    else if (s->legend)
        print_line(stdout, _("There are no modules yet; a file in /etc/certwright/modules.d makes one."));
}

Exit verb_modules(Session *s, const Options *o _unused_, char **arguments _unused_)
{
    _cleanup_(modules_done) Modules m = {};
    Exit e = modules_load(s, &m.files);

    if (e == EXIT_DONE)
        e = certificates_load(s, &m.certificates);
    if (e != EXIT_DONE)
        return e;
    modules_collect_names(&m);
    if (s->json)
        return modules_print_json(&m);
    modules_print(s, &m);
    return EXIT_DONE;
}
