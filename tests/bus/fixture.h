/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

/* A system-type message bus of the test's own, set up as Debian sets up the system's, with the bus policy
 * that is shipped; the real polkitd on it with the actions and rules that are shipped; and the daemon as
 * its own user. */
typedef struct Fixture {
    char *directory;
    char *address;        /* of the bus */
    char *state, *config; /* the daemon's directories */
    char *reports;        /* of certwright-deploy; made by the test */
    char *rules;          /* polkit's rules of this machine's administrator: the test's to edit */
    char *hold;           /* while this file exists, the daemon's flushes to disk wait (hold-disk.c) */
    char *fail;           /* names a function by which answers are made, that fails once (fail-answer.c) */
    char *daemon_log;
    pid_t bus, polkitd, daemon;
    gboolean is_activatable; /* the bus starts the daemon, which is no child of the test then */
    GDBusConnection *root;   /* a client of user root */
} Fixture;

typedef enum FixtureFlags {
    FIXTURE_NO_POLKIT = 1 << 0,    /* there is none, or the test plays its part */
    FIXTURE_NO_DAEMON = 1 << 1,    /* the test starts it */
    FIXTURE_ACTIVATABLE = 1 << 2,  /* the bus starts it, by a service file with Exec= and without User= */
    FIXTURE_HOLD_DISK = 1 << 3,    /* the daemon minds the file hold */
    FIXTURE_IDLE_EXIT = 1 << 4,    /* without --no-idle-exit */
    FIXTURE_MANY_REPLIES = 1 << 5, /* a connection may wait for any number of replies */
    FIXTURE_SYSTEMD = 1 << 6,     /* the test may play the part of systemd, with the bus policy of systemd */
    FIXTURE_FAIL_ANSWER = 1 << 7, /* the daemon minds the file fail */
    FIXTURE_CONTROL = 1 << 8,     /* root may own the name org.example.Control, for everybody to call */
    FIXTURE_BROKER = 1 << 9,      /* the bus is a dbus-broker (broker.h) */
    FIXTURE_ROOT = 1 << 10,       /* the daemon runs as root */
} FixtureFlags;

/* main() of every test program: prepares a directory, runs the tests that add() adds, and clears up after
 * them, however they end. Without root, dbus-daemon or polkitd the program is skipped and says so. */
int fixture_main(int argc, char *argv[], void (*add)(void));

/* config is the text of modules.d/test.conf, NULL: none. */
Fixture *fixture_new(unsigned flags, const char *module);
/* Also fails the test if the daemon does not end properly. */
void fixture_free(Fixture *f);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fixture, fixture_free)

uid_t fixture_uid(const char *user);

void fixture_start_daemon(Fixture *f, unsigned flags);
void fixture_stop_daemon(Fixture *f);
/* Has to run still. */
void fixture_check_daemon(const Fixture *f);
/* The bus with polkit. After the start the daemon is there again; root is a new connection. */
void fixture_stop_bus(Fixture *f);
void fixture_start_bus(Fixture *f, unsigned flags);
void fixture_start_polkit(Fixture *f);
void fixture_stop_polkit(Fixture *f);
/* Replaces the administrator's rules and waits until they are in force. "": none. */
void fixture_set_rules(Fixture *f, const char *rules);
void fixture_write_module(Fixture *f, const char *module, const char *text);
void fixture_write_settings(Fixture *f, const char *text);
/* Has a function of libsystemd fail once, of those in fail-answer.c. */
void fixture_fail_answer(Fixture *f, const char *function);
/* Whether it has. */
gboolean fixture_answer_failed(const Fixture *f);
void fixture_hold_disk(Fixture *f);
void fixture_release_disk(Fixture *f);
