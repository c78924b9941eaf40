/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_GRO_H
#define GWLB_GRO_H

struct list_head;
struct sk_buff;
struct sock;

struct sk_buff *gwlb_gro_receive(struct sock *sk, struct list_head *head,
				 struct sk_buff *skb);
int gwlb_gro_complete(struct sock *sk, struct sk_buff *skb, int nhoff);

#endif /* GWLB_GRO_H */
