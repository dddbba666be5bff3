/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/json-reader.h"
#include "acme/objects.h"

/* A problem document within another object, or alone. -ENOMEM is all that can happen. */
int problem_document_read(const Reader *r, AcmeProblem **ret);
/* Returns c, with a problem for what has none yet. */
int object_finish(int c, Problem *problem);
