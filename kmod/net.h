/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_NET_H
#define GWLB_NET_H

#include <net/net_namespace.h>

/**
 * struct gwlb_net - part of a network namespace
 * @links: with sockets here; RTNL
 * @caught: with sockets here, and up; written under RTNL, read under RCU
 * @up: with devices here that are up; written under RTNL, read under RCU
 */
struct gwlb_net {
	struct list_head links;
	struct list_head caught;
	struct list_head up;
};

struct gwlb_net *gwlb_net(struct net *net);
int gwlb_net_init(void);
void gwlb_net_exit(void);

#endif /* GWLB_NET_H */
