/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/workspace.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder in question. */
struct candidate {
    char path[FOLDER_PATH_MAX]; /* links resolved */
    struct stat st;
    struct err *err;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is folder path itself or above it? What of path is not there counts by where it would be. */
static bool contains(const struct stat *folder, const char *path)
{
    char at[FOLDER_PATH_MAX];
    struct stat st;

    if (snprintf(at, sizeof(at), "%s", path) >= (int)sizeof(at))
        return true; /* nobody has such a path: closed */
    for (;;) {
        char *slash = strrchr(at, '/');

        if (stat(at, &st) == 0 && is_same(&st, folder))
            return true;
        if (slash == NULL || at[1] == '\0')
            return false;
        slash[slash == at] = '\0';
    }
}

static bool refuse(const struct candidate *candidate, const char *how, const char *what,
                   const char *path)
{
    return err_set(candidate->err, EPERM,
                   "WORKSPACE_DIR \"%.200s\" %s %s%s%.150s%s, expected a project's folder "
                   "apart from it",
                   candidate->path, how, what, path ? " (" : "", path ? path : "",
                   path ? ")" : "");
}

/* Neither path nor what it links to may be in the candidate. */
static bool check_holds(const struct candidate *candidate, const char *what, const char *path)
{
    char *real = realpath(path, NULL);
    bool is_bad = contains(&candidate->st, path) || (real && contains(&candidate->st, real));

    if (is_bad)
        refuse(candidate, "contains", what, path);
    free(real);
    return !is_bad;
}

/* Nor may the candidate be in it. A path that is not there has nothing in it. */
static bool check_apart(const struct candidate *candidate, const char *what, const char *path)
{
    struct stat st;

    if (!check_holds(candidate, what, path))
        return false;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && contains(&st, candidate->path))
        return refuse(candidate, "lies in", what, path);
    return true;
}

/* The system's own folders; those of devices, processes and sockets by all their names. */
static bool check_system(const struct candidate *candidate)
{
    static const char *const folders[] = {
        "/bin",      "/boot",    "/dev",
        "/etc",      "/lib",     "/lib64",
        "/proc",     "/run",     "/sbin",
        "/sys",      "/usr/bin", "/usr/lib",
        "/usr/sbin", "/var/run", "/var/lib/docker",
        "/System",   "/Library", "/var/lib/containerd",
    };
    struct stat root;

    if (stat("/", &root) == 0 && is_same(&root, &candidate->st))
        return refuse(candidate, "is", "the whole file system", NULL);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (access(folders[i], F_OK) == 0 &&
            !check_apart(candidate, "a folder of the system", folders[i]))
            return false;
    return true;
}

static bool check_sockets(const struct candidate *candidate, const char *socket)
{
    const char *host = getenv("DOCKER_HOST"), *runtime = getenv("XDG_RUNTIME_DIR");
    const char *home = getenv("HOME");
    char path[FOLDER_PATH_MAX];

    if (socket && !check_holds(candidate, "a Docker socket", socket))
        return false;
    if (host && strncmp(host, "unix://", 7) == 0 &&
        !check_holds(candidate, "a Docker socket", host + 7))
        return false;
    if (runtime && !check_apart(candidate, "the folder of your session's sockets", runtime))
        return false;
    return !home || !path_join(path, home, ".docker", candidate->err) ||
           check_apart(candidate, "Docker's settings and sockets", path);
}

static bool check_user(const struct candidate *candidate)
{
    static const char *const keys[] = { ".ssh", ".gnupg", ".aws", ".kube", ".claude" };
    const char *homes[] = { getenv("HOME"), NULL };
    const struct passwd *user = getpwuid(getuid());
    char path[FOLDER_PATH_MAX];

    homes[1] = user ? user->pw_dir : NULL;
    for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
        if (homes[i] == NULL || homes[i][0] != '/' || access(homes[i], F_OK) != 0)
            continue;
        if (!check_holds(candidate, "your home folder", homes[i]))
            return false;
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            if (!path_join(path, homes[i], keys[k], candidate->err) ||
                !check_apart(candidate, "your keys", path))
                return false;
    }
    return true;
}

/* The files of a folder may be links to elsewhere. */
static bool check_files(const struct candidate *candidate, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[FOLDER_PATH_MAX];
    bool is_good = true;

    while (is_good && dir && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            is_good = path_join(path, folder, entry->d_name, candidate->err) &&
                      check_holds(candidate, "a file of the policy", path);
    if (dir)
        closedir(dir);
    return is_good;
}

static bool check_own(const struct candidate *candidate, const struct settings *settings)
{
    char path[FOLDER_PATH_MAX];

    if (!check_apart(candidate, "the policy", settings->policy) ||
        !check_apart(candidate, "secctl's settings", settings->home) ||
        !check_holds(candidate, "the settings file", settings->env_file) ||
        !check_files(candidate, settings->policy) ||
        !path_join(path, settings->policy, "agents", candidate->err) ||
        !check_files(candidate, path))
        return false;
    return !folder_executable(path) || check_holds(candidate, "this program", path);
}

bool workspace_check(const struct settings *settings, const char *socket,
                     char path[FOLDER_PATH_MAX], struct err *err)
{
    struct candidate candidate = { .err = err };

    path[0] = '\0';
    if (settings->workspace_dir[0] == '\0')
        return true;
    if (!path_resolve("WORKSPACE_DIR", settings->workspace_dir, candidate.path, err))
        return false;
    if (stat(candidate.path, &candidate.st) != 0)
        return err_set(err, errno, "WORKSPACE_DIR \"%.200s\": %s", candidate.path,
                       strerror(errno));
    if (!S_ISDIR(candidate.st.st_mode))
        return err_set(err, ENOTDIR, "WORKSPACE_DIR \"%.200s\" is no folder, expected one",
                       candidate.path);
    if (!check_own(&candidate, settings) || !check_user(&candidate) ||
        !check_sockets(&candidate, socket) || !check_system(&candidate))
        return false;
    memcpy(path, candidate.path, sizeof(candidate.path));
    return true;
}

bool workspace_has_socket(const char *folder, char socket[FOLDER_PATH_MAX])
{
    FILE *in = fopen("/proc/net/unix", "re");
    char line[FOLDER_PATH_MAX + 128];
    size_t len = strlen(folder);

    socket[0] = '\0';
    while (in && socket[0] == '\0' && fgets(line, sizeof(line), in)) {
        const char *at = strstr(line, " /"); /* the path is the last column */

        line[strcspn(line, "\n")] = '\0';
        if (at && strncmp(at + 1, folder, len) == 0 && at[1 + len] == '/')
            snprintf(socket, FOLDER_PATH_MAX, "%.*s", FOLDER_PATH_MAX - 1, at + 1);
    }
    if (in)
        fclose(in);
    return socket[0] != '\0';
}
