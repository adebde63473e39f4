/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What secctl asks an engine for, and how it reads what is there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/json_get.h"
#include "ctl/json_make.h"
#include "ctl/stack_list.h"
#include "ctl/stack_spec.h"
#include "ctl/stack_state.h"
#include "tests/support/cm.h"

static struct settings settings;

static int set_up(void **state)
{
    (void)state;
    settings_defaults(&settings);
    return 0;
}

/* The part of a document at path, as one line. */
static void assert_part(const cJSON *document, const char *path, const char *expected)
{
    const cJSON *item;
    struct err err;
    char *text;

    if (!json_object(document, path, &item, &err) && !json_array(document, path, &item, &err))
        fail_msg("%s", err.text);
    text = json_text(item, &err);
    assert_string_equal(text, expected);
    cJSON_free(text);
}

/* A number in the host's part, -1: there is none. */
static void assert_limit(const cJSON *body, const char *name, int64_t expected)
{
    const cJSON *host;
    int64_t found;
    struct err err;

    assert_true(json_object(body, "HostConfig", &host, &err));
    assert_true(json_integer_or(host, name, -1, &found, &err));
    assert_int_equal(found, expected);
}

static void the_internal_network_has_no_way_out_and_no_host_on_it(void **state)
{
    struct err err;
    cJSON *body = stack_network(&settings, STACK_INTERNAL, true, &err);
    char *text = json_text(body, &err);

    (void)state;
    assert_string_equal(
        text, "{\"Name\":\"claude-internal\",\"CheckDuplicate\":true,\"Driver\":\"bridge\","
              "\"Internal\":true,\"EnableIPv6\":false,\"Labels\":{"
              "\"com.docker.compose.project\":\"claude-secure\","
              "\"com.docker.compose.network\":\"claude-internal\"},\"Options\":{"
              "\"com.docker.network.bridge.inhibit_ipv4\":\"true\","
              "\"com.docker.network.driver.mtu\":\"1600\"},\"IPAM\":{\"Config\":[{"
              "\"Subnet\":\"10.213.76.0/24\",\"IPRange\":\"10.213.76.128/25\","
              "\"Gateway\":\"10.213.76.1\"}]}}");
    cJSON_free(text);
    cJSON_Delete(body);
}

static void the_external_network_has_ipv6_when_it_is_to(void **state)
{
    struct err err;
    cJSON *body;
    bool has_ipv6;

    (void)state;
    for (int i = 0; i < 2; i++) {
        body = stack_network(&settings, STACK_EXTERNAL, i == 1, &err);
        assert_true(json_bool(body, "EnableIPv6", &has_ipv6, &err));
        assert_int_equal(has_ipv6, i == 1);
        if (i == 1)
            assert_part(body, "IPAM/Config",
                        "[{\"Subnet\":\"fd73:6563:ad5:4d01::/64\",\"Gateway\":"
                        "\"fd73:6563:ad5:4d01::1\"}]");
        else
            assert_null(cJSON_GetObjectItem(body, "IPAM"));
        cJSON_Delete(body);
    }
}

/* A network as an engine shows it, from what it was asked for. */
static void assert_differs6(const char *name, bool has_ipv6, const char *text,
                            const char *expected)
{
    char difference[256];
    struct err err;
    cJSON *answer = json_parse("it", text, strlen(text), &err);

    assert_true(stack_network_differs(&settings, name, has_ipv6, answer, difference,
                                      sizeof(difference), &err));
    assert_string_equal(difference, expected);
    cJSON_Delete(answer);
}

static void assert_differs(const char *name, const char *text, const char *expected)
{
    assert_differs6(name, false, text, expected);
}

#define NETWORK(project, internal, subnet, inhibit)                                            \
    NETWORK6(project, internal, subnet, inhibit, "false")
