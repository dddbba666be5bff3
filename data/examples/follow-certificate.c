/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Follows the certificate of a name, as a program does that gets its chain from Certwright at run time:
 *
 *     follow-certificate MODULE NAME
 *
 * It registers NAME, and prints a line for each chain that it has to use from then on: source, end of validity and
 * fingerprint. A program would read the files of the chain there (certwrightd(8), FILES), or call OpenKey().
 *
 * The service exits when it is idle, and the program neither keeps it nor starts it again for no reason:
 *
 *  1. Subscribe to ChainChanged, and to NameOwnerChanged of the service, before anything else, so that nothing is missed.
 *  2. Register(). It starts the service, and replies when the certificate has a chain. Registrations are kept, and repeating
 *     one does no harm.
 *  3. GetAll() the properties of the object that Register() returned, and compare the fingerprint with that of the chain in
 *     use.
 *  4. ChainChanged has the new fingerprint: compare it likewise.
 *  5. A new owner of the name is another run of the service: repeat step 3. Of a name without an owner nothing follows, as
 *     chains only change while the service runs.
 *
 * Build it with: cc -o follow-certificate follow-certificate.c $(pkg-config --cflags --libs libsystemd) */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define SERVICE     "org.certwright1"
#define PATH        "/org/certwright1"
#define MANAGER     "org.certwright1.Manager"
#define CERTIFICATE "org.certwright1.Certificate"

typedef struct Follower {
    sd_bus *bus;
    const char *module, *name;
    char *path;           /* object of the certificate */
    char fingerprint[65]; /* of the chain in use; "": none */
    bool failed;
} Follower;

static int fail(Follower *f, const char *what, int r)
{
    fprintf(stderr, "%s: %s\n", what, strerror(-r));
    f->failed = true;
    return r;
}

/* Here a program would load the new chain and its key. */
static void use_chain(const char *source, int64_t not_after, const char *fingerprint)
{
    printf("%s %" PRIi64 " %s\n", source, not_after, fingerprint);
    fflush(stdout);
}

/* ---- properties */

typedef struct Properties {
    const char *source, *fingerprint;
    int64_t not_after;
} Properties;

static int read_property(sd_bus_message *reply, Properties *p)
{
    const char *name;
    int r = sd_bus_message_read(reply, "s", &name);

    if (r < 0)
        return r;
    if (strcmp(name, "Source") == 0)
        return sd_bus_message_read(reply, "v", "s", &p->source);
    if (strcmp(name, "Fingerprint") == 0)
        return sd_bus_message_read(reply, "v", "s", &p->fingerprint);
    if (strcmp(name, "NotAfter") == 0)
        return sd_bus_message_read(reply, "v", "x", &p->not_after);
    return sd_bus_message_skip(reply, "v");
}

static int read_properties(sd_bus_message *reply, Properties *p)
{
    int r = sd_bus_message_enter_container(reply, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
        r = read_property(reply, p);
        if (r >= 0)
            r = sd_bus_message_exit_container(reply);
    }
    return r;
}

static int register_name(Follower *f);

static int on_properties(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    Properties p = { "", "", 0 };
    Follower *f = userdata;
    int r;

    (void)error;
    if (sd_bus_message_is_method_error(reply, SERVICE ".Error.NoSuchCertificate"))
        return register_name(f); /* somebody has removed the state of the service */
    if (sd_bus_message_is_method_error(reply, NULL)) {
        fprintf(stderr, "Cannot get the certificate: %s\n", sd_bus_message_get_error(reply)->message);
        return 0; /* the chain in use stays in use until the next start of the service */
    }
    r = read_properties(reply, &p);
    if (r < 0)
        return fail(f, "Cannot read the properties", r);
    if (strlen(p.fingerprint) >= sizeof f->fingerprint || strcmp(p.fingerprint, f->fingerprint) == 0)
        return 0;
    strcpy(f->fingerprint, p.fingerprint);
    use_chain(p.source, p.not_after, p.fingerprint);
    return 0;
}

static int compare(Follower *f)
{
    return sd_bus_call_method_async(f->bus, NULL, SERVICE, f->path, "org.freedesktop.DBus.Properties",
                                    "GetAll", on_properties, f, "s", CERTIFICATE);
}

/* ---- registration */

static int on_registered(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
    Follower *f = userdata;
    const char *path;
    int r;

    (void)error;
    if (sd_bus_message_is_method_error(reply, NULL)) {
        fprintf(stderr, "Cannot register %s: %s\n", f->name, sd_bus_message_get_error(reply)->message);
        f->failed = true;
        return 0;
    }
    r = sd_bus_message_read(reply, "o", &path);
    if (r < 0)
        return fail(f, "Cannot read the reply", r);
    free(f->path);
    f->path = strdup(path);
    return f->path ? compare(f) : fail(f, "Cannot copy the path", -ENOMEM);
}

static int register_name(Follower *f)
{
    return sd_bus_call_method_async(f->bus, NULL, SERVICE, PATH, MANAGER, "Register", on_registered, f,
                                    "ssa{sv}", f->module, f->name, 0);
}

/* ---- signals */

static int on_chain_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const char *path, *name, *source, *fingerprint;
    Follower *f = userdata;
    int r = sd_bus_message_read(m, "osss", &path, &name, &source, &fingerprint);

    (void)error;
    if (r < 0 || !f->path || strcmp(path, f->path) != 0 || strcmp(fingerprint, f->fingerprint) == 0)
        return 0;
    return compare(f);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const char *name, *before, *after;
    Follower *f = userdata;
    int r = sd_bus_message_read(m, "sss", &name, &before, &after);

    (void)error;
    return r >= 0 && *after && f->path ? compare(f) : 0;
}

static int subscribe(Follower *f)
{
    int r = sd_bus_match_signal(f->bus, NULL, SERVICE, PATH, MANAGER, "ChainChanged", on_chain_changed, f);

    if (r < 0)
        return r;
    return sd_bus_add_match(f->bus, NULL,
                            "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                            "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" SERVICE "'",
                            on_owner_changed, f);
}

static int follow(Follower *f)
{
    int r = sd_bus_open_system(&f->bus);

    if (r >= 0)
        r = subscribe(f);
    if (r >= 0)
        r = register_name(f);
    while (r >= 0 && !f->failed) {
        r = sd_bus_process(f->bus, NULL);
        if (r == 0)
            r = sd_bus_wait(f->bus, UINT64_MAX);
    }
    return r;
}

int main(int argc, char *argv[])
{
    Follower f = { .fingerprint = "" };
    int r;

    if (argc != 3) {
        fprintf(stderr, "Usage: %s MODULE NAME\n", argv[0]);
        return EXIT_FAILURE;
    }
    f.module = argv[1];
    f.name = argv[2];
    r = follow(&f);
    if (r < 0)
        (void)fail(&f, "Cannot follow the certificate", r);
    sd_bus_flush_close_unref(f.bus);
    free(f.path);
    return EXIT_FAILURE;
}
