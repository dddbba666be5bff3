/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"
#include "deploy/due.h"
#include "deploy/former.h"
#include "deploy/probe.h"
#include "deploy/source.h"
#include "deploy/target.h"

/* A certificate as a module uses it: its settings, the files that it has now, and those that it is to have. */

typedef struct ConsumerFile {
    DeployFile kind;
    Target target;
    Image next, former;
} ConsumerFile;

/* The local root, as it is delivered. */
typedef struct LocalRoot {
    SourceText text; /* without data: there is none, or it is not needed */
    char fingerprint[DIGEST_TEXT];
} LocalRoot;

typedef enum ConsumerStage {
    CONSUMER_FOUND,    /* in the configuration */
    CONSUMER_READY,    /* pending; the chain was examined and the former files were captured */
    CONSUMER_STAGED,   /* its files wait to be switched */
    CONSUMER_SWITCHED, /* it has the new files */
    CONSUMER_SETTLED,  /* the outcome is known */
} ConsumerStage;

typedef struct Consumer {
    const Module *module;
    const Claim *claim;
    DeploySettings settings;
    char digest[DIGEST_TEXT];  /* of the settings */
    char leaf[DIGEST_TEXT];    /* fingerprint of the new leaf; "": unknown */
    char content[DIGEST_TEXT]; /* deploy_content_digest() of what is to be delivered; "": unknown */
    char **names;              /* that the chain has to cover; a string list */
    SourceText chain, key;     /* as read, until they are split into the files */
    ConsumerFile files[_DEPLOY_FILE_MAX];
    size_t n_files;
    Presented next;     /* what the service has to present */
    Presented previous; /* presented with the former files; no certificates: unknown */
    ConsumerStage stage;
    DeploymentState outcome; /* once it is settled */
    Problem problem;         /* why it is not verified, if so */
    bool unrestored;         /* its former files, or its units, may have to come back */
} Consumer;

/* Returns 0 if nothing of the certificate is deployed to this module. 1: the consumer is to be freed by
 * consumer_done(); if its configuration has a flaw, it has failed already. -ENOMEM. Both arguments have to live as
 * long. */
int consumer_init(Consumer *c, const Module *m, const Claim *claim);
void consumer_done(Consumer *c);
void consumer_settle(Consumer *c, DeploymentState outcome, Problem *problem);
/* Settles it as failed, with a copy of the problem. */
void consumer_fail(Consumer *c, const Problem *why);

/* Opens the folders of its files. */
int consumer_open(Consumer *c, TargetFolders *folders, Problem *problem);
/* Lets all consumers fail that have the same file by different paths. -ENOMEM. */
int consumers_refuse_twins(Consumer *consumers, size_t n);
/* Reads the served chain, and the key if it is needed. */
int consumer_read(Consumer *c, const SourceStore *store, Problem *problem);
/* Describes what the child has to examine; valid until consumer_take(). */
ExamineInput consumer_input(const Consumer *c, int64_t now);
/* Splits the examined chain into the files, if it can be used. */
int consumer_take(Consumer *c, const Examination *e, const LocalRoot *root, Problem *problem);
/* Captures the former files, and determines the attributes of the next ones. */
int consumer_capture(Consumer *c, Problem *problem);
/* True if every file is already what it is to be. */
bool consumer_is_unchanged(const Consumer *c);
/* True if one of its files is not there, though it has been taken. */
bool consumer_lacks_file(const Consumer *c);

int consumer_stage(Consumer *c, bool flush, Problem *problem);
void consumer_unstage(Consumer *c);
int consumer_switch(Consumer *c, Problem *problem);
int consumer_flush(Consumer *c, Problem *problem);
/* Replaces the new files by the former ones, flushed. */
int consumer_put_back(Consumer *c, Problem *problem);
/* Examines the chain in the former files: unless it is FORMER_USABLE, they are not put back. */
FormerVerdict consumer_judge_former(Consumer *c, const SourceStore *store, int64_t now);
