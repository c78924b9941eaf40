// SPDX-License-Identifier: GPL-2.0
/* The way of the outer packet to the load balancer: route, header, neighbour. */
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/udp.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>
#include <net/ndisc.h>
#include "compat.h"
#include "link.h"
#include "outer.h"

/* A counter of all CPUs, as the stack has it, would be a line of the cache that
 * all flows share. Ids matter to fragments alone, and we send none.
 */
static DEFINE_PER_CPU(u16, last_id);

/* Through itself, or to another socket of this machine, a packet would go
 * round for ever.
 */
static bool loops(const struct net_device *dev)
{
	return gwlb_dev_is_link(dev) || dev->flags & IFF_LOOPBACK ||
	       netif_is_l3_master(dev);
}

static struct dst_entry *lookup4(struct net *net, const struct gwlb_peer *peer,
				 __be16 port, struct flowi4 *fl4)
{
	struct rtable *rt;

	*fl4 = (struct flowi4){
		.flowi4_oif = peer->vrf,
		.daddr = peer->remote.a.s6_addr32[0],
		.saddr = peer->local.a.s6_addr32[0],
		.flowi4_proto = IPPROTO_UDP,
		.fl4_dport = port,
	};
	rt = __ip_route_output_key(net, fl4);
	if (IS_ERR(rt))
		return ERR_CAST(rt);
	/* no load balancer has such an address, only who forges one */
	if (rt->rt_flags & (RTCF_BROADCAST | RTCF_MULTICAST)) {
		ip_rt_put(rt);
		return ERR_PTR(-EACCES);
	}
	return &rt->dst;
}

static struct dst_entry *lookup6(struct net *net, const struct gwlb_peer *peer,
				 __be16 port, struct flowi6 *fl6)
{
	struct dst_entry *dst;

	*fl6 = (struct flowi6){
		.flowi6_oif = peer->vrf,
		.daddr = peer->remote.a,
		.saddr = peer->local.a,
		.flowi6_proto = IPPROTO_UDP,
		.fl6_dport = port,
	};
	/* IPv4 refuses a source that is not ours by itself */
	if (ipv6_addr_is_multicast(&fl6->saddr))
		return ERR_PTR(-EADDRNOTAVAIL);
	dst = ip6_route_output(net, NULL, fl6);
	if (dst->error) {
		int err = dst->error;

		dst_release(dst);
		return ERR_PTR(err);
	}
	return dst;
}

/* The port that packets leave to is that of all flows of a peer, the other not */
static struct dst_entry *lookup(struct net *net, const struct gwlb_peer *peer,
				__be16 port)
{
	struct dst_entry *dst;
	struct flowi fl = {};

	if (peer->remote.len == 4)
		dst = lookup4(net, peer, port, &fl.u.ip4);
	else
		dst = lookup6(net, peer, port, &fl.u.ip6);
	if (IS_ERR(dst))
		return dst;
	fl.flowi_oif = dst->dev->ifindex;
	/* not by xfrm_lookup_route(): a black hole, or a queue until there is
	 * an association, is no route to be kept
	 */
	dst = xfrm_lookup(net, dst, &fl, NULL, 0);
	if (!IS_ERR(dst) && loops(dst->dev)) {
		dst_release(dst);
		return ERR_PTR(-ELOOP);
	}
	return dst;
}

static void route_free(struct rcu_head *rcu)
{
	struct gwlb_outer_route *r;

	r = container_of(rcu, struct gwlb_outer_route, rcu);
	dst_release(r->dst);
	kfree(r);
}

/**
 * gwlb_outer_route() - the route to a load balancer
 * @net: namespace of the sockets
 * @peer: the load balancer
 *
 * All CPUs share the one that is kept, and none counts its packets in it: so
 * no reference is taken, as dst_cache would, and nothing written.
 *
 * Return: the route, good as long as RCU, or an ERR_PTR.
 * Context: BH off, RCU.
 */
struct dst_entry *gwlb_outer_route(struct net *net, struct gwlb_peer *peer)
{
	__be16 port = htons(gwlb_link_outer(peer->link)->port);
	struct gwlb_outer_route *r = rcu_dereference(peer->route);
	struct dst_entry *dst;

	if (r && r->port == port && dst_check(r->dst, r->cookie))
		return r->dst;
	dst = lookup(net, peer, port);
	if (IS_ERR(dst))
		return dst;
	r = kmalloc(sizeof(*r), GFP_ATOMIC);
	if (!r) {
		dst_release(dst);
		return ERR_PTR(-ENOMEM);
	}
	r->dst = dst;
	r->port = port;
	r->cookie = peer->remote.len == 4 ? 0 :
		    rt6_get_cookie((struct rt6_info *)dst);
	/* as rcu_replace_pointer(), for any of those who find it outdated */
	r = xchg((__force struct gwlb_outer_route **)&peer->route, r);
	if (r)
		call_rcu(&r->rcu, route_free);
	return dst;
}

