// SPDX-License-Identifier: GPL-2.0
/*
 * The outer packet in netfilter. No conntrack entry is made for it, in either
 * direction; with the early catch it is taken there and then, before the stack
 * has done anything for it. What that does not take goes on to the socket.
 */
#include <linux/inetdevice.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/udp.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/l3mdev.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/udp.h>
#include <net/xfrm.h>
#include "catch.h"
#include "compat.h"
#include "link.h"
#include "net.h"
#include "rx.h"

/* Behind the user's raw rules, and whatever puts packets together; before all
 * that makes or asks for a conntrack entry.
 */
#define PRIORITY	-250

static bool is_v4(const struct sk_buff *skb)
{
	return ip_hdr(skb)->version == 4;
}

/* Where the UDP header is; 0 for what is none, or cannot be ours as it is */
static unsigned int udp_offset(const struct sk_buff *skb)
{
	if (!is_v4(skb))
		return ipv6_hdr(skb)->nexthdr == IPPROTO_UDP ?
		       sizeof(struct ipv6hdr) : 0;
	if (ip_hdr(skb)->protocol != IPPROTO_UDP || ip_is_fragment(ip_hdr(skb)))
		return 0;
	return ip_hdrlen(skb);
}

static bool port_is(const struct gwlb_conf *conf, __be16 port)
{
	return htons(conf->port) == port;
}

static bool local_is(const struct gwlb_conf *conf, const struct sk_buff *skb)
{
	const struct gwlb_address *local = &conf->local;

	if (!local->len)
		return true;
	if (is_v4(skb))
		return local->len == 4 &&
		       local->a.s6_addr32[0] == ip_hdr(skb)->daddr;
	return local->len == 16 && ipv6_addr_equal(&local->a,
						   &ipv6_hdr(skb)->daddr);
}

/* The hash tables of addresses that these ask need no cache of ours; several
 * VRFs may have the same address, of which they know one.
 */
static bool address_is_here(struct net *net, const struct sk_buff *skb)
{
	const struct net_device *dev;

	if (!is_v4(skb))
		return ipv6_chk_addr(net, &ipv6_hdr(skb)->daddr, skb->dev, 0);
	dev = __ip_dev_find(net, ip_hdr(skb)->daddr, false);
	if (!dev)
		return false;
	return dev == skb->dev || l3mdev_master_ifindex_rcu(dev) ==
		       l3mdev_master_ifindex_rcu(skb->dev) ||
	       inet_addr_type_dev_table(net, skb->dev, ip_hdr(skb)->daddr) ==
		       RTN_LOCAL;
}

static struct gwlb_link *find(struct net *net, const struct sk_buff *skb,
			      unsigned int at)
{
	const struct list_head *caught = &gwlb_net(net)->caught;
	const struct udphdr *uh;
	struct gwlb_link *link;
	struct udphdr room;

	uh = skb_header_pointer(skb, at, sizeof(room), &room);
	if (!uh)
		return NULL;
	list_for_each_entry_rcu(link, caught, caught) {
		const struct gwlb_conf *conf = rcu_dereference(link->conf);

		if (port_is(conf, uh->dest) && local_is(conf, skb) &&
		    address_is_here(net, skb))
			return link;
	}
	return NULL;
}

/* What the stack would look at more closely than we do, or refuse */
static bool plain(const struct sk_buff *skb)
{
	const struct ipv6hdr *ip6 = ipv6_hdr(skb);
	__be32 saddr;

	if (!is_v4(skb))
		return !ipv6_addr_any(&ip6->saddr) &&
		       !ipv6_addr_loopback(&ip6->saddr) &&
		       !(ipv6_addr_type(&ip6->saddr) & IPV6_ADDR_LINKLOCAL);
	saddr = ip_hdr(skb)->saddr;
	return ip_hdrlen(skb) == sizeof(struct iphdr) &&
	       !ipv4_is_multicast(saddr) && !ipv4_is_lbcast(saddr) &&
	       !ipv4_is_zeronet(saddr) && !ipv4_is_loopback(saddr);
}

/* IPsec has a say in what a socket may receive */
static bool has_policy(const struct net *net, const struct sk_buff *skb)
{
#ifdef CONFIG_XFRM
	return secpath_exists(skb) || net->xfrm.policy_count[XFRM_POLICY_IN] ||
	       gwlb_xfrm_blocks_in(net);
#else
	return false;
#endif
}

/* Other aggregates hold several packets of ours; so does a list, which the
 * socket takes apart
 */
static bool is_one(const struct sk_buff *skb)
{
	unsigned int type = skb_shinfo(skb)->gso_type;

	return !skb_is_gso(skb) ||
	       (type & (SKB_GSO_UDP_TUNNEL | SKB_GSO_UDP_TUNNEL_CSUM) &&
		!(type & SKB_GSO_FRAGLIST));
}

static bool takes(const struct gwlb_conf *conf, struct net *net,
		  const struct sk_buff *skb, unsigned int at)
{
	int vrf = gwlb_vrf(skb->dev);

	return skb->pkt_type == PACKET_HOST &&
	       !(skb->dev->flags & IFF_LOOPBACK) &&
	       plain(skb) && gwlb_conf_allows(conf, skb) &&
	       is_one(skb) && ntohs(udp_hdr(skb)->len) == skb->len - at &&
	       udp_sk_bound_dev_eq(net, 0, vrf, vrf) &&
	       !has_policy(net, skb);
}

