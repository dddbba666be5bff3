/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit-upload DIR PARALLEL FILE...: the least that has to be done with uploads, as a measure for the service.
 *
 * Each FILE, called NAME.pem, has a leaf, its key and the chain up to a root. It is parsed, key and chain are
 * verified, the leaf has to be for NAME, and what a store has of it is written to the empty DIR: five files and a
 * link, each on disk before the next FILE is begun. PARALLEL threads do this. The result is printed as key=value
 * lines.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "files.h"
#include "program.h"

#define PARALLEL_MAX 64
#define CHAIN_MAX    16

typedef struct Run {
    int directory_fd;
    char **files;
    int n_files;
    atomic_int next;
} Run;

typedef struct Upload {
    char *name;
    STACK_OF(X509) * chain; /* the leaf first, the root last */
    EVP_PKEY *key;
} Upload;

static void check(bool ok, const char *what, const char *of)
{
    if (ok)
        return;
    ERR_print_errors_fp(stderr);
    fatal("%s failed for %s.", what, of);
}

static void upload_init(Upload *u, const char *path)
{
    const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

    u->name = strndup(file, strlen(file) - strlen(".pem"));
    u->chain = sk_X509_new_null();
    check(u->name && u->chain, "Preparing", path);
}

static void upload_done(Upload *u)
{
    sk_X509_pop_free(u->chain, X509_free);
    EVP_PKEY_free(u->key);
    free(u->name);
}

static void upload_parse(Upload *u, const char *path)
{
    BIO *bio = BIO_new_file(path, "r");
    STACK_OF(X509_INFO) *blocks = bio ? PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL) : NULL;

    check(blocks != NULL, "Reading PEM", path);
    for (int i = 0; i < sk_X509_INFO_num(blocks); i++) {
        X509_INFO *block = sk_X509_INFO_value(blocks, i);

        if (block->x509)
            check(X509_up_ref(block->x509) && sk_X509_push(u->chain, block->x509) > 0,
                  "Reading a certificate", path);
        if (block->x_pkey && block->x_pkey->dec_pkey) {
            u->key = block->x_pkey->dec_pkey;
            EVP_PKEY_up_ref(u->key);
        }
    }
    sk_X509_INFO_pop_free(blocks, X509_INFO_free);
    BIO_free(bio);
}

static void upload_verify(const Upload *u, const char *path)
{
    X509 *leaf = sk_X509_value(u->chain, 0), *root = sk_X509_value(u->chain, sk_X509_num(u->chain) - 1);
    X509_STORE *trusted = X509_STORE_new();
    X509_STORE_CTX *verification = X509_STORE_CTX_new();

    check(leaf && u->key && X509_check_private_key(leaf, u->key) == 1, "Comparing the key", path);
    check(X509_check_host(leaf, u->name, 0, 0, NULL) == 1, "Comparing the name", path);
    check(trusted && verification && X509_STORE_add_cert(trusted, root) == 1 &&
              X509_STORE_CTX_init(verification, trusted, leaf, u->chain) == 1 &&
              X509_STORE_CTX_set_default(verification, "ssl_server") == 1 &&
              X509_verify_cert(verification) == 1,
          "Verifying the chain", path);
    X509_STORE_CTX_free(verification);
    X509_STORE_free(trusted);
}

/* The certificates from first to last, or to the end of the chain if that is shorter. */
static void write_pem(const Upload *u, int fd, const char *file, int first, int last, bool with_key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct iovec part;
    char *data;

    for (int i = first; i <= last && i < sk_X509_num(u->chain); i++)
        check(PEM_write_bio_X509(bio, sk_X509_value(u->chain, i)) == 1, "Writing a certificate", u->name);
    if (with_key)
        check(PEM_write_bio_PKCS8PrivateKey(bio, u->key, NULL, NULL, 0, NULL, NULL) == 1, "Writing the key",
              u->name);
    part.iov_len = (size_t)BIO_get_mem_data(bio, &data);
    part.iov_base = data;
    file_write(fd, file, &part, 1, true);
    BIO_free(bio);
}

static void upload_write(const Upload *u, int directory_fd)
{
    int name_fd = directory_make(directory_fd, u->name);
    int generation_fd = directory_make(name_fd, "1");

    write_pem(u, generation_fd, "fullchain.pem", 0, CHAIN_MAX, false);
    write_pem(u, generation_fd, "chain.pem", 1, CHAIN_MAX, false);
    write_pem(u, generation_fd, "certificate.pem", 0, 0, false);
    write_pem(u, generation_fd, "privkey.pem", 0, -1, true);
    write_pem(u, generation_fd, "combined.pem", 0, CHAIN_MAX, true);
    if (symlinkat("1", name_fd, "current") < 0)
        fatal("Cannot make the symlink current for %s: %s.", u->name, strerror(errno));
    directory_flush(generation_fd);
    directory_flush(name_fd);
    directory_flush(directory_fd);
    close(generation_fd);
    close(name_fd);
}

static void *run_work(void *userdata)
{
    Run *run = (Run *)userdata;
    int i;

    while ((i = atomic_fetch_add(&run->next, 1)) < run->n_files) {
        Upload upload = { 0 };

        upload_init(&upload, run->files[i]);
        upload_parse(&upload, run->files[i]);
        upload_verify(&upload, run->files[i]);
        upload_write(&upload, run->directory_fd);
        upload_done(&upload);
    }
    return NULL;
}

int main(int argc, char *argv[])
{
    pthread_t threads[PARALLEL_MAX];
    Run run = { 0 };
    double start = now_us();
    int parallel;

    if (argc < 4)
        fatal("Usage: limit-upload DIR PARALLEL FILE...; DIR is an empty directory.");
    parallel = (int)parse_number(argv[2], PARALLEL_MAX);
    run.directory_fd = directory_open(argv[1]);
    run.files = argv + 3;
    run.n_files = argc - 3;
    for (int i = 0; i < parallel; i++)
        if (pthread_create(&threads[i], NULL, run_work, &run) != 0)
            fatal("Cannot start a thread.");
    for (int i = 0; i < parallel; i++)
        pthread_join(threads[i], NULL);
    printf("uploads=%d\nuploaded_ms=%.3f\n", run.n_files, (now_us() - start) / 1e3);
    close(run.directory_fd);
    return EXIT_SUCCESS;
}
