/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/name-table.h"
#include "model/certificate.h"
#include "model/job.h"

/* The tables of the running service: certificates, uploads and jobs. They are used by the thread of the event loop only, and know
 * neither the event loop nor the disk. Members are written by the files of this folder. */
typedef struct Model Model;

/* Notifications of what changed in the tables; members may be NULL. what is a set of Changed. Whatever is in a record is
 * durable by then. */
typedef struct ModelWatcher {
    void (*certificate_added)(Certificate *c, void *userdata);
    void (*certificate_removed)(Certificate *c, void *userdata);
    void (*certificate_changed)(Certificate *c, unsigned what, void *userdata);
    /* After certificate_changed(), unless it is the first about this module. */
    void (*placement_changed)(Certificate *c, Placement *d, void *userdata);
    void (*job_added)(Job *j, void *userdata);
    void (*job_changed)(Job *j, void *userdata);
    void (*job_removed)(Job *j, void *userdata);
    /* The number of certificates or jobs, or the root. */
    void (*counts_changed)(void *userdata);
} ModelWatcher;

#define MODEL_WATCHERS 3

struct Model {
    Certificate *root;
    Certificate *certificates; /* by primary name, published or not */
    NameTable *names;          /* of published ones */
    size_t names_size;         /* of all primary names, in bytes, */
    size_t n_leaving;          /* without those of certificates that give way */
    size_t n_published;
    Certificate *uploads; /* by the fingerprint of their leaf */
    uint64_t last_upload; /* the highest number given to an upload so far */
    Job *jobs;            /* by id */
    uint64_t last_job;
    struct {
        const ModelWatcher *watcher;
        void *userdata;
    } watches[MODEL_WATCHERS];
};

int model_new(Model **ret);
Model *model_free(Model *m);
DEFINE_CLEANUP(Model *, model_free);
/* Both are borrowed. -ENOSPC: there are MODEL_WATCHERS already. */
int model_watch(Model *m, const ModelWatcher *watcher, void *userdata);
void model_unwatch(Model *m, const void *userdata);

#define MODEL_NOTIFY(m, member, ...) \
    do { \
        for (size_t _i = 0; _i < MODEL_WATCHERS; _i++) \
            if ((m)->watches[_i].watcher && (m)->watches[_i].watcher->member) \
                (m)->watches[_i].watcher->member(__VA_ARGS__ __VA_OPT__(, )(m)->watches[_i].userdata); \
    } while (0)

/* Iterate over every certificate, upload or job of the table. next is a helper: the current one may be removed meanwhile. */
#define FOREACH_CERTIFICATE(m, c, next) HASH_ITER (hh, (m)->certificates, c, next)
#define FOREACH_JOB(m, j, next)         HASH_ITER (hh, (m)->jobs, j, next)
#define FOREACH_UPLOAD(m, c, next)      HASH_ITER (hh, (m)->uploads, c, next)

/* ---- certificates (certificates.c) */

/* Adds an object that was read from the store, and takes its record. -ENOMEM. */
int model_adopt(Model *m, Record *rec);
/* Finds a published certificate by its canonical primary name; NULL: none. */
Certificate *model_find(const Model *m, const char *name);
/* The same, also one that is not published. */
Certificate *model_find_any(const Model *m, const char *name);
/* Finds the certificate of this name, or else one that has or covers it. The name need not be canonical. */
int model_get(const Model *m, const char *name, Certificate **ret, Problem *problem);
/* Calls visit for each published leaf; ends at a negative value and returns it. */
int model_foreach(const Model *m, int (*visit)(Certificate *c, void *userdata), void *userdata);
/* Returns true if no certificate of this name can be added. */
bool model_is_full(const Model *m, const char *name);
/* Adds a leaf, not published yet, or an upload, whose name is its fingerprint. */
int model_add(Model *m, RecordKind kind, const char *name, Certificate **ret);
void model_remove(Model *m, Certificate *c);
/* The certificate does not count any more for model_is_full(), or does again. */
void model_set_leaving(Model *m, Certificate *c, bool leaving);
/* The number of certificates that count. */
unsigned model_count(const Model *m);
/* Publishes a leaf that is in use and withdraws others; frees a leaf that has no files either. */
void model_review(Model *m, Certificate *c);

/* Replaces or adds what is known about the deployment to a module. Returns 0 if nothing changed, 1 if it did, 2 if it is
 * the first about this module, or -ENOMEM. */
int model_set_placement(Model *m, Certificate *c, const Placement *placement);
void model_remove_placement(Model *m, Certificate *c, const char *module);

/* ---- uploads (uploads.c): each serves every certificate that it fits unless another one is preferred (core/upload-choice.h) */

Certificate *model_find_upload(const Model *m, const char *fingerprint);
/* The upload leaves the table, unless it has left; its owner frees it. */
void model_drop_upload(Model *m, Certificate *upload);
/* Calls visit for each upload with a chain; ends at a negative value and returns it. */
int model_foreach_upload(const Model *m, int (*visit)(Certificate *upload, void *userdata), void *userdata);
/* The number of the next upload; the later, the higher. */
uint64_t model_number_upload(Model *m);
/* The best upload for a certificate at this time; NULL: none. */
Certificate *model_choose_upload(const Model *m, const Certificate *c, int64_t now);
/* How a certificate would judge a chain that is uploaded now; VERDICT_USABLE: it would be served. */
Verdict model_judge_upload(const Model *m, const Certificate *c, const Chain *chain, int64_t now);
/* The next time at which another upload may become the best for some certificate, by time alone; INT64_MAX: never. */
int64_t model_next_upload_change(const Model *m, int64_t after);
/* Returns true if a certificate takes another upload at that time than it has. */
bool model_takes_other_upload(const Model *m, const Certificate *c, int64_t now);

/* ---- jobs (jobs.c) */

/* -E2BIG: there are LIMIT_JOBS. */
int model_add_job(Model *m, Certificate *c, JobKind kind, Job **ret);
int model_add_module_job(Model *m, const char *module, JobKind kind, Job **ret);
Job *model_find_job(const Model *m, uint64_t id);
/* step is static. */
void model_job_progress(Model *m, Job *j, double progress, const char *step);
/* Ends the job with the outcome of its request, and frees it. */
void model_end_job(Model *m, Job *j, RequestResult result, const Problem *problem);
void model_cancel_job(Model *m, Job *j);
/* The same as a RequestDone, for the job of the certificate; userdata is the model. */
void model_job_done(Certificate *c, RequestResult result, const Problem *problem, void *userdata);
