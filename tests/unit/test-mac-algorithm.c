/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "core/mac-algorithm.h"

static void test_words(void)
{
    for (MacAlgorithm a = 0; a < _MAC_ALGORITHM_MAX; a++)
        g_assert_cmpint(mac_algorithm_from_string(mac_algorithm_to_string(a)), ==, a);
    g_assert_cmpint(mac_algorithm_from_string("hs256"), ==, _MAC_ALGORITHM_INVALID);
    g_assert_null(mac_algorithm_to_string(_MAC_ALGORITHM_INVALID));
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/mac-algorithm/words", test_words);
    return g_test_run();
}
