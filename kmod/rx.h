/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_RX_H
#define GWLB_RX_H

struct sk_buff;
struct sock;

int gwlb_rx(struct sock *sk, struct sk_buff *skb);

#endif /* GWLB_RX_H */
