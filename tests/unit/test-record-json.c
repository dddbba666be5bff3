/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "store/files/record-json.h"

#include <errno.h>

#include "core/limits.h"
#include "util/text.h"

#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static Record *sample(void)
{
    char *names[] = { S("www.example.com"), S("192.0.2.1"), NULL },
         *more[] = { S("imap.example.com"), NULL };
    ChainEntry e[] = { { "CN=www.example.com", "CN=B\303\274 \"quoted\" \\, Inc.", "00FF", FINGERPRINT, -1,
                         4102444800 },
                       { "CN=issuer", "CN=root", "01", FINGERPRINT, 0, INT64_MAX } };
    Problem problem = { PROBLEM_WEAK_KEY, S("a\ttext / with \"everything\"\n") };
    Record *rec = record_new(RECORD_CERTIFICATE, "www.example.com");
    Chain *chain = chain_new(e, 2, (const char *const *)names, 2, KEY_TYPE_RSA_OTHER, true);

    for (Source s = 0; s < _SOURCE_MAX; s++) {
        record_set_slot(rec, s, 5 + (uint64_t)s, chain, s == SOURCE_LOCAL ? 3 : 0,
                        s == SOURCE_LOCAL ? 3 : 0);
        memset(rec->slots[s].stored.digest, 0xa0 + (int)s, sizeof(rec->slots[s].stored.digest));
    }
    chain_unref(chain);
    rec->slots[SOURCE_ACME].withdrawn = true;
    rec->served = SOURCE_LOCAL;
    rec->stored.last_generation = 9;
    rec->stored.former = 4;
    rec->abandoned = 1700000000;
    g_assert_cmpint(
        record_register(rec, &(RegistrationRequest){ "mail", more, KEY_TYPE_ED25519, 1, "internal" }), ==,
        0);
    g_assert_cmpint(
        record_register(rec, &(RegistrationRequest){ "vpn-2.x", NULL, _KEY_TYPE_INVALID, 0, NULL }), ==, 0);
    record_set_failure(rec, &problem, 1700000001);
    return rec;
}

static char *json_of(const Record *rec, const char *former, int64_t now)
{
    char *text = NULL;

    g_assert_cmpint(record_to_json(rec, former, now, &text), ==, 0);
    return text;
}

static void test_round_trip(void)
{
    _cleanup_record_ Record *rec = sample(), *again = NULL;
    _cleanup_free_ char *text = json_of(rec, NULL, 1), *twice = NULL;

    g_assert_cmpint(record_from_json(text, &again), ==, 0);
    assert_record_equal(rec, again);
    twice = json_of(again, NULL, 1);
    g_assert_cmpstr(twice, ==, text);
}

static void test_empty(void)
{
    for (RecordKind kind = 0; kind < _RECORD_KIND_MAX; kind++) {
        const char *const names[] = { "a.example", "root", FINGERPRINT };
        _cleanup_record_ Record *rec = record_new(kind, names[kind]), *again = NULL;
        _cleanup_free_ char *text = json_of(rec, NULL, 1);

        g_assert_cmpint(record_from_json(text, &again), ==, 0);
        assert_record_equal(rec, again);
    }
}

