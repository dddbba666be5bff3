/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "issue.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "files.h"
#include "program.h"

#define NAME_SIZE       64
#define POINT_SIZE      65
#define SCALAR_SIZE     32
#define KEY_ID_SIZE     20
#define SERIAL_SIZE     16
#define PEM_SIZE        4096
#define LEAF_LIFETIME   (90 * 24 * 3600)
#define ROOT_LIFETIME   (3650L * 24 * 3600)
#define CLOCK_TOLERANCE 3600

typedef struct Root {
    EVP_PKEY *key;
    X509 *certificate;
    unsigned char key_id[KEY_ID_SIZE];
} Root;

typedef struct Run {
    const Issuance *issuance;
    atomic_long next;
    int directory_fd, certificates_fd; /* DIR and DIR/certificates, or -1: no files */
    time_t now;
    Root root;
} Run;

typedef struct Text {
    size_t size;
    char data[PEM_SIZE];
} Text;

/* What one thread has fetched and prepared once. */
typedef struct Worker {
    Run *run;
    pthread_t thread;
    EC_GROUP *group;
    EC_POINT *point;
    BIGNUM *scalar;
    BN_CTX *numbers;
    EVP_PKEY *root_key;
    EVP_MD *sha1;
    EVP_MD *sha256;
    EVP_MD_CTX *signer; /* initialised for the root's key; copied for each signature */
    EVP_MD_CTX *signing;
    X509 *leaf;
    int subject_alternative_name; /* positions among the leaf's extensions */
    int subject_key_id;
    double us[STEP_MAX];
} Worker;

/* What is new in each certificate. */
typedef struct Issue {
    char name[NAME_SIZE];
    unsigned char scalar[SCALAR_SIZE];
    unsigned char point[POINT_SIZE];
    Text key_pem;
    Text cert_pem;
} Issue;

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    ERR_print_errors_fp(stderr);
    fatal("%s failed in libcrypto.", what);
}

static void worker_count_step(Worker *w, Step step, double *since)
{
    double now = now_us();

    w->us[step] += now - *since;
    *since = now;
}

/* PEM (RFC 7468) of one DER block, appended to the text. */
static void text_append_pem(Text *t, const char *label, const unsigned char *der, size_t size)
{
    size_t lines = (size + 47) / 48;

    if (t->size + lines * 65 + 2 * (strlen(label) + 20) > sizeof(t->data))
        fatal("A %s of %zu bytes does not fit the buffer.", label, size);
    t->size += (size_t)sprintf(t->data + t->size, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < size; i += 48) {
        int n = size - i < 48 ? (int)(size - i) : 48;

        t->size += (size_t)EVP_EncodeBlock((unsigned char *)t->data + t->size, der + i, n);
        t->data[t->size++] = '\n';
    }
    t->size += (size_t)sprintf(t->data + t->size, "-----END %s-----\n", label);
}

static void set_name(X509_NAME *name, const char *common_name, const char *organization)
{
    check(X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
                                     (const unsigned char *)common_name, -1, -1, 0),
          "X509_NAME_add_entry_by_NID");
    if (organization)
        check(X509_NAME_add_entry_by_NID(name, NID_organizationName, V_ASN1_UTF8STRING,
                                         (const unsigned char *)organization, -1, -1, 0),
              "X509_NAME_add_entry_by_NID");
}

/* 128 random bits. A first byte of 0 would have to be left out of the DER and is drawn again. */
static void set_serial(X509 *x)
{
    unsigned char serial[SERIAL_SIZE];

    do
        check(RAND_bytes(serial, sizeof(serial)) == 1, "RAND_bytes");
    while (serial[0] == 0);
    check(ASN1_STRING_set(X509_get_serialNumber(x), serial, sizeof(serial)), "ASN1_STRING_set");
}

static void add_extension(X509 *x, int nid, bool critical, void *value)
{
    check(X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_APPEND) == 1, "X509_add1_ext_i2d");
}

static void add_text_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    check(extension && X509_add_ext(x, extension, -1), "X509_add_ext");
    X509_EXTENSION_free(extension);
}

