/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All limits on external input, in one place. Sizes in bytes. */

#define LIMIT_BUNDLE          (64 * 1024) /* an upload: certificates and key; or a key in a separate file */
#define LIMIT_PASSPHRASE      1024
#define LIMIT_SUBJECT         4096   /* a subject or issuer, DER */
#define LIMIT_SERIAL          64     /* a serial number, bytes; RFC 5280 section 4.1.2.2 has 20 */
#define LIMIT_KEY             4096   /* a private key, DER: one of RSA with 4096 bits has 2,400 bytes */
#define LIMIT_ITERATIONS      600000 /* of a key derivation in an upload, RFC 8018 section 4.2 */
#define LIMIT_GUESSED         10000  /* the same for the empty passphrase, when another one was given */
#define LIMIT_SCRYPT_MEMORY   (33 * 1024 * 1024) /* RFC 7914; OpenSSL's own limit is a little lower */
#define LIMIT_BAGS            64                 /* PKCS#12 bags, RFC 7292 section 4.2 */
#define LIMIT_IMPORTS         4                  /* parallel import processes; others wait */
#define LIMIT_IMPORTS_WAITING 64
#define LIMIT_IMPORTS_PER_UID 16                  /* waiting, per user */
#define LIMIT_IMPORT_CPU      2                   /* seconds */
#define LIMIT_IMPORT_MEMORY   (256 * 1024 * 1024) /* address space */
#define LIMIT_IMPORT_TIME     20           /* seconds of wall clock time, as it may wait for its input */
#define LIMIT_IMPORT_REPLY    (512 * 1024) /* size of its reply */
#define LIMIT_PROBLEM_TEXT    2048         /* of its error message */
#define LIMIT_PROBLEM_TYPE    256
#define LIMIT_REFUSAL_TEXT    500         /* that is quoted of a reply without a problem document */
#define LIMIT_ISSUERS_FETCHED 4           /* certificates downloaded for one upload */
#define LIMIT_REDIRECTS       3           /* followed for each of them */
#define LIMIT_HTTP_TIME       15          /* seconds for each of them */
#define LIMIT_HTTP_HEADERS    (64 * 1024) /* of a reply */
#define LIMIT_CHAIN           16          /* certificates in a chain */
#define LIMIT_PATH_STEPS      4096        /* in the search for a path up from a leaf */
#define LIMIT_PATH_NODES      1024        /* certificates that it is searched among */
#define LIMIT_PATH_ISSUERS    64          /* of one certificate that are tried */
#define LIMIT_NAMES           100         /* names in a certificate */
#define LIMIT_NAME            253         /* a name, RFC 1035 section 2.3.4 as text without the last dot */
#define LIMIT_LABEL           63          /* a label of a name, RFC 1035 section 2.3.4 */
#define LIMIT_NAME_INPUT      1024        /* a name before it is made canonical */
#define LIMIT_RSA_BITS_MIN    2048
#define LIMIT_RSA_BITS_MAX    4096
#define LIMIT_MODULE_NAME     64
#define LIMIT_MODULES         1000
#define LIMIT_CERTIFICATES    10000
#define LIMIT_NAMES_SIZE      (LIMIT_CERTIFICATES * 64) /* total size of their primary names */
#define LIMIT_BEGINNING       1000                      /* milliseconds that calls wait for first chains */
#define LIMIT_ANSWER          (24 * 1024 * 1024) /* reply to GetManagedObjects: the bus permits 32 MiB */
#define LIMIT_UPLOADS         1000
#define LIMIT_JOBS            10000
#define LIMIT_READINGS        16 /* chains and keys that are read from the store at the same time to export them */
/* A method call including its header: the largest is an upload with its key, its passphrase and a name,
 * followed by a list of names. */
#define LIMIT_CALL               (2 * LIMIT_BUNDLE + LIMIT_PASSPHRASE + LIMIT_NAME_INPUT + 8 * 1024)
#define LIMIT_CALLS_OF_USER      1024 /* pending calls */
#define LIMIT_CALL_BYTES_OF_USER (8 * 1024 * 1024)
#define LIMIT_CALL_BYTES         (24 * 1024 * 1024) /* of all users */
#define LIMIT_SENDERS            4096               /* known connections */
/* Unread replies. A connection without any may be sent one of any size. dbus-daemon limits all of them
 * together to 127 MiB. */
