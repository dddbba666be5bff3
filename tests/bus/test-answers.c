/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gunixfdlist.h>
#include <string.h>

#include "client.h"
#include "descriptors.h"
#include "files.h"
#include "pki.h"

/* Every call gets an answer at once, whatever stands in it and whatever the answer would have to say. */

#define MODULE       "[Module]\nDescription=Test\n[Certificate one.example.com]\n"
#define TIMEOUT_MSEC 20000 /* less than the 25 seconds that callers wait by themselves */
#define PROPERTIES   "org.freedesktop.DBus.Properties"

#define A15 "aaaaaaaaaaaaaaa"
#define A63 A15 A15 A15 A15 "aaa"

/* Around the bounds at which texts are quoted, and what does not belong into a sentence. */
static const char *const texts[] = {
    "",
    "x",
    A63 "\303\251",
    A15 A15 A15 A15 "aa\342\202\254",
    A15 A15 A15 A15 "a\360\237\230\200",
    A15 "\303\251",
    A15 A15 "a\303\251",
    "a\001\033[2J\nb\177",
    "\342\200\256moc.elpmaxe",
    "%s%n%.64s\"\\",
    "/",
    "one.example.com",
    NULL, /* two hundred letters of two bytes, and a long text */
    NULL,
};

#define N_TEXTS G_N_ELEMENTS(texts)

static const char *text_of(size_t i, const char *letters, const char *huge)
{
    return texts[i] ? texts[i] : i + 1 == N_TEXTS ? huge : letters;
}

static char *repeat(const char *s, unsigned n)
{
    GString *text = g_string_new(NULL);

    while (n-- > 0)
        g_string_append(text, s);
    return g_string_free(text, FALSE);
}

/* Values of every kind for options, by how many of them there are. */
static GVariant *odd_value(unsigned i, const char *text)
{
    static const char *const values[] = {
        "true",           "int16 1",   "[1, 2]",       "((((1, 'x'), 2), 3), 4)",
        "{'a': <1>}",     "<<<'x'>>>", "@as []",       "['x', '\\u202e']",
        "objectpath '/'", "handle 77", "[byte 0, 255]"
    };
    g_autofree char *many = NULL, *tuple = NULL;

    if (i == 0)
        return g_variant_new_string(text);
    if (i <= G_N_ELEMENTS(values))
        return g_variant_parse(NULL, values[i - 1], NULL, NULL, NULL);
    if (i > G_N_ELEMENTS(values) + 1)
        return NULL;
    many = repeat(", 1", 200); /* in a signature of at most 255 bytes */
    many[0] = '(';
    tuple = g_strconcat(many, ")", NULL);
    return g_variant_parse(NULL, tuple, NULL, NULL, NULL);
}

static void check_text(const char *text, const char *what)
{
    glong n;
    g_autofree gunichar *letters = g_utf8_to_ucs4_fast(text, -1, &n);

    for (glong i = 0; i < n; i++)
        if ((g_unichar_iscntrl(letters[i]) && letters[i] != '\n') ||
            (letters[i] >= 0x202a && letters[i] <= 0x202e))
            g_error("%s has the character U+%04X: %s", what, letters[i], text);
}

typedef struct Target {
    GDBusConnection *connection;
    const char *path, *interface, *member;
    GUnixFDList *descriptors;
    unsigned n_calls;
} Target;

static void check_error(const Target *t, GDBusMessage *reply)
{
    const char *name = g_dbus_message_get_error_name(reply);
    GVariant *body = g_dbus_message_get_body(reply);
    const char *text;

    g_assert_true(g_dbus_is_interface_name(name));
    g_assert_cmpstr(name, !=, "org.freedesktop.DBus.Error.NoReply");
    if (!body || !g_variant_is_of_type(body, G_VARIANT_TYPE("(s)")))
        g_error("%s.%s: the error %s says nothing", t->interface, t->member, name);
    g_variant_get(body, "(&s)", &text);
    g_assert_cmpuint(strlen(text), >, 8);
    g_assert_cmpuint(strlen(text), <, 200000);
    if (g_str_has_prefix(name, "org.certwright1."))
        check_text(text, t->member);
}

