// SPDX-License-Identifier: GPL-2.0
/* The places of netfilter that a packet passes on its way through the bump. */
#include <linux/netfilter.h>
#include <net/netfilter/nf_queue.h>
#include "compat.h"
#include "hooks.h"
#include "net.h"
#include "zone.h"

/**
 * gwlb_hooks() - let those who have hooks in a place see a packet
 * @pf: NFPROTO_IPV4 or NFPROTO_IPV6
 * @place: NF_INET_*
 * @net: namespace
 * @skb: whole packet, no fragment
 * @flow: of it
 * @in: device that it came in by
 * @out: device that it leaves by, or NULL
 * @okfn: goes on with it if a queue gives it back
 *
 * As nf_hook(), but most hooks of ours are for other packets: to ask each of
 * them costs as much as a rule.
 *
 * Return: 1 to go on, else it has been consumed.
 * Context: BH off, RCU.
 */
int gwlb_hooks(u8 pf, unsigned int place, struct net *net, struct sk_buff *skb,
	       const struct gwlb_flow *flow, struct net_device *in,
	       struct net_device *out,
	       int (*okfn)(struct net *, struct sock *, struct sk_buff *))
{
	const struct nf_hook_entries *e;
	/* nf_hook_state_init() sets all of it */
	struct nf_hook_state state __uninitialized;
	unsigned int i, verdict;

	if (pf == NFPROTO_IPV4)
		e = rcu_dereference(net->nf.hooks_ipv4[place]);
	else
		e = rcu_dereference(net->nf.hooks_ipv6[place]);
	if (!e)
		return 1;
	nf_hook_state_init(&state, place, pf, in, out, NULL, net, okfn);
	for (i = 0; i < e->num_hook_entries; i++) {
		if (e->hooks[i].priv == GWLB_HOOK_PRIV)
			verdict = gwlb_zone_bump(e->hooks[i].hook, skb, flow);
		else
			verdict = nf_hook_entry_hookfn(&e->hooks[i], skb,
						       &state);
		if (likely(verdict == NF_ACCEPT))
			continue;
		switch (verdict & NF_VERDICT_MASK) {
		case NF_ACCEPT:
			continue;
		case NF_QUEUE:
			if (nf_queue(skb, &state, i, verdict) == 1)
				continue;
			return 0;
		case NF_DROP:
			gwlb_kfree_skb_netfilter(skb);
			return 0;
		default:
			return 0;
		}
	}
	return 1;
}
