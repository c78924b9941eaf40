/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_RX_H
#define GWLB_RX_H

#include <linux/types.h>

struct gwlb_link;
struct sk_buff;
struct sock;

void gwlb_rx_outer(struct gwlb_link *link, struct sk_buff *skb, bool early);
int gwlb_rx(struct sock *sk, struct sk_buff *skb);

#endif /* GWLB_RX_H */