/* Takes the arguments. */
static void call(Target *t, GVariant *arguments)
{
    g_autoptr(GDBusMessage) m = g_dbus_message_new_method_call(SERVICE, t->path, t->interface, t->member),
                            reply = NULL;
    g_autoptr(GVariant) body = arguments ? g_variant_ref_sink(arguments) : NULL;
    g_autoptr(GError) error = NULL;

    if (body)
        g_dbus_message_set_body(m, body);
    g_dbus_message_set_unix_fd_list(m, t->descriptors);
    reply = g_dbus_connection_send_message_with_reply_sync(t->connection, m, G_DBUS_SEND_MESSAGE_FLAGS_NONE,
                                                           TIMEOUT_MSEC, NULL, NULL, &error);
    if (!reply) {
        g_autofree char *printed = body ? g_variant_print(body, TRUE) : g_strdup("()");

        g_error("%s.%s %.300s: %s", t->interface, t->member, printed, error->message);
    }
    t->n_calls++;
    if (g_dbus_message_get_message_type(reply) == G_DBUS_MESSAGE_TYPE_ERROR)
        check_error(t, reply);
}

/* An argument of that type made of the text; options is for a{sv}, and taken. */
static GVariant *argument(const char *signature, const char *text, GVariant *options)
{
    if (strcmp(signature, "s") == 0)
        return g_variant_new_string(text);
    if (strcmp(signature, "a{sv}") == 0)
        return options;
    if (strcmp(signature, "h") == 0)
        return g_variant_new_handle(0);
    if (strcmp(signature, "ay") == 0)
        return g_variant_new_bytestring(text);
    if (strcmp(signature, "v") == 0)
        return g_variant_new_variant(g_variant_new_string(text));
    g_error("no test knows an argument of type %s; teach it here", signature);
}

static GVariant *arguments_of(const GDBusMethodInfo *method, const char *text, GVariant *options)
{
    g_autoptr(GVariant) kept = g_variant_ref_sink(options);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE_TUPLE);
    for (GDBusArgInfo *const *a = method->in_args; a && *a; a++)
        g_variant_builder_add_value(&b, argument((*a)->signature, text, kept));
    return g_variant_builder_end(&b);
}

static gboolean takes(const GDBusMethodInfo *method, const char *signature)
{
    for (GDBusArgInfo *const *a = method->in_args; a && *a; a++)
        if (strcmp((*a)->signature, signature) == 0)
            return TRUE;
    return FALSE;
}

/* Keys that methods know, so that their values are read. */
static const char *const keys[] = { "format", "key",       "passphrase", "names",        "key-type",
                                    "acme",   "authority", "name",       "keep-current", "fetch-issuers" };

static void call_with_options(Target *t, const GDBusMethodInfo *method, const char *letters,
                              const char *huge)
{
    const char *valid[] = { "m", "one.example.com" };

    for (size_t v = 0; v < G_N_ELEMENTS(valid); v++)
        for (size_t i = 0; i < N_TEXTS; i++)
            call(t, arguments_of(method, valid[v],
                                 client_option(text_of(i, letters, huge), g_variant_new_string("x"))));
    for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
        GVariant *value;

        for (size_t i = 0; i < N_TEXTS; i++)
            call(t, arguments_of(method, "one.example.com",
                                 client_option(keys[k], g_variant_new_string(text_of(i, letters, huge)))));
        for (unsigned i = 1; (value = odd_value(i, "x")); i++)
            call(t, arguments_of(method, "one.example.com", client_option(keys[k], value)));
    }
}

