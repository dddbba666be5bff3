/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/deployment.h"

#include "util/text.h"

static const char *const states[_DEPLOYMENT_STATE_MAX] = {
    [DEPLOYMENT_PENDING] = "pending", [DEPLOYMENT_WRITTEN] = "written",
    [DEPLOYMENT_WAITING] = "waiting", [DEPLOYMENT_VERIFIED] = "verified",
    [DEPLOYMENT_FAILED] = "failed",   [DEPLOYMENT_ROLLED_BACK] = "rolled-back",
};

static const char *const files[_DEPLOY_FILE_MAX] = {
    [DEPLOY_FULL_CHAIN] = "FullChainFile", [DEPLOY_CERTIFICATE] = "CertificateFile",
    [DEPLOY_CHAIN] = "ChainFile",          [DEPLOY_KEY] = "KeyFile",
    [DEPLOY_COMBINED] = "CombinedFile",    [DEPLOY_ROOT] = "RootFile",
};

static const char *const orders[_COMBINED_ORDER_MAX] = {
    [COMBINED_CHAIN_KEY] = "chain-key",
    [COMBINED_KEY_CHAIN] = "key-chain",
};

static const char *const actions[_UNIT_ACTION_MAX] = {
    [UNIT_RELOAD] = "Reload",
    [UNIT_RELOAD_OR_RESTART] = "ReloadOrRestart",
    [UNIT_RESTART] = "Restart",
    [UNIT_START] = "Start",
};

static const struct {
    const char *name;
    uint16_t port;
} schemes[_PROBE_SCHEME_MAX] = {
    [PROBE_TLS] = { "tls", 0 },     [PROBE_HTTPS] = { "https", 443 }, [PROBE_SMTP] = { "smtp", 25 },
    [PROBE_IMAP] = { "imap", 143 }, [PROBE_POP3] = { "pop3", 110 },
};

const char *deployment_state_to_string(DeploymentState s)
{
    return s >= 0 && s < _DEPLOYMENT_STATE_MAX ? states[s] : NULL;
}

DeploymentState deployment_state_from_string(const char *s)
{
    int i = TABLE_FROM_STRING(states, s);

    return i < 0 ? _DEPLOYMENT_STATE_INVALID : (DeploymentState)i;
}

const char *deploy_file_to_string(DeployFile f)
{
    return f >= 0 && f < _DEPLOY_FILE_MAX ? files[f] : NULL;
}

DeployFile deploy_file_from_string(const char *s)
{
    int i = TABLE_FROM_STRING(files, s);

    return i < 0 ? _DEPLOY_FILE_INVALID : (DeployFile)i;
}

const char *combined_order_to_string(CombinedOrder o)
{
    return o >= 0 && o < _COMBINED_ORDER_MAX ? orders[o] : NULL;
}

CombinedOrder combined_order_from_string(const char *s)
{
    int i = TABLE_FROM_STRING(orders, s);

    return i < 0 ? _COMBINED_ORDER_INVALID : (CombinedOrder)i;
}

const char *unit_action_to_string(UnitAction a)
{
    return a >= 0 && a < _UNIT_ACTION_MAX ? actions[a] : NULL;
}

UnitAction unit_action_from_string(const char *s)
{
    int i = TABLE_FROM_STRING(actions, s);

    return i < 0 ? _UNIT_ACTION_INVALID : (UnitAction)i;
}

const char *probe_scheme_to_string(ProbeScheme s)
{
    return s >= 0 && s < _PROBE_SCHEME_MAX ? schemes[s].name : NULL;
}

ProbeScheme probe_scheme_from_string(const char *s)
{
    for (int i = 0; i < _PROBE_SCHEME_MAX; i++)
        if (streq(schemes[i].name, s))
            return (ProbeScheme)i;
    return _PROBE_SCHEME_INVALID;
}

uint16_t probe_scheme_port(ProbeScheme s)
{
    return schemes[s].port;
}
