/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "cli/agent.h"
#include "cli/label.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "cli/words.h"

typedef struct Failure {
    const char *name; /* bus error name; a "*" at the end matches any suffix */
    Exit exit;
    const char *advice; /* NULL if the message is sufficient, or the advice depends on the session */
} Failure;

#define ADVICE_INSTALL \
    N_("Is Certwright installed? If it was installed just now: systemctl reload dbus. " \
       "Without systemd, start certwrightd first.")
#define ADVICE_START N_("The journal says why: journalctl -u certwrightd.service")
#define ADVICE_AGAIN N_("Try again; if that does not help, see: journalctl -u certwrightd.service")
#define ADVICE_VERSION \
    N_("The command and the service may be of different versions: compare \"certwright --version\" with " \
       "\"certwrightd --version\".")

static const Failure failures[] = {
    { SERVICE ".Error.NoSuchCertificate", EXIT_NOT_FOUND, NULL },
    { SERVICE ".Error.NoSuchJob", EXIT_NOT_FOUND, NULL },
    { SERVICE ".Error.NotAuthorized", EXIT_NOT_AUTHORIZED, NULL },
    { SERVICE ".Error.StorageFailed", EXIT_FAILED, ADVICE_START },
    { SD_BUS_ERROR_ACCESS_DENIED, EXIT_NOT_AUTHORIZED, NULL },
    { SD_BUS_ERROR_AUTH_FAILED, EXIT_NOT_AUTHORIZED, NULL },
    { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, EXIT_NOT_AUTHORIZED, NULL },
    { SD_BUS_ERROR_UNKNOWN_OBJECT, EXIT_NOT_FOUND, NULL },
    { SD_BUS_ERROR_UNKNOWN_METHOD, EXIT_FAILED, ADVICE_VERSION },
    { SD_BUS_ERROR_UNKNOWN_INTERFACE, EXIT_FAILED, ADVICE_VERSION },
    { SD_BUS_ERROR_SERVICE_UNKNOWN, EXIT_NO_SERVICE, ADVICE_INSTALL },
    { SD_BUS_ERROR_NAME_HAS_NO_OWNER, EXIT_NO_SERVICE, ADVICE_INSTALL },
    { "org.freedesktop.DBus.Error.Spawn.*", EXIT_NO_SERVICE, ADVICE_START },
    { "org.freedesktop.systemd1.UnitMasked", EXIT_NO_SERVICE,
      N_("Let it be started again: systemctl unmask certwrightd.service") },
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

/* Sentences of the service that are translated, and whose advice is for programs on the bus; others stay English. */
static const struct {
    const char *sentence, *text; /* text: NULL: the sentence itself */
} rewordings[] = {
    { N_("%s is not allowed: polkit says no."), NULL },
    { N_("%s is not allowed: the bus does not report the user of the caller."), NULL },
    { "%s is not allowed: it requires the password of an administrator, and no agent can ask for it; "
      "use the certwright command on a terminal, or call as root.",
      N_("%s is not allowed: it requires the password of an administrator.") },
    { "%s is not allowed: it requires the password of an administrator; allow interactive authorization (busctl and "
      "gdbus have an option for that), use the certwright command on a terminal, or call as root.",
      N_("%s is not allowed: it requires the password of an administrator.") },
    { "%s is encrypted; give its passphrase in the option \"passphrase\".", N_("%s is encrypted.") },
    { "There is no [Authority %s] in the configuration; property Authorities lists them.",
      N_("There is no [Authority %s] in the configuration; \"certwright status\" lists them.") },
    { "There is no authority called \"%s\"; the property Authorities lists the configured ones, and "
      "certwright.conf(5) describes how to add one.",
      N_("There is no authority called \"%s\"; \"certwright status\" lists the configured ones, and "
         "certwright.conf(5) describes how to add one.") },
    { "The options \"acme\" (no) and \"authority\" contradict each other; leave one out.",
      N_("--acme=no and --authority= contradict each other; leave one out.") },
    { "The module has not registered %s; the property Modules of a certificate lists those that use it.",
      N_("The module has not registered %s; \"certwright list\" shows which modules use it.") },
    { "The module has not registered %s; its module file requests it: remove it there.",
      N_("The module has not registered %s; its module file requests it: remove it there, or with "
         "\"certwright disable\" if \"certwright enable\" wrote it.") },
    { "The chain of %s is not from an ACME authority: its issuer has to revoke it; for a chain of the local root, "
      "use Reissue.",
      N_("The chain of %s is not from an ACME authority: its issuer has to revoke it; a chain of the local root is "
         "replaced with \"certwright reissue\".") },
    { "There is no upload with this fingerprint; ListUploads shows all uploads.",
      N_("There is no upload with this fingerprint; \"certwright uploads\" shows all uploads.") },
};

char *message_to_text(const char *message)
{
    _cleanup_free_ char *text = NULL;

    for (size_t i = 0; i < ELEMENTSOF(rewordings) && !text; i++)
        text = sentence_reword(rewordings[i].sentence,
                               rewordings[i].text ? rewordings[i].text : rewordings[i].sentence, message);
    return text_to_labels(text ? text : message);
}

/* Returns advice for a call that was not authorized. polkit reports a wrong password and a denying rule in the same way. */
static const char *authorization_advice(const Session *s, const sd_bus_error *e)
{
    if (strstr(strempty(e->message), "polkit cannot be reached"))
        return N_(
            "polkit decides who may do this, also for root: install it, or see why it does not run with "
            "\"systemctl status polkit.service\".");
    if (geteuid() == 0)
        return N_(
            "The policy of the bus denies this even to root: org.certwright1.conf is missing or was changed; "
            "install Certwright again, then: systemctl reload dbus");
    if (s->agent > 0 && agent_is_missing(s->agent))
        return N_(
            "pkttyagent, which asks for a password, cannot be run: install the package of polkit that has it, or "
            "run the command as root.");
    if (s->agent > 0)
        return N_(
            "Either the password was wrong or was not entered, or a rule of polkit denies this to you: try again, "
            "or run the command as root.");
    if (!s->ask_password)
        return N_("Run it as root, or on a terminal without --no-ask-password to be asked for a password.");
    if (terminal_exists())
        return N_(
            "No password is asked for, since standard input is not the terminal: run it without redirecting that, "
            "or as root.");
    return N_("There is no terminal to ask for a password: run it on one, or as root.");
}

/* Scripts and people search for the last part of the error name. */
static const char *failure_code(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

Exit session_fail_call(const Session *s, int error, const sd_bus_error *e, const char *purpose)
{
    Exit code = session_fail(error, e, purpose);

    if (code == EXIT_NOT_AUTHORIZED)
        hint("%s", _(authorization_advice(s, e)));
    return code;
}

Exit session_fail(int error, const sd_bus_error *e, const char *purpose)
{
    _cleanup_(sd_bus_error_free) sd_bus_error made = SD_BUS_ERROR_NULL;
    _cleanup_free_ char *text = NULL;
    const Failure *f;

    if (!e || !sd_bus_error_is_set(e)) {
        sd_bus_error_set_errno(&made, error);
        e = &made;
    }
    f = failure_find(e->name);
    text = message_to_text(isempty(e->message) ? strerror(-error) : e->message);
    fail(f->exit, "%s: %s (%s)", purpose, text, failure_code(e->name));
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
