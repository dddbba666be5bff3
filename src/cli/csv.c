/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/csv.h"

#include "cli/xalloc.h"

static void csv_print_field(const char *text)
{
    _cleanup_free_ char *escaped = xcheck(output_escape(text));

    if (!strpbrk(escaped, ",\"")) {
        fputs(escaped, stdout);
        return;
    }
    putchar('"');
    for (const char *c = escaped; *c; c++) {
        if (*c == '"')
            putchar('"');
        putchar(*c);
    }
    putchar('"');
}

void csv_print_row(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            putchar(',');
        csv_print_field(strempty(texts[i]));
    }
    fputs("\r\n", stdout);
}
