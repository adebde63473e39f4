/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/folders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

#define TREE_LEVELS 3 /* build/secctl, build/FLAVOUR/secctl */

static const char *home_given;

bool path_join(char out[FOLDER_PATH_MAX], const char *folder, const char *name, struct err *err)
{
    int n =
        snprintf(out, FOLDER_PATH_MAX, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);

    return (n > 0 && n < FOLDER_PATH_MAX) ||
           err_set(err, ENAMETOOLONG,
                   "%.80s.../%.80s: the path is too long, expected at most %d bytes", folder,
                   name, FOLDER_PATH_MAX - 1);
}

bool path_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool path_is_within(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    if (strcmp(folder, "/") == 0)
        return path[0] == '/';
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

bool path_resolve(const char *what, const char *path, char out[FOLDER_PATH_MAX],
                  struct err *err)
{
    char *real = realpath(path, NULL);
    bool is_good = real && strlen(real) < FOLDER_PATH_MAX;

    if (!is_good)
        err_set(err, real ? ENAMETOOLONG : errno, "%s \"%.200s\": %s", what, path,
                strerror(real ? ENAMETOOLONG : errno));
    else
        memcpy(out, real, strlen(real) + 1);
    free(real);
    return is_good;
}

/* Cut the last part off; false at the root. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL || path[1] == '\0')
        return false;
    slash[slash == path] = '\0';
    return true;
}

bool folder_executable(char out[FOLDER_PATH_MAX])
{
    char path[FOLDER_PATH_MAX];
    struct err untold;

#ifdef __APPLE__
    uint32_t size = sizeof(path);

    if (_NSGetExecutablePath(path, &size) != 0)
        return false;
#else
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n <= 0)
        return false;
    path[n] = '\0';
#endif
    return path_resolve("executable", path, out, &untold) && go_up(out);
}

/* The source tree's compose/, when this program stands where its build left it. */
static bool find_in_tree(char out[FOLDER_PATH_MAX])
{
    char above[FOLDER_PATH_MAX], policy[FOLDER_PATH_MAX], marker[FOLDER_PATH_MAX];
    struct err untold;

    if (!folder_executable(above))
        return false;
    for (int level = 1; level < TREE_LEVELS && go_up(above); level++)
        if (path_join(out, above, "compose", &untold) &&
            path_join(policy, out, "policy", &untold) && path_is_folder(policy) &&
            path_join(marker, above, "ctl/secctl.1", &untold) && access(marker, R_OK) == 0)
            return true;
    return false;
}

/* The folder of the user's settings. */
static bool user_folder(char out[FOLDER_PATH_MAX], struct err *err)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (config && config[0] == '/')
        return path_join(out, config, "secctl", err);
    if (home && home[0] == '/')
        return path_join(out, home, ".config/secctl", err);
    return err_set(err, ENOENT,
                   "no home folder: HOME is not set, expected it, or --home DIR, or "
                   "SECCTL_HOME");
}

void folder_set_home(const char *dir)
{
    home_given = dir;
}

static bool take_given(const char *what, const char *path, char out[FOLDER_PATH_MAX],
                       struct err *err)
{
    if (!path_resolve(what, path, out, err))
        return false;
    return path_is_folder(out) ||
           err_set(err, ENOTDIR,
                   "%s \"%.200s\" is no folder, expected the one that holds "
                   "policy/ and .env",
                   what, path);
}

/* The policy and the rest that "make install" put beside this program: a first home folder. */
static bool find_installed(char out[FOLDER_PATH_MAX])
{
    char top[FOLDER_PATH_MAX], policy[FOLDER_PATH_MAX];
    struct err untold;

    return folder_executable(top) && go_up(top) &&
           path_join(out, top, "share/secctl", &untold) &&
           path_join(policy, out, "policy", &untold) && path_is_folder(policy);
}

static bool fail_no_home(const char *user, struct err *err)
{
    char installed[FOLDER_PATH_MAX];

    if (find_installed(installed))
        return err_set(err, ENOENT,
                       "no policy in %.120s, expected one; the installed one to begin with: "
                       "mkdir -p %.120s && cp -R %.100s/. %.120s",
                       user, user, installed, user);
    return err_set(
        err, ENOENT,
        "no policy: %.200s/policy is no folder, expected it with an allowlist in it, "
        "or --home DIR",
        user);
}

bool folder_home(char out[FOLDER_PATH_MAX], struct err *err)
{
    const char *given = getenv("SECCTL_HOME");
    char user[FOLDER_PATH_MAX], policy[FOLDER_PATH_MAX];

    if (home_given)
        return take_given("--home", home_given, out, err);
    if (given && given[0])
        return take_given("SECCTL_HOME", given, out, err);
    if (find_in_tree(out))
        return true;
    if (!user_folder(user, err) || !path_join(policy, user, "policy", err))
        return false;
    if (path_is_folder(policy))
        return path_resolve("home folder", user, out, err);
    return fail_no_home(user, err);
}