#define LIMIT_UNREAD_OF_SENDER (4 * 1024 * 1024)
#define LIMIT_UNREAD_OF_USER   (8 * 1024 * 1024)
#define LIMIT_UNREAD           (64 * 1024 * 1024)
#define LIMIT_UNREAD_SMALL     (16 * 1024 * 1024) /* small replies are sent above that */
#define LIMIT_CHECKS_PER_USER  16                 /* pending polkit checks */
#define LIMIT_CHECKS           256
#define LIMIT_CONFIG_FILE      (16 * 1024 * 1024)
#define LIMIT_CONFIG_ERRORS    20 /* complaints about one file that are logged */
#define LIMIT_DEPLOY_STEPS     16 /* units that a deployment reloads, restarts or starts */
#define LIMIT_DEPLOY_PROBES    16
#define LIMIT_REGISTRATIONS    64                /* modules per registered certificate */
#define LIMIT_RECORD           (4 * 1024 * 1024) /* a record.json */
#define LIMIT_STORED_FILE      (256 * 1024)      /* a PEM file of the store */
#define LIMIT_INDEX            (256 * 1024 * 1024)
#define LIMIT_JOURNAL          (8 * 1024 * 1024) /* then a new one is started */
#define LIMIT_HISTORY          16                /* former chains listed in a record */
#define LIMIT_BLOCKED          32 /* leaves of a certificate that must not be presented again */
#define LIMIT_BRIDGES          6  /* cross-certificates from former roots in a chain */

/* Errors in the configuration, as they are listed on the bus. */
#define LIMIT_CONFIG_ERRORS_KEPT 200 /* about all files */
#define LIMIT_CONFIG_ERROR_TEXT  1000
#define LIMIT_CONFIG_ERROR_KEY   100

