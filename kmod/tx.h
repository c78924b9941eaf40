/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_TX_H
#define GWLB_TX_H

#include <linux/netdevice.h>

struct gwlb_flow;

void gwlb_tx(struct sk_buff *skb, struct net_device *dev);
void gwlb_tx_flow(struct sk_buff *skb, struct net_device *dev,
		  struct gwlb_flow *flow);
unsigned int gwlb_tx_mtu(const struct gwlb_flow *flow);

#endif /* GWLB_TX_H */
