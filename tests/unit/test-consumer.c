/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "root-fixture.h"

#include <sys/xattr.h>

#include "deploy-fixture.h"
#include "deploy/consumer.h"

/* This program is the child that examines. */

#define NAME  "www.example.com"
#define OTHER "mail.example.com"
#define ROOT  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

typedef struct Scene {
    Modules modules;
    Folder files, store;
    TargetFolders folders;
    SourceStore source;
} Scene;

/* "FILES" in the text is a folder. */
static void scene_init(Scene *s, const char *text)
{
    *s = (Scene){ .files = folder_of_root(), .store = folder_new(), .source.fd = -EBADF };
    modules_init(&s->modules);
    {
        g_auto(GStrv) parts = g_strsplit(text, "FILES", -1);
        g_autofree char *whole = g_strjoinv(s->files.path, parts);

        modules_write(&s->modules, "web", whole);
    }
    modules_load(&s->modules);
    g_assert_cmpint(source_open(s->store.path, &s->source, NULL), ==, 0);
}

static void scene_done(Scene *s)
{
    source_close(&s->source);
    target_folders_close(&s->folders);
    modules_done(&s->modules);
    folder_done(&s->files);
    folder_done(&s->store);
}
#define _cleanup_scene_    _cleanup_(scene_done)
#define _cleanup_consumer_ _cleanup_(consumer_done)

static void serve(const Scene *s, const char *name, const Bundle *b)
{
    g_autofree char *chain = text_join(b->leaf, b->issuers, NULL),
                    *chain_path = g_strdup_printf("certificates/%s/1/fullchain.pem", name),
                    *key_path = g_strdup_printf("certificates/%s/1/privkey.pem", name),
                    *current = g_strdup_printf("certificates/%s/current", name);

    folder_write(&s->store, chain_path, chain);
    folder_write(&s->store, key_path, b->key);
    g_assert_cmpint(symlinkat("1", s->store.fd, current), ==, 0);
}

static void get(const Scene *s, const char *name, Consumer *ret)
{
    const Module *m = modules_get(&s->modules, "web");

    g_assert_cmpint(consumer_init(ret, m, module_find_claim(m, name)), ==, 1);
}

static int read_and_take(const Scene *s, Consumer *c, Problem *problem)
{
    Examination e = {};
    ExamineInput input;
    LocalRoot root = { .text = { .data = S("root"), .size = 4 }, .fingerprint = ROOT };

    g_assert_cmpint(consumer_read(c, &s->source, problem), ==, 0);
    input = consumer_input(c, now_seconds());
    g_assert_cmpint(examine(&input, &e, problem), ==, 0);
    return consumer_take(c, &e, &root, problem);
}

static const Image *next_of(const Consumer *c, DeployFile kind)
{
    for (size_t i = 0; i < c->n_files; i++)
        if (c->files[i].kind == kind)
            return &c->files[i].next;
    g_assert_not_reached();
}

static void assert_next(const Consumer *c, DeployFile kind, const char *first, const char *second)
{
    g_autofree char *wanted = g_strconcat(first, second, NULL);

    g_assert_cmpstr(next_of(c, kind)->data, ==, wanted);
    g_assert_cmpuint(next_of(c, kind)->size, ==, strlen(wanted));
}

#define ALL \
    "[Module]\n[Certificate " NAME \
    "]\n[Deploy]\nFullChainFile=FILES/a\nCertificateFile=FILES/b\nChainFile=FILES/c\n" \
    "KeyFile=FILES/d\nCombinedFile=FILES/e\nRootFile=FILES/f\n"

static void test_contents(void)
{
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};
    Bundle *b = bundle_make(NAME, 1);
    g_autofree char *chain = text_join(b->leaf, b->issuers, NULL);

    scene_init(&s, ALL);
    serve(&s, NAME, b);
    get(&s, NAME, &c);
    g_assert_cmpint(read_and_take(&s, &c, NULL), ==, 0);
    g_assert_cmpstr(c.leaf, ==, chain_leaf(b->chain)->fingerprint);
    g_assert_cmpuint(c.next.n, ==, b->chain->n_entries);
    assert_next(&c, DEPLOY_FULL_CHAIN, chain, "");
    assert_next(&c, DEPLOY_CERTIFICATE, b->leaf, "");
    assert_next(&c, DEPLOY_CHAIN, b->issuers, "");
    assert_next(&c, DEPLOY_KEY, b->key, "");
    assert_next(&c, DEPLOY_COMBINED, chain, b->key);
    assert_next(&c, DEPLOY_ROOT, "root", "\n");
    g_assert_null(c.key.data); /* not kept twice */
    bundle_free(b);
}

