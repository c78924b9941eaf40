// SPDX-License-Identifier: GPL-2.0
/* The flows of a link: found by what a packet says, forgotten when idle. */
#include <linux/once.h>
#include <linux/prefetch.h>
#include <linux/random.h>
#include "compat.h"
#include "flows.h"
#include "link.h"
#include "net.h"
#include "outer.h"

#define GC_INTERVAL	(5 * HZ)
/* Longer than fragments wait for the rest of their packet */
#define FRAGMENT_HOLD	(90 * HZ)
/* Flows of one tuple; what is done for each of them must stay cheap */
#define TUPLE_MAX	64

/* One for all links and sizes of tables: flows keep their order in a table
 * that is resized, so that a walk can go on there.
 */
static u64 hash_key[12] __read_mostly;

static u64 hash_pair(const void *a, const void *b, int i)
{
	return (hash_key[i] + get_unaligned((const u32 *)a)) *
	       (hash_key[i + 1] + get_unaligned((const u32 *)b));
}

/* Sums of the pairs are pairwise independent (M. Thorup, High Speed Hashing for
 * Integers and Strings, 2015, 3.5), but of a scan, whose ports or addresses are
 * evenly spaced, many could be neighbours: the last step parts these.
 */
static u32 hash_last(u64 sum)
{
	sum += hash_key[10];
	return ((sum ^ sum >> 32) * (hash_key[11] | 1)) >> 32;
}

static u32 hash4(const void *src, const void *dst, const void *port,
		 u8 protocol)
{
	u32 last = protocol;

	return hash_last(hash_pair(src, dst, 0) + hash_pair(port, &last, 2));
}

static u32 hash6(const void *src, const void *dst, const void *port,
		 u8 protocol)
{
	u32 last = protocol;
	u64 sum = 0;
	int i;

	for (i = 0; i < 4; i++)
		sum += hash_pair(src + 4 * i, dst + 4 * i, 2 * i);
	return hash_last(sum + hash_pair(port, &last, 8));
}

static u32 hash_tuple(const void *data, u32 len, u32 seed)
{
	const struct gwlb_tuple *t = data;

	if (t->version == 4)
		return hash4(t->addr[0], t->addr[1], t->port, t->protocol);
	return hash6(t->addr[0], t->addr[1], t->port, t->protocol);
}

static u32 hash_flow(const void *data, u32 len, u32 seed)
{
	const struct gwlb_flow *f = data;

	if (f->version == 4)
		return hash4(f->addr, f->addr + 4, f->inner_port, f->protocol);
	return hash6(f->addr, f->addr + 16, f->inner_port, f->protocol);
}

/**
 * gwlb_flow_hash() - where a flow is in a table of any size
 * @flow: flow
 *
 * Return: hash, of which the table takes the low bits.
 */
u32 gwlb_flow_hash(const struct gwlb_flow *flow)
{
	return hash_flow(flow, 0, 0);
}

/* 0 if the flow is of this tuple */
static int compare(struct rhashtable_compare_arg *arg, const void *obj)
{
	const struct gwlb_tuple *t = arg->key;
	const struct gwlb_flow *f = obj;

	/* its counters come last, and a locked instruction waits for them */
	prefetchw(f->packets);
	if (f->version != t->version || f->protocol != t->protocol ||
	    memcmp(f->inner_port, t->port, sizeof(t->port)))
		return 1;
	if (f->version == 4)
		return memcmp(f->addr, t->addr[0], 4) ||
		       memcmp(f->addr + 4, t->addr[1], 4);
	return memcmp(f->addr, t->addr[0], sizeof(t->addr));
}

static const struct rhashtable_params params = {
	.head_offset = offsetof(struct gwlb_flow, node),
	.hashfn = hash_tuple,
	.obj_hashfn = hash_flow,
	.obj_cmpfn = compare,
	.automatic_shrinking = true,
};

static struct rhlist_head *of_tuple(struct gwlb_flows *flows,
				    const struct gwlb_tuple *t)
{
	return rhltable_lookup(&flows->table, t, params);
}

