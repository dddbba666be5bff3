/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/doctor/finding.h"

#include "cli/label.h"
#include "cli/xalloc.h"
#include "util/text.h"

#define NAMES_QUOTED 5

void findings_done(Findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].subject);
        free(f->items[i].text);
        free(f->items[i].advice);
        json_object_put(f->items[i].services);
    }
    free(f->items);
    strv_free(f->unseen);
    *f = (Findings){ 0 };
}

static Finding *findings_extend(Findings *f)
{
    f->items = xreallocarray(f->items, f->n + 1, sizeof *f->items);
    return &f->items[f->n++];
}

void finding_add(Findings *f, Severity severity, const char *code, const char *subject, char *text,
                 char *advice)
{
    *findings_extend(f) = (Finding){
        .severity = severity,
        .check = f->check,
        .code = code,
        .subject = subject ? xstrdup(subject) : NULL,
        .text = text,
        .advice = advice,
        .order = f->rank,
    };
}

void finding_add_service(Findings *f, Json *service)
{
    Finding *last = &f->items[f->n - 1];

    if (!last->services)
        last->services = json_object_new_array();
    json_object_array_add(last->services, service);
}

void finding_add_unseen(Findings *f, char *sentence)
{
    _cleanup_free_ char *owned = sentence;

    xcheck(strv_extend(&f->unseen, owned) < 0 ? NULL : f->unseen);
}

void findings_move(Findings *from, Findings *to)
{
    for (size_t i = 0; i < from->n; i++)
        *findings_extend(to) = from->items[i];
    from->n = 0;
    for (char **sentence = from->unseen; sentence && *sentence; sentence++)
        finding_add_unseen(to, xstrdup(*sentence));
    findings_done(from);
}

static int finding_compare(const void *a, const void *b)
{
    const Finding *x = a, *y = b;

    if (x->severity != y->severity)
        return x->severity < y->severity ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void findings_sort(Findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        f->items[i].order = f->items[i].order * (f->n + 1) + i;
    if (f->n > 0)
        qsort(f->items, f->n, sizeof *f->items, finding_compare);
}

bool findings_have(const Findings *f, Severity severity)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].severity <= severity)
            return true;
    return false;
}

bool findings_have_code(const Findings *f, const char *code)
{
    for (size_t i = 0; i < f->n; i++)
        if (streq(f->items[i].code, code))
            return true;
    return false;
}

static const char *severity_to_string(Severity severity)
{
    static const char *const words[] = {
        [SEVERITY_ERROR] = N_("error"),
        [SEVERITY_WARNING] = N_("warning"),
        [SEVERITY_NOTE] = N_("note"),
    };

    return words[severity];
}

void findings_print(const Findings *f)
{
    for (size_t n = 0; n < f->n; n++) {
        const Finding *i = f->items + n;
        _cleanup_free_ char *text = text_to_labels(i->text);

        print_line(stdout, "%s: %s", _(severity_to_string(i->severity)), text);
        if (i->advice)
            print_line(stdout, "    %s", i->advice);
    }
}

static Json *finding_to_json(const Finding *i)
{
    Json *j = json_object_new_object();

    json_set(j, "severity", json_text(severity_to_string(i->severity)));
    json_set(j, "check", json_text(i->check));
    json_set(j, "code", json_text(i->code));
    json_set(j, "subject", i->subject ? json_text(i->subject) : NULL);
    json_set(j, "text", json_text(i->text));
    json_set(j, "advice", i->advice ? json_text(i->advice) : NULL);
    json_set(j, "services", i->services ? json_object_get(i->services) : json_object_new_array());
    return j;
}

Json *findings_to_json(const Findings *f)
{
    Json *array = json_object_new_array();

    for (size_t i = 0; i < f->n; i++)
        json_object_array_add(array, finding_to_json(&f->items[i]));
    return array;
}

char *names_quote(char *const *names)
{
    size_t n = strv_length(names);
    _cleanup_strv_ char **few = NULL;
    _cleanup_free_ char *list = NULL;

    for (size_t i = 0; i < MIN(n, (size_t)NAMES_QUOTED); i++)
        xcheck(strv_extend(&few, names[i]) < 0 ? NULL : few);
    list = xcheck(strv_join(few, ", "));
    if (n <= NAMES_QUOTED)
        return TAKE_PTR(list);
    return xasprintf(ngettext("%s and %zu more", "%s and %zu more", n - NAMES_QUOTED), list,
                     n - NAMES_QUOTED);
}
