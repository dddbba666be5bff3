/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/words.h"

typedef struct Word {
    const char *word, *text;
} Word;

static const char *word_to_text(const Word *words, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (streq(words[i].word, word))
            return _(words[i].text);
    return word;
}

const char *state_to_text(const char *state)
{
    static const Word words[] = {
        { "pending", N_("pending") },
        { "valid", N_("valid") },
        { "expiring", N_("expiring") },
        { "expired", N_("expired") },
    };

    return word_to_text(words, ELEMENTSOF(words), state);
}

const char *source_to_text(const char *source)
{
    static const Word words[] = {
        { "uploaded", N_("uploaded") },
        { "acme", N_("ACME") },
        { "local", N_("local") },
    };

    return word_to_text(words, ELEMENTSOF(words), source);
}

const char *kind_to_text(const char *kind)
{
    static const Word words[] = {
        { "reissue", N_("reissue") }, { "renew", N_("renewal") },     { "root", N_("new local root") },
        { "order", N_("order") },     { "revoke", N_("revocation") },
    };

    return word_to_text(words, ELEMENTSOF(words), kind);
}

const char *result_to_text(const char *result)
{
    static const Word words[] = {
        { "done", N_("done") },
        { "fallback", N_("fell back to the local root") },
        { "failed", N_("failed") },
        { "cancelled", N_("cancelled") },
    };

    return word_to_text(words, ELEMENTSOF(words), result);
}

const char *check_to_text(const char *check)
{
    static const Word words[] = {
        { "format", N_("format") },       { "key", N_("key") },     { "leaf", N_("leaf") },
        { "key-match", N_("key-match") }, { "chain", N_("chain") }, { "signatures", N_("signatures") },
        { "validity", N_("validity") },   { "names", N_("names") }, { "purpose", N_("purpose") },
        { "outcome", N_("outcome") },
    };

    return word_to_text(words, ELEMENTSOF(words), check);
}

/* The sentences of core/choose.c and of the root in bus/certificate-object.c. */
const char *reason_to_text(const char *reason)
{
    static const char *const sentences[] = {
        N_("there is none"),
        N_("its files cannot be read"),
        N_("its key does not belong to its certificate"),
        N_("it does not cover every name"),
        N_("it is not valid yet"),
        N_("it has expired"),
        N_("it is about to expire"),
        N_("it is revoked"),
        N_("it was withdrawn by a reissue"),
        N_("An uploaded chain covers every name."),
        N_("No uploaded chain fits, and an ACME authority has issued this one."),
        N_("The uploaded chain cannot be served, and an ACME authority has issued this one."),
        N_("The uploaded chain cannot be served, so the local root signed this one."),
        N_("No uploaded chain fits and there is none from ACME yet, so the local root signed this one."),
        N_("No uploaded chain fits and nothing is ordered before TermsOfServiceAgreed=yes, so the local root signed this one."),
        N_("No uploaded chain fits and no public authority issues for such names, so the local root signed this one."),
        N_("No uploaded chain fits and ACME is not enabled, so the local root signed this one."),
        N_("No uploaded chain fits and this certificate is not to come from ACME, so the local root signed it."),
        N_("No uploaded chain fits and no configured ACME authority issues for these names, so the local root "
           "signed this one."),
        N_("No uploaded chain fits and the last order from ACME failed, so the local root signed this one."),
        N_("There is no chain that can be served; one is being made."),
        N_("There is no root yet; it is being made."),
        N_("The machine made this root by itself."),
        N_("An administrator uploaded this root."),
        N_("The uploaded root cannot be used, so the machine's own root is."),
    };

    for (size_t i = 0; i < ELEMENTSOF(sentences); i++)
        if (streq(sentences[i], reason))
            return _(sentences[i]);
    return reason;
}