static bool comes_from(const struct gwlb_peer *peer, const struct sk_buff *skb)
{
	if (ip_hdr(skb)->version == 4)
		return peer->remote.len == 4 &&
		       peer->remote.a.s6_addr32[0] == ip_hdr(skb)->saddr &&
		       peer->local.a.s6_addr32[0] == ip_hdr(skb)->daddr;
	return peer->remote.len == 16 &&
	       ipv6_addr_equal(&peer->remote.a, &ipv6_hdr(skb)->saddr) &&
	       ipv6_addr_equal(&peer->local.a, &ipv6_hdr(skb)->daddr);
}

static bool under_header(const struct gwlb_flow *flow,
			 const struct sk_buff *skb, const u8 *geneve)
{
	const struct udphdr *uh = udp_hdr(skb);

	return gwlb_geneve_equal(geneve, gwlb_flow_fixed(flow),
				 gwlb_flow_options(flow)) &&
	       flow->port[0] == uh->source && flow->port[1] == uh->dest &&
	       flow->nocheck == !uh->check && comes_from(flow->peer, skb) &&
	       flow->peer->vrf == gwlb_vrf(skb->dev);
}

/* The packet that a CPU looked ahead for last: its bucket is there by now */
struct ahead {
	const struct gwlb_flows *flows;
	u32 hash;
};

static DEFINE_PER_CPU(struct ahead, gwlb_ahead);

/**
 * gwlb_flows_ahead() - ask for what is read when a flow is looked for
 * @flows: of a link
 * @tuple: inner addresses of a packet just received, normalized
 *
 * Its bucket is fetched, and the flow of the packet before, where it is the
 * first one of its bucket, as most are.
 *
 * Context: BH off, RCU.
 */
void gwlb_flows_ahead(struct gwlb_flows *flows, const struct gwlb_tuple *tuple)
{
	struct rhashtable *ht = &flows->table.ht;
	const struct bucket_table *tbl = rht_dereference_rcu(ht->tbl, ht);
	struct ahead *a = this_cpu_ptr(&gwlb_ahead);
	const struct gwlb_flow *flow;
	struct rhash_head *first;

	if (a->flows == flows) {
		first = rht_ptr_rcu(rht_bucket(tbl, rht_bucket_index(tbl, a->hash)));
		if (!rht_is_a_nulls(first)) {
			flow = container_of(first, struct gwlb_flow, node.rhead);
			prefetchw(flow->packets);
			prefetch(&flow->peer);
			prefetch(flow->addr);
		}
	}
	a->flows = flows;
	a->hash = hash_tuple(tuple, 0, 0);
	prefetch(rht_bucket(tbl, rht_bucket_index(tbl, a->hash)));
}

/**
 * gwlb_flow_known() - the flow of a received packet, unless it is new
 * @flows: of the link that it came in by
 * @tuple: its inner addresses, normalized
 * @skb: it, of whose outer header the addresses and ports count
 * @geneve: its GENEVE header and options, all of which are there
 *
 * The header is compared with that under which packets of the flow go back:
 * one that has bits set to be ignored is not found.
 *
 * Return: the flow or NULL. No reference is taken.
 * Context: RCU.
 */
struct gwlb_flow *gwlb_flow_known(struct gwlb_flows *flows,
				  const struct gwlb_tuple *tuple,
				  const struct sk_buff *skb, const u8 *geneve)
{
	struct rhlist_head *list, *pos;
	struct gwlb_flow *flow;

	list = of_tuple(flows, tuple);
	rhl_for_each_entry_rcu(flow, pos, list, node)
		if (under_header(flow, skb, geneve))
			return flow;
	return NULL;
}

/* With the lock; whoever is first to take it out of the table gives up the
 * reference of the table
 */
static void unhash(struct gwlb_flows *flows, struct gwlb_flow *flow)
{
	struct dst_entry *dst = gwlb_flow_dst(flow);

	if (rhltable_remove(&flows->table, &flow->node, params))
		return;
	WRITE_ONCE(flows->count, flows->count - 1);
	/* nobody else would: the peer is in no list, and a flow in some queue
	 * may keep it for longer than there is the namespace of its route
	 */
	if (!flow->peer->cpu)
		gwlb_outer_forget(flow->peer);
	dst_dev_put(dst);
	dst_release(dst);
}