static void call_method(Target *t, const GDBusMethodInfo *method)
{
    g_autofree char *letters = repeat("\303\251", 200), *huge = repeat("\342\202\254", 30000);
    gboolean varies = takes(method, "s") || takes(method, "ay") || takes(method, "v");

    t->member = method->name;
    for (size_t i = 0; i < (varies ? N_TEXTS : 1); i++)
        call(t, arguments_of(method, text_of(i, letters, huge), NO_OPTIONS));
    if (takes(method, "a{sv}"))
        call_with_options(t, method, letters, huge);
    call(t, NULL);
    call(t, g_variant_new("(a(sv))", NULL));
    call(t, g_variant_new("(sssssssss)", "", "", "", "", "", "", "", "", letters));
}

/* Each method of each interface that the object says it has, those of the bus library too. */
static void call_object(GDBusConnection *c, const char *path, const char *ours)
{
    g_autoptr(GVariant) reply =
        client_expect(c, path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL);
    Target t = { .connection = c, .path = path };
    g_autoptr(GDBusNodeInfo) node = NULL;
    g_autoptr(GUnixFDList) descriptors = g_unix_fd_list_new();
    int fd = descriptor_new_text("no bundle");
    gboolean found = FALSE;
    const char *xml;

    g_assert_cmpint(g_unix_fd_list_append(descriptors, fd, NULL), ==, 0);
    close(fd);
    t.descriptors = descriptors;
    g_variant_get(reply, "(&s)", &xml);
    node = g_dbus_node_info_new_for_xml(xml, NULL);
    for (GDBusInterfaceInfo *const *i = node->interfaces; *i; i++) {
        t.interface = (*i)->name;
        found = found || strcmp(t.interface, ours) == 0;
        for (GDBusMethodInfo *const *m = (*i)->methods; m && *m; m++)
            call_method(&t, *m);
    }
    g_assert_true(found);
    g_test_message("%s: %u calls", path, t.n_calls);
    g_assert_cmpuint(t.n_calls, >, 50);
}

static void test_any_arguments(void)
{
    static const char *const one = PATH "/certificate/one_2eexample_2ecom";
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(GDBusConnection) nobody = client_connect(f, fixture_uid("nobody"));

    client_wait_state(f->root, one, "valid");
    call_object(nobody, PATH, MANAGER);
    call_object(nobody, one, CERTIFICATE);
    call_object(f->root, PATH, MANAGER);
    call_object(f->root, PATH_ROOT, CERTIFICATE);
    call_object(f->root, one, CERTIFICATE);
    fixture_check_daemon(f);
}

static void test_any_arguments_of_job(void)
{
    static const char *const one = PATH "/certificate/one_2eexample_2ecom";
    g_autoptr(Fixture) f = fixture_new(FIXTURE_HOLD_DISK, MODULE);
    g_autoptr(GVariant) reply = NULL;
    const char *job;

    client_wait_state(f->root, one, "valid");
    fixture_hold_disk(f);
    reply = client_expect(f->root, one, CERTIFICATE, "Reissue", g_variant_new("(@a{sv})", NO_OPTIONS));
    g_variant_get(reply, "(&o)", &job);
    call_object(f->root, job, JOB);
    fixture_release_disk(f);
    fixture_check_daemon(f);
}

/* What nobody has taught the service: the bus library answers. */
static void test_unknown_members(void)
{
    static const char *const paths[] = { PATH, PATH "/certificate", PATH "/nowhere", "/",
                                         PATH "/certificate/x_ff_80" };
    static const char *const members[][2] = { { MANAGER, "Nothing" },
                                              { "org.example.Nothing", "Nothing" },
                                              { NULL, "ListUploads" },
                                              { NULL, "Nothing" },
                                              { PROPERTIES, "Nothing" } };
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    Target t = { .connection = f->root };

    for (size_t p = 0; p < G_N_ELEMENTS(paths); p++)
        for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
            t.path = paths[p];
            t.interface = members[i][0];
            t.member = members[i][1];
            call(&t, NULL);
        }
}

