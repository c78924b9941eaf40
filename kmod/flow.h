/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_FLOW_H
#define GWLB_FLOW_H

#include <linux/rhashtable.h>
#include <linux/workqueue.h>
#include <net/ip6_fib.h>
#include <net/route.h>
#include "geneve.h"
#include "inner.h"
#include "peer.h"

struct gwlb_link;

/* What the load balancers in use send: endpoint, attachment, cookie */
#define GWLB_OPTIONS_INLINE	32

/**
 * struct gwlb_key - what makes packets the same flow, options aside
 * @geneve: header
 * @remote: outer source
 * @local: outer destination
 * @port: outer UDP source and destination, network order
 * @nocheck: the outer UDP checksum was zero
 * @tuple: inner addresses, normalized
 */
struct gwlb_key {
	struct gwlb_geneve geneve;
	struct gwlb_address remote;
	struct gwlb_address local;
	__be16 port[2];
	u8 nocheck;
	struct gwlb_tuple tuple;
};

/**
 * struct gwlb_flow - a flow of inner packets and their context: all that it
 *	takes to send one back
 * @node: in the table by key and options
 * @tuple_node: in the table by inner tuple
 * @dst: of the rtable or rt6_info around it, whose references are those of
 *	the flow; a packet carries the flow by it
 * @link: it came in by
 * @peer: it came from
 * @metrics: of @dst; RTAX_MTU is what fits the uplink, inner header included
 * @last_seen: jiffies of the last packet
 * @seen: bit 0, packets came as in the tuple; bit 1, the other way round
 * @fragmented: fragments of it have passed
 * @fragment_seen: jiffies of the last one
 * @key: what it is found by
 * @options: as they came, @key.geneve.options_len bytes
 * @room: for short @options
 */
struct gwlb_flow {
	struct rhash_head node;
	struct rhlist_head tuple_node;
	struct dst_entry *dst;
	struct gwlb_link *link;
	struct gwlb_peer *peer;
	u32 metrics[RTAX_MAX];
	unsigned long last_seen;
	u8 seen;
	bool fragmented;
	unsigned long fragment_seen;
	struct gwlb_key key;
	u8 *options;
	u8 room[GWLB_OPTIONS_INLINE];
};

/**
 * struct gwlb_flows - the flows of a link
 * @by_key: unique by key and options; read under RCU
 * @by_tuple: several of one tuple; read under RCU
 * @lock: guards that a flow is in both tables or in none, and the peers
 * @gc: drops idle flows while the link is up
 */
struct gwlb_flows {
	struct rhashtable by_key;
	struct rhltable by_tuple;
	spinlock_t lock;	/* of both tables and the peers */
	struct delayed_work gc;
};

int gwlb_flow_init(void);
void gwlb_flow_exit(void);

int gwlb_flows_init(struct gwlb_flows *flows);
void gwlb_flows_destroy(struct gwlb_flows *flows);
void gwlb_flows_start(struct gwlb_flows *flows);
void gwlb_flows_stop(struct gwlb_flows *flows);
unsigned int gwlb_flows_count(struct gwlb_flows *flows);

struct gwlb_flow *gwlb_flow_get(struct gwlb_link *link,
				const struct gwlb_key *key, const u8 *options,
				unsigned int max);
bool gwlb_flow_fragment(struct gwlb_link *link, struct gwlb_flow *flow);
struct gwlb_flow *gwlb_flow_find(struct gwlb_link *link,
				 struct gwlb_tuple *tuple,
				 enum gwlb_drop_reason *reason);
struct gwlb_flow *gwlb_flow_towards(struct gwlb_flow *flow, int turned);
struct gwlb_flow *gwlb_flow_of(const struct sk_buff *skb,
			       const struct net_device *dev);

/**
 * gwlb_flow_mtu() - longest inner packet that is known to fit the uplink
 * @flow: flow
 *
 * Return: bytes.
 */
static inline unsigned int gwlb_flow_mtu(const struct gwlb_flow *flow)
{
	return READ_ONCE(flow->metrics[RTAX_MTU - 1]);
}

/**
 * gwlb_flow_attach() - let a packet carry a flow
 * @skb: without dst
 * @flow: under RCU
 *
 * Return: false if the flow is being freed.
 */
static inline bool gwlb_flow_attach(struct sk_buff *skb, struct gwlb_flow *flow)
{
	if (!dst_hold_safe(flow->dst))
		return false;
	skb_dst_drop(skb);
	skb_dst_set(skb, flow->dst);
	return true;
}

#endif /* GWLB_FLOW_H */