/**
 * gwlb_flow_in_use() - do packets on their way need it
 * @flow: in the table, under RCU
 *
 * Return: true if some do.
 */
bool gwlb_flow_in_use(struct gwlb_flow *flow)
{
	return gwlb_dst_shared(gwlb_flow_dst(flow));
}

static struct gwlb_flow *longer_idle(struct gwlb_flow *a, struct gwlb_flow *b)
{
	if (!a || gwlb_flow_in_use(b))
		return a ?: gwlb_flow_in_use(b) ? NULL : b;
	return gwlb_flow_idle(b) > gwlb_flow_idle(a) ? b : a;
}

/* The longest idle of a few picked by chance makes room. With the lock. */
static void evict(struct gwlb_flows *flows)
{
	struct gwlb_flow *flow, *victim = NULL;
	int seen = 0, buckets = 64;
	struct rhlist_head *list, *pos;
	struct bucket_table *tbl;
	struct rhash_head *head;

	rcu_read_lock();
	tbl = rht_dereference_rcu(flows->table.ht.tbl, &flows->table.ht);
	while (seen < 8 && buckets--) {
		unsigned int hash = get_random_u32() & (tbl->size - 1);

		rht_for_each_rcu(head, tbl, hash) {
			list = container_of(head, struct rhlist_head, rhead);
			rhl_for_each_entry_rcu(flow, pos, list, node) {
				seen++;
				victim = longer_idle(victim, flow);
			}
		}
	}
	if (victim)
		unhash(flows, victim);
	rcu_read_unlock();
}

/* Keeps the list of a tuple short. With the lock, under RCU. */
static void tuple_evict(struct gwlb_flows *flows, const struct gwlb_tuple *t)
{
	struct gwlb_flow *flow, *victim = NULL;
	struct rhlist_head *list, *pos;
	int count = 0;

	list = of_tuple(flows, t);
	rhl_for_each_entry_rcu(flow, pos, list, node) {
		count++;
		victim = longer_idle(victim, flow);
	}
	if (count >= TUPLE_MAX && victim)
		unhash(flows, victim);
}

static bool in_zone(const struct gwlb_flow *flow, u16 zone)
{
	return gwlb_endpoint_zone(gwlb_flow_endpoint(flow)) == zone;
}

static bool holds_fragments(const struct gwlb_flow *flow)
{
	return READ_ONCE(flow->fragmented) &&
	       (s32)((u32)jiffies - READ_ONCE(flow->fragment_seen)) < FRAGMENT_HOLD;
}

/* Does conntrack take its fragments for those of another endpoint. Under RCU. */
static bool overlaps(const struct gwlb_flow *flow, const struct gwlb_tuple *t,
		     struct gwlb_link *link)
{
	u16 zone = gwlb_endpoint_zone(gwlb_flow_endpoint(flow));
	struct rhlist_head *list, *pos;
	struct gwlb_flow *other;

	list = of_tuple(&link->flows, t);
	rhl_for_each_entry_rcu(other, pos, list, node)
		if (holds_fragments(other) &&
		    !gwlb_flow_same_endpoint(flow, other) &&
		    in_zone(other, zone))
			return true;
	return false;
}

/**
 * gwlb_flow_fragment() - may a fragment pass
 * @link: it came in by
 * @flow: it is of
 *
 * Conntrack would put together fragments of two endpoints of one zone, by
 * whichever links of a namespace they come, so that one at a time has a tuple
 * to itself.
 *
 * Return: false if fragments of another endpoint have been seen of late.
 * Context: BH off, RCU.
 */
