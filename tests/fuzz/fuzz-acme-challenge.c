/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A challenge (RFC 8555 section 7.1.5). */
#include "acme.h"

DEFINE_TARGET(AcmeChallenge, challenge, require_challenge)