static void root_init(Root *r, time_t now)
{
    ASN1_OCTET_STRING *key_id = ASN1_OCTET_STRING_new();
    unsigned char point[POINT_SIZE];
    size_t size = 0;

    r->key = EVP_EC_gen("P-256");
    check(r->key && EVP_PKEY_get_octet_string_param(r->key, "pub", point, sizeof(point), &size) == 1,
          "EVP_EC_gen");
    check(EVP_Digest(point, size, r->key_id, NULL, EVP_sha1(), NULL) == 1, "EVP_Digest");
    check(ASN1_OCTET_STRING_set(key_id, r->key_id, sizeof(r->key_id)), "ASN1_OCTET_STRING_set");

    r->certificate = X509_new();
    check(r->certificate && X509_set_version(r->certificate, X509_VERSION_3), "X509_new");
    set_serial(r->certificate);
    set_name(X509_get_subject_name(r->certificate), "host-00000 local root 2026", "Benchmark limit");
    set_name(X509_get_issuer_name(r->certificate), "host-00000 local root 2026", "Benchmark limit");
    ASN1_TIME_set(X509_getm_notBefore(r->certificate), now - CLOCK_TOLERANCE);
    ASN1_TIME_set(X509_getm_notAfter(r->certificate), now + ROOT_LIFETIME);
    add_text_extension(r->certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_text_extension(r->certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(r->certificate, NID_subject_key_identifier, false, key_id);
    check(X509_set_pubkey(r->certificate, r->key) == 1, "X509_set_pubkey");
    check(X509_sign(r->certificate, r->key, EVP_sha256()) > 0, "X509_sign");
    ASN1_OCTET_STRING_free(key_id);
}

static void worker_init_leaf(Worker *w)
{
    const Root *root = &w->run->root;
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();

    w->leaf = X509_new();
    check(w->leaf && X509_set_version(w->leaf, X509_VERSION_3), "X509_new");
    check(X509_set_issuer_name(w->leaf, X509_get_subject_name(root->certificate)), "X509_set_issuer_name");
    ASN1_TIME_set(X509_getm_notBefore(w->leaf), w->run->now - CLOCK_TOLERANCE);
    ASN1_TIME_set(X509_getm_notAfter(w->leaf), w->run->now + LEAF_LIFETIME);
    add_text_extension(w->leaf, NID_basic_constraints, "critical,CA:FALSE");
    add_text_extension(w->leaf, NID_key_usage, "critical,digitalSignature");
    add_text_extension(w->leaf, NID_ext_key_usage, "serverAuth");
    authority->keyid = ASN1_OCTET_STRING_new();
    check(ASN1_OCTET_STRING_set(authority->keyid, root->key_id, KEY_ID_SIZE), "ASN1_OCTET_STRING_set");
    add_extension(w->leaf, NID_authority_key_identifier, false, authority);
    AUTHORITY_KEYID_free(authority);

    /* Two places, filled anew for every certificate. */
    add_text_extension(w->leaf, NID_subject_key_identifier, "00");
    w->subject_key_id = X509_get_ext_count(w->leaf) - 1;
    add_text_extension(w->leaf, NID_subject_alt_name, "DNS:x");
    w->subject_alternative_name = X509_get_ext_count(w->leaf) - 1;
    set_name(X509_get_subject_name(w->leaf), "x", NULL);
}

static void worker_init(Worker *w, Run *run)
{
    w->run = run;
    w->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    w->point = EC_POINT_new(w->group);
    w->scalar = BN_secure_new();
    w->numbers = BN_CTX_secure_new();
    w->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    w->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    w->signer = EVP_MD_CTX_new();
    w->signing = EVP_MD_CTX_new();
    w->root_key = EVP_PKEY_dup(run->root.key);
    check(w->group && w->point && w->scalar && w->numbers && w->sha1 && w->sha256 && w->signer &&
              w->signing && w->root_key,
          "Preparing a thread");
    BN_set_flags(w->scalar, BN_FLG_CONSTTIME);
    check(EVP_DigestSignInit(w->signer, NULL, w->sha256, NULL, w->root_key) == 1, "EVP_DigestSignInit");
    worker_init_leaf(w);
}

static void worker_done(Worker *w)
{
    X509_free(w->leaf);
    EVP_MD_CTX_free(w->signing);
    EVP_MD_CTX_free(w->signer);
    EVP_PKEY_free(w->root_key);
    EVP_MD_free(w->sha256);
    EVP_MD_free(w->sha1);
    BN_CTX_free(w->numbers);
    BN_clear_free(w->scalar);
    EC_POINT_free(w->point);
    EC_GROUP_free(w->group);
}

/* FIPS 186-5, A.2.2: a scalar in [1, n - 1] by rejection, and the generator times it. */
static void worker_make_key(Worker *w, Issue *i)
{
    do
        check(BN_priv_rand_range_ex(w->scalar, EC_GROUP_get0_order(w->group), 0, w->numbers) == 1,
              "BN_priv_rand_range_ex");
    while (BN_is_zero(w->scalar));
    check(EC_POINT_mul(w->group, w->point, w->scalar, NULL, NULL, w->numbers) == 1, "EC_POINT_mul");
    check(EC_POINT_point2oct(w->group, w->point, POINT_CONVERSION_UNCOMPRESSED, i->point, sizeof(i->point),
                             w->numbers) == sizeof(i->point),
          "EC_POINT_point2oct");
    check(BN_bn2binpad(w->scalar, i->scalar, sizeof(i->scalar)) == sizeof(i->scalar), "BN_bn2binpad");
}

static void leaf_set_extension(X509 *leaf, int position, const unsigned char *header, size_t header_size,
                               const void *data, size_t size)
{
    ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(leaf, position));
    unsigned char der[NAME_SIZE + 16];

    memcpy(der, header, header_size);
    memcpy(der + header_size, data, size);
    check(ASN1_OCTET_STRING_set(value, der, (int)(header_size + size)), "ASN1_OCTET_STRING_set");
}

static void worker_build(Worker *w, const Issue *i)
{
    unsigned char length = (unsigned char)strlen(i->name), key_id[KEY_ID_SIZE], *point;
    X509_NAME *subject = X509_get_subject_name(w->leaf);

    set_serial(w->leaf);
    X509_NAME_ENTRY_free(X509_NAME_delete_entry(subject, 0));
    set_name(subject, i->name, NULL);

    point = OPENSSL_memdup(i->point, sizeof(i->point));
    check(point && X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(w->leaf),
                                          OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
                                          OBJ_nid2obj(NID_X9_62_prime256v1), point, sizeof(i->point)),
          "X509_PUBKEY_set0_param");

    check(EVP_Digest(i->point, sizeof(i->point), key_id, NULL, w->sha1, NULL) == 1, "EVP_Digest");
    leaf_set_extension(w->leaf, w->subject_key_id, (unsigned char[]){ 0x04, KEY_ID_SIZE }, 2, key_id,
                       sizeof(key_id));
    leaf_set_extension(w->leaf, w->subject_alternative_name,
                       (unsigned char[]){ 0x30, (unsigned char)(length + 2), 0x82, length }, 4, i->name,
                       length);
}

