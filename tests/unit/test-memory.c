/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include "util/memory.h"

#define BLOCKS 65536
#define SIZE   1024
#define MIB    (1024UL * 1024)

/* Much that is freed behind a little that is not, which malloc(3) keeps. */
static char *take_and_free(void)
{
    static char *volatile blocks[BLOCKS];
    char *kept;

    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(SIZE);
        *(volatile char *)blocks[i] = 1;
    }
    kept = malloc(SIZE);
    *(volatile char *)kept = 1;
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return kept;
}

static bool is_small(void *userdata)
{
    return memory_resident() < *(const size_t *)userdata + 16 * MIB;
}

static void test_resident(void)
{
    size_t before = memory_resident(), size = 64 * MIB;
    char *block = malloc(size);

    g_assert_cmpuint(before, >, MIB / 4);
    memset(block, 1, size);
    g_assert_cmpuint(memory_resident(), >, before + size / 2);
    g_assert_cmpint(block[size - 1], ==, 1);
    free(block);
}

static int on_tick(sd_event_source *s, uint64_t usec, void *userdata)
{
    ++*(unsigned *)userdata;
    g_assert_cmpint(sd_event_source_set_time(s, usec + 100000), >=, 0);
    return sd_event_source_set_enabled(s, SD_EVENT_ON);
}

/* Whether nothing comes after the burst, or the loop always has something to do. */
static void test_given_back(gconstpointer userdata)
{
    bool busy = userdata != NULL;
    sd_event_source *tick = NULL;
    MemoryKeeper *k = NULL;
    sd_event *event = NULL;
    unsigned n_ticks = 0;
    size_t before;
    char *kept;

    if (!ADDRESS_SPACE_IS_LIMITED) {
        g_test_skip("a sanitizer keeps what is freed");
        return;
    }
    g_assert_cmpint(sd_event_new(&event), >=, 0);
    g_assert_cmpint(memory_keeper_new(event, &k), >=, 0);
    if (busy)
        g_assert_cmpint(sd_event_add_time_relative(event, &tick, CLOCK_MONOTONIC, 0, 1, on_tick, &n_ticks),
                        >=, 0);
    before = memory_resident();
    kept = take_and_free();
    g_assert_cmpuint(memory_resident(), >, before + 32 * MIB);
    for (int i = 0; i < 1000 && !is_small(&before); i++)
        g_assert_cmpint(sd_event_run(event, 30000000), >=, 0);
    g_assert_true(is_small(&before));
    free(kept);
    memory_keeper_free(k);
    sd_event_source_disable_unref(tick);
    sd_event_unref(event);
}

/* When there is nothing to do the process sleeps. */
static void test_sleeps(void)
{
    MemoryKeeper *k = NULL;
    sd_event *event = NULL;
    unsigned n = 0;

    g_assert_cmpint(sd_event_new(&event), >=, 0);
    g_assert_cmpint(memory_keeper_new(event, &k), >=, 0);
    while (n < 10 && sd_event_run(event, 3000000) > 0)
        n++;
    g_assert_cmpuint(n, <, 10);
    memory_keeper_free(k);
    sd_event_unref(event);
}

int main(int argc, char *argv[])
{
    fixture_init(&argc, &argv);
    g_test_add_func("/memory/resident", test_resident);
    g_test_add_data_func("/memory/given-back/quiet", NULL, test_given_back);
    g_test_add_data_func("/memory/given-back/busy", "busy", test_given_back);
    g_test_add_func("/memory/sleeps", test_sleeps);
    return g_test_run();
}
