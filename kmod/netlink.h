/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_NETLINK_H
#define GWLB_NETLINK_H

#include <net/genetlink.h>

struct net_device;

/**
 * typedef gwlb_nl_put - writes the attributes of one message
 * @skb: written to
 * @dev: device of the link that it is about
 * @what: of that link, under RCU, or NULL for the link itself
 *
 * Return: 0 or -EMSGSIZE.
 */
typedef int gwlb_nl_put(struct sk_buff *skb, struct net_device *dev,
			const struct hlist_node *what);

extern struct genl_family gwlb_nl_family;

int gwlb_netlink_init(void);
void gwlb_netlink_exit(void);

struct net_device *gwlb_nl_link(struct genl_info *info,
				const struct nlattr *ifindex,
				const struct nlattr *ifname);
int gwlb_nl_message(struct sk_buff *skb, u32 portid, u32 seq, int flags,
		    u8 cmd, struct net_device *dev, gwlb_nl_put *put,
		    const struct hlist_node *what);
int gwlb_nl_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		 size_t lists, unsigned int count, gwlb_nl_put *put);

#endif /* GWLB_NETLINK_H */
