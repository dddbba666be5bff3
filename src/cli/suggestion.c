/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/suggestion.h"

#include <strings.h>

#include "cli/certificate.h"
#include "cli/xalloc.h"

#define SUGGESTIONS  3
#define LENGTH_LIMIT 253

typedef struct Suggestion {
    const char *name;
    size_t distance;
} Suggestion;

size_t suggestion_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    size_t rows[3][LENGTH_LIMIT + 1], *before = rows[0], *last = rows[1], *row = rows[2];

    if (n > LENGTH_LIMIT || m > LENGTH_LIMIT)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *oldest = before;

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = MIN(last[j], row[j - 1]) + 1;
            row[j] = MIN(row[j], last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
        row = oldest;
    }
    return last[m];
}

/* With a third of it wrong, or its last labels missing, it is probably a typo for the same name. */
static size_t suggestion_rate(const char *word, const char *candidate)
{
    size_t n = strlen(word), distance = suggestion_distance(word, candidate);

    if (n > 1 && strncasecmp(word, candidate, n) == 0 && candidate[n] == '.')
        return 1;
    return distance <= MAX(n / 3, 1u) ? distance : SIZE_MAX;
}

const char *suggestion_nearest(const char *word, const char *const *words, size_t n_words)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < n_words; i++) {
        size_t distance = suggestion_rate(word, words[i]);

        if (distance < least) {
            least = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

static void suggestion_insert(Suggestion best[SUGGESTIONS], const char *name, size_t distance)
{
    Suggestion s = { name, distance };

    for (size_t i = 0; i < SUGGESTIONS; i++)
        if (s.distance < best[i].distance) {
            Suggestion worse = best[i];

            best[i] = s;
            s = worse;
        }
}

void suggestion_print(Session *s, const char *name)
{
    _cleanup_certificates_ CertificateList list = {};
    Suggestion best[SUGGESTIONS] = { { NULL, SIZE_MAX }, { NULL, SIZE_MAX }, { NULL, SIZE_MAX } };
    _cleanup_free_ char *text = NULL;

    if (certificates_load(s, &list) != EXIT_DONE)
        return;
    for (size_t i = 0; i < list.n; i++)
        for (char **candidate = list.items[i].names; candidate && *candidate; candidate++)
            suggestion_insert(best, *candidate, suggestion_rate(name, *candidate));
    if (best[0].name) {
        text = xasprintf("%s%s%s%s%s", best[0].name, best[1].name ? ", " : "", strempty(best[1].name),
                         best[2].name ? ", " : "", strempty(best[2].name));
        hint(_("Did you mean %s?"), text);
    }
    hint(_("\"certwright list\" shows all; \"certwright register MODULE NAME\" requests a new one."));
}
