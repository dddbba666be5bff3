/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cli/cause.h"
#include "cli/fields.h"

/* The properties of org.certwright1.Certificate. */

typedef struct ChainLink {
    const char *subject, *issuer, *serial, *fingerprint;
    int64_t not_before, not_after;
} ChainLink;

typedef struct Candidate {
    const char *source, *reason;
    int usable;
    int64_t not_after;
} Candidate;

typedef struct Deployment {
    const char *module, *state, *detail;
    int64_t time;
} Deployment;

typedef struct Certificate {
    const char *path;
    char *unicode; /* the name for people to read, if it has an A-label; else NULL */
    const char *name, *role, *source, *reason, *state, *serial, *issuer, *subject, *fingerprint, *key_type;
    const char *authority, *job;
    char **names, **modules;
    int64_t not_before, not_after, next_renewal;
    List chain, candidates, deployments;
    struct RenewalWindow {
        int64_t start, end;
        const char *explanation; /* a URL */
    } window;                    /* suggested by the authority */
    struct LastError {
        const char *code, *text; /* "" if there is no failure */
        int64_t time;
        uint32_t attempts;
    } error;
} Certificate;

typedef struct CertificateList {
    sd_bus_message *reply; /* owns the text */
    Certificate *items;    /* sorted by name as numbers go (mail2 before mail10), and the root behind them */
    size_t n;              /* without the root */
    Certificate *root;     /* NULL if the service has none */
} CertificateList;

void certificate_list_done(CertificateList *l);
#define _cleanup_certificates_ _cleanup_(certificate_list_done)

Exit certificates_load(Session *s, CertificateList *l);

/* The same for a reply to GetManagedObjects(), of which it keeps a reference; reports nothing. */
int certificates_read(CertificateList *l, sd_bus_message *reply);
/* The same for a reply to GetAll() of one certificate, whose path has to live as long. */
int certificate_read(CertificateList *l, sd_bus_message *reply, const char *path);

/* Loads a list with the certificate of a name as its only item, or, silently, with none. Its path lives until another one is
 * looked up. */
Exit certificate_look_up(Session *s, const char *name, CertificateList *l);

/* Loads a list with one leaf or root as its only item. */
Exit certificate_load(Session *s, const char *path, CertificateList *l);

/* Returns the name for people to read. */
const char *certificate_label(const Certificate *c);

/* Says as a hint when the next attempt is due, if it is. */
void certificate_hint_next(const Certificate *c);

/* Returns true if a job is being done for it. */
bool certificate_has_job(const Certificate *c);

Json *certificate_to_json(const Certificate *c);

/* Adds the last error, if there is one. */
void certificate_add_cause(const Certificate *c, Causes *causes);

/* Adds code, text, time and attempts to an object. */
void certificate_error_to_json(const Certificate *c, Json *object);

/* Returns the common name of an RFC 4514 name, or the whole name if there is none; allocated. */
char *distinguished_name_short(const char *dn);

/* Returns the name encoded in an object path; allocated. */
char *certificate_path_name(const char *path);
