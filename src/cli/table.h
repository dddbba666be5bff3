/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Text in columns, which are aligned once all rows are known. */
typedef struct Table {
    char **cells; /* escaped; row by row; NULL on OOM */
    size_t n_cells, n_columns;
} Table;

void table_done(Table *t);
#define _cleanup_table_ _cleanup_(table_done)

/* Adds the next cell to the current row, or starts a new row. */
void table_add(Table *t, const char *text);
/* A row of two; none when the text is empty. */
void table_add_labelled(Table *t, const char *label, const char *text);
void table_add_date(Table *t, int64_t time); /* date and what is left, "-" for 0 */

/* Prints all rows, indented by `indent` blanks; the first one is the header and can be omitted. */
Exit table_print(const Table *t, bool headings, int indent);
