/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record.h"

/* A bare service on the same bus, which nobody floods: how long others wait for it is the bus's own doing. The bus has to be
 * configured for it (FIXTURE_CONTROL). */

#define CONTROL      "org.example.Control"
#define CONTROL_PATH "/org/example/Control"
#define CONTROL_MUCH (4 * 1024 * 1024)
/* Answers until it is killed; the record is ready as soon as it has its name. */
void control_run(const char *socket_path, Record *record);
