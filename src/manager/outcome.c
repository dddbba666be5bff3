/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/now.h"
#include "manager/manager-internal.h"
#include "util/text.h"

#define NAMES_MAX 1000 /* bytes shown of a list of names */

/* Reports what an upload would do, and what it did. Both use the same functions to decide. */

static void foretell_root(const Manager *m, const Chain *chain, int64_t now, UploadReport *report)
{
    const Candidate candidate = { .chain = chain };
    Verdict verdict = candidate_judge(&candidate, SOURCE_UPLOADED, NULL, now);
    Certificate *c, *next;
    unsigned n = 0;

    FOREACH_CERTIFICATE (m->model, c, next)
        n += c->published && c->record->served == SOURCE_LOCAL;
    if (verdict == VERDICT_USABLE)
        report_pass(report, CHECK_OUTCOME,
                    "It would become the local root, and %u chain%s would be signed again.", n,
                    n == 1 ? "" : "s");
    else if (verdict == VERDICT_NOT_YET_VALID)
        report_pass(
            report, CHECK_OUTCOME,
            "It would be kept, and become the local root as soon as it is valid, at %s; until then the machine's own "
            "root signs.",
            MOMENT(chain_not_before(chain)));
    else
        report_pass(
            report, CHECK_OUTCOME,
            "It would not become the local root, as it expires too soon, at %s; the machine's own root would sign.",
            MOMENT(chain_not_after(chain)));
}

/* Lists the certificates that the chain fits. *ret: their verdict, which is the same for all whose names are covered. */
static char *list_fitting(const Manager *m, const Chain *chain, int64_t now, Verdict *ret)
{
    _cleanup_strv_ char **l = NULL;
    Certificate *c, *next;

    FOREACH_CERTIFICATE (m->model, c, next)
        if (c->published && chain_covers(chain, c->names, NULL)) {
            *ret = model_judge_upload(m->model, c, chain, now);
            if (strv_length(l) < LIMIT_NAMES)
                (void)strv_extend(&l, certificate_name(c));
        }
    return l ? strv_join(l, ", ") : NULL;
}

static void foretell_leaf(const Manager *m, const Chain *chain, int64_t now, UploadReport *report)
{
    Verdict verdict = VERDICT_NAME_MISMATCH;
    _cleanup_free_ char *names = list_fitting(m, chain, now, &verdict);

    switch (verdict) {
    case VERDICT_USABLE:
        report_pass(report, CHECK_OUTCOME, "It would be served for %s.", QUOTE(names, NAMES_MAX));
        break;
    case VERDICT_NOT_YET_VALID:
        report_pass(report, CHECK_OUTCOME,
                    "It would be kept, as it is not valid yet, and served as soon as it is, at %s, for %s.",
                    MOMENT(chain_not_before(chain)), QUOTE(names, NAMES_MAX));
        break;
    case VERDICT_NAME_MISMATCH:
        report_pass(report, CHECK_OUTCOME,
                    "It would be kept for later: there is no certificate all of whose names it covers.");
        break;
    default:
        report_pass(report, CHECK_OUTCOME,
                    "It would be kept, but not served for %s, as it expires too soon, at %s.",
                    QUOTE(names, NAMES_MAX), MOMENT(chain_not_after(chain)));
        break;
    }
}

void manager_foretell(Manager *m, bool root, const Chain *chain, UploadReport *report)
{
    int64_t now = clock_now();

    if (root)
        foretell_root(m, chain, now, report);
    else
        foretell_leaf(m, chain, now, report);
}

/* ---- results of an upload */

static char *explain_verdict(Verdict verdict, const Chain *chain)
{
    char *text = NULL;
    int r = 0;

    switch (verdict) {
    case VERDICT_NOT_YET_VALID:
        r = asprintf(&text, "It is not valid yet, and will be served from %s on.",
                     MOMENT(chain_not_before(chain)));
        break;
    case VERDICT_EXPIRING:
        r = asprintf(&text, "It expires at %s, which is too soon to be served.",
                     MOMENT(chain_not_after(chain)));
        break;
    case VERDICT_EXPIRED:
        r = asprintf(&text, "It expired at %s.", MOMENT(chain_not_after(chain)));
        break;
    case VERDICT_BROKEN:
        text = strdup("Its files are damaged: upload it again.");
        break;
    default:
        text = strdup("It is not served yet: the certificate is being changed.");
        break;
    }
    return r < 0 ? NULL : text;
}

static bool serves(const Certificate *c, const char *fingerprint)
{
    const Chain *chain = certificate_chain(c);

    return chain && c->record->served == SOURCE_UPLOADED &&
           streq(chain_leaf(chain)->fingerprint, fingerprint);
}

static char *explain_not_served(const Manager *m, const Certificate *c, const Certificate *upload)
{
    int64_t now = clock_now();
    const Slot *slot = &upload->record->slots[SOURCE_UPLOADED];
    const Candidate candidate = { .chain = slot->chain, .broken = slot->broken };
    Verdict verdict =
        candidate_judge(&candidate, SOURCE_UPLOADED, certificate_is_root(c) ? NULL : c->names, now);
    const Certificate *best;
    char *text;

    if (verdict != VERDICT_USABLE || certificate_is_root(c))
        return explain_verdict(verdict, slot->chain);
    best = model_choose_upload(m->model, c, now);
    if (!best || best == upload)
        return explain_verdict(verdict, slot->chain);
    if (asprintf(&text, "Another chain was uploaded later: %s.", certificate_name(best)) < 0)
        return NULL;
    return text;
}

static void add_fit(UploadOutcome *outcome, const Manager *m, Certificate *c, const Certificate *upload)
{
    UploadFit *fit = outcome->fits + outcome->n_fits++;

    fit->certificate = c;
    fit->served = serves(c, outcome->fingerprint);
    fit->reason = fit->served ? NULL : explain_not_served(m, c, upload);
}

int manager_collect_fits(Manager *m, bool root, UploadOutcome *outcome)
{
    Certificate *upload = NULL, *c, *next;

    outcome->fits = calloc(HASH_COUNT(m->model->certificates) + 1, sizeof(UploadFit));
    if (!outcome->fits)
        return -ENOMEM;
    if (root)
        add_fit(outcome, m, m->model->root, m->model->root);
    else
        upload = model_find_upload(m->model, outcome->fingerprint);
    if (!upload || !certificate_chain(upload))
        return 0;
    FOREACH_CERTIFICATE (m->model, c, next)
        if (c->published && chain_covers(certificate_chain(upload), c->names, NULL))
            add_fit(outcome, m, c, upload);
    return 0;
}

void upload_outcome_done(UploadOutcome *outcome)
{
    for (size_t i = 0; i < outcome->n_fits; i++)
        free(outcome->fits[i].reason);
    free(outcome->fits);
    *outcome = (UploadOutcome){};
}
