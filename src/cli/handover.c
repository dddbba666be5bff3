/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/handover.h"

#include "cli/program.h"
#include "cli/proof-probe.h"
#include "cli/xalloc.h"
#include "core/name.h"
#include "util/text.h"

#define SNIPPETS_DIRECTORY DATADIR "/certwright/snippets"
/* Servers must start without these files, too, since Certwright may be removed before its lines are: nginx accepts a pattern
 * that nothing matches. */
#define NGINX_INCLUDE  "include " SNIPPETS_DIRECTORY "/nginx.con[f];"
#define APACHE_INCLUDE "IncludeOptional " SNIPPETS_DIRECTORY "/apache.conf"
/* Lines of former files, which are removed like those of today. */
#define NGINX_FORMER_INCLUDE  "include " SNIPPETS_DIRECTORY "/nginx.conf;"
#define APACHE_FORMER_INCLUDE "Include " SNIPPETS_DIRECTORY "/apache.conf"
#define SYSTEMCTL             "/usr/bin/systemctl"
#define SOCKET_UNIT           "certwright-http.socket"
#define SOCKET_FOLDER         "/etc/systemd/system/" SOCKET_UNIT ".d"
#define SOCKET_MARK           SOCKET_FOLDER "/enabled.conf"
#define HTTP_PORT             80

#define FILE_HEADER "# Written by \"certwright enable\"; \"certwright disable\" removes it.\n"
#define FILE_PREFIX "certwright"

struct WebServer {
    const char *program; /* name of its process */
    const char *title;
    const char *unit, *folder; /* folder: of its configuration */
    const char *const check[5];
    bool writes_files;
};

static const WebServer servers[] = {
    { "nginx", "nginx", "nginx.service", "/etc/nginx", { "/usr/sbin/nginx", "-t" }, true },
    { "apache2",
      "Apache",
      "apache2.service",
      "/etc/apache2",
      { "/usr/sbin/apache2ctl", "configtest" },
      true },
    { "haproxy", "HAProxy", "haproxy.service", "/etc/haproxy", {}, false },
    { "caddy", "Caddy", "caddy.service", "/etc/caddy", {}, false },
};
#define NGINX  (&servers[0])
#define APACHE (&servers[1])

#define APACHE_FILE "/etc/apache2/conf-available/certwright.conf"
#define APACHE_LINK "/etc/apache2/conf-enabled/certwright.conf"
#define APACHE_TEXT_WITH(include) \
    FILE_HEADER \
    "# Hands the requests with which ACME authorities prove names over to Certwright.\n" \
    "<IfModule !proxy_module>\n" \
    "    LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\n" \
    "</IfModule>\n" \
    "<IfModule !proxy_http_module>\n" \
    "    LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\n" \
    "</IfModule>\n" include "\n"
#define APACHE_TEXT APACHE_TEXT_WITH(APACHE_INCLUDE)

void handover_done(Handover *h)
{
    port_owner_done(&h->owner);
    free(h->former);
    *h = (Handover){ 0 };
}

static const WebServer *server_find(const char *program)
{
    for (size_t i = 0; i < ELEMENTSOF(servers); i++)
        if (streq(servers[i].program, program))
            return &servers[i];
    return NULL;
}

/* Left beside the socket, to disable it again. */
#define SOCKET_MARK_TEXT \
    FILE_HEADER \
    "# " SOCKET_UNIT " was enabled with it, and is disabled with it.\n"

/* Returns true if the administrator's own configuration hands the requests over. */
static bool server_hands_over_by_hand(const WebServer *s)
{
    char *const words[] = { (char[]){ "certwright/snippets/" }, (char[]){ "/run/certwright-http" },
                            (char[]){ "127.0.0.1:402" }, NULL };

    return root_folder_mentions(s->folder, words, FILE_PREFIX);
}

/* ---- certwright-http.socket */

static bool socket_is(const char *verb)
{
    const char *const arguments[] = { SYSTEMCTL, "--quiet", verb, SOCKET_UNIT, NULL };

    return program_succeeds(arguments);
}

static const char *const stop_service[] = { SYSTEMCTL, "stop", "certwrightd.service", NULL };
static const char *const enable_socket[] = { SYSTEMCTL, "--quiet", "enable", SOCKET_UNIT, NULL };
static const char *const start_socket[] = { SYSTEMCTL, "start", SOCKET_UNIT, NULL };
static const char *const disable_socket[] = { SYSTEMCTL, "--quiet", "disable", "--now", SOCKET_UNIT, NULL };

