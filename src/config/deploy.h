/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "core/deployment.h"
#include "util/macro.h"

/* [Deploy] and [Deploy NAME] of a module: where a service has its files, and how it takes new ones
 * (certwright.conf(5)). */

/* Reload=, ReloadOrRestart=, Restart= and Start=, in the order in which they are written. */
typedef struct UnitStep {
    UnitAction action;
    char *unit; /* a full name of a unit; not a template */
} UnitStep;

/* A word of Probe=: SCHEME://HOST[:PORT], perhaps followed by "proxy=v1". */
typedef struct Probe {
    ProbeScheme scheme;
    char *host; /* an address of this machine: IPv4, IPv6 without brackets, or "localhost" */
    uint16_t port;
    bool proxy_v1; /* begins with a header of the PROXY protocol, version 1 */
} Probe;

typedef struct DeploySettings {
    char *name;                    /* canonical; NULL: [Deploy], for all certificates of the module */
    char *files[_DEPLOY_FILE_MAX]; /* absolute paths, which may contain %n; NULL: none */
    char *owner, *group;           /* names or numbers; NULL: as before, or root's */
    mode_t mode; /* Mode=; MODE_AS_BEFORE: of the former file, or 0600 with a key and 0644 without */
    CombinedOrder combined_order;
    UnitStep *steps;
    size_t n_steps;
    Probe *probes;
    size_t n_probes;
    int64_t probe_timeout; /* ProbeTimeout=, seconds */
    unsigned given;        /* keys that the section has, as bits of an internal table */
} DeploySettings;

#define MODE_AS_BEFORE        ((mode_t)-1)
#define PROBE_TIMEOUT_DEFAULT 10

struct Module;

void deploy_settings_done(DeploySettings *s);
#define _cleanup_deploy_settings_ _cleanup_(deploy_settings_done)
/* The settings of a module for one of its certificates: those of [Deploy NAME], key by key in place of those of
 * [Deploy]. %n in paths is expanded to the canonical name, with "_" for a leading "*", and %% to a percent sign.
 * Returns 0 if there are none: no file is to be written. 1: *ret is to be freed by deploy_settings_done().
 * -ENOMEM. */
int module_deploy_settings(const struct Module *m, const char *name, DeploySettings *ret);