#define COMBINED \
    "[Module]\n[Certificate " NAME "]\n[Deploy]\nCombinedFile=FILES/%n.pem\nCombinedOrder=key-chain\n"

static void test_key_first(void)
{
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};
    Bundle *b = bundle_make(NAME, 1);
    g_autofree char *chain = text_join(b->leaf, b->issuers, NULL);

    scene_init(&s, COMBINED);
    serve(&s, NAME, b);
    get(&s, NAME, &c);
    g_assert_cmpint(read_and_take(&s, &c, NULL), ==, 0);
    assert_next(&c, DEPLOY_COMBINED, b->key, chain);
    bundle_free(b);
}

/* The leaf of a chain that is not delivered is known all the same. */
static void test_names(void)
{
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};
    _cleanup_problem_ Problem problem = {};
    Bundle *b = bundle_make(NAME, 1);

    scene_init(&s, "[Module]\n[Certificate " NAME "]\nAlternativeNames=" OTHER
                   "\n[Deploy]\nCombinedFile=FILES/a\n");
    serve(&s, NAME, b);
    get(&s, NAME, &c);
    g_assert_cmpint(read_and_take(&s, &c, &problem), <, 0);
    assert_says(&problem, "does not cover all");
    g_assert_cmpstr(c.leaf, ==, chain_leaf(b->chain)->fingerprint);
    bundle_free(b);
}

static void test_root_is_missing(void)
{
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};
    _cleanup_problem_ Problem problem = {};
    Examination e = { .n = 1, .ends = { 1 } };

    scene_init(&s, ALL);
    get(&s, NAME, &c);
    g_assert_cmpint(consumer_take(&c, &e, &(LocalRoot){}, &problem), <, 0);
    assert_says(&problem, "RootFile=");
}

static void test_flaw(void)
{
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};

    scene_init(&s, "[Module]\n[Certificate " NAME "]\n[Deploy]\nKeyFile=FILES/a\nFullChainFile=FILES/a\n");
    get(&s, NAME, &c);
    g_assert_cmpint(c.stage, ==, CONSUMER_SETTLED);
    g_assert_cmpint(c.outcome, ==, DEPLOYMENT_FAILED);
    assert_says(&c.problem, "same file");
}

static void test_not_deployed(void)
{
    _cleanup_scene_ Scene s;
    const Module *m;
    Consumer c;

    scene_init(&s, "[Module]\n[Certificate " NAME "]\n");
    m = modules_get(&s.modules, "web");
    g_assert_cmpint(consumer_init(&c, m, module_find_claim(m, NAME)), ==, 0);
}

/* ---- attributes */

typedef struct Attributes {
    mode_t mode;
    uid_t owner;
    gid_t group;
} Attributes;

static void check_attributes(const char *keys, const char *former, const Attributes *had,
                             const Attributes *wanted)
{
    g_autofree char *text =
        g_strconcat("[Module]\n[Certificate " NAME "]\n[Deploy]\nKeyFile=FILES/key\n", keys, NULL);
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};

    scene_init(&s, text);
    get(&s, NAME, &c);
    if (had) {
        folder_write(&s.files, "key", former);
        g_assert_cmpint(fchownat(s.files.fd, "key", had->owner, had->group, 0), ==, 0);
        g_assert_cmpint(fchmodat(s.files.fd, "key", had->mode, 0), ==, 0);
    }
    g_assert_cmpint(consumer_open(&c, &s.folders, NULL), ==, 0);
    g_assert_cmpint(consumer_capture(&c, NULL), ==, 0);
    g_assert_cmpuint(c.files[0].next.mode, ==, wanted->mode);
    g_assert_cmpuint(c.files[0].next.owner, ==, wanted->owner);
    g_assert_cmpuint(c.files[0].next.group, ==, wanted->group);
}

