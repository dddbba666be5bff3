/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every bound on what comes from outside, in one place. Sizes in bytes. */

#define LIMIT_BUNDLE          (64 * 1024) /* an upload: certificates and key */
#define LIMIT_CHAIN           16          /* certificates in a chain */
#define LIMIT_NAMES           100         /* names in a certificate */
#define LIMIT_NAME            253         /* a name, RFC 1035 section 2.3.4 as text without the last dot */
#define LIMIT_LABEL           63          /* a label of a name, RFC 1035 section 2.3.4 */
#define LIMIT_NAME_INPUT      1024        /* a name as somebody spells it, before it is canonical */
#define LIMIT_RSA_BITS_MIN    2048
#define LIMIT_RSA_BITS_MAX    4096
#define LIMIT_MODULE_NAME     64
#define LIMIT_MODULES         1000
#define LIMIT_CERTIFICATES    20000
#define LIMIT_UPLOADS         1000
#define LIMIT_JOBS            20000
#define LIMIT_CHECKS_PER_USER 16 /* pending polkit checks */
#define LIMIT_CHECKS          256
#define LIMIT_CONFIG_FILE     (16 * 1024 * 1024)
#define LIMIT_CONFIG_ERRORS   20                /* complaints about one file that are told in full */
#define LIMIT_REGISTRATIONS   64                /* modules that have registered one certificate */
#define LIMIT_RECORD          (4 * 1024 * 1024) /* a record.json */
#define LIMIT_STORED_FILE     (256 * 1024)      /* a PEM file of the store */
#define LIMIT_INDEX           (256 * 1024 * 1024)
#define LIMIT_JOURNAL         (8 * 1024 * 1024) /* then a new one is begun */
#define LIMIT_HISTORY         16                /* former chains that a record remembers */
#define LIMIT_BRIDGES         3                 /* cross-certificates of former roots in a chain */