/* systemd starts no socket of a service that runs. A call starts the service again, and with it a socket that is enabled. */
static Exit socket_enable(FilesChange *c)
{
    Exit e = EXIT_DONE;

    if (socket_is("is-active"))
        return EXIT_DONE;
    if (!socket_is("is-enabled"))
        e = root_file_replace(SOCKET_MARK, SOCKET_MARK_TEXT, c);
    if (e == EXIT_DONE)
        e = program_require(enable_socket, _("Cannot enable certwright-http.socket"));
    if (e == EXIT_DONE)
        e = program_require(stop_service, _("Cannot stop the service to open certwright-http.socket"));
    return e == EXIT_DONE ? program_require(start_socket, _("Cannot open certwright-http.socket")) : e;
}

static bool anybody_hands_over_by_hand(void)
{
    for (size_t i = 0; i < ELEMENTSOF(servers); i++)
        if (server_hands_over_by_hand(&servers[i]))
            return true;
    return false;
}

/* If socket_enable() enabled it, and no administrator has come to use it since. */
static Exit socket_disable(FilesChange *c)
{
    Exit e;

    if (access(SOCKET_MARK, F_OK) < 0 || anybody_hands_over_by_hand())
        return EXIT_DONE;
    e = root_file_remove(SOCKET_MARK, c);
    (void)rmdir(SOCKET_FOLDER);
    if (e == EXIT_DONE)
        e = program_require(disable_socket, _("Cannot close certwright-http.socket"));
    return e == EXIT_DONE
               ? program_require(stop_service,
                                 _("Cannot stop the service that listened on certwright-http.socket"))
               : e;
}

/* ---- files of the server */

static char *nginx_path(const char *name)
{
    return xasprintf("/etc/nginx/conf.d/" FILE_PREFIX "-%s.conf", name);
}

/* A server of its own for the name, at the addresses where nginx has port 80 already. */
static char *nginx_text_with(const char *include, const char *name, char *const *addresses)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = xcheck(open_memstream(&text, &length));

    fputs(FILE_HEADER, file);
    fprintf(file,
            "# Hands the requests with which ACME authorities prove %s over to Certwright.\nserver {\n",
            name);
    for (; addresses && *addresses; addresses++)
        fprintf(file, "    listen %s;\n", *addresses);
    fprintf(file,
            "    server_name %s;\n"
            "    %s\n"
            "    location / {\n"
            "        return 301 https://$host$request_uri;\n"
            "    }\n"
            "}\n",
            name, include);
    return xcheck(fclose(file) == 0 ? text : NULL);
}

static char *nginx_text(const char *name, char *const *addresses)
{
    return nginx_text_with(NGINX_INCLUDE, name, addresses);
}

/* The addresses of a file that nginx_text() has made. */
static char **nginx_addresses(const char *text)
{
    static const char listen[] = "\n    listen ";
    char **addresses = NULL;

    while ((text = strstr(text, listen))) {
        _cleanup_free_ char *address = NULL;

        text += strlen(listen);
        address = xcheck(strndup(text, strcspn(text, ";\n")));
        xcheck(strv_extend(&addresses, address) < 0 ? NULL : address);
    }
    return addresses;
}

static bool nginx_is_unchanged(const char *text, const char *name)
{
    _cleanup_strv_ char **addresses = nginx_addresses(text);
    _cleanup_free_ char *made = nginx_text(name, addresses),
                        *former = nginx_text_with(NGINX_FORMER_INCLUDE, name, addresses);

    return streq(text, made) || streq(text, former);
}

/* A server with a wildcard that covers the name would lose its requests to one of the name's own. */
static bool nginx_has_wildcard(const char *name)
{
    const char *dot = strchr(name, '.');
    _cleanup_free_ char *wildcard = NULL, *short_form = NULL;

    if (!dot)
        return false;
    wildcard = xasprintf("*%s", dot);
    short_form = xasprintf(" %s", dot);
    return root_folder_mentions(NGINX->folder, (char *const[]){ wildcard, short_form, NULL }, FILE_PREFIX);
}

/* A file that an administrator has changed stays: the probe tells whether it hands over. One that was made for other addresses
 * is replaced. */
static Exit nginx_write(Handover *h, const char *name, FilesChange *c)
{
    _cleanup_free_ char *path = nginx_path(name), *text = nginx_text(name, h->owner.addresses),
                        *found = NULL;
    Exit e = root_file_load(path, &found);

    if (e != EXIT_DONE)
        return e;
    if (!found)
        return root_file_create(path, text, c);
    if (streq(found, text) || !nginx_is_unchanged(found, name)) {
        files_change_keep(c, path);
        return EXIT_DONE;
    }
    h->former = TAKE_PTR(found);
    return root_file_replace(path, text, c);
}

