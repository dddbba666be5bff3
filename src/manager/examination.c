/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/name.h"
#include "core/now.h"
#include "crypto/pem.h"
#include "import/import.h"
#include "manager/manager-internal.h"
#include "net/http.h"
#include "util/log.h"
#include "util/memfd.h"
#include "util/text.h"

/* Examines an upload. The import process parses it, and a worker checks it. A missing key or issuer is searched in the store or
 * on the network, and the upload is checked again, until nothing new is found. */

#define URL_QUOTED    200 /* bytes of a URL in messages */
#define SUPPLIERS_MAX 64  /* stored chains to read for one upload */

struct Examiner {
    sd_event *event;
    Importer *importer;
    Http *http; /* made when the first issuer is fetched */
};

typedef struct Examination {
    Manager *manager;
    bool for_root, fetch_issuers;
    uid_t owner;
    ManagerExamined done;
    void *userdata;

    Imported *imported;
    char **names;
    char *directory;

    Record **suppliers; /* read their chains and keys before the next check */
    size_t n_suppliers;
    char **chains, **keys; /* PEM, from suppliers; keys are secrets */
    bool looked_for_key;
    char *looked_for; /* subject of the issuer searched last */
    unsigned n_fetched;
    char **urls; /* of that issuer, not tried yet */
    char *url;   /* being fetched */
    unsigned n_redirects;
    char *notes; /* sentences on what was fetched, for the report */

    UploadResult result;
    Problem problem;
    int r;
} Examination;

static void forget_suppliers(Examination *e)
{
    for (size_t i = 0; i < e->n_suppliers; i++)
        record_free(e->suppliers[i]);
    free(e->suppliers);
    e->suppliers = NULL;
    e->n_suppliers = 0;
}

static Examination *examination_free(Examination *e)
{
    if (!e)
        return NULL;
    imported_free(e->imported);
    strv_free(e->names);
    free(e->directory);
    forget_suppliers(e);
    strv_free(e->chains);
    for (size_t i = 0; e->keys && e->keys[i]; i++)
        explicit_bzero(e->keys[i], strlen(e->keys[i]));
    strv_free(e->keys);
    free(e->looked_for);
    strv_free(e->urls);
    free(e->url);
    free(e->notes);
    upload_result_done(&e->result);
    problem_clear(&e->problem);
    free(e);
    return NULL;
}
DEFINE_CLEANUP(Examination *, examination_free);

/* Adds the URLs of issuers that were downloaded, and of those that could not be, to the check of the chain. */
static void report_fetched(Examination *e)
{
    Finding *f = e->result.report.findings + CHECK_CHAIN;
    char **text = f->problem.code != PROBLEM_NONE ? &f->problem.text : &f->text, *joined;

    if (!e->notes || !*text || asprintf(&joined, "%s%s", *text, e->notes) < 0)
        return;
    text_make_plain(joined, LIMIT_PROBLEM_TEXT);
    free(*text);
    *text = joined;
}

static void finish(Examination *e)
{
    report_fetched(e);
    e->done(&e->result, &e->problem, e->userdata);
    examination_free(e);
}

static void fail(Examination *e, int r)
{
    problem_set_errno(&e->problem, r, "Examining the upload");
    finish(e);
}

/* ---- in a worker */

static int read_supplier(Examination *e, const Record *rec, Source source)
{
    _cleanup_bundle_ Bundle *b = NULL;
    int r;

    if (!rec->slots[source].chain || rec->slots[source].broken ||
        store_read(e->manager->store, rec, source, &b) < 0)
        return 0; /* another supplier may help */
    r = strv_extend(&e->chains, b->issuers);
    if (r >= 0 && b->anchor)
        r = strv_extend(&e->chains, b->anchor);
    if (r >= 0 && rec->kind == RECORD_ROOT)
        r = strv_extend(&e->chains, b->leaf);
    if (r >= 0 && e->looked_for_key)
        r = strv_extend(&e->keys, b->key);
    return r;
}

static void examine(void *data)
{
    Examination *e = data;
    UploadContext context = {
        .authority = e->for_root,
        .names = e->names,
        .directory = e->directory,
        .now = clock_now(),
    };

    e->r = 0;
    for (size_t i = 0; i < e->n_suppliers && e->r >= 0; i++)
        for (Source s = 0; s < _SOURCE_MAX && e->r >= 0; s++)
            e->r = read_supplier(e, e->suppliers[i], s);
    forget_suppliers(e);
    context.chains = e->chains;
    context.keys = e->keys;
    upload_result_done(&e->result);
    if (e->r >= 0)
        e->r = upload_examine(e->imported, &context, &e->result);
}

static void on_examined(void *data, void *userdata _unused_);

static void look(Examination *e)
{
    int r;

    e->r = -ECANCELED;
    r = lifecycle_run(e->manager->lifecycle, false, examine, on_examined, e);

    if (r < 0)
        fail(e, r);
}

