/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Features have names, and their numbers differ from kernel to kernel: the name is looked up,
 * then the bit is read or changed (the ioctl of ethtool(8), which every kernel has).
 */
#include "fwd/offload.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEATURE     "tx-udp-segmentation"
#define BLOCKS_MAX  8u /* of 32 features; kernels have two or three */
#define STRINGS_MAX (BLOCKS_MAX * 32)

/* The kernel's structures, and room behind them. */
union info {
    struct ethtool_sset_info head;
    uint8_t room[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
};

union strings {
    struct ethtool_gstrings head;
    uint8_t room[sizeof(struct ethtool_gstrings) + (size_t)STRINGS_MAX * ETH_GSTRING_LEN];
};

union get {
    struct ethtool_gfeatures head;
    uint8_t room[sizeof(struct ethtool_gfeatures) +
                 BLOCKS_MAX * sizeof(struct ethtool_get_features_block)];
};

union set {
    struct ethtool_sfeatures head;
    uint8_t room[sizeof(struct ethtool_sfeatures) +
                 BLOCKS_MAX * sizeof(struct ethtool_set_features_block)];
};

static int call(int fd, const char *device, void *request)
{
    struct ifreq ifr = { 0 };

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
    ifr.ifr_data = request;
    return ioctl(fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0; /* above 0: ETHTOOL_F_* */
}

/* The feature's number, and how many there are; -ENOENT: this kernel has none of that name. */
static int find(int fd, const char *device, uint32_t *nr)
{
    union info info = { .head = { .cmd = ETHTOOL_GSSET_INFO,
                                  .sset_mask = 1ull << ETH_SS_FEATURES } };
    union strings *strings;
    int rc = call(fd, device, &info);

    if (rc != 0)
        return rc;
    *nr = info.head.data[0];
    if (info.head.sset_mask == 0 || *nr > STRINGS_MAX)
        return -EPROTO;
    strings = calloc(1, sizeof(*strings));
    if (!strings)
        return -ENOMEM;
    strings->head.cmd = ETHTOOL_GSTRINGS;
    strings->head.string_set = ETH_SS_FEATURES;
    strings->head.len = *nr;
    rc = call(fd, device, strings);
    if (rc == 0)
        rc = -ENOENT;
    for (uint32_t i = 0; rc == -ENOENT && i < *nr; i++)
        if (strncmp((const char *)strings->head.data + (size_t)i * ETH_GSTRING_LEN, FEATURE,
                    ETH_GSTRING_LEN) == 0)
            rc = (int)i;
    free(strings);
    return rc;
}

static int is_on(int fd, const char *device)
{
    union get get = { .head = { .cmd = ETHTOOL_GFEATURES, .size = BLOCKS_MAX } };
    uint32_t nr = 0;
    int bit = find(fd, device, &nr), rc;

    if (bit < 0)
        return bit == -ENOENT ? 0 : bit;
    rc = call(fd, device, &get);
    return rc != 0 ? rc : (get.head.features[bit / 32].active >> (bit % 32) & 1) != 0;
}

static int switch_off(int fd, const char *device)
{
    union set set;
    uint32_t nr = 0;
    int bit = find(fd, device, &nr), rc;

    if (bit < 0)
        return bit == -ENOENT ? 0 : bit;
    memset(&set, 0, sizeof(set)); /* its room too */
    set.head.cmd = ETHTOOL_SFEATURES;
    set.head.size = (nr + 31) / 32;
    set.head.features[bit / 32].valid = 1u << (bit % 32);
    rc = call(fd, device, &set); /* succeeds also for what cannot be changed */
    if (rc < 0)
        return rc;
    rc = is_on(fd, device);
    return rc > 0 ? -EOPNOTSUPP : rc;
}

static int with_socket(const char *device, int (*what)(int fd, const char *device))
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

    if (fd < 0)
        return -errno;
    rc = what(fd, device);
    close(fd);
    return rc;
}

int offload_udp_off(const char *device)
{
    return with_socket(device, switch_off);
}

int offload_udp_is_on(const char *device)
{
    return with_socket(device, is_on);
}
