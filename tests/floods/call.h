/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "client.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"
#define OBJECTS    "org.freedesktop.DBus.ObjectManager"
#define PEER       "org.freedesktop.DBus.Peer"

/* Certificates of the service under test: n0.example.com and so on. */
#define N_CERTIFICATES 2000
#define NAME           "n42.example.com"
#define OBJECT         PATH "/certificate/n42_2eexample_2ecom"

/* A message, as a line of a table. Without more it is a method call to the service. */
typedef struct Call {
    const char *destination; /* NULL: the service, or what is flooded instead of it */
    const char *path, *interface, *member;
    const char *body;                    /* text as of g_variant_parse(), a tuple; NULL: none */
    GVariant *(*make_body)(guint bytes); /* instead of that, a body of about so many bytes */
    guint bytes;
    guint fds; /* descriptors that go with it, of those of its flood */
    GDBusMessageType type;
    GDBusMessageFlags flags;
} Call;

/* As it goes over the wire, in this machine's order of bytes; destination is for calls that name none. */
GBytes *call_marshal(const Call *c, const char *destination);

/* For make_body. */
GVariant *body_text(guint bytes);
GVariant *body_bytes(guint bytes);
GVariant *body_options(guint bytes);
GVariant *body_pairs(guint bytes);
/* As the argument of Properties.Set. */
GVariant *body_property(guint bytes);
