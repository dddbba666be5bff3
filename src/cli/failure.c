/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/session.h"
#include "cli/words.h"

typedef struct Failure {
    const char *name; /* bus error name; a "*" at the end matches any suffix */
    Exit exit;
    const char *advice; /* NULL if the message is sufficient */
} Failure;

#define ADVICE_AUTHORIZE \
    N_("Run it as root, or on a terminal without --no-ask-password to be asked for a password.")
#define ADVICE_INSTALL \
    N_("Is Certwright installed? If it was installed just now: systemctl reload dbus. " \
       "Without systemd, start certwrightd first.")
#define ADVICE_START N_("The journal says why: journalctl -u certwrightd.service")
#define ADVICE_AGAIN N_("Try again; if that does not help, see: journalctl -u certwrightd.service")
#define ADVICE_VERSION \
    N_("The command and the service may be of different versions: compare \"certwright --version\" with " \
       "\"certwrightd --version\".")
#define ADVICE_BUNDLE N_("\"certwright check\" examines a file and lists everything that is wrong with it.")
#define ADVICE_PASSPHRASE \
    N_("Run it on a terminal without --no-ask-password to be asked for the passphrase, or write it to a file " \
       "and add --passphrase-file=FILE.")
#define ADVICE_TERMS \
    N_("Agree to the authorities' terms with TermsOfServiceAgreed=yes below [ACME] in " \
       "/etc/certwright/certwright.conf; see certwright.conf(5).")
#define ADVICE_FETCH \
    N_("Try again later. An upload needs no network without --fetch-issuers, if the file has all certificates.")

static const Failure failures[] = {
    { SERVICE ".Error.NoSuchCertificate", EXIT_NOT_FOUND, NULL },
    { SERVICE ".Error.NoSuchJob", EXIT_NOT_FOUND, NULL },
    { SERVICE ".Error.NotAuthorized", EXIT_NOT_AUTHORIZED, ADVICE_AUTHORIZE },
    { SERVICE ".Error.InvalidBundle", EXIT_FAILED, ADVICE_BUNDLE },
    { SERVICE ".Error.PassphraseRequired", EXIT_FAILED, ADVICE_PASSPHRASE },
    { SERVICE ".Error.NetworkFailed", EXIT_FAILED, ADVICE_FETCH },
    { SERVICE ".Error.AcmeDisabled", EXIT_FAILED, ADVICE_TERMS },
    { SERVICE ".Error.StorageFailed", EXIT_FAILED, ADVICE_START },
    { SD_BUS_ERROR_ACCESS_DENIED, EXIT_NOT_AUTHORIZED, ADVICE_AUTHORIZE },
    { SD_BUS_ERROR_AUTH_FAILED, EXIT_NOT_AUTHORIZED, ADVICE_AUTHORIZE },
    { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, EXIT_NOT_AUTHORIZED, ADVICE_AUTHORIZE },
    { SD_BUS_ERROR_UNKNOWN_OBJECT, EXIT_NOT_FOUND, NULL },
    { SD_BUS_ERROR_UNKNOWN_METHOD, EXIT_FAILED, ADVICE_VERSION },
    { SD_BUS_ERROR_UNKNOWN_INTERFACE, EXIT_FAILED, ADVICE_VERSION },
    { SD_BUS_ERROR_SERVICE_UNKNOWN, EXIT_NO_SERVICE, ADVICE_INSTALL },
    { SD_BUS_ERROR_NAME_HAS_NO_OWNER, EXIT_NO_SERVICE, ADVICE_INSTALL },
    { "org.freedesktop.DBus.Error.Spawn.*", EXIT_NO_SERVICE, ADVICE_START },
    { "org.freedesktop.systemd1.*", EXIT_NO_SERVICE, ADVICE_START },
    { SD_BUS_ERROR_NO_REPLY, EXIT_NO_SERVICE, ADVICE_AGAIN },
    { SD_BUS_ERROR_TIMEOUT, EXIT_NO_SERVICE, ADVICE_AGAIN },
    { "org.freedesktop.DBus.Error.TimedOut", EXIT_NO_SERVICE, ADVICE_AGAIN },
    { SD_BUS_ERROR_DISCONNECTED, EXIT_NO_SERVICE, ADVICE_AGAIN },
    { "System.Error.ETIMEDOUT", EXIT_NO_SERVICE, ADVICE_AGAIN },
    { "System.Error.ECONNRESET", EXIT_NO_SERVICE, ADVICE_AGAIN },
    { "System.Error.EPIPE", EXIT_NO_SERVICE, ADVICE_AGAIN },
    { "System.Error.ENOTCONN", EXIT_NO_SERVICE, ADVICE_AGAIN },
};

static bool failure_matches(const Failure *f, const char *name)
{
    size_t n = strlen(f->name);

    return f->name[n - 1] == '*' ? strncmp(f->name, name, n - 1) == 0 : streq(f->name, name);
}

static const Failure *failure_find(const char *name)
{
    static const Failure other = { "", EXIT_FAILED, NULL };

    for (size_t i = 0; i < ELEMENTSOF(failures); i++)
        if (failure_matches(&failures[i], name))
            return &failures[i];
    return &other;
}

/* The sentences of policy/authorize.c that anybody may get; others stay English. */
static char *message_translate(const char *message)
{
    static const char *const sentences[] = {
        N_("%s is not allowed: polkit says no."),
        N_("%s is not allowed: it requires the password of an administrator, and no agent can ask for it; "
           "use the certwright command on a terminal, or call as root."),
        N_("%s is not allowed: it requires the password of an administrator; allow interactive authorization (busctl and "
           "gdbus have an option for that), use the certwright command on a terminal, or call as root."),
        N_("%s is not allowed: the bus does not report the user of the caller."),
    };
    char *text = NULL;

    for (size_t i = 0; i < ELEMENTSOF(sentences) && !text; i++)
        text = sentence_to_text(sentences[i], message);
    return text;
}

/* Scripts and people search for the last part of the error name. */
static const char *failure_code(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

Exit session_fail(int error, const sd_bus_error *e, const char *purpose)
{
    _cleanup_(sd_bus_error_free) sd_bus_error made = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *translated = NULL;
    const char *message;
    const Failure *f;

    if (!e || !sd_bus_error_is_set(e)) {
        sd_bus_error_set_errno(&made, error);
        e = &made;
    }
    f = failure_find(e->name);
    message = isempty(e->message) ? strerror(-error) : e->message;
    translated = message_translate(message);
    fail(f->exit, "%s: %s (%s)", purpose, translated ? translated : message, failure_code(e->name));
    if (f->advice)
        hint("%s", _(f->advice));
    return f->exit;
}

const char *session_error_advice(const sd_bus_error *e)
{
    return e->name ? failure_find(e->name)->advice : NULL;
}

Exit session_fail_reply(int error)
{
    if (error == -ENOMEM)
        return session_fail(error, NULL, _("Cannot read the reply of the service"));
    fail(EXIT_FAILED, _("Unexpected reply from the service."));
    hint("%s", _(ADVICE_VERSION));
    return EXIT_FAILED;
}
