/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shelf.h"

#include <errno.h>
#include <sys/stat.h>

#include "crypto/pair.h"
#include "store/files/files-internal.h"
#include "util/text.h"

/* A record is believed only as far as its files bear it out. */

#define RECORD_PATH "certificates/a.example/record.json"

/* Replaces the first byte behind what, so that the text stays JSON. */
static void damage(const Shelf *s, const char *path, const char *what, char byte)
{
    g_autofree char *text = folder_read(&s->folder, path);
    char *at = strstr(text, what);

    g_assert_nonnull(at);
    at += strlen(what);
    *at = *at == byte ? byte + 1 : byte;
    folder_write(&s->folder, path, text);
}

static const struct {
    const char *what;
    char byte;
} damages[] = {
    { "\"not-after\":", '9' }, { "\"not-before\":", '2' },   { "\"fingerprint\":\"", '0' },
    { "\"serial\":\"", '7' },  { "\"subject\":\"CN=", 'x' }, { "\"issuer\":\"CN=", 'X' },
    { "\"digest\":\"", '0' },  { "\"generation\":", '7' },
};

/* Each wrong digit is corrected from the certificate, at the first load and on disk, whether there is an index or not. */
static void test_damaged(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < ELEMENTSOF(damages); i++)
        for (int indexed = 0; indexed < 2; indexed++) {
            _cleanup_shelf_ Shelf s = shelf_new();
            _cleanup_chain_ Chain *chain = NULL;
            g_autofree char *before = NULL, *after = NULL;

            shelf_put(&s, "a.example");
            chain = chain_ref(record_served(shelf_get(&s, "a.example"))->chain);
            before = folder_read(&s.folder, RECORD_PATH);
            if (!strstr(before, damages[i].what))
                continue;
            n++;
            if (indexed)
                shelf_write_index(&s);
            damage(&s, RECORD_PATH, damages[i].what, damages[i].byte);
            shelf_reopen(&s);
            g_assert_true(chain_identical(record_served(shelf_get(&s, "a.example"))->chain, chain));
            after = folder_read(&s.folder, RECORD_PATH);
            if (!strstr(damages[i].what, "generation")) /* whose numbers are not used again */
                g_assert_cmpstr(after, ==, before);
            g_assert_cmpint(store_verify(s.store, shelf_get(&s, "a.example"), SOURCE_LOCAL), ==, 0);
        }
    g_assert_cmpuint(n, ==, 2 * ELEMENTSOF(damages));
}

/* In memory, too: the look at the files finds it. */
static void test_verify(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    _cleanup_record_ Record *rec = NULL, *fresh = NULL;
    _cleanup_chain_ Chain *right = NULL;
    ChainEntry wrong;
    Slot *slot;

    shelf_put(&s, "a.example");
    rec = record_copy(shelf_get(&s, "a.example"));
    slot = rec->slots + SOURCE_LOCAL;
    right = slot->chain;
    wrong = *chain_leaf(right);
    wrong.not_after += 365 * DAY;
    slot->chain =
        chain_new(&wrong, 1, (const char *const *)right->names, right->n_names, right->key_type, false);
    g_assert_cmpint(store_verify(s.store, rec, SOURCE_LOCAL), ==, -EBADMSG);
    g_assert_cmpint(store_reload(s.store, RECORD_CERTIFICATE, "a.example", rec, &fresh), ==, 0);
    g_assert_true(chain_identical(record_served(fresh)->chain, right));
}

