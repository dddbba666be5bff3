/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit-keys N: makes N RSA keys of 4096 bits and nothing else, on all processors, as a measure for the service. Prints
 * key=value lines.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "program.h"

#define N_MAX       10000
#define THREADS_MAX 64
#define BITS        4096

static atomic_long left;

static void *work(void *userdata __attribute__((unused)))
{
    while (atomic_fetch_sub(&left, 1) > 0) {
        EVP_PKEY *key = EVP_RSA_gen(BITS);

        if (!key)
            fatal("No key can be made.");
        EVP_PKEY_free(key);
    }
    return NULL;
}

int main(int argc, char *argv[])
{
    pthread_t threads[THREADS_MAX];
    int n_threads = count_processors(THREADS_MAX);
    double start = now_us();
    long n;

    if (argc != 2)
        fatal("Usage: limit-keys N");
    n = parse_number(argv[1], N_MAX);
    left = n;
    for (int t = 0; t < n_threads; t++)
        if (pthread_create(&threads[t], NULL, work, NULL) != 0)
            fatal("Cannot start a thread.");
    for (int t = 0; t < n_threads; t++)
        pthread_join(threads[t], NULL);
    printf("keys=%ld\ntotal_s=%.3f\n", n, (now_us() - start) / 1e6);
    return EXIT_SUCCESS;
}
