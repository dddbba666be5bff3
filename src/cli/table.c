/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/table.h"

#include <stdarg.h>

#include "cli/xalloc.h"

void table_done(Table *t)
{
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i].text);
    free(t->cells);
    *t = (Table){ 0 };
}

void table_add_styled(Table *t, const char *text, Style style)
{
    char *escaped = xcheck(output_escape(isempty(text) ? "-" : text));

    if (t->n_cells % 64 == 0)
        t->cells = xreallocarray(t->cells, t->n_cells + 64, sizeof *t->cells);
    t->cells[t->n_cells++] = (Cell){ escaped, output_width(escaped), style };
}

void table_add(Table *t, const char *text)
{
    table_add_styled(t, text, STYLE_PLAIN);
}

void table_add_row(Table *t, ...)
{
    va_list ap;

    va_start(ap, t);
    for (size_t i = 0; i < t->n_columns; i++)
        table_add(t, va_arg(ap, const char *));
    va_end(ap);
}

void table_add_labelled(Table *t, const char *label, const char *text)
{
    if (!isempty(text))
        table_add_row(t, label, text);
}

void table_add_list(Table *t, const char *label, char *const *texts)
{
    for (; texts && *texts; texts++, label = " ")
        table_add_row(t, label, *texts);
}

#define GAP                 2  /* between columns */
#define WIDTH_MIN           6  /* of columns that are cut */
#define WIDTH_MIN_RELUCTANT 11 /* a date and the ellipsis */

static size_t table_column_width(const Table *t, size_t column, bool headings)
{
    size_t width = 0;

    for (size_t i = headings ? column : t->n_columns + column; i < t->n_cells; i += t->n_columns)
        width = MAX(width, t->cells[i].width);
    return width;
}

/* Takes a column from the widest of those that can be cut. */
static bool widths_shrink(const Table *t, size_t *widths, unsigned elastic, size_t min)
{
    size_t *widest = NULL;

    for (size_t i = 0; i < t->n_columns; i++)
        if (elastic & 1U << i && widths[i] > min && (!widest || widths[i] > *widest))
            widest = &widths[i];
    if (widest)
        --*widest;
    return widest;
}

static void table_fit(const Table *t, size_t *widths, size_t available, int indent)
{
    size_t total = (size_t)indent + GAP * (t->n_columns - 1);

    for (size_t i = 0; i < t->n_columns; i++)
        total += widths[i];
    while (total > available &&
           (widths_shrink(t, widths, t->elastic & ~1U, WIDTH_MIN) ||
            widths_shrink(t, widths, t->reluctant & ~1U, WIDTH_MIN_RELUCTANT) ||
            widths_shrink(t, widths, (t->elastic | t->reluctant) & 1U, WIDTH_MIN_RELUCTANT)))
        total--;
}

static void table_print_cell(const Cell *c, size_t width, bool last)
{
    style_begin(c->style);
    if (c->width > width)
        output_cut(c->text, width);
    else
        fputs(c->text, stdout);
    style_end(c->style);
    if (last)
        putchar('\n');
    else
        printf("%*s", (int)(width - MIN(c->width, width)) + GAP, "");
}

static void table_print_rows(const Table *t, size_t first, int indent)
{
    _cleanup_free_ size_t *widths = xreallocarray(NULL, t->n_columns, sizeof *widths);
    size_t available = t->elastic ? output_columns() : 0;

    for (size_t i = 0; i < t->n_columns; i++)
        widths[i] = table_column_width(t, i, first == 0);
    if (available > 0)
        table_fit(t, widths, available, indent);
    for (size_t i = first * t->n_columns; i < t->n_cells; i++) {
        size_t column = i % t->n_columns;

        if (column == 0)
            printf("%*s", indent, "");
        table_print_cell(&t->cells[i], widths[column], column + 1 == t->n_columns);
    }
}

void table_style_headings(Table *t)
{
    for (size_t i = 0; i < t->n_columns && i < t->n_cells; i++)
        t->cells[i].style = STYLE_HEADING;
}

void table_print(const Table *t, bool headings, int indent)
{
    table_print_rows(t, headings ? 0 : 1, indent);
}