#define KEY "-----BEGIN PRIVATE KEY-----\n"

static void test_attributes(void)
{
    const Attributes had = { 0644, 1234, 4321 }, none = { 0600, 0, 0 }, kept = { 0640, 1234, 4321 },
                     given = { 0440, 0, 7 }, owner = { 0600, 65000, 0 }, special = { 04755, 1234, 4321 },
                     roots = { 0644, 0, 4321 }, was_roots = { 0640, 65000, 4321 },
                     plain = { 0750, 1234, 4321 };

    check_attributes("", NULL, NULL, &none);
    check_attributes("", KEY, &had, &kept); /* without a mode, a key is for no others */
    check_attributes("", "no key", &had, &kept);
    check_attributes("Owner=root\nGroup=7\nMode=0440\n", KEY, &had, &given);
    check_attributes("", KEY, &special, &plain);
    check_attributes("Owner=1234\n", KEY, &had, &kept);
    check_attributes("Owner=65000\n", KEY, &roots, &was_roots);
    check_attributes("Owner=65000\n", KEY, &had, &owner); /* 1234 chose the rest */
}

/* acl(5): user::rw-,user:5555:r--,group::---,mask::r--,other::--- */
static const uint8_t acl_of_reader[] = {
    2, 0, 0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,   4,  0, 0xb3, 0x15, 0,   0,   4,   0,
    0, 0, 255, 255, 255, 255, 16, 0, 4,   0,   255, 255, 255, 255, 32, 0, 0,    0,    255, 255, 255, 255,
};

static bool acl_is_kept(const char *keys, const char *former, uid_t owner)
{
    g_autofree char *text =
        g_strconcat("[Module]\n[Certificate " NAME "]\n[Deploy]\nKeyFile=FILES/key\n", keys, NULL);
    _cleanup_close_ int fd = -EBADF;
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};

    scene_init(&s, text);
    get(&s, NAME, &c);
    folder_write(&s.files, "key", former);
    fd = openat(s.files.fd, "key", O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(fchown(fd, owner, 0), ==, 0);
    g_assert_cmpint(fsetxattr(fd, "system.posix_acl_access", acl_of_reader, sizeof(acl_of_reader), 0), ==,
                    0);
    g_assert_cmpint(consumer_open(&c, &s.folders, NULL), ==, 0);
    g_assert_cmpint(consumer_capture(&c, NULL), ==, 0);
    g_assert_nonnull(c.files[0].former.acl);
    return c.files[0].next.acl;
}

/* Only root, or the owner of a key, decides who may read it. */
static void test_acl(void)
{
    g_assert_true(acl_is_kept("", KEY, 0));
    g_assert_true(acl_is_kept("", KEY, 1234));
    g_assert_true(acl_is_kept("Owner=1234\n", KEY, 0));
    g_assert_false(acl_is_kept("Owner=root\n", KEY, 1234));
    g_assert_false(acl_is_kept("Owner=root\nMode=0640\n", KEY, 1234));
    g_assert_false(acl_is_kept("", "no key", 0));
}

static void test_no_such_user(void)
{
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};
    _cleanup_problem_ Problem problem = {};

    scene_init(&s, COMBINED "Group=nobody-of-that-name\n");
    get(&s, NAME, &c);
    g_assert_cmpint(consumer_open(&c, &s.folders, &problem), <, 0);
    assert_says(&problem, "Group=nobody-of-that-name");
}

/* ---- replacing */

static void assert_file(const Scene *s, const char *name, const char *wanted)
{
    g_autofree char *content = folder_read(&s->files, name);

    g_assert_cmpstr(content, ==, wanted);
}

