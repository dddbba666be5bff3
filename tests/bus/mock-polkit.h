/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

/* A polkit that answers what and when the test wants. */
typedef struct MockPolkit MockPolkit;

/* One call of CheckAuthorization. */
typedef struct MockQuestion {
    GDBusMessage *message;
    char *caller; /* unique name on the bus of the one it is about */
    char *kind;   /* of subject */
    char *action;
    char *cancellation;
    GVariant *details;
    guint flags;
} MockQuestion;

void mock_question_free(MockQuestion *q);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MockQuestion, mock_question_free)

/* Owns the name on the bus. */
MockPolkit *mock_polkit_new(const Fixture *f);
/* The name vanishes, and every question that has no answer fails. */
void mock_polkit_free(MockPolkit *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MockPolkit, mock_polkit_free)

/* The next question that nobody took yet; NULL: there is none now. */
MockQuestion *mock_polkit_take(MockPolkit *p);
/* Waits for it. */
MockQuestion *mock_polkit_wait(MockPolkit *p);
/* How often CancelCheckAuthorization was called. */
guint mock_polkit_cancelled(MockPolkit *p);

/* Answers with this body, floating, whatever it is; NULL: none. */
void mock_polkit_answer(MockPolkit *p, const MockQuestion *q, GVariant *body);
void mock_polkit_answer_yes(MockPolkit *p, const MockQuestion *q);
void mock_polkit_answer_no(MockPolkit *p, const MockQuestion *q);
void mock_polkit_answer_error(MockPolkit *p, const MockQuestion *q);
/* The bus has forgotten that connection; so whoever it tells things to in order knows before what comes
 * next. */
void mock_polkit_wait_gone(MockPolkit *p, const char *unique_name);
