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
#define LIMIT_IMPORTS_PER_UID 16                  /* of one user's that wait */
#define LIMIT_IMPORT_CPU      2                   /* seconds */
#define LIMIT_IMPORT_MEMORY   (256 * 1024 * 1024) /* address space */
#define LIMIT_IMPORT_TIME     20                  /* seconds by the clock, for who waits for its input */
#define LIMIT_IMPORT_REPLY    (512 * 1024)        /* what it may return */
#define LIMIT_PROBLEM_TEXT    2048                /* of what it says is wrong */
#define LIMIT_PROBLEM_TYPE    256
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
#define LIMIT_CERTIFICATES    10000
#define LIMIT_NAMES_SIZE      (LIMIT_CERTIFICATES * 64) /* of their primary names together */
#define LIMIT_ANSWER          (24 * 1024 * 1024) /* of GetManagedObjects: the bus lets 32 MiB through */
#define LIMIT_UPLOADS         1000
#define LIMIT_JOBS            10000
/* A method call, header included: an upload with its key, its passphrase and a name is the largest; a list of names comes
 * next. */
#define LIMIT_CALL               (2 * LIMIT_BUNDLE + LIMIT_PASSPHRASE + LIMIT_NAME_INPUT + 8 * 1024)
#define LIMIT_CALLS_OF_USER      1024               /* that wait for their answer */
#define LIMIT_CALL_BYTES_OF_USER (8 * 1024 * 1024)
#define LIMIT_CALL_BYTES         (24 * 1024 * 1024) /* of all users */
#define LIMIT_SENDERS            4096               /* connections that are known */
/* Replies that are not read. One of any size is sent to who has none. dbus-daemon has a limit of 127 MiB for all. */
#define LIMIT_UNREAD_OF_SENDER (4 * 1024 * 1024)
#define LIMIT_UNREAD_OF_USER   (8 * 1024 * 1024)
#define LIMIT_UNREAD           (64 * 1024 * 1024)
#define LIMIT_UNREAD_SMALL     (16 * 1024 * 1024) /* small replies are sent beyond that */
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

/* What an ACME authority sends (RFC 8555). */
#define LIMIT_ACME_JSON         (256 * 1024)
#define LIMIT_ACME_DEPTH        16 /* of nested JSON */
#define LIMIT_ACME_CHAIN        (256 * 1024)
#define LIMIT_ACME_TIME         60   /* seconds for one exchange */
#define LIMIT_ORDER_TIME        1800 /* seconds for one order */
#define LIMIT_ORDERS            16   /* at once; what comes then waits */
#define LIMIT_NONCE             512  /* bytes */
#define LIMIT_NONCES            64   /* kept of one authority */
#define LIMIT_NONCE_TRIES       5    /* of one request that is refused as badNonce */
#define LIMIT_RETRY_MIN         1    /* seconds, whatever Retry-After says */
#define LIMIT_RETRY_MAX         86400
#define LIMIT_TOKEN_MIN         22 /* RFC 8555 section 8: 128 bits of entropy */
#define LIMIT_TOKEN_MAX         128
#define LIMIT_URL               2048
#define LIMIT_SUBPROBLEMS       100
#define LIMIT_CHALLENGES        32 /* in an authorization */
#define LIMIT_PROFILES          32
#define LIMIT_ALGORITHMS        32  /* that an authority offers instead */
#define LIMIT_CONTACTS          32  /* of an account */
#define LIMIT_ACME_LABEL        256 /* a profile's name, or what names a certificate (RFC 9773 section 4.1) */
#define LIMIT_ALTERNATES        8   /* chains of one certificate that are looked at */
#define LIMIT_ORDER_LIST        1000 /* orders of an account that are looked through */
#define LIMIT_ORDER_PAGES       100  /* of that list */
#define LIMIT_AUTHORITIES       16
#define LIMIT_LEDGER            (64 * 1024 * 1024) /* a ledger that is read */
#define LIMIT_RENEWAL_CHECKS    16                 /* certificates whose renewalInfo is asked for at once */
#define LIMIT_LISTEN_ADDRESSES  16
#define LIMIT_ORIGINS           16 /* of an authority, beside that of its directory */
#define LIMIT_RESOLVERS         16
#define LIMIT_CONNECTIONS       64         /* at the listener of challenges */
#define LIMIT_CONNECTION_TIME   2          /* seconds for one of them */
#define LIMIT_CONNECTION_MEMORY (8 * 1024) /* for the head of its request and that of the reply */
#define LIMIT_CHECK_TIME        10         /* seconds for one request of a self-check */
#define LIMIT_CHECK_BODY        (64 * 1024)
#define LIMIT_CHECK_ADDRESSES   8    /* of a name that are asked */
#define LIMIT_DNS_TIME          10   /* seconds for one query */
#define LIMIT_DNS_ALIASES       8    /* CNAMEs that are followed */
#define LIMIT_DNS_HOOK_TIME     120  /* seconds for a hook or an update */
#define LIMIT_DNS_UPDATE_TIME   30   /* seconds for the exchange with the server of an update */
#define LIMIT_DNS_GRACE         5    /* seconds between SIGTERM and SIGKILL for them */
#define LIMIT_DNS_JOBS          8    /* changes of the DNS at once; what comes then waits */
#define LIMIT_DNS_REQUEST       6144 /* bytes, to the program that makes them */
#define LIMIT_DNS_REQUEST_TIME  10   /* seconds for it to come */
#define LIMIT_DNS_REPLY         4096
#define LIMIT_DNS_OUTPUT        1536 /* of what a hook or an update wrote, the end of which is reported */
#define LIMIT_TSIG_FILE         4096
#define LIMIT_DNS_SERVERS       16  /* of a zone, that are asked */
#define LIMIT_DNS_SILENCE       15  /* seconds until a server that does not answer is left out */
#define LIMIT_DNS_PROPAGATION   600 /* seconds until every server of a zone has the record */
#define LIMIT_KEY_FILE          4096
