/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/label.h"

#include "cli/output.h"
#include "cli/xalloc.h"
#include "core/name.h"
#include "util/text.h"

#define A_LABEL "xn--"

char *name_to_label(const char *name)
{
    char *unicode = NULL;

    if (output_is_utf8())
        return xcheck(name_to_unicode(name, &unicode) < 0 ? NULL : unicode);
    return xstrdup(name);
}

/* Takes a word off the text, without the dot at the end of a sentence; "" if there is none. */
static char *text_take_word(const char **text)
{
    size_t n = strspn(*text, TEXT_ALNUM "-_.*/");
    char *word;

    while (n > 0 && (*text)[n - 1] == '.')
        n--;
    word = xcheck(strndup(*text, n));
    *text += n;
    return word;
}

char *text_to_labels(const char *text)
{
    char *labels = NULL;
    size_t length = 0;
    FILE *file;

    if (!strstr(text, A_LABEL))
        return xstrdup(text);
    file = xcheck(open_memstream(&labels, &length));
    while (*text) {
        _cleanup_free_ char *word = text_take_word(&text),
                            *label =
                                strstr(word, A_LABEL) && !strchr(word, '/') ? name_to_label(word) : NULL;

        fputs(label ? label : word, file);
        if (*text)
            fputc(*text++, file);
    }
    return xcheck(fclose(file) == 0 ? labels : NULL);
}