#define NETWORK6(project, internal, subnet, inhibit, ipv6)                                     \
    "{\"EnableIPv6\":" ipv6 ",\"Labels\":{\"com.docker.compose.project\":\"" project           \
    "\"},\"Driver\":\"bridge\","                                                               \
    "\"Internal\":" internal                                                                   \
    ",\"Options\":{\"com.docker.network.bridge.inhibit_ipv4\":\"" inhibit                      \
    "\",\"com.docker.network.driver.mtu\":\"1600\"},\"IPAM\":{\"Config\":[{\"Subnet\":"        \
    "\"" subnet "\"}]}}"

static void networks_that_differ_are_seen(void **state)
{
    (void)state;
    assert_differs(STACK_INTERNAL, NETWORK("claude-secure", "true", "10.213.76.0/24", "true"),
                   "");
    assert_differs(STACK_INTERNAL, NETWORK("other", "true", "10.213.76.0/24", "true"),
                   "was not made for project claude-secure");
    assert_differs(STACK_INTERNAL, NETWORK("claude-secure", "false", "10.213.76.0/24", "true"),
                   "is not internal, expected the contrary");
    assert_differs(STACK_INTERNAL, NETWORK("claude-secure", "true", "172.18.0.0/16", "true"),
                   "has subnet 172.18.0.0/16, expected 10.213.76.0/24 (INTERNAL_SUBNET)");
    assert_differs(STACK_INTERNAL, NETWORK("claude-secure", "true", "10.213.76.0/24", "false"),
                   "gives the host an address on it (no inhibit_ipv4)");
    assert_differs(STACK_EXTERNAL, NETWORK("claude-secure", "false", "172.18.0.0/16", ""), "");
    assert_differs(STACK_EXTERNAL, NETWORK("claude-secure", "true", "172.18.0.0/16", ""),
                   "is internal, expected the contrary");
}

static void a_network_with_too_much_or_too_little_ipv6_differs(void **state)
{
    (void)state;
    assert_differs6(STACK_EXTERNAL, true,
                    NETWORK6("claude-secure", "false", "172.18.0.0/16", "", "true"), "");
    assert_differs6(STACK_EXTERNAL, true,
                    NETWORK6("claude-secure", "false", "172.18.0.0/16", "", "false"),
                    "has no IPv6, expected it (EXTERNAL_IPV6)");
    assert_differs6(STACK_EXTERNAL, false,
                    NETWORK6("claude-secure", "false", "172.18.0.0/16", "", "true"),
                    "has IPv6, expected none (EXTERNAL_IPV6)");
    assert_differs6(STACK_INTERNAL, true,
                    NETWORK6("claude-secure", "true", "10.213.76.0/24", "true", "false"), "");
    assert_differs6(STACK_INTERNAL, true,
                    NETWORK6("claude-secure", "true", "10.213.76.0/24", "true", "true"),
                    "has IPv6, expected none (EXTERNAL_IPV6)");
}

static cJSON *gateway6(bool has_ipv6, const char *image_id, const char *conf, const char *owner,
                       char spec[STACK_SPEC_MAX])
{
    struct stack_gateway_spec want = { .settings = &settings,
                                       .image_id = image_id,
                                       .gateway_conf = conf,
                                       .resolver = { .setting = "192.0.2.53" },
                                       .owner = owner,
                                       .has_ipv6 = has_ipv6 };
    struct err err;
    cJSON *body = stack_gateway(&want, spec, &err);

    assert_non_null(body);
    return body;
}

static cJSON *gateway(const char *image_id, const char *conf, const char *owner,
                      char spec[STACK_SPEC_MAX])
{
    return gateway6(false, image_id, conf, owner, spec);
}

