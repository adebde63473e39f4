/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/stack_spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/digest.h"
#include "ctl/json_make.h"

#define GATEWAY_HOST 2
#define ROUTER_HOST  1

#define SECOND_NS 1000000000LL

/* The last group but one of what an IPv6 network is of. */
enum network6 { NETWORK6_TUNNEL, NETWORK6_EXTERNAL };

const char *stack_address(const struct prefix *subnet, unsigned host, char text[ADDR_TEXT_MAX])
{
    struct addr addr = subnet->addr;

    addr.bytes[3] = (uint8_t)host;
    return addr_format(&addr, text);
}

static struct addr address6(const struct settings *settings, enum network6 network,
                            unsigned host)
{
    const uint8_t *subnet = settings->tunnel_subnet.addr.bytes;
    const uint8_t bytes[16] = { 0xfd,
                                0x73,
                                0x65,
                                0x63,
                                subnet[0],
                                subnet[1],
                                subnet[2],
                                (uint8_t)network,
                                [15] = (uint8_t)host };

    return addr_from_bytes(ADDR_V6, bytes);
}

const char *stack_address6(const struct settings *settings, unsigned host,
                           char text[ADDR_TEXT_MAX])
{
    const struct addr addr = address6(settings, NETWORK6_TUNNEL, host);

    return addr_format(&addr, text);
}

const char *stack_link_name(unsigned n, char name[STACK_NAME_MAX])
{
    snprintf(name, STACK_NAME_MAX, STACK_PROJECT "-link-%u", n);
    return name;
}

const char *stack_agent_container(unsigned n, char name[STACK_NAME_MAX])
{
    snprintf(name, STACK_NAME_MAX, STACK_PROJECT "-claude-%u", n);
    return name;
}

const char *stack_agent_name(unsigned n, char name[64])
{
    if (n == 1)
        snprintf(name, 64, "claude");
    else
        snprintf(name, 64, "claude-%u", n);
    return name;
}

/* Labels by which docker compose knows a container as its own. */
static cJSON *put_labels(struct json_make *make, cJSON *body, const char *service, unsigned n,
                         const char *owner)
{
    cJSON *labels = json_make_object(make, body, "Labels");

    json_put(make, labels, LABEL_PROJECT, STACK_PROJECT);
    json_put(make, labels, LABEL_SERVICE, service);
    json_putf(make, labels, LABEL_NUMBER, "%u", n);
    json_put(make, labels, "com.docker.compose.oneoff", "False");
    json_put(make, labels, LABEL_OWNER, owner);
    return labels;
}

/* The digest of the body so far, and of what else it depends on, becomes a label. */
static void put_spec(struct json_make *make, cJSON *body, cJSON *labels, const char *image_id,
                     const char *config, char spec[STACK_SPEC_MAX])
{
    char *text = cJSON_PrintUnformatted(body), *whole = NULL;
    size_t size = 0;

    if (text) {
        size = strlen(text) + strlen(image_id) + strlen(config) + 3;
        whole = malloc(size);
    }
    if (whole)
        snprintf(whole, size, "%s\n%s\n%s", text, image_id, config);
    if (whole == NULL || !digest_text(whole, strlen(whole), spec))
        make->is_failed = true;
    cJSON_free(text);
    free(whole);
    json_put(make, labels, LABEL_SPEC, spec);
    json_put(make, labels, "com.docker.compose.config-hash", spec);
}

static void put_external6(struct json_make *make, cJSON *body, const struct settings *settings)
{
    const struct prefix subnet = { address6(settings, NETWORK6_EXTERNAL, 0), 64 };
    const struct addr gateway = address6(settings, NETWORK6_EXTERNAL, 1);
    char text[PREFIX_TEXT_MAX];
    cJSON *part = json_make_array(make, json_make_object(make, body, "IPAM"), "Config");

    part = json_make_object(make, part, NULL); /* IPv4's is for the engine to choose */
    json_put(make, part, "Subnet", prefix_format(&subnet, text));
    json_put(make, part, "Gateway", addr_format(&gateway, text));
}

