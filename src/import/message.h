/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/imported.h"
#include "core/problem.h"

/* The message that certwright-import returns, as bytes. The reader does not trust them. */

/* imported NULL: only the problem. The message may contain a key, and is erased by whoever frees it. */
int message_encode(const Imported *imported, const Problem *problem, uint8_t **ret, size_t *ret_size);
/* -EBADMSG for anything but a complete message. *ret is NULL if the message contains a problem. */
int message_decode(const uint8_t *data, size_t size, Imported **ret, Problem *ret_problem);