static void test_replace(void)
{
    _cleanup_scene_ Scene s;
    _cleanup_consumer_ Consumer c = {};
    Bundle *b = bundle_make(NAME, 1);
    g_autofree char *chain = text_join(b->leaf, b->issuers, NULL);

    scene_init(&s,
               "[Module]\n[Certificate " NAME "]\n[Deploy]\nFullChainFile=FILES/chain\nKeyFile=FILES/key\n");
    serve(&s, NAME, b);
    folder_write(&s.files, "chain", "former");
    get(&s, NAME, &c);
    g_assert_cmpint(consumer_open(&c, &s.folders, NULL), ==, 0);
    g_assert_cmpint(read_and_take(&s, &c, NULL), ==, 0);
    g_assert_cmpint(consumer_capture(&c, NULL), ==, 0);
    g_assert_false(consumer_is_unchanged(&c));
    g_assert_cmpint(consumer_stage(&c, true, NULL), ==, 0);
    assert_file(&s, "chain", "former");
    g_assert_false(c.unrestored);
    g_assert_cmpint(consumer_switch(&c, NULL), ==, 0);
    g_assert_cmpint(consumer_flush(&c, NULL), ==, 0);
    assert_file(&s, "chain", chain);
    assert_file(&s, "key", b->key);
    g_assert_true(c.unrestored);
    g_assert_cmpint(consumer_put_back(&c, NULL), ==, 0);
    assert_file(&s, "chain", "former");
    assert_file(&s, "key", NULL);
    g_assert_false(c.unrestored);
    bundle_free(b);
}

static void test_unchanged(void)
{
    _cleanup_scene_ Scene s;
    Bundle *b = bundle_make(NAME, 1);

    scene_init(&s, COMBINED);
    serve(&s, NAME, b);
    for (int i = 0; i < 2; i++) {
        _cleanup_consumer_ Consumer c = {};

        get(&s, NAME, &c);
        g_assert_cmpint(consumer_open(&c, &s.folders, NULL), ==, 0);
        g_assert_cmpint(read_and_take(&s, &c, NULL), ==, 0);
        g_assert_cmpint(consumer_capture(&c, NULL), ==, 0);
        g_assert_cmpint(consumer_is_unchanged(&c), ==, i);
        g_assert_cmpint(consumer_stage(&c, true, NULL), ==, 0);
        g_assert_cmpint(consumer_switch(&c, NULL), ==, 0);
    }
    bundle_free(b);
}

static void test_twins(void)
{
    _cleanup_scene_ Scene s;
    Consumer c[2] = {};

    scene_init(&s, "[Module]\n[Certificate " NAME "]\n[Certificate " OTHER "]\n[Deploy " NAME "]\n"
                   "CombinedFile=FILES/real/a\n[Deploy " OTHER "]\nCombinedFile=FILES/link/a\n");
    folder_write(&s.files, "real/b", "");
    g_assert_cmpint(symlinkat("real", s.files.fd, "link"), ==, 0);
    get(&s, NAME, c);
    get(&s, OTHER, c + 1);
    for (size_t i = 0; i < ELEMENTSOF(c); i++)
        g_assert_cmpint(consumer_open(c + i, &s.folders, NULL), ==, 0);
    g_assert_cmpint(consumers_refuse_twins(c, ELEMENTSOF(c)), ==, 0);
    for (size_t i = 0; i < ELEMENTSOF(c); i++) {
        g_assert_cmpint(c[i].outcome, ==, DEPLOYMENT_FAILED);
        assert_says(&c[i].problem, i ? NAME : OTHER);
        consumer_done(c + i);
    }
}

/* ---- */

static void test_skipped(void)
{
    (void)skip_without_root();
}

int main(int argc, char *argv[])
{
    if (argc > 1 && streq(argv[1], "--examine"))
        examine_child(argc, argv);
    fixture_init(&argc, &argv);
    if (geteuid() != 0) {
        g_test_add_func("/consumer/skipped", test_skipped);
        return g_test_run();
    }
    g_test_add_func("/consumer/contents", test_contents);
    g_test_add_func("/consumer/key-first", test_key_first);
    g_test_add_func("/consumer/names", test_names);
    g_test_add_func("/consumer/root-is-missing", test_root_is_missing);
    g_test_add_func("/consumer/flaw", test_flaw);
    g_test_add_func("/consumer/not-deployed", test_not_deployed);
    g_test_add_func("/consumer/attributes", test_attributes);
    g_test_add_func("/consumer/acl", test_acl);
    g_test_add_func("/consumer/no-such-user", test_no_such_user);
    g_test_add_func("/consumer/replace", test_replace);
    g_test_add_func("/consumer/unchanged", test_unchanged);
    g_test_add_func("/consumer/twins", test_twins);
    return g_test_run();
}
