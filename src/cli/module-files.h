/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/root-files.h"

/* The files that enable writes and disable removes: the file of a module in modules.d, a copy of the template of its service,
 * and a drop-in that requests a certificate. */

typedef struct ServiceType {
    const char *name, *alias;  /* alias: NULL: none */
    const char *title;         /* of people */
    const char *snippet;       /* file of the lines that its own configuration needs; NULL: none */
    const char *configuration; /* directory of the service's own configuration */
    bool reads_folder;         /* it may name the folder of the files instead of each */
    const char *unit;          /* its package installs it */
} ServiceType;

typedef struct ModuleFiles {
    const ServiceType *service;
    char *name;                       /* canonical */
    char *module, *folder, *drop_in;  /* paths */
    char *module_text, *drop_in_text; /* as enable writes them */
} ModuleFiles;

void module_files_done(ModuleFiles *f);
#define _cleanup_module_files_ _cleanup_(module_files_done)

/* Fails for services without a template and for invalid names. */
Exit module_files_init(ModuleFiles *f, const char *service, const char *name);

/* Never overwrites a file. A module file of any content stays; a drop-in of other content is a failure. */
Exit module_files_write(const ModuleFiles *f, FilesChange *c);
/* Removes only what is there and unchanged since it was written: the drop-in, and the module file after the last drop-in. */
Exit module_files_remove(const ModuleFiles *f, FilesChange *c);

/* Fails if the service is not installed. */
Exit module_files_check_installed(const ModuleFiles *f);

/* Drop-ins of other certificates and services. */
typedef struct OtherFiles {
    bool any;       /* there is one */
    bool same_name; /* one for the same name */
} OtherFiles;
OtherFiles module_files_find_others(const ModuleFiles *f);
