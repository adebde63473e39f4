/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whether agents get IPv6, from what a machine and an engine say. The routes are as Linux 6.18
 * prints them.
 */
#include <string.h>

#include "ctl/ipv6.h"
#include "tests/support/cm.h"

#define ZERO   "00000000000000000000000000000000"
#define ROUTER "fe800000000000000000000000000001"
#define ROUTE(target, next, flags, device)                                                     \
    target " " ZERO " 00 " next " 00000400 00000001 00000000 " flags "     " device "\n"
#define NONE ROUTE(ZERO " 00", ZERO, "00200200", "lo")

static const struct {
    const char *what, *text, *device; /* NULL: no default route */
    bool is_advertised;
} routes[] = {
    { "nothing", "", NULL, false },
    { "what every machine has", NONE, NULL, false },
    { "networks only",
      ROUTE("20010db8000000000000000000000000 40", ZERO, "00000001", "eth0") NONE, NULL,
      false },
    { "by hand", NONE ROUTE(ZERO " 00", ROUTER, "00000003", "eth0") NONE, "eth0", false },
    { "by a tunnel, without a router", ROUTE(ZERO " 00", ZERO, "00000001", "wg0"), "wg0",
      false },
    { "of an advertisement", ROUTE(ZERO " 00", ROUTER, "00450003", "wlp3s0"), "wlp3s0", true },
    { "one that refuses", ROUTE(ZERO " 00", ROUTER, "00000201", "eth0"), NULL, false },
    { "one that is not up", ROUTE(ZERO " 00", ROUTER, "00000002", "eth0"), NULL, false },
    { "by loopback", ROUTE(ZERO " 00", ZERO, "00000001", "lo"), NULL, false },
    { "a line that ends early", ZERO " 00 " ZERO " 00 " ROUTER " 00000400", NULL, false },
    { "one for some sources only",
      ZERO " 00 20010db8000000000000000000000000 40 " ROUTER
           " 00000400 00000001 00000000 00000003 eth0\n",
      NULL, false },
    { "a device of a name too long",
      ROUTE(ZERO " 00", ROUTER, "00000003", "abcdefghijklmnopqrstuvwxyzabcdef"), NULL, false },
};

static void a_default_route_is_told_from_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct ipv6_route route = { .device = "" };
        bool is_found = ipv6_route_find(routes[i].text, strlen(routes[i].text), &route);

        if (is_found != (routes[i].device != NULL))
            fail_msg("%s", routes[i].what);
        if (!is_found)
            continue;
        assert_string_equal(route.device, routes[i].device);
        assert_int_equal(route.is_advertised, routes[i].is_advertised);
    }
}

static const struct {
    const char *conf;
    unsigned api;
    bool masquerades;
} daemons[] = {
    { NULL, 41, false },
    { "{}", 45, false },
    { "{\"ip6tables\":true}", 45, false },
    { "{\"experimental\":true}", 45, false },
    { "{\"experimental\":true,\"ip6tables\":true}", 45, true },
    { NULL, 46, true },
    { "{}", 46, true },
    { "{\"ip6tables\":false}", 46, false },
    { "{\"experimental\":false}", 46, true },
    { "{\"ip6tables\":7}", 46, true }, /* with which no engine starts */
    { "{", 46, true },
    { "{", 45, false },
};

static void old_engines_have_to_be_told_to_masquerade(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
        const char *conf = daemons[i].conf;

        if (ipv6_daemon_masquerades(daemons[i].api, conf, conf ? strlen(conf) : 0) !=
            daemons[i].masquerades)
            fail_msg("API 1.%u, %s", daemons[i].api, conf ? conf : "no daemon.json");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_default_route_is_told_from_others),
        cmocka_unit_test(old_engines_have_to_be_told_to_masquerade),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