static char *replaced(const char *text, const char *what, const char *with)
{
    const char *at = strstr(text, what);

    if (!at)
        g_error("\"%s\" is not in %s", what, text);
    return g_strdup_printf("%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
}

/* What is not just so is refused, and the output is left alone. */
static void test_refused(void)
{
    static const struct {
        const char *what, *with;
    } rows[] = {
        { "\"format\":1", "\"format\":2" },
        { "\"format\":1", "\"format\":\"1\"" },
        { "\"format\":1", "\"form\":1" },
        { "\"kind\":\"certificate\"", "\"kind\":\"nothing\"" },
        { "\"kind\":\"certificate\"", "\"kind\":7" },
        { "\"name\":\"www.example.com\"", "\"name\":null" },
        { "\"name\":\"www.example.com\"", "\"name\":\"a\\u0000b\"" },
        { "\"name\":\"www.example.com\"", "\"name\":[]" },
        { "\"last-generation\":9", "\"last-generation\":-1" },
        { "\"last-generation\":9", "\"last-generation\":9.5" },
        { "\"last-generation\":9", "\"last-generation\":\"9\"" },
        { "\"former\":4", "\"former\":true" },
        { "\"abandoned\":1700000000", "\"abandoned\":{}" },
        { "\"served\":\"local\"", "\"served\":1" },
        { "\"generation\":5", "\"generation\":0" },
        { "\"generation\":5", "\"generation\":-5" },
        { "\"digest\":\"a0", "\"digest\":\"g0" },
        { "\"digest\":\"a0", "\"digest\":\"0" },
        { "\"withdrawn\":true", "\"withdrawn\":1" },
        { "\"key-type\":\"rsa-other\"", "\"key-type\":\"rsa-1\"" },
        { "\"not-before\":-1", "\"not-before\":\"x\"" },
        { "\"serial\":\"00FF\"", "\"serial\":\"a\\u0000\"" },
        { "\"fingerprint\":\"" FINGERPRINT "\"", "\"fingerprint\":\"0123\"" },
        { "\"sources\":{", "\"sources\":7,\"x\":{" },
        { "\"192.0.2.1\"", "7" },
        { "\"192.0.2.1\"", "\"192.0.2.1\\u0000x\"" },
        { "\"imap.example.com\"", "\"imap.example.com\\u0000x\"" },
        { "\"module\":\"mail\"", "\"module\":\"../mail\"" },
        { "\"module\":\"mail\"", "\"module\":\"\"" },
        { "\"code\":\"WeakKey\"", "\"code\":7" },
        { "\"attempts\":1", "\"attempts\":-1" },
        { "}", "}x" },
    };
    _cleanup_record_ Record *rec = sample();
    _cleanup_free_ char *pretty = json_of(rec, NULL, 1);
    g_autoptr(GString) plain = g_string_new(NULL);
    bool quoted = false;

    for (const char *p = pretty; *p; p++) { /* without the white space, so that members can be found */
        quoted ^= *p == '"' && (p == pretty || p[-1] != '\\');
        if (quoted || !g_ascii_isspace(*p))
            g_string_append_c(plain, *p);
    }
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        g_autofree char *text = replaced(plain->str, rows[i].what, rows[i].with);
        Record *out = NULL;

        if (record_from_json(text, &out) != -EBADMSG)
            note_failure("%s is taken", rows[i].with);
        record_free(out);
    }
    for (size_t n = 0; n < plain->len; n += 7) {
        g_autofree char *text = g_strndup(plain->str, n);
        Record *out = NULL;

        g_assert_cmpint(record_from_json(text, &out), ==, -EBADMSG);
    }
}

static void test_not_json(void)
{
    static const char *const texts[] = { "",
                                         " ",
                                         "null",
                                         "7",
                                         "\"x\"",
                                         "[]",
                                         "{}",
                                         "{\"format\":1",
                                         "{} {}",
                                         "{\"a\":1,}",
                                         "{'a':1}",
                                         "\303\050",
                                         "{\"a\":\"\377\"}",
                                         "[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]",
                                         "/* */ {}",
                                         "NaN",
                                         "{\"format\":1e0}" };

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        Record *out = NULL;

        g_assert_cmpint(record_from_json(texts[i], &out), ==, -EBADMSG);
        g_assert_null(out);
    }
}

/* LIMIT_RECORD: one byte more is refused, and nothing leaks. */
static void test_too_long(void)
{
    _cleanup_record_ Record *rec = sample(), *at = NULL;
    _cleanup_free_ char *text = json_of(rec, NULL, 1);
    g_autofree char *filled = g_strnfill(LIMIT_RECORD + 1, ' ');
    Record *above = NULL;

    memcpy(filled, text, strlen(text));
    g_assert_cmpint(record_from_json(filled, &above), ==, -EBADMSG);
    filled[LIMIT_RECORD] = 0;
    g_assert_cmpint(record_from_json(filled, &at), ==, 0);
    assert_record_equal(rec, at);
}

