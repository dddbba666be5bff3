/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The protocol between the service and certwright-import. File descriptor 1 is a memfd for the message. */

#define IMPORT_PROGRAM       "certwright-import"
#define IMPORT_FD_BUNDLE     0
#define IMPORT_FD_KEY        3
#define IMPORT_FD_PASSPHRASE 4

/* The descriptor is open. */
#define IMPORT_OPTION_KEY             "--key"
#define IMPORT_OPTION_PASSPHRASE      "--passphrase"
#define IMPORT_OPTION_PASSPHRASE_FILE "--passphrase-file" /* the same; as an editor writes it */
