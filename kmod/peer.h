/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_PEER_H
#define GWLB_PEER_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/rtnetlink.h>
#include "drop.h"
#include "traffic.h"

struct gwlb_link;
struct gwlb_outer_route;

#define GWLB_PEERS_MAX	1024

/**
 * struct gwlb_metrics - metrics of flows with as much overhead
 * @next: of the same peer
 * @options_len: bytes of options
 * @values: by RTAX_* - 1; of these, the MTU is what fits the uplink
 */
struct gwlb_metrics {
	struct gwlb_metrics *next;
	unsigned int options_len;
	u32 values[RTAX_MAX];
};

/**
 * struct gwlb_peer - an address that a load balancer sends from
 * @node: in the list of the link; written under the lock of its flows
 * @refs: one of the list, one of each flow
 * @link: by which its packets come
 * @metrics: of its flows; written under the lock of the flows, and never taken
 *	away
 * @remote: its address
 * @local: the one that it sends to
 * @cpu: traffic; NULL if it is not listed
 * @vrf: ifindex of the VRF by which its packets come, or 0: another may have
 *	the same addresses
 * @route: to it, from @local; NULL before the first look-up
 * @last_seen: jiffies of the last packet from there
 * @rcu: frees it after its last reader
 */
struct gwlb_peer {
	struct hlist_node node;
	refcount_t refs;
	struct gwlb_link *link;
	struct gwlb_metrics *metrics;
	struct gwlb_address remote;
	struct gwlb_address local;
	struct gwlb_traffic_cpu __percpu *cpu;
	int vrf;
	struct gwlb_outer_route __rcu *route;
	unsigned long last_seen;
	struct rcu_head rcu;
};

/**
 * struct gwlb_peers - the peers of a link
 * @list: all of them; read under RCU, written under the lock of the flows
 * @count: how many
 * @seed: so that nobody can make them all fall into one bucket
 */
struct gwlb_peers {
	struct hlist_head list[256];
	unsigned int count;
	u32 seed;
};

struct gwlb_peer *gwlb_peer_get(struct gwlb_link *link,
				const struct gwlb_address *remote,
				const struct gwlb_address *local, int vrf);
struct gwlb_peer *gwlb_peer_find(struct gwlb_peers *peers,
				 const struct gwlb_address *remote,
				 const struct gwlb_address *local, int vrf);
u32 *gwlb_peer_metrics(struct gwlb_peer *peer, unsigned int options_len);
void gwlb_peer_put(struct gwlb_peer *peer);
void gwlb_peers_init(struct gwlb_peers *peers);
void gwlb_peers_flush(struct gwlb_peers *peers);
void gwlb_peer_count_rx(struct gwlb_peer *peer, unsigned int bytes);

#endif /* GWLB_PEER_H */
