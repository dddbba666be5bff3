/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "flood.h"
#include "record.h"

/* The connections of one user who floods. */

/* Floods the owner of that name until the record is stopped. */
void crowd_run(const Flood *flood, const char *destination, const char *socket_path, Record *record);
