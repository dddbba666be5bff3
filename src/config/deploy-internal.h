/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/section.h"

/* Beside a file lies a fresh one, for a moment, with a longer name. */
#define DEPLOY_FILE_NAME_MAX 239

/* Settings of [Deploy NAME], key by key in place of those of [Deploy]; both may be NULL. -ENOMEM. */
int deploy_settings_merge(const DeploySettings *all, const DeploySettings *own, DeploySettings *ret);
/* Returns the first of their keys (DeployKey) with a value that was refused and that is used; -ENOENT. */
int deploy_wrong_key(const DeploySettings *all, const DeploySettings *own);
/* -ENAMETOOLONG, -ENOMEM. */
int deploy_path_expand(const char *path, const char *name, char **ret);
/* Finds the flaws of all deployments when all files are read: sets Claim.deploy_flaw and the other members that
 * module_deploy_settings() uses, and complains. -ENOMEM. */
int deploys_settle(Config *c, ParseContext *context);
