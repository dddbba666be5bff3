/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/words.h"

#include "cli/xalloc.h"

/* Words of the bus that are displayed as another word. */
static const struct {
    const char *word, *text;
} words[] = {
    { "acme", N_("ACME") },
    { "renew", N_("renewal") },
    { "root", N_("new local root") },
    { "revoke", N_("revocation") },
    { "fallback", N_("fell back to the local root") },
    { "deploy", N_("delivery") },
    { "rolled-back", N_("rolled back") },
};

static const char *const texts[] = {
    /* states */
    N_("pending"),
    N_("valid"),
    N_("expiring"),
    N_("expired"),
    /* states of deployments */
    N_("written"),
    N_("waiting"),
    N_("verified"),
    /* sources */
    N_("uploaded"),
    N_("local"),
    /* kinds and results of jobs */
    N_("reissue"),
    N_("order"),
    N_("done"),
    N_("failed"),
    N_("cancelled"),
    /* steps of jobs */
    N_("asking the authority to revoke"),
    N_("downloading the chain"),
    N_("making a key and signing with the local root"),
    N_("placing the order"),
    N_("preparing an order"),
    N_("proving the names"),
    N_("requesting the certificate"),
    N_("requesting validation"),
    N_("resuming an order"),
    N_("signing all local chains again"),
    N_("storing the chain"),
    N_("taking over the uploaded chain"),
    N_("waiting for validation"),
    N_("working"),
    N_("writing files, reloading units, and checking what they present"),
    /* checks of an upload */
    N_("format"),
    N_("key"),
    N_("leaf"),
    N_("key-match"),
    N_("chain"),
    N_("signatures"),
    N_("validity"),
    N_("names"),
    N_("purpose"),
    N_("outcome"),
    /* checks of acme test */
    N_("authority"),
    N_("limits"),
    N_("proof"),
    /* core/choose.c, and the root in bus/certificate-object.c */
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
    N_("No uploaded chain fits and the authority that Authority= names is not configured, so the local root signed this one."),
    N_("No uploaded chain fits and the last order from ACME failed, so the local root signed this one."),
    N_("There is no chain that can be served; one is being made."),
    N_("There is no root yet; it is being made."),
    /* model/certificate.c: REASON_REVOKED_IN_USE */
    N_("A service still uses the revoked chain: its successor has not been delivered yet; Deployments shows why."),
    N_("The machine made this root by itself."),
    N_("An administrator uploaded this root."),
    N_("The uploaded root cannot be used, so the machine's own root is."),
};

const char *word_to_text(const char *word)
{
    for (size_t i = 0; i < ELEMENTSOF(words); i++)
        if (streq(words[i].word, word))
            return _(words[i].text);
    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        if (streq(texts[i], word))
            return _(word);
    return word;
}

Style word_to_style(const char *word)
{
    static const struct {
        const char *word;
        Style style;
    } styles[] = {
        { "valid", STYLE_GOOD },      { "verified", STYLE_GOOD },   { "expiring", STYLE_WARNING },
        { "pending", STYLE_WARNING }, { "waiting", STYLE_WARNING }, { "expired", STYLE_BAD },
        { "failed", STYLE_BAD },      { "rolled-back", STYLE_BAD },
    };

    for (size_t i = 0; i < ELEMENTSOF(styles); i++)
        if (streq(styles[i].word, word))
            return styles[i].style;
    return STYLE_PLAIN;
}

/* The text that "%s" stands for, and its length. Returns NULL if the text does not match the sentence. */
static const char *sentence_match(const char *sentence, const char *text, size_t *ret_length)
{
    const char *gap = strstr(sentence, "%s");
    size_t before = gap ? (size_t)(gap - sentence) : strlen(sentence), after = gap ? strlen(gap + 2) : 0;
    size_t n = strlen(text);

    if (n < before + after || strncmp(sentence, text, before) != 0 || (!gap && n != before) ||
        (gap && !streq(gap + 2, text + n - after)))
        return NULL;
    *ret_length = n - before - after;
    return text + before;
}

char *sentence_reword(const char *sentence, const char *rewording, const char *text)
{
    const char *reworded = _(rewording), *gap = strstr(reworded, "%s"), *filling;
    size_t length;

    filling = sentence_match(sentence, text, &length);
    if (!filling)
        return NULL;
    if (!gap)
        return xstrdup(reworded);
    return xasprintf("%.*s%.*s%s", (int)(gap - reworded), reworded, (int)length, filling, gap + 2);
}

char *sentence_to_text(const char *sentence, const char *text)
{
    return sentence_reword(sentence, sentence, text);
}
