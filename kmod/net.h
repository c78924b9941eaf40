/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_NET_H
#define GWLB_NET_H

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/spinlock.h>
#include <net/net_namespace.h>

/**
 * struct gwlb_net - part of a network namespace
 * @links: with sockets here; RTNL
 * @caught: with sockets here, and up; written under RTNL, read under RCU
 * @up: with devices here that are up; written under RTNL, read under RCU
 * @fragments: held by who lets the first fragments of a flow pass
 */
struct gwlb_net {
	struct list_head links;
	struct list_head caught;
	struct list_head up;
	spinlock_t fragments;	/* of what is noted of them in flows */
};

struct gwlb_net *gwlb_net(struct net *net);
int gwlb_net_init(void);
void gwlb_net_exit(void);

/* What all hooks of ours have as priv, to be told from those of others */
#define GWLB_HOOK_PRIV	((void *)THIS_MODULE)

/* AppArmor's hook looks at packets of sockets alone, and at none without a
 * security mark: ours have neither. It is the only one with this priority; what
 * people put there comes with private data.
 */
static inline bool gwlb_net_is_inert(const struct nf_hook_entries *e, int i,
				     unsigned int place)
{
	return place == NF_INET_POST_ROUTING && !e->hooks[i].priv &&
	       nf_hook_entries_get_hook_ops(e)[i]->priority ==
	       NF_IP_PRI_SELINUX_FIRST;
}

/**
 * gwlb_net_alone() - has a place of netfilter no hook but ours
 * @net: namespace
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 * @place: NF_INET_*
 *
 * Return: true if nobody else looks at packets of ours there.
 * Context: RCU.
 */
static inline bool gwlb_net_alone(const struct net *net, u8 pf,
				  unsigned int place)
{
	const struct nf_hook_entries *e;
	int i;

	if (pf == NFPROTO_IPV4)
		e = rcu_dereference(net->nf.hooks_ipv4[place]);
	else
		e = rcu_dereference(net->nf.hooks_ipv6[place]);
	for (i = 0; e && i < e->num_hook_entries; i++)
		if (e->hooks[i].priv != GWLB_HOOK_PRIV &&
		    !gwlb_net_is_inert(e, i, place))
			return false;
	return true;
}

#endif /* GWLB_NET_H */
