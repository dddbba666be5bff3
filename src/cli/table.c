/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/table.h"

#include <stdarg.h>

#include "cli/xalloc.h"

void table_done(Table *t)
{
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (Table){ 0 };
}

void table_add(Table *t, const char *text)
{
    if (t->n_cells % 64 == 0)
        t->cells = xreallocarray(t->cells, t->n_cells + 64, sizeof *t->cells);
    t->cells[t->n_cells++] = xcheck(output_escape(isempty(text) ? "-" : text));
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

static size_t table_column_width(const Table *t, size_t column, bool headings)
{
    size_t width = 0;

    for (size_t i = headings ? column : t->n_columns + column; i < t->n_cells; i += t->n_columns)
        width = MAX(width, output_width(t->cells[i]));
    return width;
}

static void table_print_row(const Table *t, size_t row, const size_t *widths, int indent)
{
    printf("%*s", indent, "");
    for (size_t i = 0; i < t->n_columns; i++) {
        const char *cell = t->cells[row * t->n_columns + i];
        size_t width = output_width(cell);

        if (i + 1 == t->n_columns)
            printf("%s\n", cell);
        else
            printf("%s%*s", cell, (int)(widths[i] - width) + 2, "");
    }
}

void table_print(const Table *t, bool headings, int indent)
{
    _cleanup_free_ size_t *widths = xreallocarray(NULL, t->n_columns, sizeof *widths);

    for (size_t i = 0; i < t->n_columns; i++)
        widths[i] = table_column_width(t, i, headings);
    for (size_t row = headings ? 0 : 1; row < t->n_cells / t->n_columns; row++)
        table_print_row(t, row, widths, indent);
}
