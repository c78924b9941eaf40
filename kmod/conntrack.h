/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_CONNTRACK_H
#define GWLB_CONNTRACK_H

#include <net/netfilter/nf_conntrack.h>
#include "inner.h"

void gwlb_ct_liberal(const struct sk_buff *skb);
bool gwlb_ct_tuple(const struct sk_buff *skb, bool turned,
		   struct gwlb_tuple *t);
u16 gwlb_ct_zone(const struct sk_buff *skb);

/**
 * gwlb_ct_related() - is a packet an error about another
 * @skb: packet
 *
 * Its conntrack entry is then that of the other.
 *
 * Return: true if conntrack says so.
 */
static inline bool gwlb_ct_related(const struct sk_buff *skb)
{
	enum ip_conntrack_info ctinfo;

	return nf_ct_get(skb, &ctinfo) &&
	       (ctinfo == IP_CT_RELATED || ctinfo == IP_CT_RELATED_REPLY);
}

#endif /* GWLB_CONNTRACK_H */
