/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/upload-choice.h"
#include "model/model.h"

Certificate *model_find_upload(const Model *m, const char *fingerprint)
{
    Certificate *upload;

    HASH_FIND_STR(m->uploads, fingerprint, upload);
    return upload;
}

void model_drop_upload(Model *m, Certificate *upload)
{
    if (model_find_upload(m, certificate_name(upload)) == upload)
        HASH_DEL(m->uploads, upload);
}

int model_foreach_upload(const Model *m, int (*visit)(Certificate *upload, void *userdata), void *userdata)
{
    Certificate *c, *next;
    int r = 0;

    FOREACH_UPLOAD (m, c, next)
        if (r >= 0 && certificate_chain(c))
            r = visit(c, userdata);
    return r;
}

uint64_t model_number_upload(Model *m)
{
    return ++m->last_upload;
}

static PooledUpload pooled(const Certificate *upload)
{
    const Slot *slot = &upload->record->slots[SOURCE_UPLOADED];

    return (PooledUpload){
        .candidate = { .chain = slot->chain, .broken = slot->broken },
        .uploaded = upload->record->uploaded,
        .uploaded_at = upload->record->uploaded_at,
    };
}

/* except: fingerprint of an upload to ignore; NULL: none. */
static Certificate *choose_upload(const Model *m, const Certificate *c, int64_t now, const char *except,
                                  UploadChoice *choice)
{
    Certificate *best = NULL, *upload, *next;

    FOREACH_UPLOAD (m, upload, next) {
        PooledUpload u = pooled(upload);

        if ((!except || !streq(certificate_name(upload), except)) &&
            upload_choice_offer(choice, &u, c->names, now))
            best = upload;
    }
    return best;
}

Certificate *model_choose_upload(const Model *m, const Certificate *c, int64_t now)
{
    UploadChoice choice = {};

    return choose_upload(m, c, now, NULL, &choice);
}

Verdict model_judge_upload(const Model *m, const Certificate *c, const Chain *chain, int64_t now)
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

int64_t model_next_upload_change(const Model *m, int64_t after)
{
    int64_t when = INT64_MAX;
    Certificate *upload, *next;

    FOREACH_UPLOAD (m, upload, next)
        when = MIN(when, next_change_of_upload(upload, after));
    return when;
}

bool model_takes_other_upload(const Model *m, const Certificate *c, int64_t now)
{
    const Chain *has = c->record->slots[SOURCE_UPLOADED].chain;
    const Certificate *best = model_choose_upload(m, c, now);

    if (!best || !has)
        return best || has;
    return !streq(chain_leaf(has)->fingerprint, certificate_name(best));
}
