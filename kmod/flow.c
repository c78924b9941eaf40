// SPDX-License-Identifier: GPL-2.0
/*
 * Flows and the contexts that packets carry as their dst. NAT and the
 * fragmenters take a dst for a rtable or a rt6_info, hence the two types.
 */
#include <linux/delay.h>
#include <linux/jhash.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/netfilter/nf_conntrack.h>
#include "bump.h"
#include "compat.h"
#include "flow.h"
#include "link.h"
#include "passing.h"
#include "tx.h"

#define GC_INTERVAL	(5 * HZ)
/* What clouds keep: 350 s for TCP, 120 s for the rest */
#define IDLE_TCP	(350 * HZ)
#define IDLE_OTHER	(120 * HZ)
/* Longer than fragments wait for the rest of their packet */
#define FRAGMENT_HOLD	(90 * HZ)
/* Flows of one tuple; what is done for each of them must stay cheap */
#define TUPLE_MAX	64

struct gwlb_flow4 {
	struct rtable rt;
	struct gwlb_flow flow;
};

struct gwlb_flow6 {
	struct rt6_info rt;
	struct gwlb_flow flow;
};

DEFINE_PER_CPU(struct gwlb_passing *, gwlb_passing);

/* What a flow is looked for by */
struct flow_arg {
	const struct gwlb_key *key;
	const u8 *options;
};

static u32 key_hash(const struct gwlb_key *key, const u8 *options, u32 seed)
{
	return jhash(options, key->geneve.options_len,
		     jhash(key, sizeof(*key), seed));
}

static u32 hash_arg(const void *data, u32 len, u32 seed)
{
	const struct flow_arg *arg = data;

	return key_hash(arg->key, arg->options, seed);
}

static u32 hash_flow(const void *data, u32 len, u32 seed)
{
	const struct gwlb_flow *flow = data;

	return key_hash(&flow->key, flow->options, seed);
}

static int compare(struct rhashtable_compare_arg *cmp, const void *obj)
{
	const struct flow_arg *arg = cmp->key;
	const struct gwlb_flow *flow = obj;

	return memcmp(arg->key, &flow->key, sizeof(flow->key)) ||
	       memcmp(arg->options, flow->options, flow->key.geneve.options_len);
}

static const struct rhashtable_params by_key_params = {
	.head_offset = offsetof(struct gwlb_flow, node),
	.hashfn = hash_arg,
	.obj_hashfn = hash_flow,
	.obj_cmpfn = compare,
	.automatic_shrinking = true,
};

static const struct rhashtable_params by_tuple_params = {
	.key_len = sizeof(struct gwlb_tuple),
	.key_offset = offsetof(struct gwlb_flow, key.tuple),
	.head_offset = offsetof(struct gwlb_flow, tuple_node),
	.automatic_shrinking = true,
};

/* dst operations: nothing about this route ever changes but its MTU */

/* Good for the packet that came with it and for no other: a flowtable that
 * kept it would send by it whatever has the same tuple.
 */
static struct dst_entry *flow_dst_check(struct dst_entry *dst, u32 cookie)
{
	return NULL;
}

static unsigned int flow_dst_mtu(const struct dst_entry *dst)
{
	return dst_metric_raw(dst, RTAX_MTU);
}

static unsigned int flow_dst_advmss(const struct dst_entry *dst)
{
	return dst_metric_raw(dst, RTAX_MTU) -
	       (dst->ops->family == AF_INET ? 40 : 60);
}

static u32 *flow_dst_cow_metrics(struct dst_entry *dst, unsigned long old)
{
	return NULL;
}

static struct neighbour *flow_dst_neigh(const struct dst_entry *dst,
					struct sk_buff *skb, const void *daddr)
{
	return NULL;
}

static void flow_dst_update_pmtu(struct dst_entry *dst, struct sock *sk,
				 struct sk_buff *skb, u32 mtu, bool confirm)
{
}

static void flow_dst_redirect(struct dst_entry *dst, struct sock *sk,
			      struct sk_buff *skb)
{
}

static void flow_free(struct gwlb_flow *flow)
{
	if (flow->options != flow->room)
		kfree(flow->options);
	if (flow->peer)
		gwlb_peer_put(flow->peer);
}

static void flow4_destroy(struct dst_entry *dst)
{
	flow_free(&container_of(dst, struct gwlb_flow4, rt.dst)->flow);
}

