/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine_host.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/json_get.h"

static bool starts_with(const char *text, const char *start, const char **rest)
{
    size_t len = strlen(start);

    if (strncmp(text, start, len) != 0)
        return false;
    *rest = text + len;
    return true;
}

static bool parse_unix(const char *source, const char *path, struct engine_host *host,
                       struct err *err)
{
    if (path[0] != '/')
        return err_set(err, EINVAL, "%s: \"unix://%.200s\", expected unix:///PATH", source,
                       path);
    if (strlen(path) >= sizeof(host->path))
        return err_set(err, ENAMETOOLONG,
                       "%s: the socket's path has %zu bytes, expected at most %zu", source,
                       strlen(path), sizeof(host->path) - 1);
    host->transport = ENGINE_UNIX;
    snprintf(host->path, sizeof(host->path), "%s", path);
    snprintf(host->name, sizeof(host->name), "unix://%s", path);
    snprintf(host->url, sizeof(host->url), "http://docker");
    return true;
}

static bool is_port(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    return isdigit((unsigned char)text[0]) && *end == '\0' && port > 0 && port <= 65535;
}

/* The end of the host in "host", "host:port", "[v6]" and "[v6]:port"; NULL when it is none. */
static const char *host_end(const char *text)
{
    const char *end;

    if (text[0] == '[') {
        end = text + 1 + strspn(text + 1, "0123456789abcdefABCDEF:.%");
        return *end == ']' ? end + 1 : NULL;
    }
    end = text;
    while (isalnum((unsigned char)*end) || (*end && strchr("-._", *end)))
        end++;
    return end == text ? NULL : end;
}

static bool parse_tcp(const char *source, const char *text, const char *tls_folder,
                      struct engine_host *host, struct err *err)
{
    const char *end = host_end(text), *port = tls_folder ? "2376" : "2375";
    int n;

    if (end && *end == ':' && is_port(end + 1))
        port = end + 1;
    else if (end == NULL || *end)
        return err_set(err, EINVAL, "%s: \"tcp://%.200s\", expected tcp://HOST[:PORT]", source,
                       text);
    host->transport = tls_folder ? ENGINE_TLS : ENGINE_TCP;
    n = snprintf(host->url, sizeof(host->url), "%s://%.*s:%s", tls_folder ? "https" : "http",
                 (int)(end - text), text, port);
    if (n < 0 || (size_t)n >= sizeof(host->url))
        return err_set(err, ENAMETOOLONG, "%s: the host's name is too long", source);
    snprintf(host->name, sizeof(host->name), "tcp://%.*s:%s", (int)(end - text), text, port);
    if (tls_folder && strlen(tls_folder) >= sizeof(host->tls_folder))
        return err_set(err, ENAMETOOLONG, "%s: the path of the TLS files is too long", source);
    if (tls_folder)
        memcpy(host->tls_folder, tls_folder, strlen(tls_folder) + 1);
    return true;
}

bool engine_host_parse(const char *source, const char *text, const char *tls_folder,
                       struct engine_host *host, struct err *err)
{
    const char *rest;

    memset(host, 0, sizeof(*host));
    if (starts_with(text, "unix://", &rest))
        return parse_unix(source, rest, host, err);
    if (starts_with(text, "tcp://", &rest) || starts_with(text, "http://", &rest))
        return parse_tcp(source, rest, tls_folder, host, err);
    if (starts_with(text, "https://", &rest))
        return parse_tcp(source, rest, tls_folder ? tls_folder : "", host, err);
    if (starts_with(text, "ssh://", &rest))
        return err_set(err, EPROTONOSUPPORT,
                       "%s: ssh:// is not supported; forward the socket with \"ssh -L "
                       "/tmp/docker.sock:/var/run/docker.sock %.100s\" and set "
                       "DOCKER_HOST=unix:///tmp/docker.sock",
                       source, rest);
    return err_set(err, EINVAL, "%s: \"%.200s\", expected unix:///PATH or tcp://HOST[:PORT]",
                   source, text);
}

bool engine_context_current(const char *text, size_t len, char name[ENGINE_CONTEXT_MAX],
                            struct err *err)
{
    cJSON *document = json_parse("it", text, len, err);
    const char *current = "";
    bool is_good;

    is_good = document && json_string_or(document, "currentContext", "", &current, err);
    if (is_good && strlen(current) >= ENGINE_CONTEXT_MAX)
        is_good = err_set(err, EINVAL, "the name in \"currentContext\" is too long");
    if (is_good)
        snprintf(name, ENGINE_CONTEXT_MAX, "%s", current);
    cJSON_Delete(document);
    return is_good;
}

bool engine_context_parse(const char *name, const char *text, size_t len,
                          const char *tls_folder, struct engine_host *host, struct err *err)
{
    cJSON *document = json_parse("its meta.json", text, len, err);
    const char *where = NULL;
    char source[ENGINE_CONTEXT_MAX + 32];
    bool is_unverified = false, is_good;

    snprintf(source, sizeof(source), "docker context \"%.200s\"", name);
    is_good =
        document && json_string(document, "Endpoints/docker/Host", &where, err) &&
        json_bool_or(document, "Endpoints/docker/SkipTLSVerify", false, &is_unverified, err);
    if (!is_good)
        err_wrap(err, "%s", source);
    is_good = is_good && engine_host_parse(source, where, tls_folder, host, err);
    if (is_good)
        host->is_unverified = is_unverified;
    cJSON_Delete(document);
    return is_good;
}

bool engine_context_folder(const char *name, char hex[DIGEST_TEXT_MAX])
{
    return digest_text(name, strlen(name), hex);
}
