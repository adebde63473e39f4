/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/conf.h"
#include "common/file.h"
#include "ctl/workspace.h"

#define CA_FILE_LEN_MAX (4u << 20)

/* NODE_EXTRA_CA_CERTS adds to what Node trusts; the others are what their programs trust
 * instead of their own list. */
static const char *const ca_env[] = {
    "NODE_EXTRA_CA_CERTS=" MOUNT_CA, "SSL_CERT_FILE=" MOUNT_CA,     "CURL_CA_BUNDLE=" MOUNT_CA,
    "REQUESTS_CA_BUNDLE=" MOUNT_CA,  "GIT_SSL_CAINFO=" MOUNT_CA,    "PIP_CERT=" MOUNT_CA,
    "CARGO_HTTP_CAINFO=" MOUNT_CA,   "NIX_SSL_CERT_FILE=" MOUNT_CA, "AWS_CA_BUNDLE=" MOUNT_CA,
    "DENO_CERT=" MOUNT_CA,           "npm_config_cafile=" MOUNT_CA, NULL,
};
static const char *const no_env[] = { NULL };

/* Nobody is asked: a certificate that is encrypted is none. */
static int no_passphrase(char *buf, int size, int is_writing, void *data)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)data;
    return -1;
}

/* How many certificates there are; 0 when one of them is none. */
static unsigned count_certificates(const char *text, size_t len)
{
    BIO *in = BIO_new_mem_buf(text, (int)len);
    unsigned nr = 0, nr_begun = 0;
    X509 *certificate;

    while (in && (certificate = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL) {
        X509_free(certificate);
        nr++;
    }
    BIO_free(in);
    for (const char *p = text; (p = strstr(p, "-----BEGIN ")) != NULL; p++)
        nr_begun++;
    return nr == nr_begun ? nr : 0;
}

bool ca_file_check(const char *path, struct err *err)
{
    size_t len;
    char *text = file_read(path, CA_FILE_LEN_MAX, &len, err);
    bool is_good = false;

    if (text == NULL)
        return err_wrap(err, "CA_FILE");
    if (strlen(text) == len && strstr(text, "PRIVATE KEY-----"))
        err_set(err, EINVAL,
                "CA_FILE \"%.200s\" holds a private key, which the agent could read, expected "
                "certificates only",
                path);
    else if (strlen(text) != len || count_certificates(text, len) == 0)
        err_set(err, EINVAL,
                "CA_FILE \"%.200s\" is no PEM file, expected certificates, each from "
                "-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
                path);
    else
        is_good = true;
    free(text);
    return is_good;
}

static void add(struct mounts *mounts, const char *source, const char *target, bool is_volume,
                bool is_read_only)
{
    struct mount *mount = &mounts->list[mounts->nr++];

    mount->target = target;
    mount->is_volume = is_volume;
    mount->is_read_only = is_read_only;
    mount->is_new = false;
    snprintf(mount->source, sizeof(mount->source), "%s", source);
}

bool mounts_agent(const struct settings *settings, const char *socket, struct mounts *mounts,
                  struct err *err)
{
    const char *away = settings->workspace_dir[0] ? "WORKSPACE_DIR" : "CA_FILE";
    char path[FOLDER_PATH_MAX];

    mounts->nr = 0;
    mounts->env = no_env;
    if (!socket && (settings->workspace_dir[0] || settings->ca_file[0]))
        return err_set(err, EINVAL,
                       "%s is set, but the engine is on another machine and cannot mount what "
                       "is on this one, expected it unset",
                       away);
    if (!workspace_check(settings, socket, path, err))
        return false;
    if (path[0])
        add(mounts, path, MOUNT_WORKSPACE, false, false);
    else
        add(mounts, VOLUME_WORKSPACE, MOUNT_WORKSPACE, true, false);
    add(mounts, VOLUME_CONFIG, MOUNT_CONFIG, true, false);
    if (settings->ca_file[0] == '\0')
        return true;
    if (!path_resolve("CA_FILE", settings->ca_file, path, err) || !ca_file_check(path, err))
        return false;
    add(mounts, path, MOUNT_CA, false, true);
    mounts->env = ca_env;
    return true;
}
