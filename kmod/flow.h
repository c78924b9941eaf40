/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_FLOW_H
#define GWLB_FLOW_H

#include <linux/rhashtable.h>
#include <linux/udp.h>
#include <net/ip6_fib.h>
#include <net/l3mdev.h>
#include <net/route.h>
#include "endpoint.h"
#include "geneve.h"
#include "inner.h"
#include "peer.h"

struct gwlb_link;

#define GWLB_OPTIONS_INLINE	GWLB_GENEVE_OPTIONS_USUAL

/**
 * struct gwlb_key - the header under which a packet came, options aside
 * @geneve: header
 * @remote: outer source
 * @local: outer destination
 * @vrf: ifindex of the VRF by which it came, or 0
 * @port: outer UDP source and destination, network order
 * @nocheck: the outer UDP checksum was zero
 * @tuple: inner addresses, normalized
 */
struct gwlb_key {
	struct gwlb_geneve geneve;
	struct gwlb_address remote;
	struct gwlb_address local;
	int vrf;
	__be16 port[2];
	u8 nocheck;
	struct gwlb_tuple tuple;
};

/**
 * gwlb_key_endpoint() - the endpoint of a packet
 * @key: header of it
 *
 * Return: its id.
 */
static inline struct gwlb_endpoint_id
gwlb_key_endpoint(const struct gwlb_key *key)
{
	struct gwlb_endpoint_id id = { .id = key->geneve.endpoint };

	if (!id.id) {
		id.gateway = key->remote;
		id.vrf = key->vrf;
	}
	return id;
}

/**
 * gwlb_vrf() - the VRF of a device
 * @dev: device
 *
 * Return: ifindex, or 0.
 * Context: RCU.
 */
static inline int gwlb_vrf(struct net_device *dev)
{
	return netif_is_l3_slave(dev) || netif_is_l3_master(dev) ?
	       l3mdev_master_ifindex_rcu(dev) : 0;
}

/**
 * gwlb_key_outer() - read the outer header
 * @key: filled as far as that goes; of GENEVE it has no protocol yet
 * @skb: packet whose network and transport headers are known; by the device
 *	that it came in by
 *
 * Context: RCU.
 */
static inline void gwlb_key_outer(struct gwlb_key *key,
				  const struct sk_buff *skb)
{
	const struct udphdr *uh = udp_hdr(skb);

	key->geneve.protocol = 0;
	key->remote = gwlb_sender(skb);
	if (ip_hdr(skb)->version == 4)
		key->local = gwlb_address4(ip_hdr(skb)->daddr);
	else
		key->local = gwlb_address6(&ipv6_hdr(skb)->daddr);
	key->vrf = gwlb_vrf(skb->dev);
	key->port[0] = uh->source;
	key->port[1] = uh->dest;
	key->nocheck = !uh->check;
}

/**
 * struct gwlb_flow - a flow of inner packets under one context: all that it
 *	takes to send one back
 * @packets: received; [0] as in the tuple, [1] the other way round
 * @bytes: of those
 * @last_seen: jiffies of the last one, of the first packet if there is none
 * @created: seconds since boot
 * @fragment_seen: jiffies of the last fragment, if @fragmented
 * @trusted: jiffies until which it is bounced in place, 0 if it is not; of
 *	flows that are not @fragmented alone
 * @node: in the table of the link
 * @peer: it came from
 * @endpoint: it is of; RCU, replaced with the lock of the flows
 * @room: options as they came
 * @options: the same where @room is too small
 * @port: outer UDP source and destination, network order
 * @vni: virtual network identifier
 * @options_len: bytes of options
 * @inner_port: of the tuple
 * @version: 4 or 6, of the tuple
 * @protocol: of the tuple
 * @nocheck: the outer UDP checksum was zero
 * @critical: one of the options is critical
 * @turned: the first packet came the other way round
 * @diverted: packets have entered the IP stack; the bits beside it never change
 * @fragmented: fragments have passed
 * @addr: of the tuple, source and destination of as many bytes as they have
 *
 * It lies behind a rtable or a rt6_info, whose references are those of the
 * flow; a packet carries the flow by that. There may be very many, hence no
 * word more than needed. What is written for each packet is in front, where
 * no line of the cache belongs to another flow as well.
 */