/* As the socket does it; at the UDP header */
static bool checksum_right(struct sk_buff *skb)
{
	__sum16 check = udp_hdr(skb)->check;

	if (is_v4(skb)) {
		if (skb_checksum_init_zero_check(skb, IPPROTO_UDP, check,
						 inet_compute_pseudo))
			return false;
		if (check)
			skb_checksum_try_convert(skb, IPPROTO_UDP,
						 inet_compute_pseudo);
	} else {
		if (skb_checksum_init_zero_check(skb, IPPROTO_UDP, check,
						 ip6_compute_pseudo))
			return false;
		if (check)
			skb_checksum_try_convert(skb, IPPROTO_UDP,
						 ip6_compute_pseudo);
	}
	return skb_csum_unnecessary(skb) || !__skb_checksum_complete(skb);
}

static void take_bh(struct gwlb_link *link, struct sk_buff *skb, unsigned int at)
{
	struct gwlb_address sender;

	__skb_pull(skb, at);
	/* the sum of an IPv4 header is 0 */
	if (!is_v4(skb))
		skb_postpull_rcsum(skb, skb_network_header(skb), at);
	if (checksum_right(skb)) {
		gwlb_rx_outer(link, skb, true);
		return;
	}
	sender = gwlb_sender(skb);
	gwlb_drop(&link->drops, skb, GWLB_DROP_REASON_OUTER_CHECKSUM, &sender);
}

/* What a queue gave back comes with BH on */
static void take(struct gwlb_link *link, struct sk_buff *skb, unsigned int at)
{
	if (in_softirq()) {
		take_bh(link, skb, at);
		return;
	}
	local_bh_disable();
	take_bh(link, skb, at);
	local_bh_enable();
}

/* A template of the user's rules goes too */
static void untrack(struct sk_buff *skb)
{
	nf_reset_ct(skb);
	nf_ct_set(skb, NULL, IP_CT_UNTRACKED);
}

static unsigned int prerouting(void *priv, struct sk_buff *skb,
			       const struct nf_hook_state *state)
{
	const struct gwlb_conf *conf;
	struct gwlb_link *link;
	unsigned int at;

	/* an inner packet, whatever it is */
	if (gwlb_dev_is_link(state->in))
		return NF_ACCEPT;
	at = udp_offset(skb);
	if (!at)
		return NF_ACCEPT;
	link = find(state->net, skb, at);
	if (!link)
		return NF_ACCEPT;
	conf = rcu_dereference(link->conf);
	if (gwlb_conf_early(conf) && pskb_may_pull(skb, at + sizeof(struct udphdr))) {
		skb_set_transport_header(skb, at);
		if (takes(conf, state->net, skb, at)) {
			take(link, skb, at);
			return NF_STOLEN;
		}
	}
	untrack(skb);
	return NF_ACCEPT;
}

/* Ours have no socket, those of programs on this machine do */
static unsigned int local_out(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	unsigned int at = skb->sk ? 0 : udp_offset(skb);
	const struct udphdr *uh;
	struct gwlb_link *link;
	struct udphdr room;

	if (!at)
		return NF_ACCEPT;
	uh = skb_header_pointer(skb, at, sizeof(room), &room);
	if (!uh)
		return NF_ACCEPT;
	list_for_each_entry_rcu(link, &gwlb_net(state->net)->caught, caught) {
		if (port_is(rcu_dereference(link->conf), uh->dest)) {
			untrack(skb);
			break;
		}
	}
	return NF_ACCEPT;
}

static const struct nf_hook_ops hooks[] = {
	{
		.hook = prerouting,
		.priv = GWLB_HOOK_PRIV,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = PRIORITY,
	}, {
		.hook = prerouting,
		.priv = GWLB_HOOK_PRIV,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_PRE_ROUTING,
		.priority = PRIORITY,
	}, {
		.hook = local_out,
		.priv = GWLB_HOOK_PRIV,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = PRIORITY,
	}, {
		.hook = local_out,
		.priv = GWLB_HOOK_PRIV,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_OUT,
		.priority = PRIORITY,
	},
};

/**
 * gwlb_catch_start() - see to the outer packets of a link
 * @link: coming up
 *
 * Return: 0 or a negative errno.
 * Context: process, RTNL.
 */
int gwlb_catch_start(struct gwlb_link *link)
{
	struct gwlb_net *gn = gwlb_net(link->net);
	int err;

	if (list_empty(&gn->caught)) {
		err = nf_register_net_hooks(link->net, hooks, ARRAY_SIZE(hooks));
		if (err)
			return err;
	}
	list_add_rcu(&link->caught, &gn->caught);
	return 0;
}

/**
 * gwlb_catch_stop() - the opposite
 * @link: going down; the caller waits for RCU before anything of it goes
 *
 * Context: process, RTNL.
 */
void gwlb_catch_stop(struct gwlb_link *link)
{
	struct gwlb_net *gn = gwlb_net(link->net);

	list_del_rcu(&link->caught);
	if (list_empty(&gn->caught))
		nf_unregister_net_hooks(link->net, hooks, ARRAY_SIZE(hooks));
}
