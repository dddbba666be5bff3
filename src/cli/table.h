/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

typedef struct Cell {
    char *text; /* escaped */
    size_t width;
    Style style;
} Cell;

/* Text in columns, which are aligned once all rows are known. */
typedef struct Table {
    Cell *cells; /* row by row */
    size_t n_cells, n_columns;
    /* Bits of the columns that are cut, with an ellipsis, where the terminal is too narrow: the elastic ones first, the
     * others if that is not enough, and column 0, by which rows are known, last. */
    unsigned elastic, reluctant;
} Table;

void table_done(Table *t);
#define _cleanup_table_ _cleanup_(table_done)

/* Adds the next cell to the current row, or starts a new row. NULL or "" is shown as "-". */
void table_add(Table *t, const char *text);
void table_add_styled(Table *t, const char *text, Style style);
/* Adds a row of as many texts as there are columns. */
void table_add_row(Table *t, ...);
/* Add rows of two: none if the text is empty; one for each text, the label before the first one. */
void table_add_labelled(Table *t, const char *label, const char *text);
void table_add_list(Table *t, const char *label, char *const *texts);

/* Makes the first row stand out. */
void table_style_headings(Table *t);

/* Prints all rows, indented by `indent` blanks; the first one is the header and can be omitted. */
void table_print(const Table *t, bool headings, int indent);