static Exit apache_write(FilesChange *c)
{
    bool exists = access(APACHE_FILE, F_OK) == 0;
    Exit e = EXIT_DONE;

    if (exists)
        files_change_keep(c, APACHE_FILE);
    else
        e = root_file_create(APACHE_FILE, APACHE_TEXT, c);
    if (e != EXIT_DONE || access(APACHE_LINK, F_OK) == 0)
        return e;
    return root_file_link(APACHE_LINK, "../conf-available/certwright.conf", c);
}

/* ---- its own check */

static bool output_mentions(const char *output, char *const *files)
{
    for (; files && *files; files++)
        if (strstr(strempty(output), *files))
            return true;
    return false;
}

/* Runs the check, whose exit status is *ret_status. */
static Exit server_check(const WebServer *s, int *ret_status, char **ret_output)
{
    int r = program_run(s->check, ret_output);

    if (r < 0)
        return fail(EXIT_FAILED, _("Cannot run %s: %s"), s->check[0], strerror(-r));
    *ret_status = r;
    return EXIT_DONE;
}

static Exit server_fail_check(const WebServer *s, const char *output, bool written)
{
    if (written)
        fail(
            EXIT_FAILED,
            _("%s does not accept what was written to hand requests for proofs over, which was taken back (%s %s):"),
            s->title, s->check[0], s->check[1]);
    else
        fail(EXIT_FAILED,
             _("The configuration of %s is wrong already, so nothing was written; mend it first (%s %s):"),
             s->title, s->check[0], s->check[1]);
    program_print_output(output);
    return EXIT_FAILED;
}

/* Before anything is written. */
static Exit server_check_before(Handover *h, char *const *expected)
{
    _cleanup_free_ char *output = NULL;
    int status;
    Exit e = server_check(h->server, &status, &output);

    if (e != EXIT_DONE || status == 0)
        return e;
    if (output_mentions(output, expected)) {
        h->state = HANDOVER_POSTPONED;
        return EXIT_DONE;
    }
    return server_fail_check(h->server, output, false);
}

/* Removes what was written since, or puts the former file back, without a word about it. */
static void handover_take_back(const Handover *h, const char *name, FilesChange *c, size_t since)
{
    _cleanup_files_change_ FilesChange removed = {};

    for (size_t n = strv_length(c->done); n > since; n--) {
        (void)root_file_remove(c->done[n - 1], &removed);
        free(c->done[n - 1]);
        c->done[n - 1] = NULL;
    }
    if (strv_contains(removed.done, SOCKET_MARK)) {
        (void)rmdir(SOCKET_FOLDER);
        (void)program_succeeds(disable_socket);
    }
    if (h->former) {
        _cleanup_free_ char *path = nginx_path(name);

        (void)root_file_replace(path, h->former, &removed);
    }
}

/* Of its two servers with one name, nginx would ignore the one of the administrator. */
static Exit server_check_after(Handover *h, const char *name, FilesChange *c, size_t since)
{
    _cleanup_free_ char *output = NULL;
    int status = 0;
    Exit e = server_check(h->server, &status, &output);
    bool conflict = strstr(strempty(output), "conflicting server name");

    if (e == EXIT_DONE && status == 0 && !conflict)
        return EXIT_DONE;
    handover_take_back(h, name, c, since);
    if (e != EXIT_DONE)
        return e;
    if (status == 0) {
        h->state = HANDOVER_BY_HAND;
        return EXIT_DONE;
    }
    return server_fail_check(h->server, output, true);
}

static Exit server_reload(const WebServer *s)
{
    const char *const arguments[] = { SYSTEMCTL, "reload", s->unit, NULL };
    _cleanup_free_ char *purpose = xasprintf(_("Cannot reload %s"), s->title);

    return program_require(arguments, purpose);
}

/* ---- all of it */

static Exit handover_write(Handover *h, const char *name, FilesChange *c)
{
    size_t since = strv_length(c->done);
    Exit e = h->server == NGINX ? nginx_write(h, name, c) : apache_write(c);

    if (e == EXIT_DONE && strv_length(c->done) == since)
        return EXIT_DONE; /* all is there */
    if (e == EXIT_DONE)
        e = server_check_after(h, name, c, since);
    if (e != EXIT_DONE || h->state == HANDOVER_BY_HAND)
        return e;
    return server_reload(h->server);
}

/* Makes the server read its configuration, unless that would be refused, or its check is unknown. */
static bool server_reads_again(const WebServer *s)
{
    const char *const reload[] = { SYSTEMCTL, "reload", s->unit, NULL };

    return s->check[0] && program_succeeds(s->check) && program_succeeds(reload);
}

/* Tests whether the server really hands requests over, whoever wrote its configuration. Lines that were there already may not
 * have been read yet: the reload was forgotten, or the run that wrote them was interrupted. */
