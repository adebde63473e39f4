/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ctl/owner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST_MAX  64
#define START_MAX 24

static void find_host(char host[HOST_MAX])
{
    if (gethostname(host, HOST_MAX) != 0)
        snprintf(host, HOST_MAX, "unknown");
    host[HOST_MAX - 1] = '\0';
    for (char *c = host; *c; c++)
        if (*c == ':')
            *c = '_';
}

/* Field 22 of /proc/PID/stat; the name before it may hold anything but ends with the last ")".
 */
static void find_start(long pid, char start[START_MAX])
{
    char path[64], line[1024] = "";
    const char *field;
    FILE *file;

    snprintf(start, START_MAX, "0");
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "r");
    if (file == NULL)
        return;
    if (fgets(line, sizeof(line), file) == NULL)
        line[0] = '\0';
    fclose(file);
    field = strrchr(line, ')');
    for (int i = 0; field && i < 20; i++)
        field = strchr(field + 1, ' ');
    if (field && strspn(field + 1, "0123456789") > 0)
        snprintf(start, START_MAX, "%.*s", (int)strspn(field + 1, "0123456789"), field + 1);
}

const char *owner_self(char text[OWNER_TEXT_MAX])
{
    char host[HOST_MAX], start[START_MAX];

    find_host(host);
    find_start((long)getpid(), start);
    snprintf(text, OWNER_TEXT_MAX, "%s:%ld:%s", host, (long)getpid(), start);
    return text;
}

enum owner_state owner_look(const char *text)
{
    char host[HOST_MAX], now[START_MAX];
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char *end;
    long pid;

    find_host(host);
    if (colon == NULL || strlen(host) != len || strncmp(host, text, len) != 0)
        return OWNER_ELSEWHERE;
    pid = strtol(colon + 1, &end, 10);
    if (pid <= 0 || *end != ':')
        return OWNER_ELSEWHERE;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return OWNER_GONE;
    find_start(pid, now);
    if (strcmp(now, "0") != 0 && strcmp(end + 1, "0") != 0 && strcmp(now, end + 1) != 0)
        return OWNER_GONE; /* the number was given out again */
    return OWNER_ALIVE;
}