cJSON *stack_network(const struct settings *settings, const char *name, bool has_ipv6,
                     struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL), *part;
    const struct prefix *subnet = &settings->internal_subnet;
    char text[PREFIX_TEXT_MAX], address[ADDR_TEXT_MAX];
    bool is_internal = strcmp(name, STACK_INTERNAL) == 0;

    json_put(&make, body, "Name", name);
    json_put_bool(&make, body, "CheckDuplicate", true);
    json_put(&make, body, "Driver", "bridge");
    json_put_bool(&make, body, "Internal", is_internal);
    json_put_bool(&make, body, "EnableIPv6", has_ipv6 && !is_internal);
    part = json_make_object(&make, body, "Labels");
    json_put(&make, part, LABEL_PROJECT, STACK_PROJECT);
    json_put(&make, part, LABEL_NETWORK, name);
    if (is_internal) {
        part = json_make_object(&make, body, "Options");
        json_put(&make, part, "com.docker.network.bridge.inhibit_ipv4", "true");
        json_put(&make, part, "com.docker.network.driver.mtu", "1600");
        part = json_make_array(&make, json_make_object(&make, body, "IPAM"), "Config");
        part = json_make_object(&make, part, NULL);
        json_put(&make, part, "Subnet", prefix_format(subnet, text));
        json_putf(&make, part, "IPRange", "%s/25", stack_address(subnet, 128, address));
        json_put(&make, part, "Gateway", stack_address(subnet, 1, address));
    } else if (has_ipv6) {
        put_external6(&make, body, settings);
    }
    return json_finish(&make, body, err);
}

static void put_security(struct json_make *make, cJSON *host, bool is_network_admin,
                         const char *seccomp)
{
    static const char *const capabilities[] = { "NET_ADMIN", "SETGID", "SETPCAP", "SETUID" };
    cJSON *list;

    json_append(make, json_make_array(make, host, "CapDrop"), "ALL");
    if (is_network_admin) {
        list = json_make_array(make, host, "CapAdd");
        for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
            json_append(make, list, capabilities[i]);
    }
    list = json_make_array(make, host, "SecurityOpt");
    json_append(make, list, "no-new-privileges");
    if (seccomp) {
        size_t size = strlen(seccomp) + sizeof("seccomp=");
        char *option = malloc(size);

        if (option)
            snprintf(option, size, "seccomp=%s", seccomp);
        json_append(make, list, option ? option : "");
        make->is_failed = make->is_failed || option == NULL;
        free(option);
    }
}

static void put_restart(struct json_make *make, cJSON *host)
{
    json_put(make, json_make_object(make, host, "RestartPolicy"), "Name", "unless-stopped");
}

/* A volume that does not exist yet is made with compose's labels. */
static void put_mount(struct json_make *make, cJSON *list, const char *source, bool is_volume,
                      const char *target, bool is_read_only)
{
    cJSON *mount = json_make_object(make, list, NULL), *labels;

    json_put(make, mount, "Type", is_volume ? "volume" : "bind");
    json_put(make, mount, "Source", source);
    json_put(make, mount, "Target", target);
    json_put_bool(make, mount, "ReadOnly", is_read_only);
    if (!is_volume)
        return;
    labels = json_make_object(make, json_make_object(make, mount, "VolumeOptions"), "Labels");
    json_put(make, labels, LABEL_PROJECT, STACK_PROJECT);
    json_put(make, labels, LABEL_VOLUME, source);
}

static void put_health(struct json_make *make, cJSON *body, const char *const *test)
{
    cJSON *health = json_make_object(make, body, "Healthcheck");
    cJSON *list = json_make_array(make, health, "Test");

    json_append(make, list, "CMD");
    json_append(make, list, STACK_FWD);
    for (; *test; test++)
        json_append(make, list, *test);
    json_put_integer(make, health, "Interval", 5 * SECOND_NS);
    json_put_integer(make, health, "Timeout", 10 * SECOND_NS);
    json_put_integer(make, health, "StartPeriod", 30 * SECOND_NS);
    json_put_integer(make, health, "Retries", 3);
}