/* ---- what is in the answers */

/* The texts in an answer are UTF-8, or it would not have come. */
static void check_texts(GVariant *v, const char *what)
{
    if (g_variant_is_of_type(v, G_VARIANT_TYPE_STRING))
        check_text(g_variant_get_string(v, NULL), what);
    else if (g_variant_is_container(v))
        for (gsize i = 0; i < g_variant_n_children(v); i++) {
            g_autoptr(GVariant) child = g_variant_get_child_value(v, i);

            check_texts(child, what);
        }
}

static GVariant *ask(Fixture *f, const char *path, const char *interface, const char *member,
                     GVariant *arguments)
{
    GVariant *reply = client_expect(f->root, path, interface, member, arguments);

    check_texts(reply, member);
    return reply;
}

static void ask_for_all(Fixture *f, const char *path, const char *interface)
{
    g_autoptr(GVariant) reply = ask(f, path, PROPERTIES, "GetAll", g_variant_new("(s)", interface)),
                        properties = g_variant_get_child_value(reply, 0), value = NULL;
    GVariantIter i;
    const char *name;

    g_variant_iter_init(&i, properties);
    g_assert_cmpuint(g_variant_iter_n_children(&i), >, 2);
    while (g_variant_iter_next(&i, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) same = client_get(f->root, path, interface, name);

        g_assert_cmpstr(g_variant_get_type_string(same), ==, g_variant_get_type_string(value));
        g_clear_pointer(&value, g_variant_unref);
    }
}

static void explain(Fixture *f, const char *path)
{
    g_autofree char *name = client_get_string(f->root, path, "Name");
    g_autoptr(GVariant) reply G_GNUC_UNUSED = ask(f, PATH, MANAGER, "Explain", g_variant_new("(s)", name));
}

/* Everything that can be read answers. */
static void read_everything(Fixture *f)
{
    g_autoptr(GVariant) reply =
        ask(f, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL),
                        objects = g_variant_get_child_value(reply, 0), interfaces = NULL,
                        uploads G_GNUC_UNUSED = ask(f, PATH, MANAGER, "ListUploads", NULL);
    GVariantIter i;
    const char *path;

    ask_for_all(f, PATH, MANAGER);
    g_variant_iter_init(&i, objects);
    g_assert_cmpuint(g_variant_iter_n_children(&i), >=, 2);
    while (g_variant_iter_next(&i, "{&o@a{sa{sv}}}", &path, &interfaces)) {
        ask_for_all(f, path, CERTIFICATE);
        explain(f, path);
        g_clear_pointer(&interfaces, g_variant_unref);
    }
}

/* Lines of printable text, whatever they are about. */
static void check_log(const Fixture *f)
{
    g_autofree char *said = file_read(f->daemon_log);

    if (!g_utf8_validate(said, -1, NULL))
        g_error("the log is not UTF-8: %s", said);
    check_text(said, "the log");
}

#define ODD_MODULE \
    "[Module]\nDescription=Caf\351 \033[2J\377\n" \
    "[Certificate one.example.com]\nAlternativeNames=caf\351.example.com \342\200\256x.example\n" \
    "KeyType=\351\351\nSchl\374ssel=1\n" \
    "[Certificate b\374cher.example.com]\n[Certificate \033]0;x\007.example.com]\n[Caf\351]\nx=y\n" \
    "Authority=\302\n\351\n=\n[\351\n"

static void write_odd_files(Fixture *f)
{
    static const char *const settings[] = {
        "[Local]\nOrganization=Caf\351\nRootKeyType=", "\n[ACME]\nContact=mailto:\351@x",
        "\n[Authority x]\nDirectory=https://\351/\n[Authority \351]\n[\033[2J]\nx=y\n"
    };
    g_autofree char *letters = repeat("\303\251", 1100),
                    *broken = g_build_filename(f->config, "modules.d", "caf\351.conf", NULL),
                    *text = g_strconcat(settings[0], letters, settings[1], settings[2], "[Renewal]\nx",
                                        letters, "=", letters, "\n", NULL);

    file_write(broken, "[Certificate two.example.com]\n");
    fixture_write_settings(f, text);
}

