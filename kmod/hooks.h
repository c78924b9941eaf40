/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_HOOKS_H
#define GWLB_HOOKS_H

#include <linux/types.h>

struct gwlb_flow;
struct net;
struct net_device;
struct sk_buff;
struct sock;

int gwlb_hooks(u8 pf, unsigned int place, struct net *net, struct sk_buff *skb,
	       const struct gwlb_flow *flow, struct net_device *in,
	       struct net_device *out,
	       int (*okfn)(struct net *, struct sock *, struct sk_buff *));

#endif /* GWLB_HOOKS_H */