/* ---- searching the store */

static int add_supplier(Examination *e, const Record *rec)
{
    if (e->n_suppliers >= SUPPLIERS_MAX)
        return 0;
    if (!e->suppliers && !(e->suppliers = calloc(SUPPLIERS_MAX, sizeof(Record *))))
        return -ENOMEM;
    e->suppliers[e->n_suppliers] = record_copy(rec);
    return e->suppliers[e->n_suppliers++] ? 0 : -ENOMEM;
}

/* Returns true if the subject is that of an issuer in the chain, or of its root. */
static bool has_authority(const Chain *c, const char *subject)
{
    for (unsigned i = 1; c && i < c->n_entries; i++)
        if (streq(c->entries[i].subject, subject))
            return true;
    return c && streq(c->entries[c->n_entries - 1].issuer, subject);
}

static int look_for_issuer(Examination *e, const char *subject)
{
    Certificate *upload, *next;
    int r = 0;

    if (e->looked_for && streq(e->looked_for, subject))
        return 0;
    free(e->looked_for);
    e->looked_for = strdup(subject);
    strv_free(e->urls);
    e->urls = NULL;
    if (!e->looked_for || strv_copy(e->result.issuer_urls, &e->urls) < 0)
        return -ENOMEM;
    FOREACH_UPLOAD (e->manager->model, upload, next)
        if (r >= 0 && has_authority(certificate_chain(upload), subject))
            r = add_supplier(e, upload->record);
    if (r >= 0 && has_authority(certificate_chain(e->manager->model->root), subject))
        r = add_supplier(e, e->manager->model->root->record);
    return r;
}

static bool shares_a_name(const Chain *chain, const Chain *other)
{
    for (unsigned i = 0; other && i < other->n_names; i++)
        for (unsigned j = 0; j < chain->n_names; j++)
            if (name_covers(chain->names[j], other->names[i]) ||
                name_covers(other->names[i], chain->names[j]))
                return true;
    return false;
}

static int look_for_key(Examination *e)
{
    const Chain *chain = e->result.chain;
    Manager *m = e->manager;
    Certificate *c, *next;
    int r = 0;

    e->looked_for_key = true;
    if (e->for_root)
        return add_supplier(e, m->model->root->record);
    FOREACH_CERTIFICATE (m->model, c, next)
        if (r >= 0 && shares_a_name(chain, certificate_chain(c)))
            r = add_supplier(e, c->record);
    FOREACH_UPLOAD (m->model, c, next)
        if (r >= 0 && shares_a_name(chain, certificate_chain(c)))
            r = add_supplier(e, c->record);
    return r;
}

/* ---- searching the network, if requested; what is fetched is parsed like an upload */

static void try_next_url(Examination *e);

/* why NULL: it was fetched. */
static void note_fetched(Examination *e, const char *why)
{
    char *notes;

    if (why)
        log_fields(LOG_INFO, MESSAGE_FAILURE, FIELDS({ "URL", e->url }),
                   "Failed to fetch an issuer from %s, ignoring: %s", QUOTE(e->url, URL_QUOTED), why);
    else
        log_info("Fetched an issuer from %s.", QUOTE(e->url, URL_QUOTED));
    if (asprintf(&notes, "%s %s %s%s%s%s", strempty(e->notes),
                 why ? "Fetching the issuer failed at" : "The issuer was fetched from",
                 QUOTE(e->url, URL_QUOTED), why ? ": " : ".", strempty(why),
                 why ? text_full_stop(why) : "") < 0)
        return;
    free(e->notes);
    e->notes = notes;
}

static int take_fetched(Examination *e, const Imported *found)
{
    int r = 0;

    for (size_t i = 0; i < found->n_certificates && r >= 0; i++) {
        _cleanup_free_ char *pem =
            pem_encode("CERTIFICATE", found->certificates[i].data, found->certificates[i].size);

        r = pem ? strv_extend(&e->chains, pem) : -ENOMEM;
    }
    return r;
}

static void on_fetched_imported(Imported *imported, const Problem *problem, void *userdata)
{
    Examination *e = userdata;
    int r;

    if (!imported || imported->n_certificates == 0) {
        note_fetched(e, imported ? "it is no certificate" : strempty(problem->text));
        imported_free(imported);
        try_next_url(e);
        return;
    }
    note_fetched(e, NULL);
    r = take_fetched(e, imported);
    imported_free(imported);
    if (r < 0)
        fail(e, r);
    else
        look(e);
}

static void import_fetched(Examination *e, const HttpReply *reply)
{
    ImportInput input = { .bundle_fd = memfd_new("issuer", reply->body, reply->size),
                          .key_fd = -EBADF,
                          .passphrase_fd = -EBADF,
                          .owner = e->owner };
    int r = input.bundle_fd;

    if (r >= 0) {
        r = importer_start(e->manager->examiner->importer, &input, on_fetched_imported, e, NULL);
        close(input.bundle_fd);
    }
    if (r < 0)
        try_next_url(e);
}

