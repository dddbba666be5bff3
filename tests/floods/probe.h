/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "call.h"
#include "record.h"

/* An honest client: asks in turn, one call at a time, and waits for each answer. What the bus itself refuses, since more
 * than it keeps is on its way to the service, is asked again; the wait is that for the answer. */

typedef struct Question {
    Call call;
    guint every; /* of its rounds is it asked in; the first is such a one */
} Question;

/* Asks until the record is stopped, and then waits for the answer it is waiting for. */
void probe_run(const Question *questions, guint n, const char *socket_path, Record *record);

/* What the service is asked, and the control service. */
const Question *probe_of_service(guint *ret_n);
const Question *probe_of_control(guint *ret_n);
