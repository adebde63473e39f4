/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What this machine says, without the engine.
 */
#include "ctl/doctor.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/conf.h"
#include "common/policy.h"
#include "ctl/mounts.h"
#include "ctl/resolver.h"
#include "ctl/workspace.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define LOCAL_CAS     "/usr/local/share/ca-certificates"

/* --- settings ---------------------------------------------------------------------------- */

static void check_env_file(struct doctor *doctor)
{
    const struct settings *settings = &doctor->settings;
    struct stat st;

    if (stat(settings->env_file, &st) != 0)
        doctor_add(doctor, FINDING_OK, "settings", "", "%.300s, without .env", settings->home);
    else if (st.st_mode & (S_IRGRP | S_IROTH) &&
             (settings->anthropic_api_key[0] || settings->claude_code_oauth_token[0]))
        doctor_add(doctor, FINDING_WARNING, "settings", "chmod 600 it",
                   "%.300s can be read by others, and a key is set", settings->env_file);
    else
        doctor_add(doctor, FINDING_OK, "settings", "", "%.300s", settings->env_file);
}

static void check_policy(struct doctor *doctor)
{
    const char *folder = doctor->settings.policy;
    struct policy *policy = NULL;
    struct policy_dir dir;
    struct err err;

    if (policy_dir_read(folder, &dir, &err)) {
        policy = policy_new(dir.sources, dir.nr_sources, dir.ceiling, &err);
        policy_dir_clear(&dir);
    }
    if (policy)
        doctor_add(doctor, FINDING_OK, "policy", "", "%zu rules in %.300s",
                   policy_nr_rules(policy), folder);
    else
        doctor_add(
            doctor, FINDING_PROBLEM, "policy",
            "correct it, then \"secctl check\"; the running gateway keeps the one it has",
            "%.300s", err.text);
    policy_free(policy);
}

static void check_workspace(struct doctor *doctor, const char *folder)
{
    char socket[FOLDER_PATH_MAX];

    doctor_add(doctor, FINDING_OK, "mounts", "", "%.300s is the agent's /workspace", folder);
    if (workspace_has_socket(folder, socket))
        doctor_add(doctor, FINDING_WARNING, "mounts",
                   "end it, or have it listen elsewhere, unless the agent may talk to it",
                   "a program of this machine has a socket in the agent's /workspace: %.300s",
                   socket);
}

static void check_mounts(struct doctor *doctor)
{
    bool is_local = !doctor->engine || engine_is_local(doctor->engine);
    struct mounts *mounts = calloc(1, sizeof(*mounts));
    struct err err;

    if (mounts == NULL)
        return;
    if (!mounts_agent(&doctor->settings, is_local ? "" : NULL, mounts, &err))
        doctor_add(doctor, FINDING_PROBLEM, "mounts", "set another in .env", "%s", err.text);
    else if (doctor->settings.workspace_dir[0])
        check_workspace(doctor, mounts->list[0].source);
    else
        doctor_add(doctor, FINDING_OK, "mounts", "", "no folder of this machine, volumes only");
    free(mounts);
}

void doctor_settings(struct doctor *doctor)
{
    struct settings *settings = &doctor->settings;
    struct err err;

    if (!settings_read(settings, &err)) {
        doctor_add(doctor, FINDING_PROBLEM, "settings", "correct it", "%s", err.text);
        if (!settings_folders(settings, &err))
            return;
    } else {
        check_env_file(doctor);
    }
    check_policy(doctor);
    check_mounts(doctor);
}

/* --- resolver, TLS, proxies -------------------------------------------------------------- */

static void check_resolver(struct doctor *doctor)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    char servers[RESOLVER_TEXT_MAX];

    if (resolver == NULL)
        return;
    resolver_choose("", !doctor->engine || engine_is_local(doctor->engine), resolver);
    memcpy(servers, resolver->text, sizeof(servers));
    for (char *end; (end = strchr(servers, '\n')) != NULL;)
        *end = end[1] ? ',' : '\0';
    if (resolver->kind == RESOLVER_FOLDER)
        doctor_add(doctor, FINDING_OK, "resolver", "", "%.200s is followed (%.150s)",
                   resolver->folder, servers);
    else if (resolver->kind == RESOLVER_HANDED_OVER)
        doctor_add(doctor, FINDING_OK, "resolver", "",
                   "/etc/resolv.conf (%.150s), followed while an agent runs", servers);
    else
        doctor_add(doctor, FINDING_OK, "resolver", "", "Docker's own, 127.0.0.11: %s",
                   resolver->why);
    free(resolver);
}

static bool has_local_cas(void)
{
    DIR *dir = opendir(LOCAL_CAS);
    const struct dirent *entry;
    bool is_found = false;

    while (dir && !is_found && (entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name);

        is_found = len > 4 && strcmp(entry->d_name + len - 4, ".crt") == 0;
    }
    if (dir)
        closedir(dir);
    return is_found;
}

static void check_interception(struct doctor *doctor)
{
    static const char *const names[] = { "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE",
                                         "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
                                         "GIT_SSL_CAINFO" };

    if (doctor->settings.ca_file[0]) {
        doctor_add(doctor, FINDING_OK, "tls", "", "CA_FILE %.300s is given to the agent",
                   doctor->settings.ca_file);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = getenv(names[i]);

        if (!path || path[0] == '\0' || (strcmp(path, SYSTEM_BUNDLE) == 0 && !has_local_cas()))
            continue;
        doctor_add(doctor, FINDING_WARNING, "tls",
                   "if this network intercepts TLS (certificate errors in the agent), set "
                   "CA_FILE in .env to that file",
                   "%s=%.200s is set here, and no CA_FILE: the agent knows public CAs only",
                   names[i], path);
        return;
    }
    if (has_local_cas())
        doctor_add(doctor, FINDING_WARNING, "tls",
                   "if this network intercepts TLS, set CA_FILE=" SYSTEM_BUNDLE " in .env",
                   "this machine trusts CAs of its own (" LOCAL_CAS "), the agent does not");
    else
        doctor_add(doctor, FINDING_OK, "tls", "", "no sign of interception on this machine");
}

static void check_proxies(struct doctor *doctor)
{
    static const char *const names[] = { "HTTPS_PROXY", "https_proxy", "HTTP_PROXY",
                                         "http_proxy",  "ALL_PROXY",   "all_proxy" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);

        if (!value || value[0] == '\0')
            continue;
        doctor_add(doctor, FINDING_WARNING, "proxy",
                   "where a proxy is the only way out, ask for a direct way for this machine: "
                   "the gateway connects to the names themselves and cannot use one",
                   "%s is set here", names[i]);
        return;
    }
    doctor_add(doctor, FINDING_OK, "proxy", "", "no proxy is set on this machine");
}

void doctor_host(struct doctor *doctor)
{
    check_resolver(doctor);
    check_interception(doctor);
    check_proxies(doctor);
}