static void flow6_destroy(struct dst_entry *dst)
{
	struct gwlb_flow6 *f = container_of(dst, struct gwlb_flow6, rt.dst);

	if (f->rt.rt6i_idev)
		in6_dev_put(f->rt.rt6i_idev);
	flow_free(&f->flow);
}

static struct dst_ops dst_ops4 = {
	.family = AF_INET,
	.check = flow_dst_check,
	.mtu = flow_dst_mtu,
	.default_advmss = flow_dst_advmss,
	.cow_metrics = flow_dst_cow_metrics,
	.neigh_lookup = flow_dst_neigh,
	.update_pmtu = flow_dst_update_pmtu,
	.redirect = flow_dst_redirect,
	.destroy = flow4_destroy,
};

static struct dst_ops dst_ops6 = {
	.family = AF_INET6,
	.check = flow_dst_check,
	.mtu = flow_dst_mtu,
	.default_advmss = flow_dst_advmss,
	.cow_metrics = flow_dst_cow_metrics,
	.neigh_lookup = flow_dst_neigh,
	.update_pmtu = flow_dst_update_pmtu,
	.redirect = flow_dst_redirect,
	.destroy = flow6_destroy,
};

static struct gwlb_flow *flow_of_dst(const struct dst_entry *dst)
{
	if (dst->ops == &dst_ops4)
		return &container_of(dst, struct gwlb_flow4, rt.dst)->flow;
	if (dst->ops == &dst_ops6)
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
struct gwlb_flow *gwlb_flow_of(const struct sk_buff *skb,
			       const struct net_device *dev)
{
	const struct dst_entry *dst = skb_dst(skb);

	if (!dst || READ_ONCE(dst->dev) != dev)
		return NULL;
	return flow_of_dst(dst);
}

/* Routed into a dst of ours, by whatever left it on a packet */
static int flow_dst_input(struct sk_buff *skb)
{
	struct gwlb_flow *flow = flow_of_dst(skb_dst(skb));

	gwlb_drop(&flow->link->drops, skb, GWLB_DROP_REASON_NO_CONTEXT,
		  &flow->key.remote);
	return NET_RX_DROP;
}

static struct gwlb_flow *flow_alloc4(struct gwlb_link *link)
{
	struct gwlb_flow4 *f;

	f = gwlb_dst_alloc(&dst_ops4, link->dev, DST_NOXFRM);
	if (!f)
		return NULL;
	memset((void *)f + sizeof(f->rt.dst), 0, sizeof(*f) - sizeof(f->rt.dst));
	f->rt.rt_type = RTN_UNICAST;
	f->rt.rt_is_input = 1;
	f->flow.dst = &f->rt.dst;
	return &f->flow;
}

static struct gwlb_flow *flow_alloc6(struct gwlb_link *link)
{
	struct gwlb_flow6 *f;

