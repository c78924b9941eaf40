// SPDX-License-Identifier: GPL-2.0
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include "compat.h"
#include "link.h"
#include "outer.h"
#include "peer.h"

static struct hlist_head *bucket(struct gwlb_peers *peers,
				 const struct gwlb_address *remote)
{
	u32 hash = jhash(&remote->a, sizeof(remote->a), peers->seed);

	return &peers->list[hash % ARRAY_SIZE(peers->list)];
}

/**
 * gwlb_peer_find() - the peer with these addresses
 * @peers: of the link
 * @remote: outer source
 * @local: outer destination
 * @vrf: by which its packets come, or 0
 *
 * Return: the peer or NULL.
 * Context: RCU, or the lock of the flows.
 */
struct gwlb_peer *gwlb_peer_find(struct gwlb_peers *peers,
				 const struct gwlb_address *remote,
				 const struct gwlb_address *local, int vrf)
{
	struct gwlb_peer *peer;

	/* the condition of lockdep is one of two, known to the callers */
	hlist_for_each_entry_rcu(peer, bucket(peers, remote), node, true)
		if (gwlb_address_equal(&peer->remote, remote) &&
		    gwlb_address_equal(&peer->local, local) &&
		    peer->vrf == vrf)
			return peer;
	return NULL;
}

static void peer_free(struct rcu_head *rcu)
{
	struct gwlb_peer *peer = container_of(rcu, struct gwlb_peer, rcu);
	struct gwlb_metrics *m, *next;

	for (m = peer->metrics; m; m = next) {
		next = m->next;
		kfree(m);
	}
	gwlb_outer_forget(peer);
	free_percpu(peer->cpu);
	kfree(peer);
}

/**
 * gwlb_peer_put() - give a reference back
 * @peer: not to be used any more
 */
void gwlb_peer_put(struct gwlb_peer *peer)
{
	if (refcount_dec_and_test(&peer->refs))
		call_rcu(&peer->rcu, peer_free);
}

/* One without flows makes room: the longest idle of a few picked by chance */
static void evict(struct gwlb_peers *peers)
{
	struct gwlb_peer *peer, *victim = NULL;
	unsigned int first = get_random_u32();
	int i;

	for (i = 0; i < 8; i++)
		hlist_for_each_entry(peer, &peers->list[(first + i) %
				     ARRAY_SIZE(peers->list)], node)
			if (refcount_read(&peer->refs) == 1 &&
			    (!victim || time_before(READ_ONCE(peer->last_seen),
						    victim->last_seen)))
				victim = peer;
	if (!victim)
		return;
	hlist_del_rcu(&victim->node);
	peers->count--;
	gwlb_peer_put(victim);
}

/* One that is not listed has no counters: per-CPU memory for each of a
 * flood of senders would be without bound.
 */
static struct gwlb_peer *peer_new(struct gwlb_link *link,
				  const struct gwlb_address *remote,
				  const struct gwlb_address *local, int vrf,
				  bool listed)
{
	struct gwlb_peer *peer;

	peer = kzalloc(sizeof(*peer), GFP_ATOMIC);
	if (!peer)
		return NULL;
	if (listed) {
		peer->cpu = gwlb_traffic_alloc(GFP_ATOMIC);
		if (!peer->cpu) {
			kfree(peer);
			return NULL;
		}
	}
	refcount_set(&peer->refs, 1);
	peer->link = link;
	peer->remote = *remote;
	peer->local = *local;
	peer->vrf = vrf;
	peer->last_seen = jiffies;
	return peer;
}

/**
 * gwlb_peer_get() - find or make the peer of a new flow
 * @link: by which that came
 * @remote: outer source
 * @local: outer destination
 * @vrf: by which its packets come, or 0
 *
 * Beyond GWLB_PEERS_MAX a peer is not listed, and lives as long as its flow.
 *
 * Return: the peer with a reference for the caller, NULL without memory.
 * Context: BH off, under the lock of the flows.
 */
struct gwlb_peer *gwlb_peer_get(struct gwlb_link *link,
				const struct gwlb_address *remote,
				const struct gwlb_address *local, int vrf)
{
	struct gwlb_peers *peers = &link->peers;
	struct gwlb_peer *peer;
	bool listed;

	peer = gwlb_peer_find(peers, remote, local, vrf);
	if (peer) {
		refcount_inc(&peer->refs);
		return peer;
	}
	if (peers->count >= GWLB_PEERS_MAX)
		evict(peers);
	listed = peers->count < GWLB_PEERS_MAX;
	peer = peer_new(link, remote, local, vrf, listed);
	/* short of per-CPU memory: better without counters than not at all */
	if (!peer && listed) {
		listed = false;
		peer = peer_new(link, remote, local, vrf, listed);
	}
	if (peer && listed) {
		refcount_inc(&peer->refs);
		peers->count++;
		hlist_add_head_rcu(&peer->node, bucket(peers, remote));
	}
	return peer;
}

/**
 * gwlb_peer_metrics() - metrics of the dst of flows
 * @peer: of these flows
 * @options_len: of all of them, so that the same fits the uplink
 *
 * Return: an array that lives as long as the peer, zeroed if it is new; NULL
 *	without memory.
 * Context: BH off, under the lock of the flows.
 */
u32 *gwlb_peer_metrics(struct gwlb_peer *peer, unsigned int options_len)
{
	struct gwlb_metrics *m;

	for (m = peer->metrics; m; m = m->next)
		if (m->options_len == options_len)
			return m->values;
	m = kzalloc(sizeof(*m), GFP_ATOMIC);
	if (!m)
		return NULL;
	m->options_len = options_len;
	m->next = peer->metrics;
	/* read without the lock */
	smp_store_release(&peer->metrics, m);
	return m->values;
}

/**
 * gwlb_peers_init() - make an empty list
 * @peers: zeroed
 */
void gwlb_peers_init(struct gwlb_peers *peers)
{
	peers->seed = get_random_u32();
}

/**
 * gwlb_peers_flush() - forget all peers
 * @peers: of a link that has no flows any more
 *
 * Context: nobody else writes the list.
 */
void gwlb_peers_flush(struct gwlb_peers *peers)
{
	struct hlist_node *next;
	struct gwlb_peer *peer;
	int i;

	for (i = 0; i < ARRAY_SIZE(peers->list); i++) {
		hlist_for_each_entry_safe(peer, next, &peers->list[i], node) {
			hlist_del_rcu(&peer->node);
			/* a flow in some queue may keep the peer for longer
			 * than there is the namespace of its route
			 */
			gwlb_outer_forget(peer);
			gwlb_peer_put(peer);
		}
	}
	peers->count = 0;
}

/**
 * gwlb_peer_count_rx() - count a received packet
 * @peer: it came from
 * @bytes: of the inner packet
 *
 * Context: BH off.
 */
void gwlb_peer_count_rx(struct gwlb_peer *peer, unsigned int bytes)
{
	unsigned long now = jiffies;

	gwlb_traffic_rx(peer->cpu, bytes);
	if (READ_ONCE(peer->last_seen) != now)
		WRITE_ONCE(peer->last_seen, now);
}
