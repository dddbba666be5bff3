/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cause.h"

#include "cli/label.h"
#include "cli/moment.h"
#include "cli/xalloc.h"
#include "util/text.h"

/* Stands for the name in a sentence. No text of the service contains it. */
#define GAP "\x01"

typedef struct Failed {
    char *name, *cause; /* with a gap for the name */
    int64_t time;
    const struct Failed *first; /* of the cause, by name */
} Failed;

void causes_done(Causes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].name);
        free(c->items[i].cause);
    }
    free(c->items);
    *c = (Causes){ 0 };
}

static char *text_replace(const char *text, const char *from, const char *to)
{
    char *replaced = NULL;
    size_t length = 0;
    FILE *file;
    const char *next;

    if (isempty(from) || !strstr(text, from))
        return xstrdup(text);
    file = xcheck(open_memstream(&replaced, &length));
    for (; (next = strstr(text, from)); text = next + strlen(from)) {
        fwrite(text, 1, (size_t)(next - text), file);
        fputs(to, file);
    }
    fputs(text, file);
    return xcheck(fclose(file) == 0 ? replaced : NULL);
}

void causes_add(Causes *c, const char *label, const char *name, const char *cause, int64_t time)
{
    if (c->n % 64 == 0)
        c->items = xreallocarray(c->items, c->n + 64, sizeof *c->items);
    c->items[c->n++] = (Failed){ xstrdup(label), text_replace(cause, name, GAP), time, NULL };
}

static int failed_compare(const void *a, const void *b)
{
    const Failed *x = a, *y = b;
    int causes = strcmp(x->cause, y->cause);

    return causes ? causes : strverscmp(x->name, y->name);
}

/* In the order of the first names of the causes. */
static int failed_compare_first(const void *a, const void *b)
{
    const Failed *x = *(const Failed *const *)a, *y = *(const Failed *const *)b;

    return strverscmp(x->name, y->name);
}

/* Sorts by cause. Returns the first of each, and behind them NULL; allocated. */
static const Failed **causes_group(Causes *c)
{
    const Failed **firsts = xreallocarray(NULL, c->n + 1, sizeof *firsts);
    size_t n = 0;

    if (c->n > 0)
        qsort(c->items, c->n, sizeof *c->items, failed_compare);
    for (size_t i = 0; i < c->n; i++) {
        bool same = i > 0 && streq(c->items[i].cause, c->items[i - 1].cause);

        c->items[i].first = same ? c->items[i - 1].first : &c->items[i];
        if (!same)
            firsts[n++] = &c->items[i];
    }
    if (n > 0)
        qsort(firsts, n, sizeof *firsts, failed_compare_first);
    firsts[n] = NULL;
    return firsts;
}

static size_t cause_count(const Causes *c, const Failed *first, int64_t *ret_time)
{
    const Failed *end = c->items + c->n, *f = first;

    for (*ret_time = 0; f < end && f->first == first; f++)
        *ret_time = MAX(*ret_time, f->time);
    return (size_t)(f - first);
}

static char *names_join(const Failed *first, size_t n, size_t max)
{
    char *text = NULL;
    size_t length = 0, shown = n > max ? max : n;
    FILE *file = xcheck(open_memstream(&text, &length));

    for (size_t i = 0; i < shown; i++)
        fprintf(file, "%s%s", i > 0 ? ", " : "", first[i].name);
    if (n > shown)
        fprintf(file, ngettext(" and %zu more", " and %zu more", n - shown), n - shown);
    return xcheck(fclose(file) == 0 ? text : NULL);
}

static void cause_print(const Causes *c, const Failed *first, FILE *file, const char *prefix,
                        size_t names_max)
{
    int64_t time;
    size_t n = cause_count(c, first, &time);
    _cleanup_free_ char *text = text_replace(first->cause, GAP, n == 1 ? first->name : _("NAME")),
                        *local = moment_localize(text), *cause = text_to_labels(local),
                        *when = time_format(time), *names = names_join(first, n, names_max);
    const char *open = isempty(when) ? "" : " (", *close = isempty(when) ? "" : ")";

    if (n == 1)
        print_line(file, "%s%s: %s%s%s%s", prefix, first->name, cause, open, when, close);
    else {
        print_line(file, "%s%s%s%s%s", prefix, cause, open, when, close);
        print_line(file, "    %s", names);
    }
}

void causes_print(Causes *c, FILE *file, const char *prefix, size_t causes_max, size_t names_max)
{
    _cleanup_free_ const Failed **firsts = causes_group(c);
    size_t n = 0, shown = 0;

    fflush(stdout);
    while (firsts[n])
        n++;
    for (; shown < n && (causes_max == 0 || shown < causes_max); shown++)
        cause_print(c, firsts[shown], file, prefix, names_max);
    if (shown < n)
        print_line(file, ngettext("%s%zu more cause.", "%s%zu more causes.", n - shown), prefix, n - shown);
}

Json *causes_to_json(Causes *c)
{
    _cleanup_free_ const Failed **firsts = causes_group(c);
    Json *array = json_object_new_array();

    for (size_t i = 0; firsts[i]; i++) {
        Json *j = json_object_new_object(), *names = json_object_new_array();
        int64_t time;
        size_t n = cause_count(c, firsts[i], &time);
        _cleanup_free_ char *cause = text_replace(firsts[i]->cause, GAP, n == 1 ? firsts[i]->name : "NAME");

        for (size_t k = 0; k < n; k++)
            json_object_array_add(names, json_text(firsts[i][k].name));
        json_set(j, "cause", json_text(cause));
        json_set(j, "names", names);
        json_set(j, "time", json_time(time));
        json_object_array_add(array, j);
    }
    return array;
}