	f = gwlb_dst_alloc(&dst_ops6, link->dev, DST_NOXFRM);
	if (!f)
		return NULL;
	memset((void *)f + sizeof(f->rt.dst), 0, sizeof(*f) - sizeof(f->rt.dst));
	/* must not be NULL, and must not keep our device from going */
	f->rt.rt6i_idev = in6_dev_get(blackhole_netdev);
	f->flow.dst = &f->rt.dst;
	return &f->flow;
}

static struct gwlb_flow *flow_new(struct gwlb_link *link,
				  const struct gwlb_key *key, const u8 *options)
{
	struct gwlb_flow *flow;

	if (key->tuple.version == 4)
		flow = flow_alloc4(link);
	else
		flow = flow_alloc6(link);
	if (!flow)
		return NULL;

	flow->link = link;
	flow->key = *key;
	flow->last_seen = jiffies;
	flow->options = flow->room;
	if (key->geneve.options_len > sizeof(flow->room)) {
		flow->options = kmalloc(key->geneve.options_len, GFP_ATOMIC);
		if (!flow->options)
			goto release;
	}
	memcpy(flow->options, options, key->geneve.options_len);
	flow->peer = gwlb_peer_get(&link->peers, &key->remote, &key->local);
	if (!flow->peer)
		goto release;

	flow->metrics[RTAX_MTU - 1] = gwlb_tx_mtu(flow);
	dst_init_metrics(flow->dst, flow->metrics, true);
	flow->dst->input = flow_dst_input;
	flow->dst->output = gwlb_bump_output;
	return flow;

release:
	dst_release(flow->dst);
	return NULL;
}

/* With the lock; whoever is first to take it out of the table gives up the
 * reference of the table
 */
static void flow_unhash(struct gwlb_flows *flows, struct gwlb_flow *flow)
{
	if (rhashtable_remove_fast(&flows->by_key, &flow->node, by_key_params))
		return;
	rhltable_remove(&flows->by_tuple, &flow->tuple_node, by_tuple_params);
	dst_dev_put(flow->dst);
	dst_release(flow->dst);
}

/* The longest idle of a few picked by chance makes room. With the lock. */
static void flow_evict(struct gwlb_flows *flows)
{
	struct gwlb_flow *flow, *victim = NULL;
	int seen = 0, buckets = 64;
	struct bucket_table *tbl;
	struct rhash_head *pos;

	rcu_read_lock();
	tbl = rht_dereference_rcu(flows->by_key.tbl, &flows->by_key);
	while (seen < 8 && buckets--) {
		unsigned int hash = get_random_u32() & (tbl->size - 1);

		rht_for_each_entry_rcu(flow, pos, tbl, hash, node) {
			seen++;
			if (gwlb_dst_shared(flow->dst))
				continue;	/* packets are on their way */
			if (!victim || time_before(READ_ONCE(flow->last_seen),
						   READ_ONCE(victim->last_seen)))
				victim = flow;
		}
	}
	if (victim)
		flow_unhash(flows, victim);
	rcu_read_unlock();
}

static bool same_endpoint(const struct gwlb_key *a, const struct gwlb_key *b)
{
	if (a->geneve.endpoint || b->geneve.endpoint)
		return a->geneve.endpoint == b->geneve.endpoint;
	return !memcmp(&a->remote, &b->remote, sizeof(a->remote));
}

/* Keeps the list of a tuple short. With the lock, under RCU. */
static void tuple_evict(struct gwlb_flows *flows, const struct gwlb_tuple *tuple)
{
	struct gwlb_flow *flow, *victim = NULL;
	struct rhlist_head *list, *pos;
	int count = 0;

	list = rhltable_lookup(&flows->by_tuple, tuple, by_tuple_params);
	rhl_for_each_entry_rcu(flow, pos, list, tuple_node) {
		count++;
		if (!gwlb_dst_shared(flow->dst) &&
		    (!victim || time_before(READ_ONCE(flow->last_seen),
					    READ_ONCE(victim->last_seen))))
			victim = flow;
	}
	if (count >= TUPLE_MAX && victim)
		flow_unhash(flows, victim);
}

static bool holds_fragments(const struct gwlb_flow *flow)
{
	return READ_ONCE(flow->fragmented) &&
	       time_before(jiffies, READ_ONCE(flow->fragment_seen) + FRAGMENT_HOLD);
}

/**
 * gwlb_flow_fragment() - may a fragment pass
 * @link: it came in by
 * @flow: it is of
 *
 * Conntrack would put together fragments of two endpoints, so that one at a
 * time has a tuple to itself.
 *
 * Return: false if fragments of another endpoint have been seen of late.
 * Context: BH off, RCU.
 */
bool gwlb_flow_fragment(struct gwlb_link *link, struct gwlb_flow *flow)
{
	struct gwlb_flows *flows = &link->flows;
	struct rhlist_head *list, *pos;
	struct gwlb_flow *other;
	bool free = true;

	if (holds_fragments(flow)) {
		WRITE_ONCE(flow->fragment_seen, jiffies);
		return true;
	}
	spin_lock(&flows->lock);
	list = rhltable_lookup(&flows->by_tuple, &flow->key.tuple,
			       by_tuple_params);
	rhl_for_each_entry_rcu(other, pos, list, tuple_node)
		if (holds_fragments(other) &&
		    !same_endpoint(&flow->key, &other->key))
			free = false;
	if (free) {
		WRITE_ONCE(flow->fragment_seen, jiffies);
		WRITE_ONCE(flow->fragmented, true);
	}
	spin_unlock(&flows->lock);
	return free;
}

/* With the lock */
static int flow_insert(struct gwlb_flows *flows, struct gwlb_flow *flow)
{
	int err;

	err = rhashtable_insert_fast(&flows->by_key, &flow->node, by_key_params);
	if (err)
		return err;
	err = rhltable_insert(&flows->by_tuple, &flow->tuple_node,
			      by_tuple_params);
	if (err) {
		rhashtable_remove_fast(&flows->by_key, &flow->node,
				       by_key_params);
	}
	return err;
}

static struct gwlb_flow *flow_create(struct gwlb_link *link,
				     const struct flow_arg *arg, unsigned int max)
{
	struct gwlb_flows *flows = &link->flows;
	struct gwlb_flow *flow;
	int tries = 2;

	spin_lock(&flows->lock);
	/* another CPU may have been faster; a link that is going has no flows */
	flow = rhashtable_lookup(&flows->by_key, arg, by_key_params);
	if (flow || !netif_running(link->dev))
		goto unlock;

	/* two, so that a lowered limit is reached in time */
	while (gwlb_flows_count(flows) >= max && tries--)
		flow_evict(flows);
	tuple_evict(flows, &arg->key->tuple);

	flow = flow_new(link, arg->key, arg->options);
	if (flow && flow_insert(flows, flow)) {
		dst_dev_put(flow->dst);
		dst_release(flow->dst);
		flow = NULL;
	}
unlock:
	spin_unlock(&flows->lock);
	return flow;
}

/**
 * gwlb_flow_get() - the flow of a received packet, made if it is new
 * @link: it came in by
 * @key: header and addresses; padding zeroed, tuple normalized
 * @options: GENEVE options
 * @max: flows that the link may have
 *
 * Return: the flow, NULL without memory. No reference is taken.
 * Context: BH off, RCU.
 */
struct gwlb_flow *gwlb_flow_get(struct gwlb_link *link,
				const struct gwlb_key *key, const u8 *options,
				unsigned int max)
{
	const struct flow_arg arg = { .key = key, .options = options };
	unsigned long now = jiffies;
	struct gwlb_flow *flow;

	flow = rhashtable_lookup(&link->flows.by_key, &arg, by_key_params);
	if (!flow)
		flow = flow_create(link, &arg, max);
	if (flow && READ_ONCE(flow->last_seen) != now)
		WRITE_ONCE(flow->last_seen, now);
	return flow;
}

/**
 * gwlb_flow_find() - the flow of a packet that lost its own
 * @link: it came in by
 * @tuple: inner addresses with which it came in; is normalized
 * @reason: why nothing was found
 *
 * Return: the only flow on which packets came in with this tuple in this
 *	direction, else NULL. No reference is taken.
 * Context: RCU.
 */
struct gwlb_flow *gwlb_flow_find(struct gwlb_link *link,
				 struct gwlb_tuple *tuple,
				 enum gwlb_drop_reason *reason)
{
	int seen = BIT(gwlb_tuple_normalize(tuple));
	struct gwlb_flow *flow, *found = NULL;
	struct rhlist_head *list, *pos;