/* Input from ACME authorities (RFC 8555). */
#define LIMIT_ACME_JSON         (256 * 1024)
#define LIMIT_ACME_DEPTH        16 /* of nested JSON */
#define LIMIT_ACME_CHAIN        (256 * 1024)
#define LIMIT_ACME_TIME         60   /* seconds for one request */
#define LIMIT_KEY_CHANGE_WAIT   60   /* seconds that a key change waits for running validations */
#define LIMIT_ORDER_TIME        1800 /* seconds for one order */
#define LIMIT_ORDERS            16   /* in parallel; others wait */
#define LIMIT_NONCE             512  /* bytes */
#define LIMIT_NONCES            64   /* kept per authority */
#define LIMIT_NONCE_TRIES       5    /* of a request refused with badNonce */
#define LIMIT_RETRY_MIN         1    /* seconds, regardless of Retry-After */
#define LIMIT_RETRY_MAX         86400
#define LIMIT_TOKEN_MIN         22 /* RFC 8555 section 8: 128 bits of entropy */
#define LIMIT_TOKEN_MAX         128
#define LIMIT_URL               2048
#define LIMIT_SUBPROBLEMS       100
#define LIMIT_CHALLENGES        32 /* in an authorization */
#define LIMIT_PROFILES          32
#define LIMIT_ALGORITHMS        32   /* offered by an authority */
#define LIMIT_CONTACTS          32   /* of an account */
#define LIMIT_ACME_LABEL        256  /* a profile, or a certificate identifier (RFC 9773 section 4.1) */
#define LIMIT_ALTERNATES        8    /* chains considered for a certificate */
#define LIMIT_ORDER_LIST        1000 /* orders of an account that are searched */
#define LIMIT_ORDER_PAGES       100  /* of that list */
#define LIMIT_AUTHORITIES       16
#define LIMIT_FINDINGS          256                /* in the test of an order */
#define LIMIT_LEDGER            (64 * 1024 * 1024) /* a ledger */
#define LIMIT_RENEWAL_CHECKS    16                 /* parallel queries for renewalInfo */
#define LIMIT_LISTEN_ADDRESSES  16
#define LIMIT_ORIGINS           16 /* of an authority, in addition to that of its directory */
#define LIMIT_RESOLVERS         16
#define LIMIT_CONNECTIONS       64         /* to the listener for challenges */
#define LIMIT_CONNECTION_TIME   2          /* seconds for each of them */
#define LIMIT_CONNECTION_MEMORY (8 * 1024) /* for the header of its request and that of the reply */
#define LIMIT_CHECK_TIME        10         /* seconds for one request of a self-check */
#define LIMIT_CHECK_BODY        (64 * 1024)
#define LIMIT_CHECK_ADDRESSES   8    /* of a name that are checked */
#define LIMIT_RECHECKS          16   /* parallel self-checks without an order */
#define LIMIT_DNS_TIME          10   /* seconds for one query */
#define LIMIT_DNS_ALIASES       8    /* CNAMEs to follow */
#define LIMIT_DNS_HOOK_TIME     120  /* seconds for a hook or an update */
#define LIMIT_DNS_UPDATE_TIME   30   /* seconds for the exchange with the server */
#define LIMIT_DNS_GRACE         5    /* seconds between SIGTERM and SIGKILL for them */
#define LIMIT_DNS_JOBS          8    /* parallel changes of the DNS; others wait */
#define LIMIT_DNS_REQUEST       6144 /* bytes, a request to certwright-dns */
#define LIMIT_DNS_REQUEST_TIME  10   /* seconds to receive it */
#define LIMIT_DNS_REPLY         4096
#define LIMIT_DNS_OUTPUT        1536 /* output of a hook or an update that is reported */
#define LIMIT_TSIG_FILE         4096
#define LIMIT_DNS_SERVERS       16  /* of a zone that are queried */
#define LIMIT_DNS_SILENCE       15  /* seconds until a silent server is skipped */
#define LIMIT_DNS_PROPAGATION   600 /* seconds until every server of a zone has the record */
#define LIMIT_KEY_FILE          4096
#define LIMIT_PROGRAM_OUTPUT    (64 * 1024) /* of a service's check of its configuration, that is shown */

/* Deployments. */
#define LIMIT_DEPLOYED_FILE  (1024 * 1024)            /* a file of a service that is replaced */
#define LIMIT_DEPLOYED_FILES (6 * LIMIT_CERTIFICATES) /* of a module: each has up to six kinds */
#define LIMIT_REPORT         (32 * 1024 * 1024)       /* a report.json */
#define LIMIT_SAVED_LIST     (64 * 1024 * 1024)       /* attributes of the former files of a module */
#define LIMIT_SAVED_CONTENT  (512 * 1024 * 1024)      /* and their content */

/* Input of certwright-deploy. */
#define LIMIT_EXAMINE_CPU     10                  /* seconds for some chains and keys */
#define LIMIT_EXAMINE_TIME    30                  /* the same by the clock on the wall */
#define LIMIT_EXAMINE_MEMORY  (256 * 1024 * 1024) /* address space */
#define LIMIT_PROBE_CPU       5                   /* seconds for some connections */
#define LIMIT_PROBE_MEMORY    (256 * 1024 * 1024) /* address space */
#define LIMIT_PROBE_TALK      (16 * 1024)         /* bytes from a server before TLS */
#define LIMIT_PRESENTED_CHAIN (100 * 1024)        /* bytes of a chain that a server presents */
#define LIMIT_LOOKS           1000                /* at what services present, for doctor */
#define LIMIT_LOOK_TIME       8                   /* seconds for all of them */
#define LIMIT_LOOK_WAIT       5                   /* seconds for each */
#define LIMIT_LOOK_INPUT      (8 * 1024 * 1024)   /* names and fingerprints of all certificates */
#define LIMIT_UNIT_TIME       300                 /* seconds for a job of systemd */
#define LIMIT_UNIT_ABSENCE    10 /* seconds without systemd on the bus, as it executes itself again */
