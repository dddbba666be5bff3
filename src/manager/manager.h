/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "core/bundle.h"
#include "core/export-format.h"
#include "core/rehearsal.h"
#include "core/report.h"
#include "model/model.h"

/* The service without the bus: owns store, configuration, certificates, uploads and jobs. To be used from the thread of
 * the event loop only. */
typedef struct Manager Manager;

/* Everything is borrowed while the manager lives. */
typedef struct ManagerOptions {
    const char *state;        /* directory of the store */
    const char *importer;     /* path of certwright-import; NULL: the installed or built one */
    const char *deploy_state; /* directory of the reports of certwright-deploy; NULL: the default one */
    char *const *config;      /* directories, the most important last */
} ManagerOptions;

/* An error in a file of the configuration, or of reading it. */
typedef struct ConfigError {
    char *file;    /* its path; "" for the configuration as a whole */
    unsigned line; /* 0: the file as a whole */
    char *key;     /* "": none */
    char *text;    /* a sentence without its full stop */
} ConfigError;

/* Called from the event loop when the change is durable. Changes of the tables are reported to their watchers (model/model.h). */
typedef struct ManagerObserver {
    void (*chain_changed)(Certificate *c, const char *previous, void *userdata);
    /* The chain is about to expire. reason: a sentence, borrowed. */
    void (*expiry_warning)(Certificate *c, int64_t not_after, const char *reason, void *userdata);
    /* ACME was enabled or disabled, or other authorities were configured. */
    void (*authorities_changed)(void *userdata);
    /* The configuration was read again. errors: manager_config_errors() changed. NULL: not of interest. */
    void (*configured)(bool errors, void *userdata);
    /* The clock is not trusted (core/clock.h): the callee queries whether it is synchronized, calls clock_set_synchronized(),
     * and then manager_look_at_clock(). */
    void (*clock_doubted)(void *userdata);
    /* The callee runs certwright-deploy for the module, and then calls manager_deployed(), perhaps before this returns.
     * NULL: nothing is delivered. */
    void (*deploy_due)(const char *module, void *userdata);
} ManagerObserver;

/* Loads the store and the configuration, and starts to create missing chains. */
int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret, Problem *problem);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager *, manager_free);
/* Waits for pending writes, answers queued requests and writes a checkpoint. No request may be made afterwards. */
void manager_stop(Manager *m);
/* Both are borrowed. */
void manager_observe(Manager *m, const ManagerObserver *observer, void *userdata);

/* Certificates, uploads and jobs; borrowed, read-only. */
Model *manager_model(Manager *m);
/* When the next renewal is due; 0: never. */
int64_t manager_next_wake(Manager *m);
/* When the next attempt for a certificate, or the root, is due, seconds since 1970-01-01 UTC; 0: never. */
int64_t manager_next_renewal(const Manager *m, const Certificate *c);
/* The current outlook. */
Outlook manager_outlook(const Manager *m, const Certificate *c);
bool outlook_equal(const Outlook *a, const Outlook *b);
/* Explains, one sentence per line, which chain is served and why, what was tried, what failed, and what happens next. Newly
 * allocated; NULL on OOM. */
char *manager_explain(const Manager *m, const Certificate *c);
/* Checks whether the clock can be trusted. */
void manager_look_at_clock(Manager *m);
bool manager_clock_is_doubted(const Manager *m);

/* -EINVAL: this is no valid name of a module. */
int manager_check_module(const char *module, Problem *problem);

/* Requests. done is called exactly once, unless a negative value is returned. */
int manager_register(Manager *m, const char *name, const RegistrationRequest *wish, RequestDone done,
                     void *userdata, Problem *problem);
int manager_unregister(Manager *m, const char *module, const char *name, RequestDone done, void *userdata,
                       Problem *problem);
/* The job may be over when this returns. A refused call changes nothing. */
int manager_reissue(Manager *m, Certificate *c, const RequestOptions *options, uint64_t *ret_id,
                    Problem *problem);
/* job: 0 with a problem. The job may be over when this is called. */
typedef void (*JobStarted)(uint64_t job, const Problem *problem, void *userdata);
/* Reads the served chain and requests its revocation. reason: a word of RFC 5280 section 5.3.1. */
int manager_revoke(Manager *m, Certificate *c, const char *reason, JobStarted done, void *userdata,
                   Problem *problem);
int manager_cancel_job(Manager *m, Job *j, Problem *problem);
/* Starts every renewal that is due and returns their number. Also removes certificates that were abandoned long ago. */
unsigned manager_renew_due(Manager *m);
/* Reads the configuration again; the former one stays in force if that fails. */
int manager_reload(Manager *m);
/* Lists what was wrong in it when it was read last; borrowed. */
size_t manager_config_errors(const Manager *m, const ConfigError **ret);

