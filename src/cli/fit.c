/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/fit.h"

#include "cli/xalloc.h"

/* The sentences of manager/outcome.c; "%s" matches anything. */
typedef struct Reason {
    const char *sentence, *advice;
    bool later;
} Reason;

#define ADVICE_SUCCESSOR N_("Upload its successor: this chain is no longer useful.")

static const Reason reasons[] = {
    { N_("It is not valid yet, and is served from %s on."), NULL, true },
    { N_("It ends at %s, which is too soon for it to be served."), ADVICE_SUCCESSOR, false },
    { N_("It ended at %s."), ADVICE_SUCCESSOR, false },
    { N_("Another chain was uploaded later: %s."),
      N_("Upload this one once more to have it served, or remove the other one: certwright remove-upload "
         "FINGERPRINT"),
      false },
    { N_("Its files are damaged: upload it again."), NULL, false },
    { N_("It was not taken up yet: the certificate is being changed otherwise."),
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

static char *sentence_translate(const char *sentence, const char *begin, size_t size)
{
    const char *translated = _(sentence), *gap = strstr(translated, "%s");

    return gap ? xasprintf("%.*s%.*s%s", (int)(gap - translated), translated, (int)size, begin, gap + 2)
               : xstrdup(translated);
}

FitReason fit_get_reason(const Fit *fit)
{
    const char *begin;
    size_t size;

    for (const Reason *r = reasons; r < reasons + ELEMENTSOF(reasons); r++)
        if (sentence_matches(r->sentence, fit->reason, &begin, &size))
            return (FitReason){
                .text = sentence_translate(r->sentence, begin, size),
                .advice = r->advice ? _(r->advice) : NULL,
                .later = r->later,
            };
    return (FitReason){ .text = xstrdup(fit->reason) };
}

void fit_reason_done(FitReason *r)
{
    free(r->text);
}