static void handover_probe(Handover *h, const char *name)
{
    if (h->state != HANDOVER_MADE || proof_requests_arrive(name, h->owner.addresses[0]))
        return;
    if (!server_reads_again(h->server) || !proof_requests_arrive(name, h->owner.addresses[0]))
        h->state = HANDOVER_BY_HAND;
}

Exit handover_make(Handover *h, const char *name, char *const *expected, FilesChange *c)
{
    size_t since = strv_length(c->done);
    Exit e;

    handover_done(h);
    port_owner_find(&h->owner, HTTP_PORT);
    h->server = server_find(h->owner.program);
    if (!h->owner.addresses || streq(h->owner.program, "certwrightd"))
        return EXIT_DONE;
    h->state = HANDOVER_BY_HAND;
    if (!h->server)
        return EXIT_DONE;
    if (server_hands_over_by_hand(h->server)) {
        h->state = HANDOVER_MADE;
        e = socket_enable(c);
        if (e == EXIT_DONE)
            handover_probe(h, name);
        return e;
    }
    if (!h->server->writes_files || (h->server == NGINX && nginx_has_wildcard(name)))
        return socket_enable(c);
    h->state = HANDOVER_MADE;
    e = server_check_before(h, expected);
    if (e != EXIT_DONE || h->state == HANDOVER_POSTPONED)
        return e;
    e = socket_enable(c);
    if (e == EXIT_DONE)
        e = handover_write(h, name, c);
    if (e == EXIT_DONE)
        handover_probe(h, name);
    else
        handover_take_back(h, name, c, since);
    return e;
}

bool handover_may_lack(const Handover *h, const char *program)
{
    return h->state == HANDOVER_NEEDLESS && server_find(program);
}

void handover_print_lines(const Handover *h, const char *name)
{
    if (h->server == NGINX) {
        print_line(
            stdout,
            _("In the server block of nginx that has %s on port 80, this line hands its proofs over:"),
            name);
        print_line(stdout, "    " NGINX_INCLUDE);
    } else if (h->server == APACHE) {
        print_line(
            stdout,
            _("In the virtual host of Apache that has %s on port 80, this line hands its proofs over; it goes before "
              "other ProxyPass lines:"),
            name);
        print_line(stdout, "    " APACHE_INCLUDE);
    } else if (h->server) {
        const char *file = streq(h->server->program, "haproxy") ? "haproxy.cfg" : "Caddyfile";

        print_line(stdout,
                   _("%s has port 80: to hand the requests for proofs over, it needs the lines in %s/%s."),
                   h->server->title, SNIPPETS_DIRECTORY, file);
    } else {
        print_line(
            stdout,
            _("%s has port 80, so it has to hand the requests for proofs over: see \"Behind a reverse "
              "proxy\" in certwright.conf(5)."),
            *h->owner.program ? h->owner.program : _("Another program"));
    }
}

/* ---- take back */

static Exit nginx_remove(const char *name, FilesChange *c)
{
    _cleanup_free_ char *path = nginx_path(name), *text = NULL;
    Exit e = root_file_load(path, &text);

    if (e != EXIT_DONE || !text)
        return e;
    if (nginx_is_unchanged(text, name))
        return root_file_remove(path, c);
    files_change_keep(c, path);
    return EXIT_DONE;
}

static Exit apache_remove(FilesChange *c)
{
    _cleanup_free_ char *text = NULL;
    Exit e = root_file_load(APACHE_FILE, &text);

    if (e != EXIT_DONE || !text)
        return e;
    if (!streq(text, APACHE_TEXT) && !streq(text, APACHE_TEXT_WITH(APACHE_FORMER_INCLUDE))) {
        files_change_keep(c, APACHE_FILE);
        return EXIT_DONE;
    }
    if (access(APACHE_LINK, F_OK) == 0)
        e = root_file_remove(APACHE_LINK, c);
    return e == EXIT_DONE ? root_file_remove(APACHE_FILE, c) : e;
}

static Exit server_forget(const WebServer *s)
{
    const char *const arguments[] = { SYSTEMCTL, "--quiet", "is-active", s->unit, NULL };

    return program_succeeds(arguments) ? server_reload(s) : EXIT_DONE;
}

Exit handover_remove(const char *name, bool name_is_wanted, bool any_is_wanted, FilesChange *c)
{
    size_t before = strv_length(c->done), nginx;
    Exit e = name_is_wanted ? EXIT_DONE : nginx_remove(name, c);

    nginx = strv_length(c->done);
    if (e == EXIT_DONE && nginx > before)
        e = server_forget(NGINX);
    if (e == EXIT_DONE && !any_is_wanted)
        e = apache_remove(c);
    if (e == EXIT_DONE && strv_length(c->done) > nginx)
        e = server_forget(APACHE);
    return e == EXIT_DONE && !any_is_wanted ? socket_disable(c) : e;
}