/* Calls visit for each module that has a file, by name; ends at a negative value and returns it. */
int manager_foreach_module(const Manager *m, int (*visit)(const Module *module, void *userdata),
                           void *userdata);

/* Delivers now what is pending for a module, whenever it is due; again: and files that are missing. The job may be over when
 * this returns. */
int manager_deploy(Manager *m, const char *module, bool again, uint64_t *ret_id, Problem *problem);
/* The run that deploy_due() asked for is over. A problem: it could not be started, or ended abnormally. */
void manager_deployed(Manager *m, const char *module, const Problem *problem);
/* The arguments with which certwright-deploy finds what this service has, when it is not started by its unit; newly
 * allocated. */
int manager_deploy_arguments(const Manager *m, const char *module, char ***ret);

/* Replaces the key of the account at an authority (RFC 8555 section 7.3.5), or deactivates the account (section 7.3.6). done
 * is called when the authority has answered; problem->code is PROBLEM_NONE on success. */
typedef void (*AccountChanged)(const Problem *problem, void *userdata);
int manager_change_account(Manager *m, const char *authority, bool deactivate, AccountChanged done,
                           void *userdata, Problem *problem);

/* Lists the authorities, and tests what an order for a name needs: for all names of its certificate if there is one. */
int manager_list_authorities(Manager *m, AuthoritiesListed done, void *userdata, Problem *problem);
int manager_rehearse(Manager *m, const char *name, const char *authority, RehearsalDone done, void *userdata,
                     Problem *problem);

/* Uploads. Descriptors and strings are copied. */
typedef struct UploadOptions {
    int key_fd;             /* file with the private key; negative: none */
    int passphrase_fd;      /* passphrase, a trailing newline is ignored; negative: see below */
    const char *passphrase; /* NULL: none */
    bool fetch_issuers;     /* fetch missing issuers from the network */
    uid_t owner;            /* the caller, for fair queueing */
} UploadOptions;

/* A certificate all of whose names the upload covers. */
typedef struct UploadFit {
    Certificate *certificate;
    bool served;  /* serves the upload now */
    char *reason; /* a sentence why not; NULL if it does, or on OOM */
} UploadFit;

typedef struct UploadOutcome {
    const char *fingerprint; /* of the leaf, or of the root */
    UploadFit *fits;
    size_t n_fits;
} UploadOutcome;

/* Without a problem, everything is stored. outcome is borrowed during the call, and empty for a removal. */
typedef void (*UploadDone)(const UploadOutcome *outcome, const Problem *problem, void *userdata);
/* target: the certificate to serve it; the root: to become the local root; NULL: any that it fits. */
int manager_upload(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                   UploadDone done, void *userdata, Problem *problem);
/* Dry run: report says what the same upload would do; borrowed during the call. With a problem, the upload could not be
 * examined. */
typedef void (*UploadChecked)(const UploadReport *report, const Problem *problem, void *userdata);
int manager_check_upload(Manager *m, Certificate *target, int bundle_fd, const UploadOptions *options,
                         UploadChecked done, void *userdata, Problem *problem);
int manager_remove_upload(Manager *m, const char *fingerprint, UploadDone done, void *userdata,
                          Problem *problem);
/* data: borrowed; NULL with a problem. */
typedef void (*ExportDone)(const void *data, size_t size, const Problem *problem, void *userdata);
/* Exports the served chain, with root the self-signed certificate that it ends in. */
int manager_export(Manager *m, Certificate *c, bool root, ExportFormat format, ExportDone done,
                   void *userdata, Problem *problem);
/* Returns true if LIMIT_READINGS exports are under way. */
bool manager_exports_are_many(const Manager *m);

/* fd: a sealed memfd with the private key and the served chain, borrowed; negative with a problem. */
typedef void (*KeyOpened)(int fd, const Problem *problem, void *userdata);
int manager_open_key(Manager *m, Certificate *c, KeyFormat format, const char *passphrase, KeyOpened done,
                     void *userdata, Problem *problem);

/* Returns true if any ACME authority may be asked. */
bool manager_acme_is_on(const Manager *m);
const Settings *manager_settings(const Manager *m);
/* Returns true if the first chain of a certificate is being made. */
bool manager_is_beginning(const Manager *m);
/* Returns true if nothing is being done and everything is on disk; a checkpoint that is due is started. */
bool manager_is_idle(Manager *m);
/* Returns true if another chain has to be served, by time alone, before the timer would start the service again. */
bool manager_awaits_change(Manager *m);
