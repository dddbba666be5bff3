/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "acme/json-reader.h"
#include "acme/objects.h"

/* Reads a problem document, nested or on its own. Fails only with -ENOMEM. */
int problem_document_read(const Reader *r, AcmeProblem **ret);
/* Returns c, and sets a problem if there is none yet. */
int object_finish(int c, Problem *problem);