/* LIMIT_CHAIN and LIMIT_NAMES. */
static void test_limits(void)
{
    for (size_t extra = 0; extra < 2; extra++) {
        _cleanup_record_ Record *rec = record_new(RECORD_CERTIFICATE, "a.example"), *out = NULL;
        const char *names[LIMIT_NAMES + 1];
        ChainEntry e[LIMIT_CHAIN + 1];
        size_t n_names = LIMIT_NAMES, n_entries = LIMIT_CHAIN;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
            names[i] = "a.example";
        for (size_t i = 0; i < ELEMENTSOF(e); i++)
            e[i] = (ChainEntry){ "", "", "", FINGERPRINT, 0, 0 };
        for (int which = 0; which < 2; which++) {
            Chain *c = chain_new(e, n_entries + (which ? extra : 0), names, n_names + (which ? 0 : extra),
                                 KEY_TYPE_ECDSA_P256, false);
            _cleanup_free_ char *text = NULL;

            record_set_slot(rec, SOURCE_LOCAL, 1, c, 0, 0);
            chain_unref(c);
            rec->served = SOURCE_LOCAL;
            rec->stored.last_generation = 1;
            text = json_of(rec, NULL, 1);
            g_assert_cmpint(record_from_json(text, &out), ==, extra ? -EBADMSG : 0);
            out = record_free(out);
        }
    }
}

/* The history carries on what was served, LIMIT_HISTORY of them, and survives nonsense. */
static void test_history(void)
{
    static const char *const nonsense[] = {
        "", "x", "{}", "{\"history\":7}", "{\"history\":[7,null,[],{}]}", "{\"history\":{}}"
    };
    _cleanup_record_ Record *rec = sample();
    _cleanup_free_ char *former = json_of(rec, NULL, 0);

    for (uint64_t i = 0; i < LIMIT_HISTORY + 5; i++) {
        _cleanup_free_ char *text = NULL;
        g_autofree char *mark = g_strdup_printf("\"time\":%d", (int)(100 + i));

        rec->slots[SOURCE_LOCAL].stored.generation = 100 + i;
        text = json_of(rec, former, (int64_t)(100 + i));
        g_assert_nonnull(strstr(text, mark));
        free(former);
        former = TAKE_PTR(text);
    }
    g_auto(GStrv) entries = g_strsplit(former, "\"time\":", -1);

    g_assert_cmpuint(g_strv_length(entries) - 1, ==, LIMIT_HISTORY);
    g_assert_true(g_str_has_prefix(entries[LIMIT_HISTORY], "120"));
    g_assert_true(g_str_has_prefix(entries[1], "105"));
    for (size_t i = 0; i < ELEMENTSOF(nonsense); i++) {
        _cleanup_free_ char *text = json_of(rec, nonsense[i], 1);
        _cleanup_record_ Record *again = NULL;

        g_assert_cmpint(record_from_json(text, &again), ==, 0);
    }
}

static void test_same_generation_once(void)
{
    _cleanup_record_ Record *rec = sample();
    _cleanup_free_ char *first = json_of(rec, NULL, 100), *second = json_of(rec, first, 200);

    g_assert_nonnull(strstr(second, "\"time\":100"));
    g_assert_null(strstr(second, "\"time\":200"));
}

/* How late an upload came: its number, or what the history of a record without one tells. */
static void test_uploaded(void)
{
    for (int numbered = 0; numbered < 2; numbered++) {
        _cleanup_record_ Record *rec = record_new(RECORD_UPLOAD, FINGERPRINT), *again = NULL;
        char *names[] = { S("a.example"), NULL };
        _cleanup_chain_ Chain *chain = chain_make(names, 1, 2);
        _cleanup_free_ char *first = NULL, *text = NULL;

        record_set_slot(rec, SOURCE_UPLOADED, 1, chain, 0, 0);
        rec->served = SOURCE_UPLOADED;
        rec->stored.last_generation = 1;
        rec->uploaded = numbered ? INT64_MAX : 0;
        first = json_of(rec, NULL, 1700000000);
        text = json_of(rec, first, 1800000000);
        g_assert_cmpint(strstr(text, "\"upload-number\":") != NULL, ==, numbered);
        g_assert_cmpint(record_from_json(text, &again), ==, 0);
        assert_record_equal(rec, again);
        g_assert_cmpint(again->uploaded_at, ==, 1700000000);
    }
}