static void test_odd_configuration(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_NO_DAEMON, ODD_MODULE);
    g_autoptr(GVariant) reply G_GNUC_UNUSED = NULL;
    g_autofree char *said = NULL;

    write_odd_files(f);
    fixture_start_daemon(f, 0);
    client_wait_state(f->root, PATH "/certificate/one_2eexample_2ecom", "valid");
    reply = client_expect(f->root, PATH, MANAGER, "Reload", NULL);
    read_everything(f);
    check_log(f);
    said = file_read(f->daemon_log);
    g_assert_nonnull(strstr(said, "Schl?ssel"));
    g_assert_nonnull(strstr(said, "caf?.conf:"));
    g_assert_nonnull(strstr(said, "\303\251\342\200\246"));
}

static char *to_pem(const guchar *der, gsize size)
{
    g_autofree char *text = g_base64_encode(der, size);
    GString *pem = g_string_new("-----BEGIN CERTIFICATE-----\n");

    for (const char *at = text; *at; at += MIN(strlen(at), 64))
        g_string_append_printf(pem, "%.64s\n", at);
    g_string_append(pem, "-----END CERTIFICATE-----\n");
    return g_string_free(pem, FALSE);
}

/* A certificate whose subject has another kind of string with other bytes in it, as many as there were, signed again. The
 * subject is "CN=" and the placeholder in UTF-8. */
