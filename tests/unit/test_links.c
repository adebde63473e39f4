/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Links, their places, what they become in the setup; and the texts around them: options that
 * are kept, an end's wish.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fwd/config.h"
#include "fwd/link_end.h"
#include "fwd/links.h"
#include "tests/support/cm.h"
#include "tests/support/exact.h"

static struct conf conf;
static struct links links;

static int start(void **state)
{
    static const char text[] =
        "internal = 10.1.1.1\nexternal = auto\ntunnel = vxlan\n"
        "tunnel.address = 10.1.2.1/24, fd00::1/64\nlink.fixed = 10.1.1.9 10.1.2.9 fd00::9\n";
    struct err err = { 0 };

    (void)state;
    log_set("test", LOG_LEVEL_NONE);
    return conf_parse("c", text, sizeof(text) - 1, &conf, &err) &&
                   links_load(&links, &conf, &err)
               ? 0
               : -1;
}

static enum links_rc add(const char *text, struct err *err)
{
    struct link link;

    if (!links_parse_one(text, strlen(text), &link, err))
        return LINKS_BAD;
    return links_add(&links, &conf, &link, false, err);
}

static void a_link_that_is_there_is_left_alone(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(add("a 10.1.1.3 10.1.2.3 fd00::3", &err), LINKS_CHANGED);
    assert_int_equal(add("a  10.1.1.3\t10.1.2.3 fd00::3 ", &err), LINKS_SAME);
    assert_int_equal(add("fixed 10.1.1.9 10.1.2.9 fd00::9", &err), LINKS_SAME);
}

static void what_clashes_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *link, *error;
    } cases[] = {
        { "fixed 10.1.1.9 10.1.2.8", "link fixed is there already, with other addresses: fixed "
                                     "10.1.1.9 10.1.2.9 fd00::9; detach it first" },
        { "b 10.1.1.9 10.1.2.8",
          "link b: 10.1.1.9 is link fixed's too, expected each address at one link" },
        { "b 10.1.1.8 10.1.2.9",
          "link b: 10.1.2.9 is link fixed's too, expected each address at one link" },
        { "b 10.1.2.9 10.1.2.8",
          "link b: 10.1.2.9 is link fixed's too, expected each address at one link" },
        { "b 10.1.1.8 10.1.2.8 fd00::9",
          "link b: fd00::9 is link fixed's too, expected each address at one link" },
        { "b 10.1.1.1 10.1.2.8", "link b: 10.1.1.1 is the gateway's own outer address" },
        { "b 10.1.1.8 10.1.3.8", "inner address 10.1.3.8: expected one in the network of "
                                 "tunnel.address, and not the gateway's own" },
        { "b 10.1.1.8 10.1.2.1", "inner address 10.1.2.1: expected one in the network of "
                                 "tunnel.address, and not the gateway's own" },
        { "b 10.1.1.8 10.1.2.8 fd01::8", "inner address fd01::8: expected one in the network "
                                         "of tunnel.address, and not the gateway's own" },
        { "B 10.1.1.8 10.1.2.8",
          "bad agent name \"B\", expected 1 to 63 of a-z, 0-9, \"_\" and \"-\"" },
        { "b 10.1.1.8", "link b: \"10.1.1.8\", expected " LINK_SHAPE },
        { "b", "link b: \"\", expected " LINK_SHAPE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };

        assert_int_equal(add(cases[i].link, &err), LINKS_BAD);
        assert_string_equal(err.text, cases[i].error);
    }
}

static void there_are_64_links_at_most(void **state)
{
    struct err err = { 0 };
    char text[64];

    (void)state;
    for (int i = 0; i < LINKS_MAX - 1; i++) {
        snprintf(text, sizeof(text), "a%d 10.1.1.%d 10.1.2.%d", i, 100 + i, 100 + i);
        assert_int_equal(add(text, &err), LINKS_CHANGED);
    }
    assert_int_equal(add("one-more 10.1.1.8 10.1.2.8", &err), LINKS_BAD);
    assert_string_equal(err.text, "link one-more: there are 64 links, expected no more");
}

