/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/fit.h"

/* The sentences of manager/pool.c; "%s" matches anything. */
typedef struct Reason {
    const char *sentence, *advice;
    bool comes_by_itself;
} Reason;

#define ADVICE_SUCCESSOR N_("Upload its successor: this chain is of no use any more.")

static const Reason reasons[] = {
    { N_("It is not valid yet, and will be served from %s on."), NULL, true },
    { N_("It expires at %s, which is too soon to be served."), ADVICE_SUCCESSOR, false },
    { N_("It expired at %s."), ADVICE_SUCCESSOR, false },
    { N_("Another chain was uploaded later: %s."),
      N_("Upload this one once more to have it served, or remove the other one: certwright remove-upload "
         "FINGERPRINT"),
      false },
    { N_("Its files are damaged: upload it again."), NULL, false },
    { N_("It is not served yet: the certificate is being changed."),
      N_("Look at it again in a moment: certwright show NAME"), false },
};

/* *ret_begin and *ret_size: the match of "%s". */
static bool sentence_matches(const char *sentence, const char *text, const char **ret_begin,
                             size_t *ret_size)
{
    const char *gap = strstr(sentence, "%s");
    size_t before = gap ? (size_t)(gap - sentence) : strlen(sentence), after = gap ? strlen(gap + 2) : 0;
    size_t n = strlen(text);

    if (n < before + after || strncmp(sentence, text, before) != 0 || (!gap && n != before) ||
        (gap && !streq(gap + 2, text + n - after)))
        return false;
    *ret_begin = text + before;
    *ret_size = n - before - after;
    return true;
}

static const Reason *reason_find(const char *text, const char **ret_begin, size_t *ret_size)
{
    for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
        if (sentence_matches(reasons[i].sentence, text, ret_begin, ret_size))
            return reasons + i;
    return NULL;
}

char *fit_reason_to_text(const Fit *fit)
{
    const char *begin, *translated, *gap;
    char *text = NULL;
    size_t size;
    const Reason *r = reason_find(fit->reason, &begin, &size);

    if (!r)
        return strdup(fit->reason);
    translated = _(r->sentence);
    gap = strstr(translated, "%s");
    if (!gap)
        return strdup(translated);
    if (asprintf(&text, "%.*s%.*s%s", (int)(gap - translated), translated, (int)size, begin, gap + 2) < 0)
        return NULL;
    return text;
}

const char *fit_advice(const Fit *fit)
{
    const char *begin;
    size_t size;
    const Reason *r = reason_find(fit->reason, &begin, &size);

    return r ? r->advice : NULL;
}

bool fit_comes_by_itself(const Fit *fit)
{
    const char *begin;
    size_t size;
    const Reason *r = reason_find(fit->reason, &begin, &size);

    return r && r->comes_by_itself;
}