static char *with_subject(const PkiLeaf *l, const Pki *pki, const char *placeholder, guchar kind,
                          const char *bytes)
{
    static const guchar algorithm[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                        0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
    g_autofree char *key = g_build_filename(pki->directory, "intermediate.key", NULL), *der = NULL,
                    *signature = NULL;
    const char *const to_der[] = { "openssl", "x509", "-outform", "DER", NULL }, *const sign[] = {
        "openssl", "dgst", "-sha256", "-sign", key, NULL
    };
    g_autoptr(GByteArray) whole = g_byte_array_new();
    gsize size, n = strlen(placeholder), tbs, signature_size;
    guchar head[4] = { 0x30, 0x82 }, bits[3] = { 0x03 };
    char *at;

    der = openssl_filter(to_der, l->certificate, strlen(l->certificate), &size);
    at = memmem(der, size, placeholder, n);
    g_assert_nonnull(at);
    g_assert_cmpint(at[-1], ==, (int)n);
    at[-2] = (char)kind;
    memcpy(at, bytes, n);
    tbs = 4 + ((gsize)(guchar)der[6] << 8 | (guchar)der[7]);
    signature = openssl_filter(sign, der + 4, tbs, &signature_size);
    size = tbs + sizeof(algorithm) + sizeof(bits) + signature_size;
    head[2] = (guchar)(size >> 8);
    head[3] = (guchar)size;
    bits[1] = (guchar)(signature_size + 1);
    g_byte_array_append(whole, head, sizeof(head));
    g_byte_array_append(whole, (const guchar *)der + 4, (guint)tbs);
    g_byte_array_append(whole, algorithm, sizeof(algorithm));
    g_byte_array_append(whole, bits, sizeof(bits));
    g_byte_array_append(whole, (const guchar *)signature, (guint)signature_size);
    return to_pem(whole->data, whole->len);
}

#define PLACEHOLDER "placeholder."

/* OpenSSL takes some of them for no names at all. */
static const struct {
    guchar kind;
    char bytes[sizeof(PLACEHOLDER)];
    gboolean refused;
} subjects[] = {
    { 0x14, "Caf\351 B\374cher!", FALSE }, /* T61String, in Latin-1 as most have it */
    { 0x14, "\200\237\377\000\033[2J\n\r\t", FALSE },
    { 0x0c, "caf\351\377\376\300\257\355\240\200", TRUE }, /* UTF8String */
    { 0x0c, "a\000b\342\200\256moc.\001", FALSE },
    { 0x1e, "\000a\040\254\040\056\000\033\000\000\000\001", FALSE }, /* BMPString */
    { 0x1e, "\000a\330\075\336\000 \254\377\377\000\001", TRUE },
    { 0x1c, "\000\001\366\000\000\000\040\056\000\000\000\000", FALSE }, /* UniversalString */
    { 0x1c, "\000\001\366\000\000\021\000\000\177\377\377\377", TRUE },
    { 0x13, "\351\033]0;x\007\000ab", FALSE },                           /* PrintableString */
    { 0x16, "\377\376\375\374\373\372\371\370\367\366\365\364", FALSE }, /* IA5String */
};

static void upload(Fixture *f, const char *certificate, const PkiLeaf *l, gboolean refused)
{
    g_autofree char *bundle = g_strconcat(certificate, l->intermediate, l->key, NULL), *name = NULL;
    int fd = descriptor_new_text(bundle);
    const DescriptorUpload try = { .member = "CheckUpload", .bundle = fd }, real = { .bundle = fd };
    g_autoptr(GVariant) checks = descriptor_upload(f->root, PATH, &try, NULL), reply = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(checks);
    check_texts(checks, "CheckUpload");
    reply = descriptor_upload(f->root, PATH, &real, &error);
    name = client_error_name(error);
    g_assert_cmpstr(name, ==, refused ? "InvalidBundle" : "");
    if (error)
        check_text(error->message, "UploadFd");
    close(fd);
}

static void test_odd_subjects(void)
{
    static const char *const one = PATH "/certificate/one_2eexample_2ecom";
    g_autoptr(Fixture) f = fixture_new(0, MODULE);
    g_autoptr(Pki) pki = pki_new(f->directory);
    g_autoptr(GVariant) uploads = NULL, list = NULL;
    gsize n = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(subjects); i++) {
        g_autoptr(PkiLeaf) l = pki_issue(pki, PLACEHOLDER, "DNS:one.example.com", "EC", 90 + (int)i);
        g_autofree char *certificate =
            with_subject(l, pki, PLACEHOLDER, subjects[i].kind, subjects[i].bytes);

        upload(f, certificate, l, subjects[i].refused);
        n += !subjects[i].refused;
        read_everything(f);
    }
    fixture_stop_daemon(f);
    fixture_start_daemon(f, 0);
    read_everything(f);
    uploads = client_expect(f->root, PATH, MANAGER, "ListUploads", NULL);
    list = g_variant_get_child_value(uploads, 0);
    g_assert_cmpuint(g_variant_n_children(list), ==, n);
    client_wait_state(f->root, one, "valid");
    check_log(f);
}

/* ---- answers that cannot be made or sent */

typedef struct Fault {
    const char *function, *path, *interface, *member, *arguments;
    const char *logged; /* NULL: the bus library answers, and says nothing of it */
} Fault;

