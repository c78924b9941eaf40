/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_OUTER_H
#define GWLB_OUTER_H

#include <linux/rcupdate.h>
#include <linux/types.h>
#include "uapi/gwlb.h"

struct dst_entry;
struct gwlb_conf;
struct gwlb_peer;
struct net;
struct net_device;
struct sk_buff;

/**
 * struct gwlb_outer_route - route to a load balancer; never changed once
 *	published
 * @rcu: frees it after its last reader
 * @dst: route, with a reference
 * @cookie: tells whether an IPv6 route is still good
 * @port: UDP destination that it was looked up for
 */
struct gwlb_outer_route {
	struct rcu_head rcu;
	struct dst_entry *dst;
	u32 cookie;
	__be16 port;
};

struct dst_entry *gwlb_outer_route(struct net *net, struct gwlb_peer *peer);
void gwlb_outer_forget(struct gwlb_peer *peer);
bool gwlb_outer_send(struct sk_buff *skb, const struct gwlb_conf *conf,
		     const struct gwlb_peer *peer, const __be16 port[2],
		     bool nocheck, struct dst_entry *dst);
bool gwlb_outer_can_bounce(const struct sk_buff *skb,
			   const struct dst_entry *dst);
enum gwlb_drop_reason gwlb_outer_bounce(struct sk_buff *skb,
					struct net_device *dev,
					const struct gwlb_conf *conf,
					const struct gwlb_peer *peer,
					unsigned int bytes,
					struct dst_entry *dst);
void gwlb_outer_init(void);

#endif /* GWLB_OUTER_H */