static void a_link_keeps_its_place_when_another_goes(void **state)
{
    struct ipc_setup setup = { .nr_sources = 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(add("a 10.1.1.3 10.1.2.3", &err), LINKS_CHANGED);
    assert_int_equal(add("b 10.1.1.4 10.1.2.4 fd00::4", &err), LINKS_CHANGED);
    assert_int_equal(links_remove(&links, "a", &err), LINKS_CHANGED);
    assert_int_equal(links_remove(&links, "a", &err), LINKS_SAME);
    assert_int_equal(links_remove(&links, "fixed", &err), LINKS_BAD);
    assert_string_equal(err.text, "link fixed is in the configuration (link.fixed), expected "
                                  "one that was attached");
    links_setup(&links, &setup);
    assert_int_equal(setup.nr_sources, 6);
    assert_string_equal(setup.sources[0].agent, "fixed");
    assert_string_equal(setup.sources[1].agent, "fixed");
    assert_string_equal(setup.sources[2].agent, "");
    assert_string_equal(setup.sources[3].agent, "");
    assert_string_equal(setup.sources[4].agent, "b");
    assert_string_equal(setup.sources[5].agent, "b");
    assert_int_equal(setup.sources[4].prefix.bits, 32);
    assert_int_equal(setup.sources[5].prefix.bits, 128);
    assert_int_equal(add("c 10.1.1.5 10.1.2.5", &err), LINKS_CHANGED);
    assert_int_equal(links_find(&links, "c"), 3); /* not the place that was just freed */
}

static void kept_links_come_back_to_their_places(void **state)
{
    static const char kept[] = "5 a 10.1.1.3 10.1.2.3\nx\n64 b 10.1.1.4 10.1.2.4\n"
                               "7 c 10.1.1.3 10.1.2.5\n0 d 10.1.1.6 10.1.2.6";

    (void)state;
    assert_int_equal(links_parse(&links, &conf, kept, sizeof(kept) - 1), 3);
    assert_int_equal(links_find(&links, "a"), 5);
    assert_int_equal(links_find(&links, "d"), 1); /* 0 is the configuration's */
    for (size_t len = 0; len < sizeof(kept) - 1; len++) {
        uint8_t *copy = exact(kept, len);

        (void)!links_parse(&links, &conf, (char *)copy, len);
        free(copy);
    }
}

/* --- options ----------------------------------------------------------------------------- */

static void the_list_of_options_is_read_back(void **state)
{
    char good[] = "config /etc/a b\nset internal=10.1.1.1\nset x = y z\n";
    struct config config;

    (void)state;
    assert_true(config_parse(good, &config));
    assert_int_equal(config.nr, 3);
    assert_false(config.list[0].is_setting);
    assert_string_equal(config.list[0].text, "/etc/a b");
    assert_true(config.list[2].is_setting);
    assert_string_equal(config.list[2].text, "x = y z");
}

static void what_is_no_list_of_options_is_refused(void **state)
{
    static const char *const bad[] = {
        "", "config", "config a", "config \n", "conf a\n", "set a=b\nx\n", "set a=b\nset c=d"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[64];
        struct config config;

        strcpy(text, bad[i]);
        if (config_parse(text, &config))
            fail_msg("taken: %s", bad[i]);
    }
}

static void there_are_32_options_at_most(void **state)
{
    struct config config = { .nr = 0 };
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        assert_true(config_add(&config, true, "a=b", &err));
    assert_false(config_add(&config, false, "f", &err));
    assert_string_equal(err.text, "--config f: expected at most 32 of --config and --set");
    config.nr = 0;
    assert_false(config_add(&config, true, "a=b\nc=d", &err));
    assert_string_equal(err.text, "--set \"a=b\nc=d\": expected KEY=VALUE in one line");
}

static void a_setting_that_is_wrong_says_where(void **state)
{
    struct config config = { .nr = 0 };
    struct err err = { 0 };
    struct conf read;

    (void)state;
    assert_true(config_add(&config, true, "internal=a b", &err));
    assert_false(config_read(&config, &read, &err));
    assert_string_equal(err.text,
                        "--set:1:10: internal = \"a b\", expected an interface's name "
                        "or an address on it");
}

/* --- an agent's end ---------------------------------------------------------------------- */

static const struct {
    const char *gateway, *inner, *router, *inner6, *router6, *error;
} wishes[] = {
    { "10.1.1.1", "10.1.2.3/24", "10.1.2.1", NULL, NULL, NULL },
    { "10.1.1.1", "10.1.2.3/24", "10.1.2.1", "fd00::3/64", "fd00::1", NULL },
    { NULL, "10.1.2.3/24", "10.1.2.1", NULL, NULL,
      "no --gateway, expected --gateway, --inner and --router" },
    { "10.1.1.1", NULL, "10.1.2.1", NULL, NULL,
      "no --inner, expected --gateway, --inner and --router" },
    { "10.1.1.1", "10.1.2.3/24", NULL, NULL, NULL,
      "no --router, expected --gateway, --inner and --router" },
    { "10.1.1.1", "10.1.2.3/24", "10.1.2.1", "fd00::3/64", NULL,
      "--inner6 and --router6: expected both or neither" },
    { "10.1.1", "10.1.2.3/24", "10.1.2.1", NULL, NULL,
      "--gateway \"10.1.1\", expected an IPv4 address" },
    { "10.1.1.1", "10.1.2.3", "10.1.2.1", NULL, NULL,
      "--inner \"10.1.2.3\", expected an address such as 10.213.77.3/24" },
    { "10.1.1.1", "10.1.2.3/33", "10.1.2.1", NULL, NULL,
      "--inner \"10.1.2.3/33\", expected an address such as 10.213.77.3/24" },
    { "10.1.1.1", "10.1.2.3/24x", "10.1.2.1", NULL, NULL,
      "--inner \"10.1.2.3/24x\", expected an address such as 10.213.77.3/24" },
    { "10.1.1.1", "10.1.2.3/-1", "10.1.2.1", NULL, NULL,
      "--inner \"10.1.2.3/-1\", expected an address such as 10.213.77.3/24" },
    { "10.1.1.1", "fd00::3/64", "10.1.2.1", NULL, NULL,
      "--inner \"fd00::3/64\", expected an address such as 10.213.77.3/24" },
    { "10.1.1.1", "10.1.2.3/24", "10.1.2.3", NULL, NULL,
      "--router 10.1.2.3 is the agent's own address, expected the gateway's" },
    { "10.1.1.1", "10.1.2.3/24", "10.1.2.1", "10.1.2.4/24", "fd00::1",
      "--inner6 \"10.1.2.4/24\", expected an address such as fd00:213:77::3/64" },
    { "10.1.1.1", "10.1.2.3/24", "10.1.2.1", "fd00::3/64", "10.1.2.1",
      "--router6 \"10.1.2.1\", expected an IPv6 address" },
};

static void an_ends_wish_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
        const char *const inner[] = { wishes[i].inner, wishes[i].inner6 };
        const char *const router[] = { wishes[i].router, wishes[i].router6 };
        struct link_wish wish = { .nr_inner = 0 };
        struct err err = { 0 };

        if (link_wish_parse(wishes[i].gateway, inner, router, &wish, &err)) {
            assert_null(wishes[i].error);
            assert_int_equal(wish.nr_inner, wishes[i].inner6 ? 2 : 1);
        } else {
            assert_non_null(wishes[i].error);
            assert_string_equal(err.text, wishes[i].error);
        }
    }
}

#define WITH_LINKS(test) cmocka_unit_test_setup(test, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LINKS(a_link_that_is_there_is_left_alone),
        WITH_LINKS(what_clashes_is_refused_with_the_reason),
        WITH_LINKS(there_are_64_links_at_most),
        WITH_LINKS(a_link_keeps_its_place_when_another_goes),
        WITH_LINKS(kept_links_come_back_to_their_places),
        cmocka_unit_test(the_list_of_options_is_read_back),
        cmocka_unit_test(what_is_no_list_of_options_is_refused),
        cmocka_unit_test(there_are_32_options_at_most),
        cmocka_unit_test(a_setting_that_is_wrong_says_where),
        cmocka_unit_test(an_ends_wish_is_read_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
