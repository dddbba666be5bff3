/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What the service was asked for and has confirmed. */

/* One module that wants one name: by its file, or by Register. */
typedef struct Claim {
    char *module, *name, *alternative; /* one more name, NULL: none */
    gboolean doubtful;                 /* the service was killed before it answered */
} Claim;

typedef struct Upload {
    char *fingerprint;
    char **names;
    gint64 from, until;
    char *bundle; /* to be uploaded again; NULL */
} Upload;

typedef struct Model {
    GPtrArray *claims;  /* Claim */
    GPtrArray *uploads; /* Upload, in the order in which they were uploaded */
} Model;

Model *model_new(void);
void model_free(Model *m);

Claim *model_find(const Model *m, const char *module, const char *name);
Claim *model_claim(Model *m, const char *module, const char *name, const char *alternative);
void model_disclaim(Model *m, const char *module, const char *name);
void model_disclaim_module(Model *m, const char *module);
gboolean model_wants(const Model *m, const char *name);
/* Modules that want this name, and all its names: sorted, each once. */
char **model_modules(const Model *m, const char *name);
char **model_names(const Model *m, const char *name);
/* Names that are wanted, sorted. */
char **model_wanted(const Model *m);
/* In the order of the lists above. */
void model_sort(char **names);

/* Names are copied. */
Upload *model_upload(Model *m, const char *fingerprint, const char *const *names, gint64 from, gint64 until);
Upload *model_find_upload(const Model *m, const char *fingerprint);
/* Makes it the last. */
void model_touch_upload(Model *m, const char *fingerprint);
void model_remove_upload(Model *m, const char *fingerprint);
/* What this name should be served; NULL: no upload. *ret_close: that may change in this minute. */
const Upload *model_best_upload(const Model *m, const char *name, gint64 now, gboolean *ret_close);
