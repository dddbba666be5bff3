/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/output.h"

/* Asks a web server of this machine for a proof of http-01 that does not exist, as an authority asks for one. Returns true
 * when Certwright has answered, several times in a row: for some time after a reload, former processes of a server answer
 * as well. address: as in PortOwner. */
bool proof_requests_arrive(const char *name, const char *address);
