/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/section.h"

/* The sections [Deploy] and [Deploy NAME] of modules. */

/* Keys, as bits of DeploySettings.given and .wrong. The first ones are the values of DeployFile. */
typedef enum DeployKey {
    DEPLOY_KEY_OWNER = _DEPLOY_FILE_MAX,
    DEPLOY_KEY_GROUP,
    DEPLOY_KEY_MODE,
    DEPLOY_KEY_COMBINED_ORDER,
    DEPLOY_KEY_RELOAD, /* the values of UnitAction */
    DEPLOY_KEY_START = DEPLOY_KEY_RELOAD + UNIT_START,
    DEPLOY_KEY_PROBE,
    DEPLOY_KEY_PROBE_TIMEOUT,
    _DEPLOY_KEY_MAX,
} DeployKey;

#define DEPLOY_BIT(key)  (1U << (key))
#define DEPLOY_BIT_STEPS ((DEPLOY_BIT(_UNIT_ACTION_MAX) - 1) << DEPLOY_KEY_RELOAD)

/* "Mode", without "="; NULL for other numbers. */
const char *deploy_key_to_string(DeployKey k);

bool is_deploy_section(const char *section);
int on_deploy_entry(ParseContext *context, const IniEntry *e);
