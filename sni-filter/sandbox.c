/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sni-filter/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* What the C library needs for memory, time and the end, and what every loop needs. Memory
 * that can be executed is not among it: see add_memory(). */
static const char *const common_calls[] = {
    "read",      "write",      "close",   "brk",           "munmap",         "mremap",
    "madvise",   "futex",      "sysinfo", "clock_gettime", "gettimeofday",   "clock_nanosleep",
    "nanosleep", "getrandom",  "getpid",  "rt_sigreturn",  "rt_sigprocmask", "restart_syscall",
    "exit",      "exit_group", NULL,
};

static const char *const packets_calls[] = {
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "recvmsg",
    "recvmmsg",
    "recvfrom",
    "sendto",
    "sendmsg",
    "wait4",
    "bind",
    "connect",
    "setsockopt",
    "shutdown", /* tcp_reset.c */
    NULL,
};

static const char *const inspector_calls[] = { "poll", "ppoll", NULL };

/* The packet side and the dns process open sockets, of the internet families only: see
 * add_socket(). */
static const char *const dns_calls[] = {
    "epoll_create1", "epoll_ctl",   "epoll_wait", "epoll_pwait", "connect", "bind",
    "accept4",       "sendto",      "sendmsg",    "recvfrom",    "recvmsg", "getsockopt",
    "setsockopt",    "getsockname", "shutdown",   NULL,
};

static const char *const *const calls[] = {
    [SANDBOX_PACKETS] = packets_calls,
    [SANDBOX_INSPECTOR] = inspector_calls,
    [SANDBOX_DNS] = dns_calls,
};

static int add_list(scmp_filter_ctx filter, const char *const *list)
{
    for (; *list != NULL; list++) {
        int number = seccomp_syscall_resolve_name(*list), rc;

        if (number == __NR_SCMP_ERROR)
            return -EINVAL;
        rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_memory(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp not_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &not_exec);

    if (rc < 0)
        return rc;
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &not_exec);
}

static int add_socket(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp v4 = SCMP_A0(SCMP_CMP_EQ, AF_INET, 0);
    const struct scmp_arg_cmp v6 = SCMP_A0(SCMP_CMP_EQ, AF_INET6, 0);
    int rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &v4);

    return rc < 0 ? rc
                  : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &v6);
}

bool sandbox_load(enum sandbox_role role, struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int rc;

    if (filter == NULL)
        return err_set(err, ENOMEM, "make a system call filter: out of memory");
    rc = add_list(filter, common_calls);
    if (rc == 0)
        rc = add_list(filter, calls[role]);
    if (rc == 0)
        rc = add_memory(filter);
    if (rc == 0 && role != SANDBOX_INSPECTOR)
        rc = add_socket(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc < 0)
        return err_set(err, -rc,
                       "load the system call filter: %s; expected a kernel with seccomp",
                       strerror(-rc));
    return true;
}
