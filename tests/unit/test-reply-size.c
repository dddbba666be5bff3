/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "bus/internal.h"

#include <sys/socket.h>

/* How the estimate of a reply grows with the tables. The real sizes are measured by tests/bus/test-large.c. */

typedef struct Sizes {
    Bus bus;
    sd_bus *connection; /* to nobody, for making messages */
    int other_end;
} Sizes;

static void sizes_init(Sizes *s)
{
    int pair[2];

    *s = (Sizes){};
    g_assert_cmpint(model_new(&s->bus.model), ==, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
    s->other_end = pair[1];
    g_assert_cmpint(sd_bus_new(&s->connection), >=, 0);
    g_assert_cmpint(sd_bus_set_fd(s->connection, pair[0], pair[0]), >=, 0);
    g_assert_cmpint(sd_bus_start(s->connection), >=, 0);
}

static void sizes_done(Sizes *s)
{
    sd_bus_close_unref(s->connection);
    close(s->other_end);
    model_free(s->bus.model);
}
#define _cleanup_sizes_ _cleanup_(sizes_done)

static size_t size_of(Sizes *s, const char *path, const char *interface, const char *member)
{
    sd_bus_message *m = NULL;
    size_t size;

    g_assert_cmpint(sd_bus_message_new_method_call(s->connection, &m, NULL, path, interface, member), >=, 0);
    size = bus_reply_size(m, &s->bus);
    sd_bus_message_unref(m);
    return size;
}

/* As it is read from the store. */
static void adopt(Sizes *s, RecordKind kind, const char *name)
{
    Record *record = record_new(kind, name);

    g_assert_nonnull(record);
    g_assert_cmpint(model_adopt(s->bus.model, record), ==, 0);
}

static Certificate *add_certificate(Sizes *s, const char *name)
{
    const Claim claim = { .name = S(name), .key_type = _KEY_TYPE_INVALID, .acme = -1 };
    Certificate *c;

    adopt(s, RECORD_CERTIFICATE, name);
    c = model_find_any(s->bus.model, name);
    g_assert_nonnull(c);
    g_assert_cmpint(wish_add(&c->wish, "proxy", &claim), ==, 0);
    model_review(s->bus.model, c);
    return c;
}

static const struct {
    const char *path, *interface, *member;
    bool by_certificate, by_job, by_upload;
} rows[] = {
    { BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", true, true, false },
    { BUS_PATH_CERTIFICATES, "org.freedesktop.DBus.Introspectable", "Introspect", true, false, false },
    { BUS_PATH_JOBS, "org.freedesktop.DBus.Introspectable", "Introspect", true, false, false },
    { BUS_PATH_ROOT, "org.freedesktop.DBus.Introspectable", "Introspect", false, false, false },
    { BUS_PATH, INTERFACE_MANAGER, "ReissueAll", true, false, false },
    { BUS_PATH, INTERFACE_MANAGER, "ListModules", true, false, false },
    { BUS_PATH, INTERFACE_MANAGER, "ListUploads", false, false, true },
    { BUS_PATH_ROOT, "org.freedesktop.DBus.Properties", "GetAll", false, false, false },
    { BUS_PATH, INTERFACE_MANAGER, "Explain", false, false, false },
    { BUS_PATH, INTERFACE_MANAGER, "GetCertificate", false, false, false },
};

static void expect(bool grows, size_t before, size_t after, size_t i, const char *with)
{
    if (grows ? after <= before : after != before)
        note_failure("%s of %s with one more %s: %zu, before %zu", rows[i].member, rows[i].path, with, after,
                     before);
}

static void test_growth(void)
{
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_sizes_ Sizes s;
        Certificate *c;
        size_t sizes[4];
        Job *j;

        sizes_init(&s);
        sizes[0] = size_of(&s, rows[i].path, rows[i].interface, rows[i].member);
        g_assert_cmpuint(sizes[0], >, 0);
        c = add_certificate(&s, "www.example.com");
        sizes[1] = size_of(&s, rows[i].path, rows[i].interface, rows[i].member);
        expect(rows[i].by_certificate, sizes[0], sizes[1], i, "certificate");
        g_assert_cmpint(model_add_job(s.bus.model, c, JOB_REISSUE, &j), ==, 0);
        sizes[2] = size_of(&s, rows[i].path, rows[i].interface, rows[i].member);
        expect(rows[i].by_job, sizes[1], sizes[2], i, "job");
        adopt(&s, RECORD_UPLOAD, "00");
        sizes[3] = size_of(&s, rows[i].path, rows[i].interface, rows[i].member);
        expect(rows[i].by_upload, sizes[2], sizes[3], i, "upload");
    }
}

/* A reply with all objects counts as large long before the bus refuses it; one property never does. */
static void test_order_of_magnitude(void)
{
    _cleanup_sizes_ Sizes s;

    sizes_init(&s);
    for (int i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("n%d.example.com", i);

        add_certificate(&s, name);
    }
    g_assert_cmpuint(size_of(&s, BUS_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"), >,
                     200 * 2000);
    g_assert_cmpuint(size_of(&s, BUS_PATH_ROOT, "org.freedesktop.DBus.Properties", "Get"), <, 4096);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/reply-size/growth", test_growth);
    g_test_add_func("/reply-size/order-of-magnitude", test_order_of_magnitude);
    return g_test_run();
}
