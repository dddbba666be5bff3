/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <uthash.h>

#include "config/config.h"
#include "deploy/due.h"
#include "model/model.h"

/* A module with [Deploy]: which of its certificates have to be delivered, and what is known about them. */

struct DeployRun;

/* One of its certificates. */
typedef struct RecipientItem {
    char *flaw;                 /* why nothing is delivered: an error of the configuration; NULL: none */
    char *name;                 /* canonical */
    char settings[DIGEST_TEXT]; /* deploy_settings_digest() */
    char asked[DIGEST_TEXT];    /* content that the run under way is expected to deliver; "": none */
    DeployScope scope;
    bool was_missed;    /* the last run delivered something else */
    bool is_of_revoked; /* the files have a chain that was revoked, as far as it is known */
    Deployment *own;    /* a run that left no report, as the service saw it; NULL: the report tells all */
} RecipientItem;

typedef struct Recipient {
    char *module;
    char **units;
    RecipientItem *items; /* ordered by name */
    size_t n_items;
    size_t
        group; /* the same for modules that share a unit, directly or by others: one run delivers them all */
    Report report;         /* as it was read last */
    Problem problem;       /* of reading it */
    bool is_stale;         /* the report has to be read */
    bool is_dirty;         /* a chain, the report or the settings changed */
    bool was_interrupted;  /* when the service started, a run had not ended: the next one has to undo it */
    int64_t due;           /* INT64_MAX: nothing is */
    int64_t look_due;      /* of chains that are written, but not used: their unit did not run */
    struct DeployRun *run; /* under way; NULL: none */
    uint64_t job;          /* 0: none */
    enum {
        WANTED_NOT,
        WANTED_PENDING, /* what is pending */
        WANTED_ALL,     /* a run, even if nothing is known to be pending */
    } wanted;           /* by this job, as soon as no run is under way */
    UT_hash_handle hh;  /* by module */
} Recipient;

#define FOREACH_RECIPIENT(c, table, next) HASH_ITER (hh, table, c, next)

/* NULL: the module delivers nothing, or on OOM, which *ret_r tells. */
Recipient *recipient_new(const Module *m, int *ret_r);
Recipient *recipient_free(Recipient *c);
DEFINE_CLEANUP(Recipient *, recipient_free);
RecipientItem *recipient_find(const Recipient *c, const char *name);
/* Moves to a fresh one what is known about the module. */
void recipient_inherit(Recipient *fresh, Recipient *former);
/* Finds the groups of a table. */
int recipients_group(Recipient *table);

/* The known state of the deployment of a certificate; NULL: none. */
const Deployment *recipient_deployment(const Recipient *c, const RecipientItem *i);
/* content, here and below: deploy_content_digest() of what is to be in the files; "": there is no chain yet. */
/* Marks what a run is expected to deliver. */
void recipient_ask(const Recipient *c, RecipientItem *i, const char *content);
/* Returns true if, according to the report, a run that began at that time has tried what it was asked for, or did not have
 * to. */
bool recipient_was_tried(const Recipient *c, RecipientItem *i, const char *content, int64_t since);
/* Records a try that left no report. -ENOMEM. */
int recipient_note_failure(Recipient *c, RecipientItem *i, const char *content, const char *detail,
                           int64_t now);
void recipient_forget_failure(RecipientItem *i);
/* Returns true if this content is still to be delivered. */
bool recipient_is_pending(const Recipient *c, const RecipientItem *i, const char *content);
/* Lowers due or look_due to when this one is due. */
void recipient_note_due(Recipient *c, const RecipientItem *i, const char *content, int64_t now);
/* Describes its state for clients; the strings are borrowed. */
Placement recipient_describe(const Recipient *c, const RecipientItem *i, const char *content);

/* ---- together with the certificates of the model (recipient-model.c) */

/* The content of the files as it is to be now, from the served chain and the local root; returns ret. */
const char *recipient_content(const Model *m, const RecipientItem *i, char ret[static DIGEST_TEXT]);
#define RECIPIENT_CONTENT(m, i) recipient_content(m, i, (char[DIGEST_TEXT]){ 0 })
/* Shows the state of a deployment at once, and logs what changed of it; when it is due is found by the next look. */
void recipient_show(Recipient *c, RecipientItem *i, Model *m);
/* Computes when it is due, and shows each deployment. */
void recipient_look_at(Recipient *c, Model *m, int64_t now);
bool recipient_has_pending(const Recipient *c, const Model *m);
/* Returns true if a certificate has no chain yet. */
bool recipient_lacks_chain(const Recipient *c, const Model *m);
/* The first reason why something was not delivered; newly allocated. NULL: all was, or on OOM. */
char *recipient_find_failure(const Recipient *c, const Model *m);
