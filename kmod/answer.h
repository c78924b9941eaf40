/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_ANSWER_H
#define GWLB_ANSWER_H

#include "flow.h"

struct gwlb_flow *gwlb_answer_flow(struct sk_buff *skb,
				   const struct net_device *dev,
				   enum gwlb_drop_reason *reason);
struct gwlb_flow *gwlb_answer_passing(struct sk_buff *skb, struct net *net);
bool gwlb_answer_routed(const struct sk_buff *skb, const struct gwlb_flow *flow,
			const struct net_device *out);
void gwlb_answer_too_big(struct sk_buff *skb, struct gwlb_flow *flow,
			 unsigned int mtu, bool sent);

int gwlb_answer_start(struct net_device *dev);
void gwlb_answer_stop(struct net_device *dev);

#endif /* GWLB_ANSWER_H */
