/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/imported.h"
#include "core/problem.h"

/* What certwright-import hands back, as bytes. The reader trusts none of them. */

/* imported NULL: the problem alone. The message holds a key: it is erased by whoever frees it. */
int message_encode(const Imported *imported, const Problem *problem, uint8_t **ret, size_t *ret_size);
/* -EBADMSG for anything but a whole message. *ret is NULL when there is a problem in it. */
int message_decode(const uint8_t *data, size_t size, Imported **ret, Problem *ret_problem);