bool gwlb_flow_fragment(struct gwlb_link *link, struct gwlb_flow *flow)
{
	struct gwlb_net *gn = gwlb_net(dev_net(link->dev));
	struct gwlb_link *other;
	struct gwlb_tuple t;
	bool free = true;

	if (holds_fragments(flow)) {
		WRITE_ONCE(flow->fragment_seen, jiffies);
		return true;
	}
	gwlb_flow_tuple(flow, &t);
	spin_lock(&gn->fragments);
	list_for_each_entry_rcu(other, &gn->up, up)
		free = free && !overlaps(flow, &t, other);
	if (free) {
		/* the time of trust has the same place */
		spin_lock(&link->flows.lock);
		WRITE_ONCE(flow->fragment_seen, jiffies);
		WRITE_ONCE(flow->fragmented, 1);
		spin_unlock(&link->flows.lock);
	}
	spin_unlock(&gn->fragments);
	return free;
}

/**
 * gwlb_flow_get() - the flow of a received packet, made if it is new
 * @link: it came in by
 * @skb: it, at its UDP header, with the GENEVE header behind that
 * @key: what these say, tuple normalized
 * @turned: it came the other way round than in the tuple
 * @max: flows that the link may have
 *
 * Return: the flow, NULL without memory. No reference is taken.
 * Context: BH off, RCU.
 */
struct gwlb_flow *gwlb_flow_get(struct gwlb_link *link,
				const struct sk_buff *skb,
				const struct gwlb_key *key, int turned,
				unsigned int max)
{
	const u8 *options = skb->data + sizeof(struct udphdr) + GWLB_GENEVE_HLEN;
	struct gwlb_flows *flows = &link->flows;
	u8 geneve[GWLB_GENEVE_MAX];
	struct gwlb_flow *flow;
	int tries = 2;

	gwlb_geneve_build(geneve, gwlb_geneve_fixed(&key->geneve), options);
	flow = gwlb_flow_known(flows, &key->tuple, skb, geneve);
	if (flow)
		return flow;

	spin_lock(&flows->lock);
	/* another CPU may have been faster; a link that is going has no flows */
	flow = gwlb_flow_known(flows, &key->tuple, skb, geneve);
	if (flow || !netif_running(link->dev))
		goto unlock;

	if (flows->count >= max)
		gwlb_event_flows(link, max);
	/* two, so that a lowered limit is reached in time */
	while (flows->count >= max && tries--)
		evict(flows);
	tuple_evict(flows, &key->tuple);

	flow = gwlb_flow_new(link, key, turned, options);
	if (!flow)
		goto unlock;
	if (rhltable_insert_key(&flows->table, &key->tuple, &flow->node, params)) {
		dst_dev_put(gwlb_flow_dst(flow));
		dst_release(gwlb_flow_dst(flow));
		flow = NULL;
		goto unlock;
	}
	WRITE_ONCE(flows->count, flows->count + 1);
unlock:
	spin_unlock(&flows->lock);
	return flow;
}

/**
 * gwlb_flow_find() - the flow of a packet that lost its own
 * @link: it came in by
 * @tuple: inner addresses with which it came in; is normalized
 * @zone: of its conntrack entry
 * @reason: why nothing was found
 *
 * Return: the only flow on which packets came in with this tuple in this
 *	direction, else NULL. No reference is taken.
 * Context: RCU.
 */
struct gwlb_flow *gwlb_flow_find(struct gwlb_link *link,
				 struct gwlb_tuple *tuple, u16 zone,
				 enum gwlb_drop_reason *reason)
{
	bool own = gwlb_endpoint_own_zone(dev_net(link->dev), zone);
	int turned = gwlb_tuple_normalize(tuple);
	struct gwlb_flow *flow, *found = NULL;
	struct rhlist_head *list, *pos;

	*reason = GWLB_DROP_REASON_NO_CONTEXT;
	list = of_tuple(&link->flows, tuple);
	rhl_for_each_entry_rcu(flow, pos, list, node) {
		if (!gwlb_flow_seen(flow, turned) ||
		    (own && !in_zone(flow, zone)))
			continue;
		if (found) {
			*reason = GWLB_DROP_REASON_AMBIGUOUS;
			return NULL;
		}
		found = flow;
	}
	return found;
}

static struct gwlb_flow *later(struct gwlb_flow *a, struct gwlb_flow *b,
			       int turned)
{
	if (!a)
		return b;
	return (s32)(READ_ONCE(b->last_seen[turned]) -
		     READ_ONCE(a->last_seen[turned])) > 0 ? b : a;
}

