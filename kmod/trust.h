/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_TRUST_H
#define GWLB_TRUST_H

#include <linux/types.h>

struct gwlb_conf;
struct gwlb_flow;
struct gwlb_inner;
struct gwlb_link;
struct sk_buff;

void gwlb_trust_grant(struct sk_buff *skb, struct gwlb_flow *flow,
		      const struct gwlb_conf *conf);
bool gwlb_trust_has(const struct gwlb_flow *flow);
bool gwlb_trust_lets(const struct gwlb_flow *flow, const struct sk_buff *skb,
		     unsigned int hlen, const struct gwlb_inner *in);
void gwlb_trust_end(struct gwlb_link *link);

#endif /* GWLB_TRUST_H */
