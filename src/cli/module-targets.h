/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/module-files.h"

/* Where a module delivers to, and the lines that the service's own configuration needs to use it. */

/* Adds the files that a module of any kind delivers the certificate to, as far as its files can be read. */
void module_read_targets(const char *module, const char *name, char ***targets);

/* Returns the files that the module's [Deploy] names for the certificate. */
Exit module_files_targets(const ModuleFiles *f, char ***ret);
/* Prints the lines for the service's own configuration to stdout. */
Exit module_files_print_snippet(const ModuleFiles *f);
/* True if a file of the service's configuration names a target, or the folder of one, or if none has to. */
bool module_files_are_used(const ModuleFiles *f, char *const *targets);
/* Removes the targets and their folders, as far as there are any. */
Exit targets_remove(char *const *targets, FilesChange *c);