/**
 * gwlb_flow_last() - the flow of a packet that never carried one
 * @link: such came in by
 * @tuple: inner addresses with which they came in; is normalized
 * @zone: of its conntrack entry
 * @reason: why nothing was found
 *
 * Return: of the flows on which packets came in with this tuple in this
 *	direction the last used one, if all are of one endpoint, else NULL. No
 *	reference is taken.
 * Context: RCU.
 */
struct gwlb_flow *gwlb_flow_last(struct gwlb_link *link,
				 struct gwlb_tuple *tuple, u16 zone,
				 enum gwlb_drop_reason *reason)
{
	bool own = gwlb_endpoint_own_zone(dev_net(link->dev), zone);
	int turned = gwlb_tuple_normalize(tuple);
	struct gwlb_flow *flow, *found = NULL;
	struct rhlist_head *list, *pos;

	*reason = GWLB_DROP_REASON_NO_CONTEXT;
	list = of_tuple(&link->flows, tuple);
	rhl_for_each_entry_rcu(flow, pos, list, node) {
		if (!gwlb_flow_seen(flow, turned) ||
		    (own && !in_zone(flow, zone)))
			continue;
		if (found && !gwlb_flow_same_endpoint(found, flow)) {
			*reason = GWLB_DROP_REASON_AMBIGUOUS;
			return NULL;
		}
		found = later(found, flow, turned);
	}
	return found;
}

/**
 * gwlb_flow_trust() - bounce a flow in place for a while
 * @flow: flow; those of its tuple and endpoint that have other contexts too
 * @until: low bits of jiffies, not 0
 *
 * Context: BH off, RCU.
 */
void gwlb_flow_trust(struct gwlb_flow *flow, u32 until)
{
	struct gwlb_flows *flows = &gwlb_flow_link(flow)->flows;
	struct rhlist_head *list, *pos;
	struct gwlb_flow *other;
	struct gwlb_tuple t;

	gwlb_flow_tuple(flow, &t);
	/* the time of a fragment has the same place */
	spin_lock(&flows->lock);
	list = of_tuple(flows, &t);
	rhl_for_each_entry_rcu(other, pos, list, node)
		if (gwlb_flow_same_endpoint(flow, other) && !other->fragmented)
			WRITE_ONCE(other->trusted, until);
	spin_unlock(&flows->lock);
}

/**
 * gwlb_flow_untrust() - bounce a flow in place no longer
 * @flow: under RCU
 */
void gwlb_flow_untrust(struct gwlb_flow *flow)
{
	struct gwlb_flows *flows = &gwlb_flow_link(flow)->flows;

	spin_lock_bh(&flows->lock);
	if (!flow->fragmented)
		WRITE_ONCE(flow->trusted, 0);
	spin_unlock_bh(&flows->lock);
}

/**
 * gwlb_flow_towards() - what packets of one direction came with
 * @flow: in whichever direction its packets came
 * @turned: the direction: not as in the tuple, but the other way round
 *
 * Return: the last used of those of this tuple and endpoint on which packets
 *	came in that direction, else @flow. No reference is taken.
 * Context: RCU.
 */
struct gwlb_flow *gwlb_flow_towards(struct gwlb_flow *flow, int turned)
{
	struct gwlb_flow *other, *found = NULL;
	struct rhlist_head *list, *pos;
	struct gwlb_tuple t;

	if (gwlb_flow_seen(flow, turned))
		return flow;
	gwlb_flow_tuple(flow, &t);
	list = of_tuple(&gwlb_flow_link(flow)->flows, &t);
	rhl_for_each_entry_rcu(other, pos, list, node)
		if (gwlb_flow_seen(other, turned) &&
		    gwlb_flow_same_endpoint(other, flow))
			found = later(found, other, turned);
	return found ?: flow;
}

/**
 * gwlb_flows_forget() - take a flow out of the table
 * @flows: of its link
 * @flow: under RCU
 *
 * Packets on their way keep theirs alive, but it leads nowhere any more.
 */