/* On claude-internal, with an address of our choice. */
static void put_internal(struct json_make *make, cJSON *body, cJSON *host, const char *address)
{
    cJSON *part = json_make_object(make, body, "NetworkingConfig");

    json_put(make, host, "NetworkMode", STACK_INTERNAL);
    part =
        json_make_object(make, json_make_object(make, part, "EndpointsConfig"), STACK_INTERNAL);
    json_put(make, json_make_object(make, part, "IPAMConfig"), "IPv4Address", address);
}

static void put_gateway_command(struct json_make *make, cJSON *body,
                                const struct stack_gateway_spec *want, const char *outer)
{
    cJSON *command = json_make_array(make, body, "Cmd");
    char inner[ADDR_TEXT_MAX], inner6[ADDR_TEXT_MAX];

    json_append(make, command, "gateway");
    json_append(make, command, "--config");
    json_append(make, command, "/etc/secctl/stack.conf");
    json_append(make, command, "--set");
    json_appendf(make, command, "internal=%s", outer);
    json_append(make, command, "--set");
    stack_address(&want->settings->tunnel_subnet, ROUTER_HOST, inner);
    if (want->has_ipv6)
        json_appendf(make, command, "tunnel.address=%s/24, %s/64", inner,
                     stack_address6(want->settings, ROUTER_HOST, inner6));
    else
        json_appendf(make, command, "tunnel.address=%s/24", inner);
    if (want->resolver.setting) {
        json_append(make, command, "--set");
        json_appendf(make, command, "dns.upstream=%s", want->resolver.setting);
    }
    json_append(make, command, "--config");
    json_append(make, command, POLICY_FOLDER "/gateway.conf");
}

static void put_sysctls(struct json_make *make, cJSON *sysctls, const char *const (*list)[2],
                        size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        json_put(make, sysctls, list[i][0], list[i][1]);
}

/* For devices that are still to be made: engines switch IPv6 off in a container, or on its
 * devices, where no network has it. Their own devices stay as the engine has them. */
static const char *const sysctls6[][2] = {
    { "net.ipv6.conf.default.disable_ipv6", "0" },
    { "net.ipv6.conf.default.accept_ra", "0" },
    { "net.ipv6.conf.default.accept_redirects", "0" },
};

static void put_gateway_host(struct json_make *make, cJSON *host,
                             const struct stack_gateway_spec *want)
{
    static const char *const forwarding6[][2] = {
        { "net.ipv6.conf.all.forwarding", "1" },
        { "net.ipv6.conf.all.accept_redirects", "0" },
        { "net.ipv6.icmp.ratelimit", "0" },
    };
    static const char *const sysctls[][2] = {
        { "net.ipv4.ip_forward", "1" },
        { "net.ipv4.ip_unprivileged_port_start", "53" },
        { "net.ipv4.ip_early_demux", "0" },
        { "net.ipv4.conf.all.send_redirects", "0" },
        { "net.ipv4.conf.all.accept_redirects", "0" },
        { "net.ipv4.conf.all.accept_source_route", "0" },
        { "net.ipv4.icmp_ratelimit", "0" },
        { "net.netfilter.nf_conntrack_acct", "1" },
        { "net.netfilter.nf_conntrack_checksum", "1" },
        { "net.netfilter.nf_conntrack_tcp_loose", "0" },
        { "net.netfilter.nf_conntrack_tcp_be_liberal", "0" },
        { "net.netfilter.nf_conntrack_udp_timeout", "240" },
        { "net.netfilter.nf_conntrack_udp_timeout_stream", "600" },
    };
    cJSON *part;

    put_security(make, host, true, NULL);
    put_restart(make, host);
    json_put_bool(make, host, "ReadonlyRootfs", true);
    part = json_make_object(make, host, "Sysctls");
    put_sysctls(make, part, sysctls, ARRAY_LEN(sysctls));
    if (want->has_ipv6) {
        put_sysctls(make, part, sysctls6, ARRAY_LEN(sysctls6));
        put_sysctls(make, part, forwarding6, ARRAY_LEN(forwarding6));
    }
    json_put(make, json_make_object(make, host, "Tmpfs"), "/run/secctl",
             "mode=0755,size=1m,nosuid,nodev,noexec");
    part = json_make_array(make, host, "Mounts");
    put_mount(make, part, VOLUME_POLICY, true, POLICY_FOLDER, false);
    put_mount(make, part, VOLUME_STATE, true, STATE_FOLDER, false);
    put_mount(make, part, VOLUME_LOG, true, LOG_FOLDER, false);
    if (want->resolver.folder)
        put_mount(make, part, want->resolver.folder, false, STACK_RESOLVER_FOLDER, true);
}