struct gwlb_flow {
	atomic64_t packets[2];
	atomic64_t bytes[2];
	u32 last_seen[2];
	u32 created;
	union {
		u32 fragment_seen;
		u32 trusted;
	};
	struct rhlist_head node;
	struct gwlb_peer *peer;
	struct gwlb_endpoint __rcu *endpoint;
	union {
		u8 room[GWLB_OPTIONS_INLINE];
		u8 *options;
	};
	__be16 port[2];
	u32 vni:24;
	u32 options_len:8;
	u8 inner_port[2][2];
	u8 version;
	u8 protocol;
	u8 nocheck:1;
	u8 critical:1;
	u8 turned:1;
	u8 diverted:1;
	u8 fragmented;
	u8 addr[];
};

/**
 * struct gwlb_flow4 - a flow of IPv4 as NAT and the fragmenters see it
 * @rt: what they take it for
 * @flow: of two addresses
 */
struct gwlb_flow4 {
	struct rtable rt;
	struct gwlb_flow flow;
};

/**
 * struct gwlb_flow6 - the same of IPv6
 * @rt: what they take it for
 * @flow: of two addresses
 */
struct gwlb_flow6 {
	struct rt6_info rt;
	struct gwlb_flow flow;
};

int gwlb_flow_init(void);
void gwlb_flow_exit(void);

struct gwlb_flow *gwlb_flow_new(struct gwlb_link *link,
				const struct gwlb_key *key, int turned,
				const u8 *options);
void gwlb_flow_count(struct gwlb_flow *flow, int turned, unsigned int bytes);
void gwlb_flow_tuple(const struct gwlb_flow *flow, struct gwlb_tuple *t);
void gwlb_flow_list_endpoint(struct gwlb_flow *flow);

extern struct dst_ops gwlb_dst_ops4;
extern struct dst_ops gwlb_dst_ops6;

/**
 * gwlb_flow_of_dst() - the flow that a dst belongs to
 * @dst: of a packet
 *
 * Return: the flow, NULL if the dst is not one of ours.
 */
static inline struct gwlb_flow *gwlb_flow_of_dst(struct dst_entry *dst)
{
	if (dst->ops == &gwlb_dst_ops4)
		return &container_of(dst, struct gwlb_flow4, rt.dst)->flow;
	if (dst->ops == &gwlb_dst_ops6)
		return &container_of(dst, struct gwlb_flow6, rt.dst)->flow;
	return NULL;
}

/**
 * gwlb_flow_of() - the flow that a packet carries
 * @skb: packet
 * @dev: gwlb device that it passes
 *
 * Return: the flow, NULL if it carries none or one of another device.
 */
static inline struct gwlb_flow *gwlb_flow_of(const struct sk_buff *skb,
					     const struct net_device *dev)
{
	struct dst_entry *dst = skb_dst(skb);
	struct gwlb_flow *flow;

	if (!dst)
		return NULL;
	/* it came under RCU, and a flow forgotten since will still do */
	if (skb_dst_is_noref(skb)) {
		flow = gwlb_flow_of_dst(dst);
		return flow && flow->peer->link == netdev_priv(dev) ? flow : NULL;
	}
	if (READ_ONCE(dst->dev) != dev)
		return NULL;
	return gwlb_flow_of_dst(dst);
}

/**
 * gwlb_flow_endpoint() - the endpoint of a flow
 * @flow: flow
 *
 * Return: the endpoint.
 * Context: RCU, or the lock of the flows.
 */
static inline struct gwlb_endpoint *
gwlb_flow_endpoint(const struct gwlb_flow *flow)
{
	/* the condition of lockdep is one of two, known to the callers */
	return rcu_dereference_check(flow->endpoint, true);
}

/**
 * gwlb_flow_same_endpoint() - are two flows of one endpoint
 * @a: flow
 * @b: another
 *
 * Return: true if they are.
 * Context: RCU, or the lock of the flows.
 */
static inline bool gwlb_flow_same_endpoint(const struct gwlb_flow *a,
					   const struct gwlb_flow *b)
{
	return a->peer->vrf == b->peer->vrf &&
	       gwlb_endpoint_same(gwlb_flow_endpoint(a), gwlb_flow_endpoint(b));
}

/**
 * gwlb_flow_dst() - what packets carry a flow by
 * @flow: flow
 *
 * Return: it, of the family of the inner packets.
 */