static void worker_sign(Worker *w)
{
    check(EVP_MD_CTX_copy_ex(w->signing, w->signer) == 1, "EVP_MD_CTX_copy_ex");
    check(X509_sign_ctx(w->leaf, w->signing) > 0, "X509_sign_ctx");
}

/* PKCS#8 (RFC 5958) around the ECPrivateKey (RFC 5915) of a P-256 key: every length in it is constant. */
static void issue_write_key(Issue *i)
{
    static const unsigned char head[] = {
        0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
    };
    static const unsigned char middle[] = { 0xa1, 0x44, 0x03, 0x42, 0x00 };
    unsigned char der[sizeof(head) + SCALAR_SIZE + sizeof(middle) + POINT_SIZE];

    memcpy(der, head, sizeof(head));
    memcpy(der + sizeof(head), i->scalar, SCALAR_SIZE);
    memcpy(der + sizeof(head) + SCALAR_SIZE, middle, sizeof(middle));
    memcpy(der + sizeof(head) + SCALAR_SIZE + sizeof(middle), i->point, POINT_SIZE);
    i->key_pem.size = 0;
    text_append_pem(&i->key_pem, "PRIVATE KEY", der, sizeof(der));
    OPENSSL_cleanse(der, sizeof(der));
}

static void worker_write_certificate(Worker *w, Issue *i)
{
    unsigned char der[PEM_SIZE / 2],
        *p = der; /* a leaf with a name under NAME_SIZE needs less than 700 bytes */
    int size = i2d_X509(w->leaf, &p);

    check(size > 0, "i2d_X509");
    i->cert_pem.size = 0;
    text_append_pem(&i->cert_pem, "CERTIFICATE", der, (size_t)size);
}

/* A file of up to two parts. */
static void run_write_file(const Run *run, int dir_fd, const char *name, Text *first, Text *second)
{
    struct iovec parts[] = {
        { first ? first->data : NULL, first ? first->size : 0 },
        { second ? second->data : NULL, second ? second->size : 0 },
    };

    file_write(dir_fd, name, parts, 2, run->issuance->flush == FLUSH_EACH);
}

static void text_set_record(Text *t, const Issue *i, time_t now)
{
    t->size = (size_t)snprintf(t->data, sizeof(t->data),
                               "{\n  \"version\": 1,\n  \"names\": [ \"%s\" ],\n"
                               "  \"key-type\": \"ecdsa-p256\",\n  \"modules\": [ \"benchmark\" ],\n"
                               "  \"sources\": {\n    \"local\": { \"generation\": 1, \"usable\": true, "
                               "\"not-before\": %lld, \"not-after\": %lld }\n  },\n"
                               "  \"serving\": \"local\",\n  \"reason\": \"%s\",\n"
                               "  \"last-error\": null,\n  \"attempts\": 0,\n  \"next-renewal\": %lld\n}\n",
                               i->name, (long long)now, (long long)now + LEAF_LIFETIME,
                               "Signed by the local root because no other chain fits.",
                               (long long)now + LEAF_LIFETIME * 2 / 3);
}