/**
 * gwlb_outer_forget() - give up the route of a peer
 * @peer: of a link that sends no more, or being freed
 */
void gwlb_outer_forget(struct gwlb_peer *peer)
{
	struct gwlb_outer_route *r;

	r = xchg((__force struct gwlb_outer_route **)&peer->route, NULL);
	if (r)
		call_rcu(&r->rcu, route_free);
}

/* Nothing on the way but the neighbour */
static bool is_direct(const struct dst_entry *dst)
{
	return !dst_xfrm(dst) && !dst->lwtstate;
}

static void push_udp(struct sk_buff *skb, const __be16 port[2])
{
	struct udphdr *uh = __skb_push(skb, sizeof(*uh));

	skb_reset_transport_header(skb);
	uh->source = port[0];
	uh->dest = port[1];
	uh->len = htons(skb->len);
}

static __be16 next_id(const struct sk_buff *skb)
{
	return htons(__this_cpu_add_return(last_id,
					   skb_shinfo(skb)->gso_segs ?: 1));
}

static void push_ip4(struct sk_buff *skb, const struct gwlb_conf *conf,
		     const struct gwlb_peer *peer)
{
	struct iphdr *ip = __skb_push(skb, sizeof(*ip));

	skb_reset_network_header(skb);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = conf->tos;
	ip->tot_len = htons(skb->len);
	ip->id = next_id(skb);
	ip->frag_off = 0;
	ip->ttl = conf->ttl;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = peer->local.a.s6_addr32[0];
	ip->daddr = peer->remote.a.s6_addr32[0];
	ip->check = 0;
	ip->check = ip_fast_csum(ip, sizeof(*ip) / 4);
	skb->protocol = htons(ETH_P_IP);
}

static void push_ip6(struct sk_buff *skb, const struct gwlb_conf *conf,
		     const struct gwlb_peer *peer)
{
	unsigned int len = skb->len;
	struct ipv6hdr *ip = __skb_push(skb, sizeof(*ip));

	skb_reset_network_header(skb);
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	ip6_flow_hdr(ip, conf->tos, 0);
	ip->payload_len = htons(len);
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = conf->ttl;
	ip->saddr = peer->local.a;
	ip->daddr = peer->remote.a;
	skb->protocol = htons(ETH_P_IPV6);
}

/* Looked up as ip_finish_output2() does it: who keeps a neighbour keeps it from
 * being collected, and from being noticed to have gone
 */
static struct neighbour *neighbour(struct dst_entry *dst, struct sk_buff *skb,
				   const struct gwlb_peer *peer, bool *skip_cache)
{
	*skip_cache = false;
	if (peer->remote.len == 4)
		return ip_neigh_for_gw((struct rtable *)dst, skb, skip_cache);
	return ip_neigh_gw6(dst->dev, rt6_nexthop((struct rt6_info *)dst,
						  &peer->remote.a));
}

/* Past OUTPUT and POSTROUTING, as it came past PREROUTING and INPUT */
static bool send_direct(struct sk_buff *skb, const struct gwlb_conf *conf,
			const struct gwlb_peer *peer, const __be16 port[2],
			bool nocheck, struct dst_entry *dst)
{
	struct net_device *dev = skb->dev;
	unsigned int bytes = skb->len - skb_inner_network_offset(skb);
	struct neighbour *neigh;
	bool skip_cache;
	int err;

	skb_clear_hash_if_not_l4(skb);
	skb_dst_set_noref(skb, dst);
	push_udp(skb, port);
	if (peer->remote.len == 4) {
		udp_set_csum(nocheck, skb, peer->local.a.s6_addr32[0],
			     peer->remote.a.s6_addr32[0], skb->len);
		push_ip4(skb, conf, peer);
	} else {
		udp6_set_csum(nocheck, skb, &peer->local.a, &peer->remote.a,
			      skb->len);
		push_ip6(skb, conf, peer);
	}
	neigh = neighbour(dst, skb, peer, &skip_cache);
	if (IS_ERR(neigh))
		return false;
	skb->dev = dst->dev;
	err = neigh_output(neigh, skb, skip_cache);
	if (net_xmit_eval(err))
		bytes = 0;
	iptunnel_xmit_stats(dev, bytes);
	return true;
}

static void turn4(struct sk_buff *skb, const struct gwlb_conf *conf)
{
	struct iphdr *ip = ip_hdr(skb);

	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	swap(ip->saddr, ip->daddr);
	ip->tos = conf->tos;
	ip->ttl = conf->ttl;
	ip->frag_off = 0;
	ip->id = next_id(skb);
	ip->check = 0;
	ip->check = ip_fast_csum(ip, sizeof(*ip) / 4);
}

