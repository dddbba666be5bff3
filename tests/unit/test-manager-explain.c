/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "manager/manager-internal.h"
#include "util/text.h"

/* What is said of a certificate in plain sentences. */

static void expect(Service *s, const Certificate *c, bool said, const char *sentence)
{
    _cleanup_free_ char *text = manager_explain(s->manager, c);

    if ((strstr(text, sentence) != NULL) != said)
        g_error("\"%s\" is %s in: %s", sentence, said ? "not" : "", text);
}

static void test_local(void)
{
    _cleanup_service_ Service s = {};
    const Certificate *c, *root;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    expect(&s, c, true, "www.example.com serves a chain from this machine's own root, serial ");
    expect(&s, c, true, "; it is valid until ");
    expect(&s, c, true, certificate_explain(c, now_seconds()));
    expect(&s, c, true, "The next attempt is due in ");
    expect(&s, c, true, " days, at ");
    expect(&s, c, true, "It is used by web.\n");
    expect(&s, c, false, "The last attempt failed");
    g_assert_cmpint(service_register(&s, "mail", "www.example.com", NULL, _KEY_TYPE_INVALID), ==,
                    PROBLEM_NONE);
    expect(&s, c, true, "It is used by web, mail.\n");
    expect(&s, c, true, "The module mail registered it over the bus, so it is not delivered to files: ");
    expect(&s, c, false, "The module web registered it");
    root = manager_model(s.manager)->root;
    expect(&s, root, true, "The local root is \"");
    expect(&s, root, false, "It is used by");
}

static void test_pending(void)
{
    _cleanup_service_ Service s = {};

    service_init(&s);
    folder_write(&s.config, "certwright.conf", "[Local]\nNameConstraints=example.com\n");
    service_write_module(&s, "web", "[Certificate www.example.org]\n");
    service_start(&s);
    service_settle(&s);
    expect(&s, service_find(&s, "www.example.org"), true, "www.example.org has no chain yet.\n");
    expect(&s, service_find(&s, "www.example.org"), true, "(attempts since the last success: 1): ");
}

/* What keeps several services from a chain is said once. */
static void test_deliveries(void)
{
    const struct {
        char *module, *detail;
        DeploymentState state;
    } deliveries[] = {
        { S("a"), S("No room."), DEPLOYMENT_FAILED },  { S("b"), S("No room."), DEPLOYMENT_FAILED },
        { S("c"), S("No leave."), DEPLOYMENT_FAILED }, { S("d"), S("No room."), DEPLOYMENT_ROLLED_BACK },
        { S("e"), NULL, DEPLOYMENT_VERIFIED },         { S("f"), NULL, DEPLOYMENT_VERIFIED },
    };
    _cleanup_service_ Service s = {};
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    for (size_t i = 0; i < ELEMENTSOF(deliveries); i++) {
        const Placement p = { .module = deliveries[i].module,
                              .detail = deliveries[i].detail,
                              .state = deliveries[i].state,
                              .when = 1700000000 };

        g_assert_cmpint(placements_set(&c->placements, &p), >=, 0);
    }
    expect(&s, c, true, "\nThe modules a, b could not be brought to use the chain at ");
    expect(&s, c, true, "\nThe module c could not be brought to use the chain at ");
    expect(&s, c, true, "\nThe module d did not take the chain and uses the former one again since ");
    expect(&s, c, true, "\nThe module e presents the chain, ");
    expect(&s, c, true, "\nThe module f presents the chain, ");
    expect(&s, c, false, "The module b");
}

/* One line, whatever an authority has sent, and one full stop. */
static void test_failure(void)
{
    Problem problem = { .code = PROBLEM_AUTHORITY_FAILED, .text = S("It says \"no\"\nand\x1b[2J no more.") };
    _cleanup_service_ Service s = {};
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    record_set_failure(c->record, &problem, now_seconds());
    record_set_failure(c->record, &problem, now_seconds());
    expect(&s, c, true, "The last attempt failed at ");
    expect(&s, c, true, "(attempts since the last success: 2): It says ");
    expect(&s, c, true, "no more.\n");
    expect(&s, c, false, "\nand");
    expect(&s, c, false, "\x1b");
    problem.text = S("It says nothing");
    record_set_failure(c->record, &problem, now_seconds());
    expect(&s, c, true, ": It says nothing.\n");
}

static void test_job(void)
{
    _cleanup_service_ Service s = {};
    Certificate *c;
    Job *j;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    g_assert_cmpint(model_add_job(manager_model(s.manager), c, JOB_RENEW, &j), ==, 0);
    model_job_progress(manager_model(s.manager), j, 0.5, "asking the oracle");
    expect(&s, c, true, "A job is in progress: asking the oracle (job 1).\n");
    expect(&s, c, false, "The next attempt is due");
    model_cancel_job(manager_model(s.manager), j);
    expect(&s, c, true, "The next attempt is due");
}

static void test_upload(void)
{
    _cleanup_issued_ Issued leaf = {};
    g_autofree char *pem = bundle_for("x", "DNS:www.example.com,DNS:example.com", &leaf);
    _cleanup_service_ Service s = {};
    Certificate *c;

    service_start_with(&s, MODULE_WWW);
    c = service_find(&s, "www.example.com");
    g_assert_cmpint(service_upload(&s, NULL, pem, NULL), ==, PROBLEM_NONE);
    expect(&s, c, true, "serves a chain that was uploaded, serial ");
    expect(&s, c, true, "Only an upload can renew it");
    expect(&s, c, false, "The next attempt is due");
    c->record->slots[SOURCE_UPLOADED].broken = true;
    (void)record_serve(c->record, SOURCE_LOCAL, NULL);
    expect(&s, c, true, "The uploaded chain is not served: ");
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/manager-explain/local", test_local);
    g_test_add_func("/manager-explain/pending", test_pending);
    g_test_add_func("/manager-explain/deliveries", test_deliveries);
    g_test_add_func("/manager-explain/failure", test_failure);
    g_test_add_func("/manager-explain/job", test_job);
    g_test_add_func("/manager-explain/upload", test_upload);
    return g_test_run();
}
