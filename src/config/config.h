/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "config/deploy.h"
#include "config/ini.h"
#include "core/ledger.h"
#include "core/mac-algorithm.h"
#include "core/record.h"

/* The configuration: certwright.conf and modules.d, each a main file with drop-ins, from several directories
 * of which the later ones take precedence per file name (certwright.conf(5)). */

/* Challenge types (RFC 8555 section 8, RFC 8737). */
typedef enum ChallengeType {
    CHALLENGE_HTTP_01,
    CHALLENGE_TLS_ALPN_01,
    CHALLENGE_DNS_01,
    _CHALLENGE_TYPE_MAX,
    _CHALLENGE_TYPE_INVALID = -22,
} ChallengeType;

const char *challenge_type_to_string(ChallengeType t);
ChallengeType challenge_type_from_string(const char *s);

/* The consequence of a failed self-check. */
typedef enum CheckMode {
    CHECK_NO,      /* it is not made */
    CHECK_ADVISE,  /* the authority is asked nevertheless; the finding explains its refusal */
    CHECK_REQUIRE, /* the authority is not asked */
    _CHECK_MODE_MAX,
} CheckMode;

/* [ACME] */
typedef struct AcmeSettings {
    bool enabled;                                  /* Enabled= */
    bool terms_agreed;                             /* TermsOfServiceAgreed= */
    ChallengeType challenges[_CHALLENGE_TYPE_MAX]; /* Challenges=, in order of preference */
    size_t n_challenges;
    char **http_listen;       /* HTTPListen=, ADDRESS:PORT or :PORT; NULL: do not listen */
    char *web_root;           /* WebRoot=; NULL: none */
    uint16_t http_check_port; /* HTTPCheckPort=, port for the self-check of http-01; 0: 80 */
    char **tls_listen;        /* TLSListen=; NULL: do not listen */
    uint16_t tls_check_port;  /* TLSCheckPort=, port for the self-check of tls-alpn-01; 0: 443 */
    char *dns_server;         /* DNSServer=, of RFC 2136, ADDRESS[:PORT]; NULL: none */
    char *dns_key_file;       /* DNSKeyFile=, TSIG (RFC 8945); NULL: none */
    char *dns_hook;           /* DNSHook=, a name in the directory of hooks; NULL: none */
    char **dns_resolvers;     /* DNSResolvers=, ADDRESS[:PORT]; NULL: the system's */
    CheckMode self_check;     /* SelfCheck= */
    bool reuse_key;           /* ReuseKey=: a renewed certificate keeps its key */
} AcmeSettings;

/* [Authority NAME], in order of preference */
typedef struct AuthoritySettings {
    char *name;       /* letters, digits, "-", "_", "."; becomes part of a path */
    bool enabled;     /* Enabled= */
    char *directory;  /* Directory=, an https URL */
    char *trust_file; /* CAFile=, PEM; NULL: the system's authorities */
    /* Origins=, https://HOST[:PORT] that its URLs may refer to besides that of the directory */
    char **origins;
    char **contact;        /* Contact=, mailto: URLs */
    bool is_public;        /* Public=: not used for names that no public authority issues for */
    char *profile;         /* Profile=; NULL: the authority's default */
    bool needs_profile;    /* RequireProfile=: issue nothing rather than with another profile */
    char *preferred_chain; /* PreferredChain=, common name of the issuer; NULL: the authority's default */
    KeyType key_type;      /* KeyType= of the account */
    char *eab_key_id;      /* EABKeyId=; NULL: none */
    char *eab_key_file;    /* EABKeyFile= */
    MacAlgorithm eab_algorithm; /* EABAlgorithm= */
    /* OrdersPerAccount=, CertificatesPerDomain=, CertificatesPerSet=, FailuresPerName= */
    RateLimit limits[_LEDGER_LIMIT_MAX];
} AuthoritySettings;

/* The settings of certwright.conf: immutable. Whoever keeps a pointer to or into them holds a reference
 * (settings_ref() in config/settings.h), including worker threads. */
typedef struct Settings {
    unsigned n_refs;
    KeyType key_type;           /* [Local] KeyType= */
    KeyType root_key_type;      /* RootKeyType= */
    int64_t leaf_lifetime;      /* LeafLifetime=, seconds */
    int64_t root_lifetime;      /* RootLifetime=, seconds */
    char *organization;         /* Organization=; NULL: none */
    char **constraints;         /* NameConstraints= */
    char *authority_directory;  /* [Uploads] AuthorityDirectory=; NULL: none */
    int64_t idle_exit;          /* [Renewal] IdleExit=, seconds; 0: never */
    unsigned orders_per_minute; /* OrdersPerMinute=, new ones; 0: unlimited */
    char *on_warning;           /* OnWarning=, a unit, possibly a template; NULL: none */
    bool deploys_directly;      /* [Deploy] Exec=direct: runs certwright-deploy itself, without systemd */
    AcmeSettings acme;
    AuthoritySettings *authorities;
    size_t n_authorities;
} Settings;

#define FOREACH_AUTHORITY(a, settings) \
    for (const AuthoritySettings *a = (settings)->authorities; \
         (size_t)(a - (settings)->authorities) < (settings)->n_authorities; a++)

/* A module's request for a certificate. */
typedef struct Claim {
    char *name;        /* canonical */
    char **names;      /* canonical, in addition to the primary one */
    KeyType key_type;  /* _KEY_TYPE_INVALID: the default */
    unsigned purposes; /* Purpose */
    int acme;          /* ACME=: 1 yes, 0 no, -1 unset */
    char *authority;   /* Authority=, the only one to use; NULL: any that can issue */
    /* found when all files are read; for module_deploy_settings() */
    const DeploySettings *deploy; /* [Deploy NAME]; NULL: none */
    char *deploy_flaw;            /* why it is not deployed; NULL: none */
} Claim;

/* A module file: a service or an application, and its certificates. */
typedef struct Module {
    char *name; /* the name of its file without .conf */
    char *file; /* the first of its files; NULL: it has none any more */
    char *description;
    Claim *claims;
    size_t n_claims;
    DeploySettings *deploys; /* as written; use module_deploy_settings() */
    size_t n_deploys;
    bool unreadable; /* with former ones unknown: some of its files could not be read, so it is incomplete */
    /* found when all files are read */
    const DeploySettings *deploy; /* [Deploy]; NULL: none */
    Claim **by_name;              /* claims, ordered by name */
} Module;

typedef struct Config {
    Settings *settings;
    /* when the files of the settings were last changed, in seconds since 1970-01-01 UTC; 0: no files */
    int64_t changed;
    Module *modules;
    size_t n_modules;
} Config;

/* NULL: the module does not request it. */
Claim *module_find_claim(const Module *m, const char *name);

/* Reads the configuration. Reports errors to complain and ignores the affected lines; if a file cannot be
 * read, keeps its module from former (may be NULL). Fails only on OOM. directories: NULL-terminated, the
 * most important last. */
int config_load(char *const *directories, const Config *former, ConfigComplain complain, void *userdata,
                Config **ret);
Config *config_free(Config *c);
DEFINE_CLEANUP(Config *, config_free);
#define _cleanup_config_ _cleanup_(config_freep)