static void fetch(Examination *e, const char *url);

static void on_fetched(const HttpReply *reply, const Problem *problem, void *userdata)
{
    Examination *e = userdata;
    const char *target = reply ? http_reply_redirect(reply) : NULL;

    if (reply && reply->status == 200)
        import_fetched(e, reply);
    else if (target && e->n_redirects < LIMIT_REDIRECTS) {
        e->n_redirects++;
        fetch(e, target);
    } else {
        note_fetched(e, target  ? "there are too many redirects"
                        : reply ? "the server has no such file"
                                : strempty(problem->text));
        try_next_url(e);
    }
}

/* A redirect is fetched by the rules for what a certificate names. */
static void fetch(Examination *e, const char *url)
{
    const HttpRequest request = {
        .url = url, .body_max = LIMIT_BUNDLE, .time_max = LIMIT_HTTP_TIME, .plain = true, .public_only = true
    };
    _cleanup_problem_ Problem problem = {};
    Examiner *x = e->manager->examiner;
    int r = text_set(&e->url, url);

    if (r >= 0 && !x->http)
        r = http_new(x->event, &x->http);
    if (r < 0) {
        finish(e);
        return;
    }
    if (http_send(x->http, &request, on_fetched, e, &problem) >= 0)
        return;
    note_fetched(e, strempty(problem.text));
    try_next_url(e);
}

/* From the last to the first: their order has no meaning. */
static void try_next_url(Examination *e)
{
    size_t n = strv_length(e->urls);
    _cleanup_free_ char *url = n > 0 && e->n_fetched < LIMIT_ISSUERS_FETCHED ? e->urls[n - 1] : NULL;

    if (!url) {
        finish(e);
        return;
    }
    e->urls[n - 1] = NULL;
    e->n_fetched++;
    e->n_redirects = 0;
    fetch(e, url);
}

static void on_examined(void *data, void *userdata _unused_)
{
    Examination *e = data;
    UploadResult *result = &e->result;
    int r = e->r;

    if (r >= 0 && result->missing_issuer)
        r = look_for_issuer(e, result->missing_issuer);
    if (r >= 0 && result->lacks_key && result->chain && !e->looked_for_key)
        r = look_for_key(e);
    if (r < 0)
        fail(e, r);
    else if (e->n_suppliers > 0)
        look(e);
    else if (result->missing_issuer && e->fetch_issuers)
        try_next_url(e);
    else
        finish(e);
}

/* Returns true if the upload itself is not to blame. */
static bool is_beside_the_upload(ProblemCode code)
{
    return code == PROBLEM_INVALID_ARGUMENT || code == PROBLEM_INTERNAL || code == PROBLEM_CANCELLED ||
           code == PROBLEM_BUSY;
}

static void on_imported(Imported *imported, const Problem *problem, void *userdata)
{
    Examination *e = userdata;
    bool beside = is_beside_the_upload(problem->code);

    if (imported) {
        e->imported = imported;
        look(e);
        return;
    }
    (void)problem_copy(problem, beside ? &e->problem : &e->result.report.findings[CHECK_FORMAT].problem);
    finish(e);
}

int manager_examine(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                    ManagerExamined done, void *userdata, Problem *problem)
{
    ImportInput input = { bundle_fd, options->key_fd, options->passphrase_fd, options->passphrase,
                          options->owner };
    _cleanup_(examination_freep) Examination *e = calloc(1, sizeof(Examination));
    int r;

    if (!e)
        return -ENOMEM;
    *e = (Examination){ .manager = m,
                        .for_root = target && certificate_is_root(target),
                        .fetch_issuers = options->fetch_issuers,
                        .owner = options->owner,
                        .done = done,
                        .userdata = userdata };
    if (target && !e->for_root && strv_copy(target->names, &e->names) < 0)
        return -ENOMEM;
    r = text_set(&e->directory, manager_settings(m)->authority_directory);
    if (r >= 0)
        r = importer_start(m->examiner->importer, &input, on_imported, e, problem);
    if (r >= 0)
        TAKE_PTR(e);
    return r;
}

int examiner_new(sd_event *event, const char *importer, Examiner **ret)
{
    _cleanup_(examiner_freep) Examiner *x = calloc(1, sizeof(Examiner));
    int r;

    if (!x)
        return -ENOMEM;
    x->event = event;
    r = importer_new(event, importer, &x->importer);
    if (r >= 0)
        *ret = TAKE_PTR(x);
    return r;
}

Examiner *examiner_free(Examiner *x)
{
    if (!x)
        return NULL;
    importer_free(x->importer);
    if (x->http)
        http_free(x->http);
    free(x);
    return NULL;
}

size_t examiner_pending(const Examiner *x)
{
    return importer_pending(x->importer);
}
