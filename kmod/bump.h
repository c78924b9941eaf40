/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_BUMP_H
#define GWLB_BUMP_H

#include <linux/netdevice.h>

struct gwlb_flow;
struct gwlb_inner;
struct net;
struct sk_buff;
struct sock;

rx_handler_result_t gwlb_bump(struct sk_buff **pskb);
void gwlb_bump_flow(struct sk_buff *skb, struct gwlb_flow *flow,
		    const struct gwlb_inner *in);
void gwlb_bump_too_big(struct sk_buff *skb, struct gwlb_flow *flow,
		       unsigned int mtu);
int gwlb_bump_output(struct net *net, struct sock *sk, struct sk_buff *skb);

#endif /* GWLB_BUMP_H */
