/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/ini.h"
#include "core/record.h"

/* What the administrator wrote: certwright.conf and modules.d, each a main file and drop-ins, from several
 * directories of which the later wins per file name (certwright.conf(5)). */

typedef struct Settings {
    KeyType key_type;          /* [Local] KeyType= */
    KeyType root_key_type;     /* RootKeyType= */
    int64_t leaf_lifetime;     /* LeafLifetime=, seconds */
    int64_t root_lifetime;     /* RootLifetime=, seconds */
    char *organization;        /* Organization=; NULL: none */
    char **constraints;        /* NameConstraints= */
    char *authority_directory; /* [Uploads] AuthorityDirectory=; NULL: none */
    int64_t idle_exit;         /* [Renewal] IdleExit=, seconds; 0: never */
} Settings;

/* One module's wish for one certificate. */
typedef struct Claim {
    char *name;        /* canonical */
    char **names;      /* canonical, beside the primary one */
    KeyType key_type;  /* _KEY_TYPE_INVALID: the default */
    unsigned purposes; /* Purpose */
} Claim;

typedef struct Module {
    char *name; /* that of its file without .conf */
    char *description;
    Claim *claims;
    size_t n_claims;
} Module;

typedef struct Config {
    Settings settings;
    Module *modules;
    size_t n_modules;
} Config;

/* Reads all. What is wrong is told to complain and left out; a file that cannot be read leaves its module as
 * it is in former (may be NULL). Fails for want of memory only. directories: NULL-terminated, the most important last. */
int config_load(char *const *directories, const Config *former, ConfigComplain complain, void *userdata,
                Config **ret);
Config *config_free(Config *c);
DEFINE_CLEANUP(Config *, config_free);
#define _cleanup_config_ _cleanup_(config_freep)
