/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fwd/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int ledger_open(struct ledger *ledger)
{
    const int fd = memfd_create("ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *page = MAP_FAILED;
    int rc;

    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)sizeof(*ledger->page)) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
        page = mmap(NULL, sizeof(*ledger->page), PROT_READ, MAP_SHARED, fd, 0);
    rc = -errno;
    if (page == MAP_FAILED) {
        close(fd);
        return rc;
    }
    *ledger = (struct ledger) { fd, page };
    return 0;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->page == NULL)
        return;
    munmap(ledger->page, sizeof(*ledger->page));
    close(ledger->fd);
    *ledger = (struct ledger) { .fd = -1 };
}

uint64_t ledger_missing(const struct ledger *ledger, uint64_t told)
{
    uint64_t decided;

    if (ledger->page == NULL)
        return 0;
    decided = __atomic_load_n(ledger->page, __ATOMIC_ACQUIRE);
    return decided > told ? decided - told : 0;
}
