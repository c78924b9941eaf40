/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_ZONE_H
#define GWLB_ZONE_H

#include <linux/netfilter.h>

struct gwlb_flow;
struct net;
struct sk_buff;

bool gwlb_zone_fragment(struct sk_buff *skb, const struct gwlb_flow *flow);
unsigned int gwlb_zone_bump(nf_hookfn *hook, struct sk_buff *skb,
			    const struct gwlb_flow *flow);

int gwlb_zone_start(struct net *net);
void gwlb_zone_stop(struct net *net);
int gwlb_zone_init(void);
void gwlb_zone_exit(void);

#endif /* GWLB_ZONE_H */