	*reason = GWLB_DROP_REASON_NO_CONTEXT;
	list = rhltable_lookup(&link->flows.by_tuple, tuple, by_tuple_params);
	rhl_for_each_entry_rcu(flow, pos, list, tuple_node) {
		if (!(READ_ONCE(flow->seen) & seen))
			continue;
		if (found) {
			*reason = GWLB_DROP_REASON_AMBIGUOUS;
			return NULL;
		}
		found = flow;
	}
	return found;
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

	if (READ_ONCE(flow->seen) & BIT(turned))
		return flow;
	list = rhltable_lookup(&flow->link->flows.by_tuple, &flow->key.tuple,
			       by_tuple_params);
	rhl_for_each_entry_rcu(other, pos, list, tuple_node) {
		if (!(READ_ONCE(other->seen) & BIT(turned)) ||
		    !same_endpoint(&other->key, &flow->key))
			continue;
		if (!found || time_after(READ_ONCE(other->last_seen),
					 READ_ONCE(found->last_seen)))
			found = other;
	}
	return found ?: flow;
}

static bool flow_idle(const struct gwlb_flow *flow)
{
	unsigned long idle = flow->key.tuple.protocol == IPPROTO_TCP ?
			     IDLE_TCP : IDLE_OTHER;

	return time_after(jiffies, READ_ONCE(flow->last_seen) + idle) &&
	       !gwlb_dst_shared(flow->dst);
}

static void flows_walk(struct gwlb_flows *flows, bool all)
{
	struct rhashtable_iter iter;
	struct gwlb_flow *flow;
	int budget = 256;

	rhashtable_walk_enter(&flows->by_key, &iter);
	rhashtable_walk_start(&iter);
	while ((flow = rhashtable_walk_next(&iter))) {
		/* the table was resized: some come twice */
		if (IS_ERR(flow))
			continue;
		if (all || flow_idle(flow)) {
			spin_lock_bh(&flows->lock);
			flow_unhash(flows, flow);
			spin_unlock_bh(&flows->lock);
		}
		if (!--budget) {
			budget = 256;
			rhashtable_walk_stop(&iter);
			cond_resched();
			rhashtable_walk_start(&iter);
		}
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
}

static void flows_gc(struct work_struct *work)
{
	struct gwlb_flows *flows = container_of(to_delayed_work(work),
						struct gwlb_flows, gc);

	flows_walk(flows, false);
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

/**
 * gwlb_flows_stop() - forget all flows
 * @flows: of a link for which netif_running() is false
 *
 * Packets on their way keep theirs alive, but it leads nowhere any more.
 *
 * Context: process.
 */
void gwlb_flows_stop(struct gwlb_flows *flows)
{
	cancel_delayed_work_sync(&flows->gc);
	/* a walk that met a resize may have missed some */
	do
		flows_walk(flows, true);
	while (gwlb_flows_count(flows));
}

/**
 * gwlb_flows_count() - flows in the table
 * @flows: of a link
 *
 * Return: their number.
 */
unsigned int gwlb_flows_count(struct gwlb_flows *flows)
{
	return atomic_read(&flows->by_key.nelems);
}

/**
 * gwlb_flows_init() - make the tables
 * @flows: zeroed
 *
 * Return: 0 or a negative errno.
 */
int gwlb_flows_init(struct gwlb_flows *flows)
{
	int err;

	spin_lock_init(&flows->lock);
	INIT_DELAYED_WORK(&flows->gc, flows_gc);
	err = rhashtable_init(&flows->by_key, &by_key_params);
	if (err)
		return err;
	err = rhltable_init(&flows->by_tuple, &by_tuple_params);
	if (err)
		rhashtable_destroy(&flows->by_key);
	return err;
}

/**
 * gwlb_flows_destroy() - free the tables
 * @flows: stopped, no reader left
 */
void gwlb_flows_destroy(struct gwlb_flows *flows)
{
	rhltable_destroy(&flows->by_tuple);
	rhashtable_destroy(&flows->by_key);
}

/**
 * gwlb_flow_init() - prepare for flows
 *
 * Return: 0 or a negative errno.
 */
int gwlb_flow_init(void)
{
	int err = -ENOMEM;

	dst_ops4.kmem_cachep = KMEM_CACHE(gwlb_flow4, SLAB_HWCACHE_ALIGN);
	dst_ops6.kmem_cachep = KMEM_CACHE(gwlb_flow6, SLAB_HWCACHE_ALIGN);
	if (!dst_ops4.kmem_cachep || !dst_ops6.kmem_cachep)
		goto caches;
	err = dst_entries_init(&dst_ops4);
	if (err)
		goto caches;
	err = dst_entries_init(&dst_ops6);
	if (err)
		goto entries;
	return 0;

entries:
	dst_entries_destroy(&dst_ops4);
caches:
	kmem_cache_destroy(dst_ops4.kmem_cachep);
	kmem_cache_destroy(dst_ops6.kmem_cachep);
	return err;
}

/**
 * gwlb_flow_exit() - wait until no packet carries a flow
 *
 * All links are gone and with them all flows in tables; what is left hangs on
 * packets in queues of other devices, which go as those send or drop them.
 *
 * Context: process.
 */
void gwlb_flow_exit(void)
{
	int tries = 0;

	while (dst_entries_get_slow(&dst_ops4) ||
	       dst_entries_get_slow(&dst_ops6)) {
		if (++tries == 100)
			pr_warn("gwlb: unload waits for packets of a former link in some queue\n");
		msleep(20);
	}
	/* flows are freed by RCU, and then their peers */
	rcu_barrier();
	rcu_barrier();
	dst_entries_destroy(&dst_ops6);
	dst_entries_destroy(&dst_ops4);
	kmem_cache_destroy(dst_ops6.kmem_cachep);
	kmem_cache_destroy(dst_ops4.kmem_cachep);
}
