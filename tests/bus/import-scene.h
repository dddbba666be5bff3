/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "fixture.h"
#include "pki.h"

/* A service that takes a chain, and uploads whose descriptors and import processes are hostile, slow or replaced: each call
 * is answered, the service answers others meanwhile, and lives. */

/* An upload that takes the import process all the time that it has, and its passphrase; for bomb_open(). */
#define SLOW       "pkcs12-64-times-600000"
#define PASSPHRASE "secret"

/* One upload on its way. */
typedef struct Ask {
    gboolean answered;
    char *error, *message; /* "" for success */
    GVariant *reply;
    gint64 begun, longest_ping;
} Ask;

typedef struct Input {
    int bundle, key; /* key negative: none */
    const char *passphrase;
} Input;

typedef struct Scene {
    Fixture *fixture;
    Pki *pki;
    PkiLeaf *leaf;
    char *path, *bundle;
    GDBusConnection *other; /* of user nobody */
} Scene;

/* UploadFd or CheckUpload; the descriptors stay the caller's. */
Ask *ask_start(GDBusConnection *c, const char *path, const char *member, const Input *in);
/* Until it is answered; meanwhile another client asks for a property, again and again. */
void ask_wait(Ask *a, GDBusConnection *other, const char *what);
/* Both, of the Manager. */
Ask *ask(GDBusConnection *c, GDBusConnection *other, const char *member, const Input *in, const char *what);
void ask_free(Ask *a);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ask, ask_free)
/* The first check of an answered CheckUpload, of the file as such. */
gboolean format_is_fine(const Ask *a);

Scene *scene_new(void);
/* Fails the test unless import processes have ended and a proper chain is taken. */
void scene_free(Scene *s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scene, scene_free)
/* A path in the directory of the fixture. */
char *scene_file(Scene *s, const char *name);
/* A memfd with a proper chain and its key. */
int scene_memfd(Scene *s);
/* Waits for an import process. */
pid_t scene_wait_child(Scene *s);

int memfd_of(const void *data, gsize size);
int open_or_fail(const char *path, int flags);
/* A file of tests/unit/bombs. */
int bomb_open(const char *id);
/* Fails the test if the passphrase or a line of the key is in the text. */
void check_no_secret(const char *text, gsize size, const char *passphrase, const char *key,
                     const char *what);
