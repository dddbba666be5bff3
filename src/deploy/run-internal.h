/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "deploy/consumer.h"
#include "deploy/lock.h"
#include "deploy/run.h"
#include "deploy/saved.h"
#include "deploy/steps.h"

/* The directory of a module below the state directory, and its content. */
typedef struct ModuleState {
    const Module *module;
    int dir_fd;
    Report report;
    SavedSet interrupted; /* of a run that did not end */
    Target *targets;      /* of the files of that set */
    bool saved;           /* there is a set on disk */
    bool changed;         /* the report, since it was read or written */
} ModuleState;

typedef struct Run {
    const RunOptions *options;
    Config *config;
    ModuleState *modules; /* the group of modules */
    size_t n_modules;
    Consumer *consumers; /* ordered by module */
    size_t n_consumers;
    TargetFolders folders;
    Locks locks;
    SourceStore store;
    LocalRoot root;
    Steps steps;
    Prober *prober;
    int64_t now;
    gid_t readers; /* the group of the service, which may read reports */
} Run;

#define FOREACH_CONSUMER(c, run) \
    for (Consumer *c = (run)->consumers; (size_t)(c - (run)->consumers) < (run)->n_consumers; c++)
#define FOREACH_MODULE(m, run) \
    for (ModuleState *m = (run)->modules; (size_t)(m - (run)->modules) < (run)->n_modules; m++)

ModuleState *run_find_module(const Run *run, const Module *module);
/* Notes the try of a consumer in the report of its module. detail: NULL: none. -ENOMEM. */
int run_note(Run *run, const Consumer *c, DeploymentState state, const char *detail);
int run_write_report(Run *run, ModuleState *m, Problem *problem);

/* ---- module-state.c: directories, reports, saved sets */

int run_open_states(Run *run, const Module *const *modules, size_t n, Problem *problem);
void run_close_states(Run *run);

/* ---- recovery.c: going back after an interrupted run */

/* Opens the targets of its files. */
int run_open_interrupted(Run *run, Problem *problem);
/* Puts the former files back, brings the units back, and erases the set. */
int run_recover(Run *run, Problem *problem);

/* ---- delivery.c: from the pending ones to those that have their new files */

/* Consumers that fail are settled. */
void run_save(Run *run);
void run_replace(Run *run);

/* ---- settle.c: from new files to an outcome */

void run_take_steps(Run *run);
void run_verify(Run *run);
void run_roll_back(Run *run);
void run_erase_saved(Run *run);
