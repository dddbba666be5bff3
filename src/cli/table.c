/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/table.h"

#include <errno.h>

void table_done(Table *t)
{
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (Table){ 0 };
}

void table_add(Table *t, const char *text)
{
    if (t->n_cells % 64 == 0) {
        char **cells = reallocarray(t->cells, t->n_cells + 64, sizeof *cells);

        if (!cells) {
            fail(EXIT_FAILED, "%s", strerror(ENOMEM));
            exit(EXIT_FAILED);
        }
        t->cells = cells;
    }
    t->cells[t->n_cells++] = output_escape(isempty(text) ? "-" : text);
}

void table_add_labelled(Table *t, const char *label, const char *text)
{
    if (isempty(text))
        return;
    table_add(t, label);
    table_add(t, text);
}

void table_add_date(Table *t, int64_t time)
{
    _cleanup_free_ char *date = time_format_date(time), *left = time_format_remaining(time), *text = NULL;

    if (time == 0 || asprintf(&text, "%s (%s)", strempty(date), strempty(left)) < 0)
        text = NULL;
    table_add(t, text);
}

static size_t table_column_width(const Table *t, size_t column, bool headings)
{
    size_t width = 0;

    for (size_t i = headings ? column : t->n_columns + column; i < t->n_cells; i += t->n_columns)
        width = MAX(width, output_width(strempty(t->cells[i])));
    return width;
}

static void table_print_row(const Table *t, size_t row, const size_t *widths, int indent)
{
    printf("%*s", indent, "");
    for (size_t i = 0; i < t->n_columns; i++) {
        const char *cell = strempty(t->cells[row * t->n_columns + i]);
        size_t width = output_width(cell);

        if (i + 1 == t->n_columns)
            printf("%s\n", cell);
        else
            printf("%s%*s", cell, (int)(widths[i] - width) + 2, "");
    }
}

Exit table_print(const Table *t, bool headings, int indent)
{
    _cleanup_free_ size_t *widths = calloc(t->n_columns, sizeof *widths);

    if (!widths)
        return fail(EXIT_FAILED, "%s", strerror(ENOMEM));
    for (size_t i = 0; i < t->n_columns; i++)
        widths[i] = table_column_width(t, i, headings);
    for (size_t row = headings ? 0 : 1; row < t->n_cells / t->n_columns; row++)
        table_print_row(t, row, widths, indent);
    return EXIT_DONE;
}
