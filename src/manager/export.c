/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "crypto/export.h"
#include "manager/manager-internal.h"
#include "util/memfd.h"

/* Exports chains, roots and keys. All of it is done in a thread, which may have to hash a passphrase. */

/* A name that cannot get a chain at all does not get one in a moment. */
static int complain_chainless(const Certificate *c, Problem *problem)
{
    const Problem *failure = &c->record->failure.problem;

    if (failure->code == PROBLEM_NONE)
        return problem_set(problem, PROBLEM_NO_SUCH_CERTIFICATE,
                           "There is no chain for %s yet; try again in a moment.", certificate_name(c));
    return problem_set(problem, PROBLEM_NO_SUCH_CERTIFICATE,
                       "There is no chain for %s, since the last attempt failed: %s", certificate_name(c),
                       strempty(failure->text));
}

/* Chains are sent without their root, which clients of a public authority have. */
static int complain_rootless(const Record *rec, Problem *problem)
{
    if (rec->served == SOURCE_ACME)
        return problem_set(
            problem, PROBLEM_NO_SUCH_CERTIFICATE,
            "The chain of %s is from the ACME authority %s, which does not send its root: clients trust the root of "
            "a public authority already, and an internal one has to give it to you.",
            rec->name, strempty(rec->authority));
    return problem_set(
        problem, PROBLEM_NO_SUCH_CERTIFICATE,
        "The chain of %s was uploaded without its root; get the root from the issuer of the chain, or upload the "
        "chain again with its root.",
        rec->name);
}

typedef struct Exporting {
    Manager *manager;
    bool root;
    ExportFormat format;
    ExportDone done;
    void *userdata;

    void *data;
    size_t size;
    Problem problem;
} Exporting;

static Exporting *exporting_free(Exporting *e)
{
    problem_clear(&e->problem);
    free(e->data);
    free(e);
    return NULL;
}
DEFINE_CLEANUP(Exporting *, exporting_free);

/* The certificate fell back to a local chain meanwhile. */
static bool wants_local_root(const Exporting *e, const Record *rec)
{
    return e->root && rec->kind != RECORD_ROOT && rec->served == SOURCE_LOCAL;
}

/* The local root may itself be signed by another one; other chains have their root as anchor, or are self-signed. */
static int choose_pem(Exporting *e, const Record *rec, Bundle *b, char **ret)
{
    const ChainEntry *leaf = chain_leaf(b->chain);

    if (!e->root) {
        if (asprintf(ret, "%s%s", b->leaf, b->issuers) >= 0)
            return 0;
        *ret = NULL;
        return -ENOMEM;
    }
    if (b->anchor)
        *ret = TAKE_PTR(b->anchor);
    else if (rec->kind == RECORD_ROOT || (b->chain->n_entries == 1 && streq(leaf->subject, leaf->issuer)))
        *ret = TAKE_PTR(b->leaf);
    else
        return complain_rootless(rec, &e->problem);
    return 0;
}

static int encode(const Record *rec, Bundle *b, void *userdata)
{
    _cleanup_free_ char *pem = NULL;
    Exporting *e = userdata;
    int r;

    if (wants_local_root(e, rec))
        return 0;
    r = choose_pem(e, rec, b, &pem);
    if (r < 0)
        return r;
    r = export_certificates(pem, e->format, &e->data, &e->size);
    return r < 0 ? problem_set(&e->problem, PROBLEM_INTERNAL, "The certificate could not be encoded.") : 0;
}

static void on_encoded(int result, const Record *rec, Bundle *b, void *userdata)
{
    _cleanup_(exporting_freep) Exporting *e = userdata;

    if (result >= 0 && wants_local_root(e, rec)) {
        result = reader_read(e->manager->reader, e->manager->model->root, encode, on_encoded, e);
        if (result >= 0) {
            TAKE_PTR(e);
            return;
        }
    }
    problem_set_errno(&e->problem, result,
                      b ? "Exporting a certificate" : "Reading the chain from the store");
    e->done(e->data, e->size, &e->problem, e->userdata);
}

