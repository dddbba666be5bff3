/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Every bound on what comes from outside, in one place. Sizes in bytes. */

#define LIMIT_BUNDLE          (64 * 1024) /* an upload: certificates and key; or a key in a file of its own */
#define LIMIT_PASSPHRASE      1024
#define LIMIT_SUBJECT         4096   /* a subject or issuer, DER */
#define LIMIT_SERIAL          64     /* a serial number, bytes; RFC 5280 section 4.1.2.2 has 20 */
#define LIMIT_KEY             4096   /* a private key, DER: one of RSA with 4096 bits has 2,400 bytes */
#define LIMIT_ITERATIONS      600000 /* of a key derivation in an upload, RFC 8018 section 4.2 */
#define LIMIT_SCRYPT_MEMORY   (33 * 1024 * 1024) /* RFC 7914; OpenSSL's own limit is a little lower */
#define LIMIT_BAGS            64                 /* PKCS#12 bags, RFC 7292 section 4.2 */
#define LIMIT_IMPORTS         4                  /* import processes at once; what comes then waits */
#define LIMIT_IMPORTS_WAITING 64
#define LIMIT_IMPORT_CPU      2                   /* seconds */
#define LIMIT_IMPORT_MEMORY   (256 * 1024 * 1024) /* address space */
#define LIMIT_IMPORT_TIME     20                  /* seconds by the clock, for who waits for its input */
#define LIMIT_IMPORT_REPLY    (512 * 1024)        /* what it may return */
#define LIMIT_PROBLEM_TEXT    2048                /* of what it says is wrong */
#define LIMIT_ISSUERS_FETCHED 4  /* certificates that are looked for on the network for one upload */
#define LIMIT_HTTP_TIME       15 /* seconds for one of them */
#define LIMIT_HTTP_HEADERS    (64 * 1024) /* of a reply */
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
#define LIMIT_BRIDGES         6                 /* certificates in a chain that lead to former roots */
