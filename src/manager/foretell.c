/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/limits.h"
#include "core/now.h"
#include "manager/manager-internal.h"
#include "util/text.h"

#define NAMES_MAX 1000 /* bytes of a list of names that are shown */

/* What a dry run of an upload would come to: the same functions decide as after a real one. */

static void foretell_root(const Manager *m, const Chain *chain, int64_t now, UploadReport *report)
{
    const Candidate candidate = { .chain = chain };
    Verdict verdict = candidate_judge(&candidate, SOURCE_UPLOADED, NULL, now);
    char when[MOMENT_SIZE];
    Certificate *c, *next;
    unsigned n = 0;

    HASH_ITER (hh, m->certificates, c, next)
        n += c->published && c->record->served == SOURCE_LOCAL;
    if (verdict == VERDICT_USABLE)
        report_pass(report, CHECK_OUTCOME,
                    "It would become the local root, and %u chain%s would be signed again.", n,
                    n == 1 ? "" : "s");
    else if (verdict == VERDICT_NOT_YET_VALID)
        report_pass(
            report, CHECK_OUTCOME,
            "It would be kept, and become the local root when it is valid, at %s; until then the machine's own root "
            "signs.",
            moment_to_text(chain_not_before(chain), when));
    else
        report_pass(
            report, CHECK_OUTCOME,
            "It would not become the local root, as it ends too soon, at %s; the machine's own root would sign.",
            moment_to_text(chain_not_after(chain), when));
}

/* The names of those that it fits; *ret is how each of them would judge it: their names have no part in that any more. */
static char *list_fitting(const Manager *m, const Chain *chain, int64_t now, Verdict *ret)
{
    _cleanup_strv_ char **l = NULL;
    Certificate *c, *next;

    HASH_ITER (hh, m->certificates, c, next)
        if (c->published && chain_covers(chain, c->names, NULL)) {
            *ret = manager_foretell_upload(m, c, chain, now);
            if (strv_length(l) < LIMIT_NAMES)
                (void)strv_extend(&l, certificate_name(c));
        }
    return l ? strv_join(l, ", ") : NULL;
}

static void foretell_leaf(const Manager *m, const Chain *chain, int64_t now, UploadReport *report)
{
    Verdict verdict = VERDICT_NAME_MISMATCH;
    _cleanup_free_ char *names = list_fitting(m, chain, now, &verdict);
    char when[MOMENT_SIZE];

    switch (verdict) {
    case VERDICT_USABLE:
        report_pass(report, CHECK_OUTCOME, "It would be served for %s.", QUOTE(names, NAMES_MAX));
        break;
    case VERDICT_NOT_YET_VALID:
        report_pass(
            report, CHECK_OUTCOME,
            "It would be kept, as it is not valid yet, and served from its first moment, %s, for %s.",
            moment_to_text(chain_not_before(chain), when), QUOTE(names, NAMES_MAX));
        break;
    case VERDICT_NAME_MISMATCH:
        report_pass(
            report, CHECK_OUTCOME,
            "It would be kept for names that come later: there is no certificate all of whose names it covers.");
        break;
    default:
        report_pass(report, CHECK_OUTCOME,
                    "It would be kept, but not be served for %s, as it ends too soon, at %s.",
                    QUOTE(names, NAMES_MAX), moment_to_text(chain_not_after(chain), when));
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