static void test_uploaded_refused(void)
{
    static const char *const values[] = { "-1", "\"1\"", "1.5", "null", "[]" };
    _cleanup_record_ Record *rec = record_new(RECORD_UPLOAD, FINGERPRINT), *none = NULL;
    _cleanup_free_ char *text = NULL, *bare = NULL;

    rec->uploaded = 12345;
    text = json_of(rec, NULL, 1);
    for (size_t i = 0; i < ELEMENTSOF(values); i++) {
        g_autofree char *wrong = replaced(text, "12345", values[i]);
        Record *out = NULL;

        if (record_from_json(wrong, &out) != -EBADMSG)
            note_failure("%s is taken", values[i]);
        record_free(out);
    }
    /* nothing tells when: it came before all others */
    rec->uploaded = 0;
    bare = json_of(rec, "{\"history\":[7,{\"time\":\"x\"}]}", 1);
    g_assert_cmpint(record_from_json(bare, &none), ==, 0);
    g_assert_cmpint(none->uploaded_at, ==, 0);
}

/* Lines of the journal. */

static void test_lines(void)
{
    _cleanup_record_ Record *rec = sample();
    _cleanup_free_ char *line = NULL, *bare = NULL, *name = NULL;
    RecordKind kind;

    g_assert_cmpint(journal_line_from_change(rec, "issued", SOURCE_LOCAL, 1234, &line), ==, 0);
    g_assert_true(g_str_has_suffix(line, "}\n"));
    g_assert_true(strchr(line, '\n') == line + strlen(line) - 1);
    g_assert_nonnull(strstr(line, "\"serial\":\"00FF\""));
    g_assert_nonnull(strstr(line, FINGERPRINT));
    g_assert_nonnull(strstr(line, "\"time\":1234"));
    g_assert_cmpint(journal_line_parse(line, strlen(line) - 1, &kind, &name), ==, 0);
    g_assert_cmpint(kind, ==, RECORD_CERTIFICATE);
    g_assert_cmpstr(name, ==, "www.example.com");
    g_assert_cmpint(journal_line_from_change(rec, "removed", _SOURCE_INVALID, 1234, &bare), ==, 0);
    g_assert_null(strstr(bare, "serial"));
}

static void test_lines_refused(void)
{
    static const char *const lines[] = {
        "",
        "{}",
        "x",
        "{\"kind\":\"certificate\"}",
        "{\"name\":\"a.example\"}",
        "{\"kind\":\"certificate\",\"name\":\"A.example\"}",
        "{\"kind\":\"certificate\",\"name\":\"../a\"}",
        "{\"kind\":\"certificate\",\"name\":\"a.example\\u0000\"}",
        "{\"kind\":\"certificate\",\"name\":\"a.example\"} x",
        "{\"kind\":\"upload\",\"name\":\"../x\"}",
        "{\"kind\":\"upload\",\"name\":\"a.example\"}",
        "{\"kind\":\"root\",\"name\":\"a.example\"}",
        "{\"kind\":\"x\",\"name\":\"a.example\"}",
    };

    for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
        RecordKind kind;
        char *name = NULL;

        if (journal_line_parse(lines[i], strlen(lines[i]), &kind, &name) != -EBADMSG)
            note_failure("%s is taken", lines[i]);
        free(name);
    }
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/record-json/round-trip", test_round_trip);
    g_test_add_func("/record-json/empty", test_empty);
    g_test_add_func("/record-json/refused", test_refused);
    g_test_add_func("/record-json/not-json", test_not_json);
    g_test_add_func("/record-json/too-long", test_too_long);
    g_test_add_func("/record-json/limits", test_limits);
    g_test_add_func("/record-json/history", test_history);
    g_test_add_func("/record-json/same-generation-once", test_same_generation_once);
    g_test_add_func("/record-json/uploaded", test_uploaded);
    g_test_add_func("/record-json/uploaded-refused", test_uploaded_refused);
    g_test_add_func("/record-json/lines", test_lines);
    g_test_add_func("/record-json/lines-refused", test_lines_refused);
    return g_test_run();
}
