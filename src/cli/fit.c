/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/fit.h"

#include "cli/words.h"
#include "cli/xalloc.h"

/* The sentences of manager/outcome.c. */
typedef struct Reason {
    const char *sentence, *advice;
    bool later;
} Reason;

#define ADVICE_SUCCESSOR N_("Upload its successor: this chain is no longer useful.")

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

FitReason fit_get_reason(const Fit *fit)
{
    for (const Reason *r = reasons; r < reasons + ELEMENTSOF(reasons); r++) {
        char *text = sentence_to_text(r->sentence, fit->reason);

        if (text)
            return (FitReason){ text, r->advice ? _(r->advice) : NULL, r->later };
    }
    return (FitReason){ .text = xstrdup(fit->reason) };
}

void fit_reason_done(FitReason *r)
{
    free(r->text);
}