static void worker_write_files(Worker *w, Issue *i)
{
    int name_fd = directory_make(w->run->certificates_fd, i->name);
    int generation_fd = directory_make(name_fd, "1");
    Text record;

    text_set_record(&record, i, w->run->now);
    run_write_file(w->run, name_fd, "record.json", &record, NULL);
    run_write_file(w->run, generation_fd, "fullchain.pem", &i->cert_pem, NULL);
    run_write_file(w->run, generation_fd, "chain.pem", NULL, NULL);
    run_write_file(w->run, generation_fd, "certificate.pem", &i->cert_pem, NULL);
    run_write_file(w->run, generation_fd, "privkey.pem", &i->key_pem, NULL);
    run_write_file(w->run, generation_fd, "combined.pem", &i->cert_pem, &i->key_pem);
    if (symlinkat("1", name_fd, "current") < 0)
        fatal("Cannot make the symlink current for %s: %s.", i->name, strerror(errno));
    if (w->run->issuance->flush == FLUSH_EACH) {
        directory_flush(generation_fd);
        directory_flush(name_fd);
    }
    close(generation_fd);
    close(name_fd);
}

static void worker_issue(Worker *w, Issue *i)
{
    double since = now_us();

    worker_make_key(w, i);
    worker_count_step(w, STEP_KEY, &since);
    worker_build(w, i);
    worker_count_step(w, STEP_BUILD, &since);
    worker_sign(w);
    worker_count_step(w, STEP_SIGN, &since);
    issue_write_key(i);
    worker_count_step(w, STEP_KEY_PEM, &since);
    worker_write_certificate(w, i);
    worker_count_step(w, STEP_CERT_PEM, &since);
    if (w->run->certificates_fd >= 0)
        worker_write_files(w, i);
    worker_count_step(w, STEP_FILES, &since);
}

static void *worker_run(void *userdata)
{
    Worker *w = (Worker *)userdata;
    Issue issue;
    long n;

    worker_init(w, w->run);
    while ((n = atomic_fetch_add(&w->run->next, 1)) < w->run->issuance->n) {
        snprintf(issue.name, sizeof(issue.name), "host-%05ld.example.com", n);
        worker_issue(w, &issue);
    }
    OPENSSL_cleanse(&issue, sizeof(issue));
    worker_done(w);
    return NULL;
}

/* DIR/root.pem, so that "openssl verify" can be asked about the result. */
static void run_open_files(Run *run)
{
    unsigned char *der = NULL;
    Text root = { 0 };
    int size;

    run->directory_fd = directory_open(run->issuance->path);
    size = i2d_X509(run->root.certificate, &der);
    check(size > 0, "i2d_X509");
    text_append_pem(&root, "CERTIFICATE", der, (size_t)size);
    run_write_file(run, run->directory_fd, "root.pem", &root, NULL);
    run->certificates_fd = directory_make(run->directory_fd, "certificates");
    OPENSSL_free(der);
}

static void run_flush(const Run *run)
{
    if (run->certificates_fd < 0)
        return;
    if (run->issuance->flush == FLUSH_EACH) {
        directory_flush(run->certificates_fd);
        directory_flush(run->directory_fd);
    } else if (syncfs(run->certificates_fd) < 0)
        fatal("Cannot flush %s: %s.", run->issuance->path, strerror(errno));
}

static void run_close(Run *run)
{
    if (run->certificates_fd >= 0) {
        close(run->certificates_fd);
        close(run->directory_fd);
    }
    X509_free(run->root.certificate);
    EVP_PKEY_free(run->root.key);
}

static void run_work(Run *run, Issuance *i)
{
    Worker workers[ISSUE_THREADS_MAX] = { 0 };

    for (int t = 0; t < i->threads; t++) {
        workers[t].run = run;
        if (pthread_create(&workers[t].thread, NULL, worker_run, &workers[t]) != 0)
            fatal("Cannot start a thread.");
    }
    for (int t = 0; t < i->threads; t++) {
        pthread_join(workers[t].thread, NULL);
        for (Step s = 0; s < STEP_MAX; s++)
            i->us[s] += workers[t].us[s];
    }
}

void issue_all(Issuance *i)
{
    Run run = { .issuance = i, .directory_fd = -1, .certificates_fd = -1, .now = time(NULL) };
    double start = now_us(), worked;

    root_init(&run.root, run.now);
    if (i->path)
        run_open_files(&run);
    run_work(&run, i);
    worked = now_us();
    i->work_us = worked - start;
    run_flush(&run);
    i->flush_us = now_us() - worked;
    run_close(&run);
}