int manager_export(Manager *m, Certificate *c, bool root, ExportFormat format, ExportDone done,
                   void *userdata, Problem *problem)
{
    _cleanup_(exporting_freep) Exporting *e = calloc(1, sizeof(Exporting));
    int r;

    if (!e)
        return -ENOMEM;
    *e = (Exporting){ m, root, format, done, userdata, NULL, 0, {} };
    if (root && (c->record->served == SOURCE_LOCAL || !certificate_chain(c)))
        c = m->model->root;
    if (!certificate_chain(c))
        return complain_chainless(c, problem);
    r = reader_read(m->reader, c, encode, on_encoded, e);
    if (r >= 0)
        TAKE_PTR(e);
    return problem_set_errno(problem, r, "Reading the chain from the store");
}

bool manager_exports_are_many(const Manager *m)
{
    return reader_is_full(m->reader);
}

typedef struct KeyCall {
    Manager *manager;
    Record *root; /* the local root, if it signed the leaf; else NULL */
    KeyFormat format;
    char *passphrase;
    KeyOpened done;
    void *userdata;

    int fd;
} KeyCall;

static KeyCall *key_call_free(KeyCall *call)
{
    if (!call)
        return NULL;
    record_free(call->root);
    erase_and_free(call->passphrase);
    closep(&call->fd);
    free(call);
    return NULL;
}
DEFINE_CLEANUP(KeyCall *, key_call_free);

/* Adds the root of a local leaf. */
static int add_root(const KeyCall *call, const Record *rec, Bundle *b)
{
    _cleanup_bundle_ Bundle *root = NULL;
    int r;

    if (!call->root || !record_is_signed_by(rec, call->root) || b->anchor)
        return 0;
    r = store_read(call->manager->store, call->root, call->root->served, &root);
    if (r >= 0)
        b->anchor = root->anchor ? TAKE_PTR(root->anchor) : TAKE_PTR(root->leaf);
    return r;
}

static int encode_key(const Record *rec, Bundle *b, void *userdata)
{
    KeyCall *call = userdata;
    void *file = NULL;
    size_t size = 0;
    int r = add_root(call, rec, b);

    if (r >= 0)
        r = export_key(b, rec->name, call->format, call->passphrase, &file, &size);
    if (r >= 0)
        r = call->fd = memfd_new("key", file, size);
    if (file)
        explicit_bzero(file, size);
    free(file);
    return r;
}

static void on_key_encoded(int result, const Record *rec _unused_, Bundle *b _unused_, void *userdata)
{
    _cleanup_(key_call_freep) KeyCall *call = userdata;
    _cleanup_problem_ Problem problem = {};

    problem_set_errno(&problem, result, "Reading the key");
    call->done(call->fd, &problem, call->userdata);
}

int manager_open_key(Manager *m, Certificate *c, KeyFormat format, const char *passphrase, KeyOpened done,
                     void *userdata, Problem *problem)
{
    _cleanup_(key_call_freep) KeyCall *call = calloc(1, sizeof(KeyCall));
    int r;

    if (!call)
        return -ENOMEM;
    *call = (KeyCall){ .manager = m, .format = format, .done = done, .userdata = userdata, .fd = -EBADF };
    if (!certificate_chain(c))
        return complain_chainless(c, problem);
    if (c->record->kind == RECORD_CERTIFICATE && c->record->served == SOURCE_LOCAL &&
        record_is_signed_by(c->record, m->model->root->record) &&
        !(call->root = record_copy(m->model->root->record)))
        return -ENOMEM;
    call->passphrase = passphrase ? strdup(passphrase) : NULL;
    if (passphrase && !call->passphrase)
        return -ENOMEM;
    r = reader_read(m->reader, c, encode_key, on_key_encoded, call);
    if (r >= 0)
        TAKE_PTR(call);
    return problem_set_errno(problem, r, "Reading the key");
}