cJSON *stack_gateway(const struct stack_gateway_spec *want, char spec[STACK_SPEC_MAX],
                     struct err *err)
{
    static const char *const health[] = { "check", NULL };
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL), *host, *labels;
    char outer[ADDR_TEXT_MAX];

    stack_address(&want->settings->internal_subnet, GATEWAY_HOST, outer);
    json_put(&make, body, "Image", want->settings->gateway_image);
    json_put(&make, body, "Hostname", "gateway");
    put_gateway_command(&make, body, want, outer);
    put_health(&make, body, health);
    host = json_make_object(&make, body, "HostConfig");
    put_gateway_host(&make, host, want);
    put_internal(&make, body, host, outer);
    /* the owner is no part of what is compared */
    labels = put_labels(&make, body, "gateway", 1, "");
    spec[0] = '\0';
    put_spec(&make, body, labels, want->image_id, want->gateway_conf, spec);
    cJSON_DeleteItemFromObjectCaseSensitive(labels, LABEL_OWNER);
    json_put(&make, labels, LABEL_OWNER, want->owner);
    return json_finish(&make, body, err);
}

static void put_link_command(struct json_make *make, cJSON *body,
                             const struct settings *settings, unsigned host, bool has_ipv6)
{
    cJSON *command = json_make_array(make, body, "Cmd");
    char text[ADDR_TEXT_MAX];

    json_append(make, command, "link");
    json_append(make, command, "--gateway");
    json_append(make, command, stack_address(&settings->internal_subnet, GATEWAY_HOST, text));
    json_append(make, command, "--inner");
    json_appendf(make, command, "%s/24", stack_address(&settings->tunnel_subnet, host, text));
    json_append(make, command, "--router");
    json_append(make, command, stack_address(&settings->tunnel_subnet, ROUTER_HOST, text));
    if (has_ipv6) {
        json_append(make, command, "--inner6");
        json_appendf(make, command, "%s/64", stack_address6(settings, host, text));
        json_append(make, command, "--router6");
        json_append(make, command, stack_address6(settings, ROUTER_HOST, text));
    }
    json_append(make, command, "--resolv-conf");
    json_append(make, command, "/etc/resolv.conf");
}

