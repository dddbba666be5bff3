/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/bundle.h"
#include "core/export-format.h"
#include "core/report.h"
#include "lifecycle/lifecycle.h"
#include "model/model.h"

/* The service without its bus: owns store, configuration, certificates, uploads and jobs. All of it lives in the
 * event loop's thread. */
typedef struct Manager Manager;

typedef struct ManagerOptions {
    const char *state;    /* the store's folder */
    const char *importer; /* path of certwright-import; NULL: where it is built or installed */
    char *const *config;  /* directories, the most important last; borrowed while the manager lives */
} ManagerOptions;

/* News beside those of the tables (model/model.h), from the event loop. Everything is durable by then. */
typedef struct ManagerObserver {
    void (*chain_changed)(Certificate *c, const char *previous, void *userdata);
    /* The end of its chain comes near; reason is a sentence, borrowed. */
    void (*expiry_warning)(Certificate *c, int64_t not_after, const char *reason, void *userdata);
    /* Whether ACME is used, or by which authorities. */
    void (*authorities_changed)(void *userdata);
    /* The clock is not trusted (core/clock.h): the callee finds out whether something keeps it in step, calls
     * clock_set_synchronized(), and then manager_look_at_clock(). */
    void (*clock_doubted)(void *userdata);
} ManagerObserver;

/* Loads the store and the configuration, and starts to make what is missing. */
int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret, Problem *problem);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager *, manager_free);
/* Ends the work: waits for what is being written, answers what waits, writes the index. Nothing can be asked for
 * afterwards. */
void manager_stop(Manager *m);
/* Both are borrowed. */
void manager_observe(Manager *m, const ManagerObserver *observer, void *userdata);

/* Certificates, uploads and jobs; borrowed, and to be read alone. */
Model *manager_model(Manager *m);
/* When the next renewal is due; 0: never. */
int64_t manager_next_wake(Manager *m);
/* When the next attempt for a certificate, or the root, is due, seconds since 1970-01-01 UTC; 0: never. */
int64_t manager_next_renewal(const Manager *m, const Certificate *c);
/* As it is now. */
Outlook manager_outlook(const Manager *m, const Certificate *c);
bool outlook_equal(const Outlook *a, const Outlook *b);
/* What is served and why, what was tried, what failed, and what comes next, in sentences of one line each. Newly allocated;
 * NULL when memory is short. */
char *manager_explain(const Manager *m, const Certificate *c);
void manager_look_at_clock(Manager *m);
bool manager_clock_is_doubted(const Manager *m);

/* Whether a module can have this name; -EINVAL. */
int manager_check_module(const char *module, Problem *problem);

/* Changing. What comes later is told by done, exactly once; a negative value means that it will not be called. */
int manager_register(Manager *m, const char *name, const RegistrationWish *wish, RequestDone done,
                     void *userdata, Problem *problem);
int manager_unregister(Manager *m, const char *module, const char *name, RequestDone done, void *userdata,
                       Problem *problem);
/* The job may be over already when it returns. A call that is refused changes nothing. */
int manager_reissue(Manager *m, Certificate *c, const RequestOptions *options, uint64_t *ret_id,
                    Problem *problem);
/* Has the authority revoke the served chain. reason: a word of RFC 5280 section 5.3.1. */
int manager_revoke(Manager *m, Certificate *c, const char *reason, uint64_t *ret_id, Problem *problem);
int manager_cancel_job(Manager *m, Job *j, Problem *problem);
/* Starts every renewal that is due; how many. Also removes what was abandoned long ago. */
unsigned manager_renew_due(Manager *m);
void manager_reload(Manager *m);

/* Another key for the account at an authority (RFC 8555 section 7.3.5), or its end (section 7.3.6). The authority has
 * answered when done is called; problem->code is PROBLEM_NONE when it agreed. */
typedef void (*AccountChanged)(const Problem *problem, void *userdata);
int manager_change_account(Manager *m, const char *authority, bool deactivate, AccountChanged done,
                           void *userdata, Problem *problem);

/* Uploads. Descriptors and texts are taken over by copies. */
typedef struct UploadOptions {
    int key_fd;             /* the private key in a file of its own; negative: none */
    int passphrase_fd;      /* the passphrase, but for a newline at its end; negative: see below */
    const char *passphrase; /* NULL: none was given */
    bool fetch_issuers;     /* look for missing certificates on the network */
    uid_t owner;            /* who uploads, and takes turns with others */
} UploadOptions;

/* A certificate that the upload fits: every one of its names is covered. */
typedef struct UploadFit {
    Certificate *certificate;
    bool served;  /* it serves the upload now */
    char *reason; /* why not, as one sentence; NULL when it does, or memory is short */
} UploadFit;

typedef struct UploadOutcome {
    const char *fingerprint; /* of the leaf, or of the root */
    UploadFit *fits;
    size_t n_fits;
} UploadOutcome;

/* When there is no problem, all is stored. outcome is borrowed during the call; of a removal it is empty. */
typedef void (*UploadDone)(const UploadOutcome *outcome, const Problem *problem, void *userdata);
/* target NULL: for whatever it fits; the root: to become it. */
int manager_upload(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                   UploadDone done, void *userdata, Problem *problem);
/* Just looks: report is what the same upload would come to; borrowed during the call. When problem is set (not
 * PROBLEM_NONE), it could not even be tried. */
typedef void (*UploadChecked)(const UploadReport *report, const Problem *problem, void *userdata);
int manager_check_upload(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                         UploadChecked done, void *userdata, Problem *problem);
int manager_remove_upload(Manager *m, const char *fingerprint, UploadDone done, void *userdata,
                          Problem *problem);
/* The served chain and, in its issuers, what leads up from there. */
int manager_read_chain(Manager *m, Certificate *c, Bundle **ret, Problem *problem);
/* The self-signed certificate that the served chain ends in, PEM. */
int manager_read_root(Manager *m, Certificate *c, char **ret, Problem *problem);
/* That root, or the served chain, in a format. */
int manager_export(Manager *m, Certificate *c, bool root, ExportFormat format, void **ret, size_t *ret_size,
                   Problem *problem);

/* fd is borrowed: a sealed memfd with the private key and the served chain; negative with a problem. */
typedef void (*KeyOpened)(int fd, const Problem *problem, void *userdata);
int manager_open_key(Manager *m, Certificate *c, KeyFormat format, const char *passphrase, KeyOpened done,
                     void *userdata, Problem *problem);

/* Idle. */
/* Whether orders are made from ACME authorities. */
bool manager_acme_is_on(const Manager *m);
const Settings *manager_settings(const Manager *m);
/* Whether nothing is being done and everything is on disk; if only the index is not, it is written. */
bool manager_is_idle(Manager *m);
/* Whether time alone has another chain served before the service would be woken again: then it stays. */
bool manager_awaits_change(Manager *m);