static void the_gateway_has_what_it_needs_and_nothing_else(void **state)
{
    char spec[STACK_SPEC_MAX];
    cJSON *body = gateway("sha256:1", "", "me:1:2", spec);
    const char *label;
    struct err err;
    bool is_read_only;

    (void)state;
    assert_part(
        body, "Cmd",
        "[\"gateway\",\"--config\",\"/etc/secctl/stack.conf\",\"--set\","
        "\"internal=10.213.76.2\",\"--set\",\"tunnel.address=10.213.77.1/24\",\"--set\","
        "\"dns.upstream=192.0.2.53\",\"--config\",\"/etc/secctl/policy/gateway.conf\"]");
    assert_part(body, "HostConfig/CapDrop", "[\"ALL\"]");
    assert_part(body, "HostConfig/CapAdd", "[\"NET_ADMIN\",\"SETGID\",\"SETPCAP\",\"SETUID\"]");
    assert_part(body, "HostConfig/SecurityOpt", "[\"no-new-privileges\"]");
    assert_true(json_bool(body, "HostConfig/ReadonlyRootfs", &is_read_only, &err));
    assert_true(is_read_only);
    assert_part(body, "NetworkingConfig/EndpointsConfig",
                "{\"claude-internal\":{\"IPAMConfig\":{\"IPv4Address\":\"10.213.76.2\"}}}");
    assert_true(json_string(body, "Labels/secctl.spec", &label, &err));
    assert_string_equal(label, spec);
    assert_int_equal(strlen(spec), 64);
    cJSON_Delete(body);
}

static void a_gateway_is_another_when_what_it_rests_on_changes(void **state)
{
    char first[STACK_SPEC_MAX], other[STACK_SPEC_MAX];

    (void)state;
    cJSON_Delete(gateway("sha256:1", "mode = enforce\n", "me:1:2", first));
    cJSON_Delete(gateway("sha256:1", "mode = enforce\n", "you:3:4", other));
    assert_string_equal(first, other); /* whoever makes it */
    cJSON_Delete(gateway("sha256:2", "mode = enforce\n", "me:1:2", other));
    assert_string_not_equal(first, other);
    cJSON_Delete(gateway("sha256:1", "mode = learn\n", "me:1:2", other));
    assert_string_not_equal(first, other);
    assert_true(prefix_parse("10.9.9.0/24", 11, &settings.internal_subnet));
    cJSON_Delete(gateway("sha256:1", "mode = enforce\n", "me:1:2", other));
    assert_string_not_equal(first, other);
    settings_defaults(&settings);
}

#define SYSCTLS6                                                                               \
    "\"net.ipv6.conf.default.disable_ipv6\":\"0\",\"net.ipv6.conf.default.accept_ra\":"        \
    "\"0\",\"net.ipv6.conf.default.accept_redirects\":\"0\""

static void with_ipv6_gateway_and_link_have_a_second_address(void **state)
{
    struct stack_agent_spec want = {
        .settings = &settings, .n = 4, .agent = "four", .owner = "me:1:2", .has_ipv6 = true
    };
    char without[STACK_SPEC_MAX], spec[STACK_SPEC_MAX];
    const char *text;
    struct err err;
    cJSON *body;

    (void)state;
    cJSON_Delete(gateway6(false, "sha256:1", "", "me:1:2", without));
    body = gateway6(true, "sha256:1", "", "me:1:2", spec);
    assert_string_not_equal(spec, without);
    assert_part(body, "Cmd",
                "[\"gateway\",\"--config\",\"/etc/secctl/stack.conf\",\"--set\","
                "\"internal=10.213.76.2\",\"--set\","
                "\"tunnel.address=10.213.77.1/24, fd73:6563:ad5:4d00::1/64\",\"--set\","
                "\"dns.upstream=192.0.2.53\",\"--config\","
                "\"/etc/secctl/policy/gateway.conf\"]");
    assert_true(json_string(cJSON_GetObjectItem(body, "HostConfig"),
                            "Sysctls/net.ipv6.conf.all.forwarding", &text, &err));
    assert_string_equal(text, "1");
    cJSON_Delete(body);
    body = stack_link(&want, &err);
    assert_part(body, "Cmd",
                "[\"link\",\"--gateway\",\"10.213.76.2\",\"--inner\",\"10.213.77.6/24\","
                "\"--router\",\"10.213.77.1\",\"--inner6\",\"fd73:6563:ad5:4d00::6/64\","
                "\"--router6\",\"fd73:6563:ad5:4d00::1\","
                "\"--resolv-conf\",\"/etc/resolv.conf\"]");
    /* nothing that would wake IPv6 on the underlay */
    assert_part(body, "HostConfig/Sysctls", "{" SYSCTLS6 "}");
    cJSON_Delete(body);
}