cJSON *stack_link(const struct stack_agent_spec *want, struct err *err)
{
    static const char *const health[] = { "link", "--check", NULL };
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL), *host, *labels;
    const struct settings *settings = want->settings;
    char text[ADDR_TEXT_MAX], spec[STACK_SPEC_MAX] = "";

    json_put(&make, body, "Image", settings->gateway_image);
    json_put(&make, body, "Hostname", want->agent); /* the agent shares it */
    put_link_command(&make, body, settings, want->n + STACK_SLOT_OFFSET, want->has_ipv6);
    put_health(&make, body, health);
    host = json_make_object(&make, body, "HostConfig");
    put_security(&make, host, true, NULL);
    put_restart(&make, host);
    if (want->has_ipv6)
        put_sysctls(&make, json_make_object(&make, host, "Sysctls"), sysctls6,
                    ARRAY_LEN(sysctls6));
    json_append(&make, json_make_array(&make, host, "Dns"),
                stack_address(&settings->tunnel_subnet, ROUTER_HOST, text));
    put_internal(&make, body, host,
                 stack_address(&settings->internal_subnet, want->n + STACK_SLOT_OFFSET, text));
    labels = put_labels(&make, body, "link", want->n, want->owner);
    json_put(&make, labels, LABEL_AGENT, want->agent);
    put_spec(&make, body, labels, "", "", spec);
    return json_finish(&make, body, err);
}

static void put_strings(struct json_make *make, cJSON *array, const char *const *texts)
{
    for (; texts && *texts; texts++)
        json_append(make, array, *texts);
}

static void put_agent_mounts(struct json_make *make, cJSON *body, cJSON *host,
                             const struct mounts *mounts)
{
    cJSON *list = json_make_array(make, host, "Mounts");

    for (size_t i = 0; i < mounts->nr; i++) {
        const struct mount *mount = &mounts->list[i];

        put_mount(make, list, mount->source, mount->is_volume, mount->target,
                  mount->is_read_only);
        if (strcmp(mount->target, MOUNT_WORKSPACE) == 0)
            json_put(make, body, "WorkingDir", MOUNT_WORKSPACE);
    }
}

static void put_limits(struct json_make *make, cJSON *host, const struct settings *settings)
{
    const struct {
        const char *name;
        int64_t value;
    } limits[] = { { "PidsLimit", settings->agent_pids },
                   { "Memory", settings->agent_memory },
                   { "NanoCpus", settings->agent_nano_cpus } };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (limits[i].value)
            json_put_integer(make, host, limits[i].name, limits[i].value);
}

cJSON *stack_agent(const struct stack_agent_spec *want, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL), *host, *env, *labels;
    char link[STACK_NAME_MAX], spec[STACK_SPEC_MAX] = "";

    json_put(&make, body, "Image", want->image);
    if (want->command)
        put_strings(&make, json_make_array(&make, body, "Cmd"), want->command);
    json_put(&make, body, "User", want->user);
    json_put_bool(&make, body, "Tty", want->has_terminal);
    json_put_bool(&make, body, "OpenStdin", true);
    json_put_bool(&make, body, "StdinOnce", true);
    json_put_bool(&make, body, "AttachStdin", true);
    json_put_bool(&make, body, "AttachStdout", true);
    json_put_bool(&make, body, "AttachStderr", true);
    env = json_make_array(&make, body, "Env");
    put_strings(&make, env, want->env);
    put_strings(&make, env, want->mounts->env);
    host = json_make_object(&make, body, "HostConfig");
    json_putf(&make, host, "NetworkMode", "container:%s", stack_link_name(want->n, link));
    if (want->has_terminal && want->rows) { /* before API 1.42 it comes with the first resize */
        cJSON *size = json_make_array(&make, host, "ConsoleSize");

        json_put_integer(&make, size, NULL, want->rows);
        json_put_integer(&make, size, NULL, want->columns);
    }
    put_security(&make, host, false, want->seccomp);
    put_limits(&make, host, want->settings);
    put_agent_mounts(&make, body, host, want->mounts);
    labels = put_labels(&make, body, "claude", want->n, want->owner);
    json_put(&make, labels, LABEL_AGENT, want->agent);
    put_spec(&make, body, labels, "", "", spec);
    return json_finish(&make, body, err);
}

cJSON *stack_connect(const char *container, struct err *err)
{
    struct json_make make = { .is_failed = false };
    cJSON *body = json_make_object(&make, NULL, NULL);

    json_put(&make, body, "Container", container);
    return json_finish(&make, body, err);
}
