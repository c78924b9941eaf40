/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_LINK_H
#define GWLB_LINK_H

#include <linux/netdevice.h>
#include "conf.h"
#include "drop.h"
#include "endpoint.h"
#include "event.h"
#include "flows.h"
#include "peer.h"
#include "sock.h"

/**
 * struct gwlb_link - private part of a gwlb netdevice
 * @dev: the device
 * @net: namespace of the sockets, which may be another than that of @dev
 * @parent: the link whose sockets these are, NULL for its own
 * @children: links on this one; RTNL
 * @list: among the links with sockets in @net, or the children of @parent; RTNL
 * @caught: among the links with sockets in @net that are up; RTNL, RCU
 * @up: among the links that are up in the namespace of @dev; RTNL, RCU
 * @conf: configuration; replaced under RTNL
 * @socks: sockets; RTNL
 * @flows: of inner packets
 * @peers: addresses of load balancers
 * @endpoints: of load balancers
 * @drops: counters
 * @events: how often they are told
 */
struct gwlb_link {
	struct net_device *dev;
	struct net *net;
	struct gwlb_link *parent;
	struct list_head children;
	struct list_head list;
	struct list_head caught;
	struct list_head up;
	struct gwlb_conf __rcu *conf;
	struct gwlb_socks socks;
	struct gwlb_flows flows;
	struct gwlb_peers peers;
	struct gwlb_endpoints endpoints;
	struct gwlb_drops drops;
	struct gwlb_events events;
};

extern struct rtnl_link_ops gwlb_link_ops;

/**
 * gwlb_dev_is_link() - is a device one of ours
 * @dev: device
 *
 * Return: true if it is of kind gwlb.
 */
static inline bool gwlb_dev_is_link(const struct net_device *dev)
{
	return dev->rtnl_link_ops == &gwlb_link_ops;
}

/**
 * gwlb_link_outer() - the configuration that outer headers are made by
 * @link: link
 *
 * Return: that of the link with the sockets.
 * Context: RCU.
 */
static inline const struct gwlb_conf *gwlb_link_outer(const struct gwlb_link *link)
{
	return rcu_dereference((link->parent ?: link)->conf);
}

#endif /* GWLB_LINK_H */
