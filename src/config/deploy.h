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

    /* of a section, for config/ itself */
    unsigned given; /* keys that it has, as bits of DeployKey */
    unsigned wrong; /* keys with a value that was refused: nothing is deployed */
    char *file;     /* where it begins */
    unsigned line;
} DeploySettings;

#define MODE_AS_BEFORE        ((mode_t)-1)
#define PROBE_TIMEOUT_DEFAULT 10

struct Module;

void deploy_settings_done(DeploySettings *s);
#define _cleanup_deploy_settings_ _cleanup_(deploy_settings_done)
int deploy_settings_copy(const DeploySettings *from, DeploySettings *to);

/* The functions below take modules of config_load(). */

/* The settings of a module for one of its certificates: those of [Deploy NAME], key by key in place of those of
 * [Deploy]; the steps of units count as one key. %n in paths is expanded to the canonical name, with "_" for a leading
 * "*", and %% to a percent sign. Returns 0 if nothing is to be deployed: the configuration of the module does not have
 * the certificate (registrations do not count) or names no file for it, or it has a flaw. 1: *ret is to be freed by
 * deploy_settings_done(), and no file of it is a file of another certificate or module. -ENOMEM. */
int module_deploy_settings(const struct Module *m, const char *name, DeploySettings *ret);
/* The units that its sections name, each once, in their order; newly allocated. */
int module_units(const struct Module *m, char ***ret);
/* Why a certificate is not deployed although the module has settings for it: a sentence, which was reported as an
 * error of the configuration, too. NULL: it has no flaw. */
const char *module_deploy_flaw(const struct Module *m, const char *name);
