/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_ROUTE_H
#define GWLB_ROUTE_H

#include "link.h"

bool gwlb_route_all(const struct gwlb_link *link);
bool gwlb_route_diverts(const struct gwlb_link *link, const struct sk_buff *skb);
void gwlb_route_divert(struct gwlb_link *link, struct sk_buff *skb,
		       struct gwlb_flow *flow);
bool gwlb_route_sends(const struct gwlb_link *link);

struct gwlb_flow *gwlb_route_flow(struct sk_buff *skb,
				  const struct net_device *dev,
				  enum gwlb_drop_reason *reason);
bool gwlb_route_too_big(struct sk_buff *skb, struct gwlb_flow *flow,
			unsigned int mtu);

#endif /* GWLB_ROUTE_H */
