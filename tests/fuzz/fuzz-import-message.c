/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes back from the import process, which may have been taken over by what it read: refused, or within the
 * limits, and the same when it is sent once more. */
#include "core/limits.h"
#include "import/message.h"
#include "target.h"
#include "util/text.h"

static void check_text(const char *text, size_t max)
{
    require(text_is_utf8(text) && strlen(text) <= max);
    for (const char *p = text; *p; p++)
        require((unsigned char)*p >= ' ' && *p != 0x7f);
}

static void check_problem(const Problem *problem)
{
    require(problem->code > PROBLEM_NONE && problem->code < _PROBLEM_MAX);
    if (problem->text)
        check_text(problem->text, LIMIT_PROBLEM_TEXT);
}

static void check_blob(const Blob *b, size_t max)
{
    require(b->data && b->size > 0 && b->size <= max);
}

static void check_imported(const Imported *i)
{
    require(i->format && i->n_certificates <= LIMIT_CHAIN);
    check_text(i->format, LIMIT_PROBLEM_TEXT);
    for (size_t n = 0; n < LIMIT_CHAIN; n++)
        if (n < i->n_certificates)
            check_blob(i->certificates + n, LIMIT_BUNDLE);
        else
            require(!i->certificates[n].data);
    if (i->key.data)
        check_blob(&i->key, LIMIT_KEY);
    if (i->key_problem.code != PROBLEM_NONE) {
        require(!i->key.data);
        check_problem(&i->key_problem);
    } else
        require(!i->key_problem.text);
}

static void check_same(const Imported *a, const Imported *b)
{
    require(streq(a->format, b->format) && a->n_certificates == b->n_certificates);
    require(blob_equal(&a->key, &b->key) && a->key_problem.code == b->key_problem.code);
    for (size_t n = 0; n < a->n_certificates; n++)
        require(blob_equal(a->certificates + n, b->certificates + n));
}

/* imported NULL: the problem alone. */
static void send_again(const Imported *imported, const Problem *problem)
{
    _cleanup_imported_ Imported *same = NULL;
    _cleanup_problem_ Problem told = {};
    _cleanup_blob_ Blob message = {};

    require(message_encode(imported, problem, &message) >= 0);
    require(message_decode(message.data, message.size, &same, &told) >= 0);
    require(!same == !imported);
    if (imported)
        check_same(imported, same);
    else
        require(told.code == problem->code && streq(strempty(told.text), strempty(problem->text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_imported_ Imported *imported = NULL;
    _cleanup_problem_ Problem problem = {};

    if (message_decode(data, size, &imported, &problem) < 0) {
        require(!imported && problem.code == PROBLEM_NONE);
        return 0;
    }
    if (imported) {
        require(problem.code == PROBLEM_NONE);
        check_imported(imported);
    } else
        check_problem(&problem);
    send_again(imported, &problem);
    return 0;
}