void gwlb_flows_forget(struct gwlb_flows *flows, struct gwlb_flow *flow)
{
	spin_lock_bh(&flows->lock);
	unhash(flows, flow);
	spin_unlock_bh(&flows->lock);
}

/* What a flow may be idle for, in jiffies */
struct timeouts {
	struct gwlb_flows *flows;
	u32 tcp;
	u32 other;
};

/* Trust or a fragment that is past */
static bool has_old_stamp(const struct gwlb_flow *flow)
{
	u32 stamp = READ_ONCE(flow->trusted);

	if (READ_ONCE(flow->fragmented))
		return !holds_fragments(flow);
	return stamp && (s32)(stamp - (u32)jiffies) <= 0;
}

/* After weeks, low bits of jiffies are those of the future again */
static void end_stamp(struct gwlb_flows *flows, struct gwlb_flow *flow)
{
	spin_lock_bh(&flows->lock);
	if (has_old_stamp(flow)) {
		WRITE_ONCE(flow->fragmented, 0);
		WRITE_ONCE(flow->trusted, 0);
	}
	spin_unlock_bh(&flows->lock);
}

static bool expire(struct gwlb_flow *flow, void *data)
{
	const struct timeouts *t = data;
	u32 timeout = flow->protocol == IPPROTO_TCP ? t->tcp : t->other;

	if (gwlb_flow_idle(flow) > timeout && !gwlb_flow_in_use(flow))
		gwlb_flows_forget(t->flows, flow);
	else if (has_old_stamp(flow))
		end_stamp(t->flows, flow);
	return true;
}

static void collect(struct work_struct *work)
{
	struct gwlb_flows *flows = container_of(to_delayed_work(work),
						struct gwlb_flows, gc);
	struct gwlb_link *link = container_of(flows, struct gwlb_link, flows);
	struct timeouts timeouts = { .flows = flows };
	struct gwlb_flows_cursor at = {};
	const struct gwlb_conf *conf;

	rcu_read_lock();
	conf = rcu_dereference(link->conf);
	timeouts.tcp = conf->timeout_tcp * HZ;
	timeouts.other = conf->timeout_other * HZ;
	rcu_read_unlock();
	while (gwlb_flows_walk(flows, &at, expire, &timeouts))
		cond_resched();
	gwlb_endpoints_tell_idle(&link->endpoints);
	queue_delayed_work(system_power_efficient_wq, &flows->gc, GC_INTERVAL);
}

/**
 * gwlb_flows_start() - begin to forget idle flows
 * @flows: of a link that comes up
 */
void gwlb_flows_start(struct gwlb_flows *flows)
{
	queue_delayed_work(system_power_efficient_wq, &flows->gc, GC_INTERVAL);
}

static bool forget(struct gwlb_flow *flow, void *data)
{
	gwlb_flows_forget(data, flow);
	return true;
}

/**
 * gwlb_flows_stop() - forget all flows
 * @flows: of a link for which netif_running() is false
 *
 * Context: process.
 */
void gwlb_flows_stop(struct gwlb_flows *flows)
{
	struct gwlb_flows_cursor at = {};

	cancel_delayed_work_sync(&flows->gc);
	/* who saw it true is done with the lock now, or makes no flow */
	spin_lock_bh(&flows->lock);
	spin_unlock_bh(&flows->lock);
	while (gwlb_flows_walk(flows, &at, forget, flows))
		cond_resched();
	WARN_ON_ONCE(flows->count);
}

/**
 * gwlb_flows_init() - make the table
 * @flows: zeroed
 *
 * Return: 0 or a negative errno.
 */
int gwlb_flows_init(struct gwlb_flows *flows)
{
	get_random_once(hash_key, sizeof(hash_key));
	spin_lock_init(&flows->lock);
	INIT_DELAYED_WORK(&flows->gc, collect);
	return rhltable_init(&flows->table, &params);
}

/**
 * gwlb_flows_destroy() - free the table
 * @flows: stopped, no reader left
 */
void gwlb_flows_destroy(struct gwlb_flows *flows)
{
	rhltable_destroy(&flows->table);
}