static void register_module(Shelf *s, const char *module)
{
    const Record *before = shelf_get(s, "a.example");
    const RegistrationRequest wish = { .module = module, .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    Record *after = record_copy(before);
    StoreChange *c = NULL;

    g_assert_cmpint(record_register(after, &wish), ==, 0);
    g_assert_cmpint(store_change_new(before, after, _SOURCE_INVALID, NULL, "registered", &c), ==, 0);
    g_assert_cmpint(shelf_commit(s, c), ==, 0);
}

/* Registrations survive the loss of record.json as long as the index has them, whether it can be used otherwise or not; what
 * is lost is kept beside. */
static void test_registrations(void)
{
    for (int i = 0; i < 6; i++) {
        _cleanup_shelf_ Shelf s = shelf_new();

        shelf_put(&s, "a.example");
        register_module(&s, "mail");
        if (i % 3 == 1)
            shelf_put(&s, "a.example");
        shelf_write_index(&s);
        if (i % 3 == 0)
            shelf_put(&s, "a.example"); /* in the journal behind the index */
        if (i % 3 == 2)
            folder_remove(&s.folder, "journal"); /* the index is of another one */
        if (i < 3)
            folder_write(&s.folder, RECORD_PATH, "{");
        else
            folder_remove(&s.folder, RECORD_PATH);
        shelf_reopen(&s);
        g_assert_nonnull(record_find_registration(shelf_get(&s, "a.example"), "mail"));
        shelf_assert_whole(&s, shelf_get(&s, "a.example"));
        g_assert_cmpint(folder_has(&s.folder, RECORD_PATH ".damaged"), ==, i < 3);
        folder_remove(&s.folder, "index");
        shelf_reopen(&s); /* it was written again */
        g_assert_nonnull(record_find_registration(shelf_get(&s, "a.example"), "mail"));
    }
}

/* While the service runs, the look at the files finds that it is lost. */
static void test_lost(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    _cleanup_record_ Record *fresh = NULL;

    shelf_put(&s, "a.example");
    register_module(&s, "mail");
    folder_remove(&s.folder, RECORD_PATH);
    g_assert_cmpint(store_verify(s.store, shelf_get(&s, "a.example"), SOURCE_LOCAL), ==, -EBADMSG);
    g_assert_cmpint(
        store_reload(s.store, RECORD_CERTIFICATE, "a.example", shelf_get(&s, "a.example"), &fresh), ==, 0);
    g_assert_nonnull(record_find_registration(fresh, "mail"));
    g_assert_cmpint(store_verify(s.store, fresh, SOURCE_LOCAL), ==, 0);
}

/* An older copy of an object, put back beside a newer index, is what is shown. */
static void test_restored(void)
{
    _cleanup_shelf_ Shelf s = shelf_new();
    g_autofree char *source = folder_path(&s.folder, "certificates/a.example"),
                    *copy = folder_path(&s.folder, "copy"), *first = NULL;
    char *save[] = { S("cp"), S("-a"), source, copy, NULL }, *restore[] = { S("mv"), copy, source, NULL };

    shelf_put(&s, "a.example");
    first = g_strdup(chain_leaf(record_served(shelf_get(&s, "a.example"))->chain)->fingerprint);
    g_assert_cmpint(run_program(save, NULL), ==, 0);
    shelf_put(&s, "a.example");
    shelf_put(&s, "a.example");
    shelf_write_index(&s);
    shelf_close(&s);
    {
        char *clear[] = { S("rm"), S("-r"), source, NULL };

        g_assert_cmpint(run_program(clear, NULL), ==, 0);
    }
    g_assert_cmpint(run_program(restore, NULL), ==, 0);
    shelf_open(&s);
    g_assert_cmpstr(chain_leaf(record_served(shelf_get(&s, "a.example"))->chain)->fingerprint, ==, first);
    shelf_assert_whole(&s, shelf_get(&s, "a.example"));
    g_assert_true(store_wants_checkpoint(s.store));
}

static Bundle *root_below(const Bundle *top)
{
    Bundle *b = NULL;

    authority_unref(authority_make(KEY_TYPE_ECDSA_P256, now_seconds(), &b));
    g_assert_nonnull(b->anchor = strdup(top->leaf));
    chain_unref(TAKE_PTR(b->chain));
    g_assert_cmpint(bundle_read_chain(b, true, &b->chain), ==, 0);
    return b;
}

/* The root above is known of uploads as well, but is a part of the chain of the local root alone. */
static void test_root_above(void)
{
    static const char *const fingerprint =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const char *const paths[] = {
        "root/record.json",
        "uploads/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef/record.json"
    };
    _cleanup_shelf_ Shelf s = shelf_new();
    _cleanup_bundle_ Bundle *top = NULL;
    Bundle *upload = bundle_make("up.example.com", 0);

    authority_unref(authority_make(KEY_TYPE_ECDSA_P256, now_seconds(), &top));
    g_assert_nonnull(upload->anchor = strdup(top->leaf));
    g_assert_cmpint(shelf_commit(&s, change_of(NULL, RECORD_ROOT, "root", root_below(top), SOURCE_UPLOADED)),
                    ==, 0);
    g_assert_cmpint(shelf_commit(&s, change_of(NULL, RECORD_UPLOAD, fingerprint, upload, SOURCE_UPLOADED)),
                    ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
        g_autofree char *before = folder_read(&s.folder, paths[i]), *after = NULL;

        shelf_reopen(&s);
        after = folder_read(&s.folder, paths[i]);
        g_assert_cmpstr(after, ==, before);
    }
    g_assert_cmpuint(record_served(shelf_find(&s, RECORD_ROOT, "root"))->chain->n_entries, ==, 2);
    g_assert_cmpuint(record_served(shelf_find(&s, RECORD_UPLOAD, fingerprint))->chain->n_entries, ==, 1);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/reload/damaged", test_damaged);
    g_test_add_func("/reload/verify", test_verify);
    g_test_add_func("/reload/registrations", test_registrations);
    g_test_add_func("/reload/lost", test_lost);
    g_test_add_func("/reload/restored", test_restored);
    g_test_add_func("/reload/root-above", test_root_above);
    return g_test_run();
}
