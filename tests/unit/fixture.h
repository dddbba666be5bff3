/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
/* GLib has its own; ours are wanted, so this file stands first in each test. */
#undef MIN
#undef MAX

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <systemd/sd-event.h>

#include "core/bundle.h"
#include "core/record.h"
#include "crypto/authority.h"
#include "manager/manager.h"
#include "util/macro.h"

/* What the unit tests share. Whatever fails in here ends the test. */

#define HOUR 3600LL
#define DAY  (24 * HOUR)
#define YEAR (365 * DAY)

/* A string that nobody will write to, for the lists that are not const. */
#define S(s) ((char *)(uintptr_t)(s))

/* Starts the test framework and keeps the log quiet. */
void fixture_init(int *argc, char ***argv);

/* Of a campaign of n random steps that takes long: the seed, and how many are taken. All of them with CERTWRIGHT_TESTS_FULL, a
 * part with CERTWRIGHT_TESTS_SEED, and with the sanitizers, which look for something else, a part of that. */
typedef struct Sample {
    guint32 seed;
    int n;
} Sample;
Sample sample_of(int n);

/* Notes a failure and goes on, for tables. */
#define note_failure(...) \
    do { \
        g_test_message(__VA_ARGS__); \
        g_test_fail(); \
    } while (0)

/* Folders and files. */
typedef struct Folder {
    char *path;
    int fd;
} Folder;

Folder folder_new(void);
/* Removes it with all it holds. */
void folder_done(Folder *f);
#define _cleanup_folder_ _cleanup_(folder_done)
/* Missing folders of the path are made. */
void folder_write(const Folder *f, const char *path, const char *text);
void folder_write_bytes(const Folder *f, const char *path, const void *data, size_t size);
/* NULL when there is no such file. */
char *folder_read(const Folder *f, const char *path);
char *folder_link(const Folder *f, const char *path);
bool folder_has(const Folder *f, const char *path);
void folder_remove(const Folder *f, const char *path);
char *folder_path(const Folder *f, const char *path);

/* Runs a program; its exit status. ret_output (may be NULL) gets what it wrote to stdout and stderr. */
int run_program(char **argv, char **ret_output);
bool program_exists(const char *name);

/* Authorities and bundles made by the local authority. */
int64_t now_seconds(void);
Authority *authority_make(KeyType type, int64_t now, Bundle **ret_root);
/* A leaf of an authority that all tests of the program share. */
Bundle *bundle_make(const char *name, uint64_t root);
/* A chain that is no certificate's. not_before and not_after are those of its only entry. */
Chain *chain_make(char *const *names, int64_t not_before, int64_t not_after);
void assert_chain_equal(const Chain *a, const Chain *b);
void assert_record_equal(const Record *a, const Record *b);
/* The pair in a folder of the store: certificate.pem and its key belong together. */
bool pair_is_whole(const Folder *f, const char *path, RecordKind kind);

/* Certificates of any kind, made by OpenSSL alone. */
typedef struct CertificateSpec {
    const char *subject; /* common name */
    const char *names;   /* of the extension: "DNS:a,IP:192.0.2.1"; NULL: none */
    const char *usage;   /* extended key usage; NULL: none */
    bool authority;
    bool pss;             /* signed by RSASSA-PSS */
    const EVP_MD *digest; /* NULL: SHA-256 */
    int64_t not_before;   /* relative to now */
    int64_t not_after;    /* relative to now; 0: in 90 days */
} CertificateSpec;

/* One that was made, with its key. */
typedef struct Issued {
    X509 *certificate;
    EVP_PKEY *key;
} Issued;

/* issuer NULL: signed by itself. key is taken; NULL: a new P-256 key. */
Issued issue(const CertificateSpec *spec, const Issued *issuer, EVP_PKEY *key);
void issued_done(Issued *i);
#define _cleanup_issued_ _cleanup_(issued_done)
char *pem_of(const Issued *i);
/* A leaf that is signed by itself, and its key, as they are uploaded; names as in CertificateSpec. */
char *bundle_for(const char *name, const char *names, Issued *ret_leaf);
char *key_pem_of(const Issued *i);
/* As openssl writes a key in its old ways: "RSA PRIVATE KEY", "EC PRIVATE KEY". */
char *traditional_key_pem_of(const Issued *i);
/* All parts one after the other; a NULL ends them. Newly allocated. */
char *text_join(const char *first, ...) G_GNUC_NULL_TERMINATED;

/* The event loop: turns until the condition holds; a minute without it fails the test. */
void loop_until(sd_event *event, bool (*condition)(void *userdata), void *userdata);
/* Turns for about so long. */
void loop_for(sd_event *event, uint64_t usec);

/* A service without a bus: state, configuration, and what it tells. */
typedef struct Service {
    Folder state, config;
    const char *deploy_state; /* NULL: the default one */
    char *directories[3];
    sd_event *event;
    Manager *manager;
    unsigned n_chain_changed, n_added, n_removed, n_job_removed, n_failures, n_warnings;
    GHashTable *previous; /* name -> fingerprint that was replaced last */
    JobState last_job_state;
    char *last_job_problem;
} Service;

void service_init(Service *s);
void service_done(Service *s);
#define _cleanup_service_ _cleanup_(service_done)
void service_start(Service *s);
void service_stop(Service *s);
void service_restart(Service *s);
/* A module file, and all at once: initializes, starts with it as web.conf, and settles. */
void service_write_module(const Service *s, const char *name, const char *text);
void service_start_with(Service *s, const char *module);
#define MODULE_WWW "[Module]\nDescription=Web\n[Certificate www.example.com]\nAlternativeNames=example.com\n"
/* Reads the configuration once more, and settles. */
void service_reload(Service *s);
/* Until nothing is being done. */
void service_settle(Service *s);
void service_settle_to(Service *s, size_t n_certificates);
Certificate *service_find(Service *s, const char *name);
const char *service_fingerprint(Service *s, const char *name);
/* Newly allocated: that of its chain across what changes it. */
char *service_copy_fingerprint(Service *s, const char *name);
/* It serves a chain of that source, which is valid, and is whole on disk. */
void service_assert_served(Service *s, const char *name, Source source);
/* Requests that are waited for; the problem's code. */
ProblemCode service_register(Service *s, const char *module, const char *name, char *const *names,
                             KeyType type);
ProblemCode service_unregister(Service *s, const char *module, const char *name);
JobState service_reissue(Service *s, Certificate *c);
ProblemCode service_upload(Service *s, const char *target, const char *pem, size_t *ret_served);
/* The chain, or the root it ends in, as PEM; newly allocated, NULL with a problem. */
char *service_export(Service *s, Certificate *c, bool root, Problem *problem);
ProblemCode service_remove_upload(Service *s, const char *fingerprint);