static void link_and_agent_of_a_slot_belong_together(void **state)
{
    static const char *const command[] = { "sh", "-c", "exit 7", NULL };
    static const char *const env[] = { "A=b", NULL }, *const ca[] = { "SSL_CERT_FILE=/x",
                                                                      NULL };
    struct mounts mounts = { .nr = 1, .env = ca };
    struct stack_agent_spec want = { .settings = &settings,
                                     .n = 4,
                                     .agent = "four",
                                     .owner = "me:1:2",
                                     .image = "busybox",
                                     .command = command,
                                     .env = env,
                                     .mounts = &mounts,
                                     .seccomp = "{}",
                                     .has_terminal = true,
                                     .rows = 30,
                                     .columns = 100,
                                     .user = "1000:1000" };
    struct settings limited = settings;
    struct err err;
    cJSON *link, *agent;
    const char *text;

    (void)state;
    snprintf(mounts.list[0].source, sizeof(mounts.list[0].source), VOLUME_WORKSPACE);
    mounts.list[0].target = MOUNT_WORKSPACE;
    mounts.list[0].is_volume = true;
    link = stack_link(&want, &err);
    agent = stack_agent(&want, &err);
    assert_part(link, "Cmd",
                "[\"link\",\"--gateway\",\"10.213.76.2\",\"--inner\",\"10.213.77.6/24\","
                "\"--router\",\"10.213.77.1\",\"--resolv-conf\",\"/etc/resolv.conf\"]");
    assert_part(link, "HostConfig/Dns", "[\"10.213.77.1\"]");
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(link, "HostConfig"), "Sysctls"));
    assert_part(link, "NetworkingConfig/EndpointsConfig",
                "{\"claude-internal\":{\"IPAMConfig\":{\"IPv4Address\":\"10.213.76.6\"}}}");
    assert_true(json_string(link, "Labels/secctl.agent", &text, &err));
    assert_string_equal(text, "four");
    assert_true(json_string(agent, "HostConfig/NetworkMode", &text, &err));
    assert_string_equal(text, "container:claude-secure-link-4");
    assert_true(json_string(agent, "User", &text, &err));
    assert_string_equal(text, "1000:1000");
    assert_true(json_string(agent, "WorkingDir", &text, &err));
    assert_string_equal(text, "/workspace");
    assert_part(agent, "Env", "[\"A=b\",\"SSL_CERT_FILE=/x\"]");
    assert_part(agent, "Cmd", "[\"sh\",\"-c\",\"exit 7\"]");
    assert_part(agent, "HostConfig/CapDrop", "[\"ALL\"]");
    assert_part(agent, "HostConfig/SecurityOpt", "[\"no-new-privileges\",\"seccomp={}\"]");
    assert_part(agent, "HostConfig/ConsoleSize", "[30,100]");
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(agent, "HostConfig"), "CapAdd"));
    assert_limit(agent, "PidsLimit", 4096);
    assert_limit(agent, "Memory", -1);
    assert_limit(agent, "NanoCpus", -1);
    cJSON_Delete(link);
    cJSON_Delete(agent);
    limited.agent_pids = 0;
    limited.agent_memory = 8ll << 30;
    limited.agent_nano_cpus = 1500000000;
    want.settings = &limited;
    agent = stack_agent(&want, &err);
    assert_limit(agent, "PidsLimit", -1);
    assert_limit(agent, "Memory", 8589934592);
    assert_limit(agent, "NanoCpus", 1500000000);
    cJSON_Delete(agent);
}

