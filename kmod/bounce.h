/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_BOUNCE_H
#define GWLB_BOUNCE_H

#include <linux/types.h>

struct gwlb_flow;
struct gwlb_inner;
struct gwlb_link;
struct sk_buff;

bool gwlb_bounce(struct gwlb_link *link, struct sk_buff *skb,
		 struct gwlb_flow *flow, int turned,
		 const struct gwlb_inner *in, bool early);

#endif /* GWLB_BOUNCE_H */
