/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/options.h"
#include "cli/session.h"

/* Writes the settings for ACME: agreement, contact, authority, and how names are proved. Asks for them on a terminal if no
 * option says any. */
Exit acme_setup(Session *s, const Options *o);