#define CONTAINER(name, service, number, agent, address)                                       \
    "{\"Id\":\"" name "\",\"Names\":[\"/claude-secure-" name                                   \
    "\"],\"Image\":\"i\",\"ImageID\":\"s\","                                                   \
    "\"State\":\"running\",\"Status\":\"Up 2 minutes (healthy)\",\"Created\":5,\"Labels\":{"   \
    "\"com.docker.compose.service\":\"" service                                                \
    "\",\"com.docker.compose.container-number\":\"" number "\",\"secctl.agent\":\"" agent      \
    "\"},\"NetworkSettings\":{\"Networks\":{\"claude-internal\":{"                             \
    "\"IPAddress\":\"" address "\"}}}}"

static void read_list(const char *text, struct stack_list *list)
{
    struct err err;
    cJSON *answer = json_parse("it", text, strlen(text), &err);

    if (!stack_list_parse(answer, list, &err))
        fail_msg("%s", err.text);
    cJSON_Delete(answer);
}

static void containers_are_found_by_name_slot_and_agent(void **state)
{
    struct stack_list list;

    (void)state;
    read_list("[" CONTAINER("gateway-1", "gateway", "1", "", "10.213.76.2") "," CONTAINER(
                  "link-2", "link", "2", "two",
                  "10.213.76.4") "," CONTAINER("claude-2", "claude", "2", "two", "") "]",
              &list);
    assert_int_equal(list.nr, 3);
    assert_ptr_equal(stack_list_find(&list, STACK_GATEWAY), &list.all[0]);
    assert_ptr_equal(stack_list_slot(&list, STACK_SERVICE_LINK, 2), &list.all[1]);
    assert_null(stack_list_slot(&list, STACK_SERVICE_LINK, 1));
    assert_ptr_equal(stack_list_agent(&list, STACK_SERVICE_AGENT, "two"), &list.all[2]);
    assert_string_equal(stack_container_health(&list.all[0]), "healthy");
    assert_string_equal(list.all[1].internal, "10.213.76.4");
    stack_list_clear(&list);
}

static void the_lowest_slot_that_nothing_takes_is_picked(void **state)
{
    struct stack_list list;

    (void)state;
    read_list("[]", &list);
    assert_int_equal(stack_list_free_slot(&list, &settings.internal_subnet, 1), 1);
    stack_list_clear(&list);
    /* 1 by its link, 2 by an agent without a link, 3 by an address */
    read_list("[" CONTAINER("link-1", "link", "1", "claude", "10.213.76.3") "," CONTAINER(
                  "claude-2", "claude", "2", "claude-2",
                  "") "," CONTAINER("mine", "other", "", "", "10.213.76.5") "]",
              &list);
    assert_int_equal(stack_list_free_slot(&list, &settings.internal_subnet, 1), 4);
    assert_int_equal(stack_list_free_slot(&list, &settings.internal_subnet, 9), 9);
    assert_int_equal(stack_list_free_slot(&list, &settings.internal_subnet, STACK_SLOTS_MAX),
                     0);
    stack_list_clear(&list);
}

