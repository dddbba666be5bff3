/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/now.h"
#include "store/store.h"
#include "util/text.h"

/*
 * large-store STATE N [EVERY]: a store with N certificates, or as many as there may be (0): host-00000.example.com and so
 * on, that a module has registered and that serve a chain from ACME. They have three names, a chain as Let's Encrypt issues
 * it, and a failed order; EVERY so many have all that a certificate can have, of names, of certificates in the chain, and in
 * each text. The store consists of an index alone: who starts on it answers at once, and finds out some seconds later
 * that the files are missing.
 */

#define DAY 86400LL

typedef struct Kind {
    size_t n_names, n_entries, subject, error;
} Kind;

static const Kind usual = { 3, 3, 0, 200 },
                  longest = { LIMIT_NAMES, LIMIT_CHAIN, LIMIT_SUBJECT, LIMIT_PROBLEM_TEXT };

/* Everything of one certificate, in place: names and subjects are filled up to their length. */
typedef struct Texts {
    char names[LIMIT_NAMES][LIMIT_NAME + 1];
    char subjects[LIMIT_CHAIN + 1][LIMIT_SUBJECT + 1];
    char serial[33], fingerprint[65];
    char error[LIMIT_PROBLEM_TEXT + 1];
    char *list[LIMIT_NAMES]; /* the names beside the primary one */
    ChainEntry entries[LIMIT_CHAIN];
} Texts;

static const char *const authorities[] = { "CN=YE1,O=Let's Encrypt,C=US", "CN=Root YE,O=ISRG,C=US",
                                           "CN=ISRG Root X1,O=Internet Security Research Group,C=US" };

static void write_name(Texts *t, const Kind *kind, unsigned number, size_t i)
{
    int n = i == 0 ? snprintf(t->names[0], sizeof(t->names[0]), "host-%05u.example.com", number)
                   : snprintf(t->names[i], sizeof(t->names[i]), "a%zu.host-%05u.example.com", i, number);

    if (kind->subject == 0 || i == 0)
        return;
    for (size_t at = (size_t)n; at < LIMIT_NAME; at++)
        t->names[i][at] = at % 32 == 0 ? '.' : 'x';
    t->names[i][LIMIT_NAME - 1] = 'x';
    t->names[i][LIMIT_NAME] = 0;
}

static void write_subject(Texts *t, const Kind *kind, unsigned number, size_t i)
{
    char *s = t->subjects[i];
    int n = i == 0 ? snprintf(s, sizeof(*t->subjects), "CN=host-%05u.example.com", number)
                   : snprintf(s, sizeof(*t->subjects), "%s", authorities[(i - 1) % ELEMENTSOF(authorities)]);

    while ((size_t)n < kind->subject)
        s[n++] = 'x';
    s[n] = 0;
}

static void texts_write(Texts *t, const Kind *kind, unsigned number, int64_t now)
{
    *t = (Texts){};
    for (size_t i = 0; i < kind->n_names; i++)
        write_name(t, kind, number, i);
    for (size_t i = 0; i + 1 < kind->n_names; i++)
        t->list[i] = t->names[i + 1];
    for (size_t i = 0; i <= kind->n_entries; i++)
        write_subject(t, kind, number, i);
    snprintf(t->serial, sizeof(t->serial), "05%030X", number);
    snprintf(t->fingerprint, sizeof(t->fingerprint), "%064x", number);
    for (size_t i = 0; i < kind->n_entries; i++)
        t->entries[i] = (ChainEntry){ t->subjects[i], t->subjects[i + 1], t->serial,
                                      t->fingerprint, now - DAY,          now + 89 * DAY };
    memset(t->error, 'e', kind->error);
}

static Record *make_record(Texts *t, const Kind *kind, int64_t now)
{
    RegistrationRequest wish = {
        .module = "large", .names = t->list, .key_type = _KEY_TYPE_INVALID, .acme = -1
    };
    const char *names[LIMIT_NAMES];
    _cleanup_problem_ Problem problem = {};
    Record *rec = record_new(RECORD_CERTIFICATE, t->names[0]);
    Chain *chain;

    for (size_t i = 0; i < kind->n_names; i++)
        names[i] = t->names[i];
    chain = chain_new(t->entries, kind->n_entries, names, kind->n_names, KEY_TYPE_ECDSA_P256, false);
    if (!rec || !chain || record_register(rec, &wish) < 0)
        return NULL;
    (void)problem_set(&problem, PROBLEM_NETWORK_FAILED, "%s", t->error);
    rec->stored.last_generation = 1;
    record_set_slot(rec, SOURCE_ACME, 1, chain, 0, 0);
    chain_unref(chain);
    rec->served = SOURCE_ACME;
    record_set_failure(rec, &problem, now);
    return record_set_authority(rec, "letsencrypt", "http-01") < 0 ? NULL : rec;
}

static int on_record(Record *rec, void *userdata _unused_)
{
    record_free(rec);
    return 0;
}

static int store_fill(const char *path, Record *const *records, size_t n)
{
    _cleanup_(store_closep) Store *s = NULL;
    _cleanup_problem_ Problem problem = {};
    StoreCheckpoint *snapshot = NULL;
    int r;

    r = store_open(path, &s, &problem);
    if (r >= 0)
        r = store_load(s, on_record, NULL);
    if (r >= 0)
        r = store_checkpoint_new(s, (const Record *const *)records, n, &snapshot);
    if (r >= 0)
        r = store_checkpoint_write(s, snapshot);
    store_checkpoint_free(snapshot);
    return r;
}

int main(int argc, char *argv[])
{
    size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0, every = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    int64_t now = clock_now();
    static Texts texts;
    Record **records;
    int r = 0;

    n = n > 0 ? n : LIMIT_CERTIFICATES;
    records = calloc(n, sizeof(Record *));
    if (argc < 3 || !records)
        r = -EINVAL;
    for (size_t i = 0; i < n && r >= 0; i++) {
        const Kind *kind = every > 0 && i % every == every - 1 ? &longest : &usual;

        texts_write(&texts, kind, (unsigned)i, now);
        records[i] = make_record(&texts, kind, now);
        r = records[i] ? 0 : -ENOMEM;
    }
    if (r >= 0)
        r = store_fill(argv[1], records, n);
    if (r < 0)
        fprintf(stderr, "large-store STATE N [EVERY]: %s\n", strerror(-r));
    for (size_t i = 0; records && i < n; i++)
        record_free(records[i]);
    free(records);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
