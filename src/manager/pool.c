/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/now.h"
#include "core/upload-choice.h"
#include "manager/manager-internal.h"
#include "util/text.h"

/* The pool of uploads: each is kept by the fingerprint of its leaf, and serves every certificate that it fits unless another one
 * is preferred (core/upload-choice.h). */

static PooledUpload pooled(const Certificate *upload)
{
    const Slot *slot = &upload->record->slots[SOURCE_UPLOADED];

    return (PooledUpload){
        .candidate = { .chain = slot->chain, .broken = slot->broken },
        .uploaded = upload->record->uploaded,
        .uploaded_at = upload->record->uploaded_at,
    };
}

/* except: the fingerprint of one that is left out; NULL: none is. */
static Certificate *choose_upload(const Manager *m, const Certificate *c, int64_t now, const char *except,
                                  UploadChoice *choice)
{
    Certificate *best = NULL, *upload, *next;

    HASH_ITER (hh, m->uploads, upload, next) {
        PooledUpload u = pooled(upload);

        if ((!except || !streq(certificate_name(upload), except)) &&
            upload_choice_offer(choice, &u, c->names, now))
            best = upload;
    }
    return best;
}

Certificate *manager_find_upload(const Certificate *c, void *userdata)
{
    UploadChoice choice = {};

    return choose_upload(userdata, c, clock_now(), NULL, &choice);
}

Verdict manager_foretell_upload(const Manager *m, const Certificate *c, const Chain *chain, int64_t now)
{
    const PooledUpload latest = { .candidate = { .chain = chain }, .uploaded = UINT64_MAX };
    UploadChoice choice = {};

    (void)choose_upload(m, c, now, chain_leaf(chain)->fingerprint, &choice);
    (void)upload_choice_offer(&choice, &latest, c->names, now);
    if (choice.best.candidate.chain == chain)
        return choice.verdict;
    return candidate_judge(&latest.candidate, SOURCE_UPLOADED, c->names, now);
}

static int64_t next_change_of_upload(const Certificate *upload, int64_t after)
{
    Candidate candidates[_SOURCE_MAX] = { [SOURCE_UPLOADED] = pooled(upload).candidate };

    return choose_next_change(candidates, after);
}

int64_t manager_next_upload_change(const Manager *m, int64_t after)
{
    int64_t when = INT64_MAX;
    Certificate *upload, *next;

    HASH_ITER (hh, m->uploads, upload, next)
        when = MIN(when, next_change_of_upload(upload, after));
    return when;
}

bool manager_takes_other_upload(const Manager *m, const Certificate *c, int64_t now)
{
    const Chain *has = c->record->slots[SOURCE_UPLOADED].chain;
    UploadChoice choice = {};
    const Certificate *best = choose_upload(m, c, now, NULL, &choice);

    if (!best || !has)
        return best || has;
    return !streq(chain_leaf(has)->fingerprint, certificate_name(best));
}

static char *explain_verdict(Verdict verdict, const Chain *chain)
{
    char when[MOMENT_SIZE], *text = NULL;
    int r = 0;

    switch (verdict) {
    case VERDICT_NOT_YET_VALID:
        r = asprintf(&text, "It is not valid yet, and is served from %s on.",
                     moment_to_text(chain_not_before(chain), when));
        break;
    case VERDICT_EXPIRING:
        r = asprintf(&text, "It ends at %s, which is too soon for it to be served.",
                     moment_to_text(chain_not_after(chain), when));
        break;
    case VERDICT_EXPIRED:
        r = asprintf(&text, "It ended at %s.", moment_to_text(chain_not_after(chain), when));
        break;
    case VERDICT_BROKEN:
        text = strdup("Its files are damaged: upload it again.");
        break;
    default:
        text = strdup("It was not taken up yet: the certificate is being changed otherwise.");
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
    const PooledUpload u = pooled(upload);
    Verdict verdict =
        candidate_judge(&u.candidate, SOURCE_UPLOADED, certificate_is_root(c) ? NULL : c->names, now);
    UploadChoice choice = {};
    const Certificate *best;
    char *text;

    if (verdict != VERDICT_USABLE || certificate_is_root(c))
        return explain_verdict(verdict, u.candidate.chain);
    best = choose_upload(m, c, now, NULL, &choice);
    if (!best || best == upload)
        return explain_verdict(verdict, u.candidate.chain);
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

    outcome->fits = calloc(HASH_COUNT(m->certificates) + 1, sizeof(UploadFit));
    if (!outcome->fits)
        return -ENOMEM;
    if (root)
        add_fit(outcome, m, m->root, m->root);
    else
        HASH_FIND_STR(m->uploads, outcome->fingerprint, upload);
    if (!upload || !certificate_chain(upload))
        return 0;
    HASH_ITER (hh, m->certificates, c, next)
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
