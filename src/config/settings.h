/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/config.h"

/* Settings as a value: the defaults, a copy, the end. */

/* -ENOMEM; to be ended in any case. */
int settings_init(Settings *s);
void settings_done(Settings *s);
/* to: has been initialized, and is replaced. */
int settings_copy(const Settings *from, Settings *to);
/* With the defaults. */
int settings_add_authority(Settings *s, const char *name);
/* to: uninitialized; to be ended in any case. */
int authority_settings_copy(const AuthoritySettings *from, AuthoritySettings *to);
void authority_settings_done(AuthoritySettings *a);
bool authority_settings_equal(const AuthoritySettings *a, const AuthoritySettings *b);
/* Whether orders are made in the same way: [ACME] and all [Authority]. */
bool settings_order_alike(const Settings *a, const Settings *b);
