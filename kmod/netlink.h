/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_NETLINK_H
#define GWLB_NETLINK_H

#include <net/genetlink.h>

struct net_device;

extern struct genl_family gwlb_nl_family;

int gwlb_netlink_init(void);
void gwlb_netlink_exit(void);

struct net_device *gwlb_nl_link(struct genl_info *info,
				const struct nlattr *ifindex,
				const struct nlattr *ifname);

#endif /* GWLB_NETLINK_H */
