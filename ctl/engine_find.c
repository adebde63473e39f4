/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/engine_find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/conf.h"
#include "common/file.h"
#include "ctl/digest.h"

#define PATH_LEN_MAX    1024
#define CONFIG_SIZE_MAX (1u << 20)

/* The variable's value; NULL when it is unset or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

static bool is_there(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

/* Returns false when out does not hold it. */
static bool join(char out[PATH_LEN_MAX], const char *folder, const char *rest)
{
    int n = snprintf(out, PATH_LEN_MAX, "%s/%s", folder, rest);

    return n > 0 && n < PATH_LEN_MAX;
}

/* The folder of the docker command's configuration; "" when there is no home. */
static bool find_config(char folder[PATH_LEN_MAX])
{
    const char *own = variable("DOCKER_CONFIG"), *home = variable("HOME");
    int n = 0;

    folder[0] = '\0';
    if (own)
        n = snprintf(folder, PATH_LEN_MAX, "%s", own);
    else if (home)
        return join(folder, home, ".docker");
    return n >= 0 && n < PATH_LEN_MAX;
}

/* "": none is named. */
static bool find_context(const char *config, char name[ENGINE_CONTEXT_MAX], struct err *err)
{
    const char *own = variable("DOCKER_CONTEXT");
    char path[PATH_LEN_MAX];
    size_t len;
    char *text;
    bool is_good;

    name[0] = '\0';
    if (own) {
        snprintf(name, ENGINE_CONTEXT_MAX, "%s", own);
        return strlen(own) < ENGINE_CONTEXT_MAX ||
               err_set(err, EINVAL, "DOCKER_CONTEXT: the name is too long");
    }
    if (!join(path, config, "config.json") || !is_there(path))
        return true;
    text = file_read(path, CONFIG_SIZE_MAX, &len, err);
    if (text == NULL)
        return false;
    is_good = engine_context_current(text, len, name, err) || err_wrap(err, "%s", path);
    free(text);
    return is_good;
}

static bool use_context(const char *config, const char *name, struct engine_host *host,
                        struct err *err)
{
    char hex[DIGEST_TEXT_MAX], part[128], meta[PATH_LEN_MAX], tls[PATH_LEN_MAX];
    size_t len;
    char *text;
    bool is_good;

    if (!engine_context_folder(name, hex))
        return err_set(err, ENOMEM, "out of memory");
    snprintf(part, sizeof(part), "contexts/meta/%s/meta.json", hex);
    is_good = join(meta, config, part);
    snprintf(part, sizeof(part), "contexts/tls/%s/docker", hex);
    if (!is_good || !join(tls, config, part))
        return err_set(err, ENAMETOOLONG, "%.200s: the path is too long", config);
    if (!is_there(meta))
        return err_set(err, ENOENT,
                       "docker context \"%.80s\" does not exist (no %s); \"docker context ls\" "
                       "lists those that do",
                       name, meta);
    text = file_read(meta, CONFIG_SIZE_MAX, &len, err);
    is_good =
        text && engine_context_parse(name, text, len, is_there(tls) ? tls : NULL, host, err);
    free(text);
    return is_good;
}

static bool use_variable(const char *where, const char *config, struct engine_host *host,
                         struct err *err)
{
    const char *tls_folder = NULL;

    if (variable("DOCKER_TLS_VERIFY"))
        tls_folder = variable("DOCKER_CERT_PATH") ? variable("DOCKER_CERT_PATH") : config;
    return engine_host_parse("DOCKER_HOST", where, tls_folder, host, err);
}

bool engine_find(struct engine_host *host, struct err *err)
{
    char config[PATH_LEN_MAX], context[ENGINE_CONTEXT_MAX];
    const char *where = variable("DOCKER_HOST");

    if (!find_config(config))
        return err_set(err, ENAMETOOLONG, "the path of docker's configuration is too long");
    if (where)
        return use_variable(where, config, host, err);
    if (!find_context(config, context, err))
        return false;
    if (context[0] && strcmp(context, "default") != 0)
        return use_context(config, context, host, err);
    return engine_host_parse("the default", ENGINE_DEFAULT, NULL, host, err);
}
