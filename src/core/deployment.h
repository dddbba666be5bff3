/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "util/macro.h"

/* Deployment: the served chain of a certificate is written to the files of a service, and the service is made to
 * use it. These words appear in the configuration, in reports and on the bus. */

/* The state of a certificate's deployment to one module. */
typedef enum DeploymentState {
    DEPLOYMENT_PENDING,     /* a chain has not been written yet */
    DEPLOYMENT_WRITTEN,     /* the files are there; the unit does not run, or there is no probe */
    DEPLOYMENT_WAITING,     /* for a maintenance window */
    DEPLOYMENT_VERIFIED,    /* the service presents the chain */
    DEPLOYMENT_FAILED,      /* neither the new nor the former chain could be brought into use */
    DEPLOYMENT_ROLLED_BACK, /* the service uses the former files again */
    _DEPLOYMENT_STATE_MAX,
    _DEPLOYMENT_STATE_INVALID = -22,
} DeploymentState;

const char *deployment_state_to_string(DeploymentState s);
DeploymentState deployment_state_from_string(const char *s);

/* The content of a file of a service, in PEM; the key of the configuration is its name, as FullChainFile=. */
typedef enum DeployFile {
    DEPLOY_FULL_CHAIN,  /* the leaf and its issuers */
    DEPLOY_CERTIFICATE, /* the leaf */
    DEPLOY_CHAIN,       /* its issuers */
    DEPLOY_KEY,         /* the private key */
    DEPLOY_COMBINED,    /* the key and the full chain, in the order of CombinedOrder= */
    DEPLOY_ROOT,        /* the local root */
    _DEPLOY_FILE_MAX,
    _DEPLOY_FILE_INVALID = -22,
} DeployFile;

const char *deploy_file_to_string(DeployFile f);
DeployFile deploy_file_from_string(const char *s);

static inline bool deploy_file_has_key(DeployFile f)
{
    return f == DEPLOY_KEY || f == DEPLOY_COMBINED;
}

/* CombinedOrder= */
typedef enum CombinedOrder {
    COMBINED_CHAIN_KEY, /* HAProxy */
    COMBINED_KEY_CHAIN, /* Postfix */
    _COMBINED_ORDER_MAX,
    _COMBINED_ORDER_INVALID = -22,
} CombinedOrder;

const char *combined_order_to_string(CombinedOrder o);
CombinedOrder combined_order_from_string(const char *s);

/* The job of systemd that makes a unit use new files (org.freedesktop.systemd1(5)); the key of the configuration is its
 * name, as Reload=. */
typedef enum UnitAction {
    UNIT_RELOAD,
    UNIT_RELOAD_OR_RESTART,
    UNIT_RESTART,
    UNIT_START,
    _UNIT_ACTION_MAX,
    _UNIT_ACTION_INVALID = -22,
} UnitAction;

const char *unit_action_to_string(UnitAction a);
UnitAction unit_action_from_string(const char *s);

/* The protocol in which TLS is begun; the scheme of Probe=. */
typedef enum ProbeScheme {
    PROBE_TLS,   /* at once */
    PROBE_HTTPS, /* the same, with the port of https */
    PROBE_SMTP,  /* STARTTLS: RFC 3207 */
    PROBE_IMAP,  /* STARTTLS: RFC 9051 section 6.2.1 */
    PROBE_POP3,  /* STLS: RFC 2595 section 4 */
    _PROBE_SCHEME_MAX,
    _PROBE_SCHEME_INVALID = -22,
} ProbeScheme;

const char *probe_scheme_to_string(ProbeScheme s);
ProbeScheme probe_scheme_from_string(const char *s);
/* The port without which the scheme is used; 0: none, it has to be given. */
uint16_t probe_scheme_port(ProbeScheme s);
