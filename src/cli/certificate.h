/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/session.h"

/* The properties of org.certwright1.Certificate. All text is borrowed from the message that it was read
 * from; all times are seconds since 1970-01-01 UTC, 0 for none. */

typedef struct TextList {
    const char **items;
    size_t n;
} TextList;

typedef struct ChainLink {
    const char *subject, *issuer, *serial, *fingerprint;
    int64_t not_before, not_after;
} ChainLink;

typedef struct Candidate {
    const char *source, *reason;
    bool usable;
    int64_t not_after;
} Candidate;

typedef struct Deployment {
    const char *module, *state, *detail;
    int64_t time;
} Deployment;

typedef struct Certificate {
    const char *path;
    const char *name, *role, *source, *reason, *state, *serial, *issuer, *subject, *fingerprint, *key_type;
    const char *authority, *job;
    TextList names, modules;
    int64_t not_before, not_after, next_renewal;
    ChainLink *chain;
    size_t n_chain;
    Candidate *candidates;
    size_t n_candidates;
    Deployment *deployments;
    size_t n_deployments;
    int64_t window_start, window_end; /* renewal window suggested by the authority */
    const char *window_page;
    const char *error_code, *error_text; /* "" if there is no failure */
    int64_t error_time;
    uint32_t error_attempts;
} Certificate;

typedef struct CertificateList {
    sd_bus_message *reply; /* owns the text */
    Certificate *items;    /* leaves, sorted by name */
    size_t n;
    Certificate *root; /* NULL if the service has none */
} CertificateList;

void certificate_list_done(CertificateList *l);
#define _cleanup_certificates_ _cleanup_(certificate_list_done)

Exit certificates_load(Session *s, CertificateList *l);

/* Loads a list with one leaf or root. */
Exit certificate_load(Session *s, const char *path, CertificateList *l);

/* Returns the common name of an RFC 4514 name, or the whole name if there is none; allocated. */
char *distinguished_name_short(const char *dn);

/* Returns the name encoded in an object path; allocated, NULL on OOM. */
char *certificate_path_name(const char *path);
