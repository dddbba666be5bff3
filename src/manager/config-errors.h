/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "manager/manager.h"

/* Errors in the configuration, collected while it is read and applied. */
typedef struct ConfigErrors {
    ConfigError *items;
    size_t n;
    size_t n_more; /* beyond LIMIT_CONFIG_ERRORS_KEPT */
} ConfigErrors;

void config_errors_done(ConfigErrors *l);
#define _cleanup_config_errors_ _cleanup_(config_errors_done)
/* Adds an error unless it is known already. line 0: about the file as a whole; key NULL: about no key. */
void config_errors_add(ConfigErrors *l, const char *file, unsigned line, const char *key, const char *text);
bool config_errors_equal(const ConfigErrors *a, const ConfigErrors *b);
/* Logs those that are not among the former ones. */
void config_errors_log(const ConfigErrors *l, const ConfigErrors *former);