static const Fault faults[] = {
    { "sd_bus_send", PATH, MANAGER, "GetCertificate", "('one.example.com',)",
      "Failed to answer GetCertificate" },
    { "sd_bus_send", PATH, MANAGER, "ListUploads", "()", "Failed to answer ListUploads" },
    { "sd_bus_send", PATH, MANAGER, "Register", "('m', 'new.example.com', @a{sv} {})",
      "Failed to answer Register" },
    { "sd_bus_send", PATH, MANAGER, "ExportRoot", "(@a{sv} {},)", "Failed to answer ExportRoot" },
    { "sd_bus_send", PATH, MANAGER, "Reload", "()", "Failed to answer Reload" },
    { "sd_bus_message_new_method_return", PATH, MANAGER, "RenewDue", "()", "Failed to answer RenewDue" },
    { "sd_bus_message_new_method_return", PATH, MANAGER, "ListUploads", "()",
      "Failed to answer ListUploads" },
    { "sd_bus_message_appendv", PATH, MANAGER, "Explain", "('one.example.com',)",
      "Failed to answer Explain" },
    { "sd_bus_message_append_array", PATH, MANAGER, "ExportRoot", "(@a{sv} {},)",
      "Failed to answer ExportRoot" },
    { "sd_bus_message_close_container", PATH, MANAGER, "ReissueAll", "(@a{sv} {},)",
      "Failed to answer ReissueAll" },
    { "sd_bus_reply_method_error", PATH, MANAGER, "Explain", "('unknown.example',)",
      "Failed to send the error of Explain" },
    { "sd_bus_reply_method_error", PATH, MANAGER, "Unregister", "('m', 'unknown.example')",
      "Failed to send the error of Unregister" },
    { "sd_bus_message_append_basic", PATH, PROPERTIES, "GetAll", "('org.certwright1.Manager',)", NULL },
    { "sd_bus_message_append", PATH_ROOT, PROPERTIES, "GetAll", "('org.certwright1.Certificate',)", NULL },
    { "sd_bus_message_append_basic", PATH_ROOT, PROPERTIES, "Get",
      "('org.certwright1.Certificate', 'Subject')", NULL },
    { "sd_bus_message_close_container", PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
      "()", NULL },
};

static guint count_lines(const Fixture *f, const char *text)
{
    g_autofree char *said = file_read(f->daemon_log);
    guint n = 0;

    for (const char *at = said; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static GVariant *fault_call(Fixture *f, const Fault *fault, GError **error)
{
    return client_call(f->root, fault->path, fault->interface, fault->member,
                       g_variant_new_parsed(fault->arguments), error);
}

static void test_faults(void)
{
    g_autoptr(Fixture) f = fixture_new(FIXTURE_FAIL_ANSWER, MODULE);

    client_wait_state(f->root, PATH "/certificate/one_2eexample_2ecom", "valid");
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        guint before = faults[i].logged ? count_lines(f, faults[i].logged) : 0;
        g_autoptr(GVariant) reply = NULL, again G_GNUC_UNUSED = NULL;
        g_autoptr(GError) error = NULL;
        g_autofree char *name = NULL;

        fixture_fail_answer(f, faults[i].function);
        reply = fault_call(f, faults + i, &error);
        g_assert_null(reply);
        g_assert_true(fixture_answer_failed(f));
        name = client_error_name(error);
        g_test_message("%s in %s: %s", faults[i].function, faults[i].member, error->message);
        g_assert_cmpstr(name, !=, "org.freedesktop.DBus.Error.NoReply");
        if (faults[i].logged) {
            g_assert_cmpstr(name, ==, "Internal");
            g_assert_cmpuint(count_lines(f, faults[i].logged), ==, before + 1);
        }
        g_assert_cmpuint(strlen(error->message), >, strlen(name) + 16);
        g_clear_error(&error);
        again = fault_call(f, faults + i, &error);
        g_assert_cmpint(again != NULL, ==, !strstr(faults[i].arguments, "unknown"));
    }
}

static void add(void)
{
    g_test_add_func("/bus/answers/any-arguments", test_any_arguments);
    g_test_add_func("/bus/answers/any-arguments-of-job", test_any_arguments_of_job);
    g_test_add_func("/bus/answers/unknown-members", test_unknown_members);
    g_test_add_func("/bus/answers/odd-configuration", test_odd_configuration);
    g_test_add_func("/bus/answers/odd-subjects", test_odd_subjects);
    g_test_add_func("/bus/answers/faults", test_faults);
}

int main(int argc, char *argv[])
{
    return fixture_main(argc, argv, add);
}