static inline struct dst_entry *gwlb_flow_dst(struct gwlb_flow *flow)
{
	if (flow->version == 4)
		return &container_of(flow, struct gwlb_flow4, flow)->rt.dst;
	return &container_of(flow, struct gwlb_flow6, flow)->rt.dst;
}

/**
 * gwlb_flow_link() - the link by which its packets came
 * @flow: flow of a link that is there, or under RCU
 *
 * Return: the link.
 */
static inline struct gwlb_link *gwlb_flow_link(const struct gwlb_flow *flow)
{
	return flow->peer->link;
}

/**
 * gwlb_flow_fixed() - the fixed GENEVE header under which packets go back
 * @flow: of them
 *
 * Put together anew for each: kept as it is, it would be the word by which one
 * flow less fits into a page.
 *
 * Return: its bytes as a number.
 */
static inline u64 gwlb_flow_fixed(const struct gwlb_flow *flow)
{
	struct gwlb_geneve g = {
		.vni = flow->vni,
		.protocol = flow->version == 4 ? ETH_P_IP : ETH_P_IPV6,
		.options_len = flow->options_len,
		.critical = flow->critical,
	};

	return gwlb_geneve_fixed(&g);
}

/**
 * gwlb_flow_options() - the options of its packets
 * @flow: flow
 *
 * Return: @flow->options_len bytes.
 */
static inline const u8 *gwlb_flow_options(const struct gwlb_flow *flow)
{
	return flow->options_len > sizeof(flow->room) ? flow->options :
							flow->room;
}

/**
 * gwlb_flow_seen() - have packets come in a direction
 * @flow: flow
 * @turned: not as in the tuple, but the other way round
 *
 * Return: true if some have.
 */
static inline bool gwlb_flow_seen(const struct gwlb_flow *flow, int turned)
{
	return atomic64_read(&flow->packets[turned]);
}

/**
 * gwlb_flow_last_seen() - when the last packet came, in either direction
 * @flow: flow
 *
 * Return: low bits of jiffies.
 */
static inline u32 gwlb_flow_last_seen(const struct gwlb_flow *flow)
{
	u32 a = READ_ONCE(flow->last_seen[0]), b = READ_ONCE(flow->last_seen[1]);

	return (s32)(a - b) > 0 ? a : b;
}

/**
 * gwlb_flow_idle() - for how long no packet came
 * @flow: flow
 *
 * Return: jiffies.
 */
static inline u32 gwlb_flow_idle(const struct gwlb_flow *flow)
{
	s32 idle = (u32)jiffies - gwlb_flow_last_seen(flow);

	/* another CPU may have seen the next tick */
	return max(idle, 0);
}

/**
 * gwlb_flow_metrics() - the metrics of its dst
 * @flow: flow
 *
 * By way of the peer, which the cache has, to touch no line of the dst.
 *
 * Return: by RTAX_* - 1.
 */
static inline u32 *gwlb_flow_metrics(const struct gwlb_flow *flow)
{
	struct gwlb_metrics *m = READ_ONCE(flow->peer->metrics);

	while (m->options_len != flow->options_len)
		m = m->next;
	return m->values;
}

/**
 * gwlb_flow_mtu() - longest inner packet that is known to fit the uplink
 * @flow: flow
 *
 * Return: bytes.
 */
static inline unsigned int gwlb_flow_mtu(const struct gwlb_flow *flow)
{
	return READ_ONCE(gwlb_flow_metrics(flow)[RTAX_MTU - 1]);
}

/**
 * gwlb_flow_set_mtu() - the uplink carries longer or shorter ones now
 * @flow: flow; it holds for all of the same peer and length of options
 * @mtu: longest inner packet
 */
static inline void gwlb_flow_set_mtu(struct gwlb_flow *flow, unsigned int mtu)
{
	WRITE_ONCE(gwlb_flow_metrics(flow)[RTAX_MTU - 1], mtu);
}

/**
 * gwlb_flow_attach() - let a packet carry a flow
 * @skb: packet; what it carried before is dropped
 * @flow: under RCU
 *
 * Return: false if the flow is being freed.
 */
static inline bool gwlb_flow_attach(struct sk_buff *skb, struct gwlb_flow *flow)
{
	if (!dst_hold_safe(gwlb_flow_dst(flow)))
		return false;
	skb_dst_drop(skb);
	skb_dst_set(skb, gwlb_flow_dst(flow));
	return true;
}

#endif /* GWLB_FLOW_H */
