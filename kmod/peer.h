/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_PEER_H
#define GWLB_PEER_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/rtnetlink.h>
#include <linux/u64_stats_sync.h>
#include <net/dst_cache.h>
#include "drop.h"

struct gwlb_link;

#define GWLB_PEERS_MAX	1024

/**
 * struct gwlb_peer_cpu - traffic of a peer on one CPU; written with BH off
 * @syncp: for readers on 32 bit
 * @rx_packets: inner packets received
 * @rx_bytes: their bytes
 * @tx_packets: inner packets sent back
 * @tx_bytes: their bytes
 */
struct gwlb_peer_cpu {
	struct u64_stats_sync syncp;
	u64_stats_t rx_packets;
	u64_stats_t rx_bytes;
	u64_stats_t tx_packets;
	u64_stats_t tx_bytes;
};

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
 * @metrics: of its flows; written under the lock of the flows
 * @remote: its address
 * @local: the one that it sends to
 * @cpu: traffic
 * @vrf: ifindex of the VRF by which its packets come, or 0
 * @route: to it, from @local
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
	struct gwlb_peer_cpu __percpu *cpu;
	int vrf;
	struct dst_cache route;
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

/**
 * struct gwlb_peer_stats - traffic of a peer, summed up
 * @rx_packets: inner packets received
 * @rx_bytes: their bytes
 * @tx_packets: inner packets sent back
 * @tx_bytes: their bytes
 */
struct gwlb_peer_stats {
	u64 rx_packets;
	u64 rx_bytes;
	u64 tx_packets;
	u64 tx_bytes;
};

struct gwlb_peer *gwlb_peer_get(struct gwlb_link *link,
				const struct gwlb_address *remote,
				const struct gwlb_address *local, int vrf);
struct gwlb_peer *gwlb_peer_find(struct gwlb_peers *peers,
				 const struct gwlb_address *remote,
				 const struct gwlb_address *local);
u32 *gwlb_peer_metrics(struct gwlb_peer *peer, unsigned int options_len);
void gwlb_peer_put(struct gwlb_peer *peer);
void gwlb_peers_init(struct gwlb_peers *peers);
void gwlb_peers_flush(struct gwlb_peers *peers);
void gwlb_peer_count_rx(struct gwlb_peer *peer, unsigned int bytes);
void gwlb_peer_count_tx(struct gwlb_peer *peer, unsigned int bytes);
void gwlb_peer_stats(const struct gwlb_peer *peer, struct gwlb_peer_stats *s);

/**
 * gwlb_peer_set_vrf() - a packet of a peer came by a VRF
 * @peer: it came from
 * @vrf: ifindex, or 0
 */
static inline void gwlb_peer_set_vrf(struct gwlb_peer *peer, int vrf)
{
	if (READ_ONCE(peer->vrf) == vrf)
		return;
	WRITE_ONCE(peer->vrf, vrf);
	dst_cache_reset(&peer->route);
}

#endif /* GWLB_PEER_H */