static void a_list_with_a_bad_entry_is_no_list(void **state)
{
    static const char *const cases[][2] = {
        { "{}", "list the containers: the answer is no list" },
        { "[7]", "list the containers: the whole is a number, expected an object" },
        { "[{\"Id\":\"1\",\"Names\":[]}]",
          "list the containers: field \"Names\" holds no string, expected a name" },
        { "[{\"Id\":\"1\",\"Names\":[\"/a\"],\"Created\":\"x\"}]",
          "list the containers: field \"Created\" is a string, expected a whole number" },
        { "[{\"Names\":[\"/a\"]}]", "list the containers: field \"Id\" is missing" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stack_list list;
        struct err err;
        cJSON *answer = json_parse("it", cases[i][0], strlen(cases[i][0]), &err);

        assert_false(stack_list_parse(answer, &list, &err));
        assert_string_equal(err.text, cases[i][1]);
        assert_null(list.all);
        cJSON_Delete(answer);
    }
}

static void leftovers_are_told_from_the_living(void **state)
{
    struct stack_list list;
    char self[OWNER_TEXT_MAX], gone[OWNER_TEXT_MAX];

    (void)state;
    owner_self(self);
    snprintf(gone, sizeof(gone), "%.*s:4000000:1", (int)strcspn(self, ":"), self);
    assert_int_equal(owner_look(self), OWNER_ALIVE);
    assert_int_equal(owner_look(gone), OWNER_GONE);
    assert_int_equal(owner_look("another-host:1:1"), OWNER_ELSEWHERE);
    assert_int_equal(owner_look("rubbish"), OWNER_ELSEWHERE);
    read_list("[" CONTAINER("link-1", "link", "1", "claude", "10.213.76.3") "," CONTAINER(
                  "claude-1", "claude", "1", "claude", "") "]",
              &list);
    assert_false(stack_is_leftover(&list, &list.all[0])); /* compose's: no owner */
    memcpy(list.all[0].owner, gone, sizeof(gone));
    memcpy(list.all[1].owner, gone, sizeof(gone));
    assert_false(stack_is_leftover(&list, &list.all[0])); /* its agent still runs */
    assert_false(stack_is_leftover(&list, &list.all[1]));
    list.all[1].is_running = false;
    assert_true(stack_is_leftover(&list, &list.all[0]));
    assert_true(stack_is_leftover(&list, &list.all[1]));
    memcpy(list.all[0].owner, self, sizeof(self));
    assert_false(stack_is_leftover(&list, &list.all[0]));
    stack_list_clear(&list);
}

static void what_the_gateway_says_is_read(void **state)
{
    static const char text[] = "{\"policy\":{\"id\":\"sha256:1\",\"rules\":3},\"healthy\":true,"
                               "\"links\":[{\"agent\":\"claude\",\"outer\":\"10.213.76.3\"}]}";
    struct stack_container link = { .agent = "claude", .internal = "10.213.76.3" };
    struct stack_state said;
    struct err err;

    (void)state;
    assert_true(stack_state_parse(text, &said, &err));
    assert_true(said.is_healthy);
    assert_int_equal(said.nr_rules, 3);
    assert_true(stack_state_has(&said, &link));
    snprintf(link.internal, sizeof(link.internal), "10.213.76.4");
    assert_false(stack_state_has(&said, &link));
    stack_state_clear(&said);
    assert_false(stack_state_parse("{\"policy\":{\"id\":\"x\"}}", &said, &err));
    assert_string_equal(
        err.text, "what fwd status says: field \"healthy\" is missing, expected a boolean");
    stack_state_clear(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_internal_network_has_no_way_out_and_no_host_on_it),
        cmocka_unit_test(the_external_network_has_ipv6_when_it_is_to),
        cmocka_unit_test(a_network_with_too_much_or_too_little_ipv6_differs),
        cmocka_unit_test(with_ipv6_gateway_and_link_have_a_second_address),
        cmocka_unit_test(networks_that_differ_are_seen),
        cmocka_unit_test(the_gateway_has_what_it_needs_and_nothing_else),
        cmocka_unit_test(a_gateway_is_another_when_what_it_rests_on_changes),
        cmocka_unit_test(link_and_agent_of_a_slot_belong_together),
        cmocka_unit_test(containers_are_found_by_name_slot_and_agent),
        cmocka_unit_test(the_lowest_slot_that_nothing_takes_is_picked),
        cmocka_unit_test(a_list_with_a_bad_entry_is_no_list),
        cmocka_unit_test(leftovers_are_told_from_the_living),
        cmocka_unit_test(what_the_gateway_says_is_read),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