static void turn6(struct sk_buff *skb, const struct gwlb_conf *conf)
{
	struct ipv6hdr *ip = ipv6_hdr(skb);

	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	swap(ip->saddr, ip->daddr);
	ip6_flow_hdr(ip, conf->tos, 0);
	ip->hop_limit = conf->ttl;
}

/**
 * gwlb_outer_can_bounce() - can a packet go back as it is
 * @skb: anywhere behind its outer header
 * @dst: way back
 *
 * Return: true if it fits.
 */
bool gwlb_outer_can_bounce(const struct sk_buff *skb,
			   const struct dst_entry *dst)
{
	unsigned int mtu = min_t(unsigned int, dst_mtu(dst), IP_MAX_MTU);

	if (!is_direct(dst))
		return false;
	if (!skb_is_gso(skb))
		return skb->len - skb_network_offset(skb) <= mtu;
	/* of what is inside it reckons with the header of TCP alone */
	if (skb->encapsulation && skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4)
		mtu -= sizeof(struct udphdr);
	return skb_gso_validate_network_len(skb, mtu);
}

/**
 * gwlb_outer_bounce() - send a packet back as it is
 * @skb: anywhere behind its outer header; consumed if all is well
 * @dev: gwlb device that counts it
 * @conf: of the link
 * @peer: to whom
 * @bytes: of the inner packet
 * @dst: route
 *
 * The sum over the outer addresses is the same when they are swapped, and so
 * is the UDP checksum.
 *
 * Return: GWLB_DROP_REASON_NONE, or why not.
 * Context: BH off, RCU.
 */
enum gwlb_drop_reason gwlb_outer_bounce(struct sk_buff *skb,
					struct net_device *dev,
					const struct gwlb_conf *conf,
					const struct gwlb_peer *peer,
					unsigned int bytes,
					struct dst_entry *dst)
{
	struct neighbour *neigh;
	bool skip_cache;
	int err;

	__skb_push(skb, -skb_network_offset(skb));
	skb_orphan(skb);
	skb_scrub_packet(skb, true);
	skb_dst_set_noref(skb, dst);
	/* taps hold clones */
	if (skb_cow_head(skb, LL_RESERVED_SPACE(dst->dev)))
		return GWLB_DROP_REASON_NO_HEADROOM;
	/* a sum over the whole of it is good on the way in only */
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		skb->ip_summed = CHECKSUM_NONE;
	if (peer->remote.len == 4)
		turn4(skb, conf);
	else
		turn6(skb, conf);
	neigh = neighbour(dst, skb, peer, &skip_cache);
	if (IS_ERR(neigh))
		return GWLB_DROP_REASON_NO_ROUTE;
	skb->dev = dst->dev;
	err = neigh_output(neigh, skb, skip_cache);
	if (net_xmit_eval(err))
		bytes = 0;
	iptunnel_xmit_stats(dev, bytes);
	return GWLB_DROP_REASON_NONE;
}

/**
 * gwlb_outer_send() - put the outer header on a packet and send it
 * @skb: at the GENEVE header, with room for the rest and for that of the
 *	uplink; by the gwlb device; consumed unless false is returned
 * @conf: of the link
 * @peer: to whom
 * @port: UDP source and destination
 * @nocheck: without UDP checksum
 * @dst: route
 *
 * Return: false if it could not be had, or no neighbour.
 * Context: BH off, RCU.
 */
bool gwlb_outer_send(struct sk_buff *skb, const struct gwlb_conf *conf,
		     const struct gwlb_peer *peer, const __be16 port[2],
		     bool nocheck, struct dst_entry *dst)
{
	/* takes the inner packet's mark, conntrack entry and dst off it */
	skb_scrub_packet(skb, true);
	if (gwlb_conf_early(conf) && is_direct(dst))
		return send_direct(skb, conf, peer, port, nocheck, dst);
	/* the stack drops it with the packet */
	if (!dst_hold_safe(dst))
		return false;
	if (peer->remote.len == 4)
		gwlb_udp_tunnel_xmit((struct rtable *)dst, skb,
				     peer->local.a.s6_addr32[0],
				     peer->remote.a.s6_addr32[0], conf->tos,
				     conf->ttl, port, nocheck);
	else
		gwlb_udp_tunnel6_xmit(dst, skb, peer->local.a, peer->remote.a,
				      conf->tos, conf->ttl, port, nocheck);
	return true;
}

/**
 * gwlb_outer_init() - let nobody know where ids begin
 */
void __init gwlb_outer_init(void)
{
	int i;

	for_each_possible_cpu(i)
		per_cpu(last_id, i) = get_random_u32();
}
