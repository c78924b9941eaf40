// SPDX-License-Identifier: GPL-2.0
/* What conntrack knows of a packet. */
#include <net/netfilter/nf_conntrack_zones.h>
#include "conntrack.h"

#if IS_ENABLED(CONFIG_NF_CONNTRACK)
/**
 * gwlb_ct_tuple() - the addresses with which packets of an entry come in
 * @skb: packet that may have a conntrack entry
 * @turned: not in its own direction, but in the other
 * @t: addresses before NAT, not normalized
 *
 * Return: false if there is no entry.
 */
bool gwlb_ct_tuple(const struct sk_buff *skb, bool turned,
		   struct gwlb_tuple *t)
{
	const struct nf_conntrack_tuple *ct_tuple;
	enum ip_conntrack_info ctinfo;
	const struct nf_conn *ct = nf_ct_get(skb, &ctinfo);

	if (!ct)
		return false;
	ct_tuple = &ct->tuplehash[CTINFO2DIR(ctinfo) ^ turned].tuple;

	memset(t, 0, sizeof(*t));
	t->version = ct_tuple->src.l3num == AF_INET ? 4 : 6;
	t->protocol = ct_tuple->dst.protonum;
	memcpy(t->addr[0], &ct_tuple->src.u3, t->version == 4 ? 4 : 16);
	memcpy(t->addr[1], &ct_tuple->dst.u3, t->version == 4 ? 4 : 16);
	memcpy(t->port[0], &ct_tuple->src.u.all, 2);
	if (t->protocol == IPPROTO_ICMP || t->protocol == IPPROTO_ICMPV6)
		memcpy(t->port[1], &ct_tuple->src.u.all, 2);
	else
		memcpy(t->port[1], &ct_tuple->dst.u.all, 2);
	return true;
}

/**
 * gwlb_ct_zone() - the zone of a packet's conntrack entry
 * @skb: packet that may have a conntrack entry
 *
 * Return: the zone, 0 for the one that all share who have none.
 */
u16 gwlb_ct_zone(const struct sk_buff *skb)
{
	enum ip_conntrack_info ctinfo;
	const struct nf_conn *ct = nf_ct_get(skb, &ctinfo);

	return ct ? nf_ct_zone(ct)->id : 0;
}

/**
 * gwlb_ct_liberal() - part of a connection will not be seen
 * @skb: packet that may have a conntrack entry
 *
 * What comes after would be out of its window; as flowtables do it.
 *
 * Context: BH off.
 */
void gwlb_ct_liberal(const struct sk_buff *skb)
{
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct = nf_ct_get(skb, &ctinfo);
	u8 *flags[2];

	if (!ct || nf_ct_protonum(ct) != IPPROTO_TCP)
		return;
	flags[0] = &ct->proto.tcp.seen[0].flags;
	flags[1] = &ct->proto.tcp.seen[1].flags;
	if (READ_ONCE(*flags[0]) & READ_ONCE(*flags[1]) &
	    IP_CT_TCP_FLAG_BE_LIBERAL)
		return;
	spin_lock(&ct->lock);
	*flags[0] |= IP_CT_TCP_FLAG_BE_LIBERAL;
	*flags[1] |= IP_CT_TCP_FLAG_BE_LIBERAL;
	spin_unlock(&ct->lock);
}
#else
void gwlb_ct_liberal(const struct sk_buff *skb)
{
}

bool gwlb_ct_tuple(const struct sk_buff *skb, bool turned,
		   struct gwlb_tuple *t)
{
	return false;
}

u16 gwlb_ct_zone(const struct sk_buff *skb)
{
	return 0;
}
#endif
