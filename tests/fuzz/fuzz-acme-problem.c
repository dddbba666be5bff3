/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A problem document (RFC 7807). */
#include "acme.h"

DEFINE_TARGET(AcmeProblem, problem, require_problem)
