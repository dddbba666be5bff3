/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/imported.h"
#include "core/problem.h"

/* The message that certwright-import returns, as bytes. The reader does not trust them. */

/* imported NULL: only the problem. The message may contain a key. */
int message_encode(const Imported *imported, const Problem *problem, Blob *ret);
/* -EBADMSG for anything but a complete message. *ret is NULL if the message contains a problem. */
int message_decode(const uint8_t *data, size_t size, Imported **ret, Problem *ret_problem);
