// SPDX-License-Identifier: GPL-2.0
#include <linux/jhash.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include "conf.h"
#include "endpoint.h"
#include "event.h"
#include "link.h"

/* How often one without a place in the list looks for one */
#define RETRY	HZ
/* How many are looked at, with the lock, for one that can make room */
#define LOOK	1024

static struct hlist_head *bucket(struct gwlb_endpoints *eps,
				 const struct gwlb_endpoint_id *id)
{
	u32 hash = jhash_2words(id->id, id->id >> 32,
				jhash(&id->gateway.a, sizeof(id->gateway.a),
				      eps->seed + id->vrf));

	return &eps->list[hash % ARRAY_SIZE(eps->list)];
}

/**
 * gwlb_endpoint_find() - the endpoint of that id
 * @eps: of the link
 * @id: of it
 *
 * Return: the endpoint or NULL.
 * Context: RCU, or the lock.
 */
struct gwlb_endpoint *gwlb_endpoint_find(struct gwlb_endpoints *eps,
					 const struct gwlb_endpoint_id *id)
{
	struct gwlb_endpoint *ep;

	/* the condition of lockdep is one of two, known to the callers */
	hlist_for_each_entry_rcu(ep, bucket(eps, id), node, true)
		if (gwlb_endpoint_id_equal(&ep->id, id))
			return ep;
	return NULL;
}

/**
 * gwlb_endpoint_check_vrf() - can packets of that endpoint come
 * @net: of the sockets
 * @id: of it
 * @extack: says why not
 *
 * Return: 0, or a negative errno if it has a VRF which is none.
 * Context: process, RTNL.
 */
int gwlb_endpoint_check_vrf(struct net *net, const struct gwlb_endpoint_id *id,
			    struct netlink_ext_ack *extack)
{
	const struct net_device *dev;

	if (!id->vrf)
		return 0;
	dev = __dev_get_by_index(net, id->vrf);
	if (!dev) {
		NL_SET_ERR_MSG(extack,
			       "There is no such VRF in the network namespace that has the port");
		return -ENODEV;
	}
	if (!netif_is_l3_master(dev)) {
		NL_SET_ERR_MSG(extack,
			       "What is named as the VRF of a load balancer is another device");
		return -EINVAL;
	}
	return 0;
}

static void endpoint_free(struct rcu_head *rcu)
{
	struct gwlb_endpoint *ep = container_of(rcu, struct gwlb_endpoint, rcu);

	kfree(rcu_dereference_protected(ep->conf, true));
	free_percpu(ep->cpu);
	kfree(ep);
}

/**
 * gwlb_endpoint_put() - give a reference back
 * @ep: not to be used any more
 */
void gwlb_endpoint_put(struct gwlb_endpoint *ep)
{
	if (refcount_dec_and_test(&ep->refs))
		call_rcu(&ep->rcu, endpoint_free);
}

/* With the lock */
static void tell(struct gwlb_endpoints *eps, enum gwlb_event_kind kind,
		 const struct gwlb_endpoint *ep)
{
	gwlb_event_endpoint(netdev_priv(eps->dev), kind, ep);
}

/* With the lock */
static void unlist(struct gwlb_endpoints *eps, struct gwlb_endpoint *ep)
{
	hlist_del_rcu(&ep->node);
	if (ep->zone)
		hlist_del_rcu(&ep->zone_node);
	eps->count--;
	WRITE_ONCE(ep->listed, false);
	gwlb_endpoint_put(ep);
}

/* One without flows goes before one with flows */
static bool goes_before(const struct gwlb_endpoint *a,
			const struct gwlb_endpoint *b)
{
	bool idle = refcount_read(&a->refs) == 1;

	if (idle != (refcount_read(&b->refs) == 1))
		return idle;
	return time_before(READ_ONCE(a->last_seen), READ_ONCE(b->last_seen));
}

/* The longest idle of a few picked by chance makes room, unless it is kept by
 * settings or a link. With the lock.
 */
static void evict(struct gwlb_endpoints *eps)
{
	struct gwlb_endpoint *ep, *victim = NULL;
	unsigned int first = get_random_u32();
	int i, seen = 0, budget = LOOK;

	for (i = 0; i < ARRAY_SIZE(eps->list) && seen < 32 && budget > 0; i++) {
		hlist_for_each_entry(ep, &eps->list[(first + i) %
				     ARRAY_SIZE(eps->list)], node) {
			budget--;
			if (gwlb_endpoint_settings(ep) || rcu_access_pointer(ep->child))
				continue;
			seen++;
			if (!victim || goes_before(ep, victim))
				victim = ep;
		}
	}
	if (!victim)
		return;
	tell(eps, GWLB_EVENT_KIND_ENDPOINT_FORGOTTEN, victim);
	unlist(eps, victim);
}

/* One that is not listed has no counters: per-CPU memory for each of a flood
 * of endpoints would be without bound.
 */
static struct gwlb_endpoint *endpoint_new(const struct gwlb_endpoint_id *id,
					  bool listed)
{
	struct gwlb_endpoint *ep;

	ep = kzalloc(sizeof(*ep), GFP_ATOMIC);
	if (!ep)
		return NULL;
	if (listed) {
		ep->cpu = gwlb_traffic_alloc(GFP_ATOMIC);
		if (!ep->cpu) {
			kfree(ep);
			return NULL;
		}
	}
	refcount_set(&ep->refs, 1);
	ep->id = *id;
	ep->listed = listed;
	ep->last_seen = jiffies;
	ep->tried = jiffies;
	return ep;
}

/* With the lock; NULL if there is no room */
static struct gwlb_endpoint *list_new(struct gwlb_endpoints *eps,
				      const struct gwlb_endpoint_id *id)
{
	struct gwlb_endpoint *ep;
	int tries = 2;

	if (eps->count >= eps->max)
		gwlb_event_endpoints(netdev_priv(eps->dev), eps->max);
	/* two, so that a lowered limit is reached in time */
	while (eps->count >= eps->max && tries--)
		evict(eps);
	if (eps->count >= eps->max)
		return NULL;
	ep = endpoint_new(id, true);
	if (!ep)
		return NULL;
	eps->count++;
	hlist_add_head_rcu(&ep->node, bucket(eps, id));
	gwlb_endpoint_set_zone(eps, ep);
	return ep;
}

/**
 * gwlb_endpoint_get() - find or make the endpoint of a new flow
 * @eps: of the link
 * @id: of it
 *
 * Where all others have settings and none can make room, it is not listed,
 * and lives as long as its flow.
 *
 * Return: the endpoint with a reference for the caller, NULL without memory.
 * Context: BH off.
 */
struct gwlb_endpoint *gwlb_endpoint_get(struct gwlb_endpoints *eps,
					const struct gwlb_endpoint_id *id)
{
	struct gwlb_endpoint *ep;

	spin_lock(&eps->lock);
	ep = gwlb_endpoint_find(eps, id);
	if (!ep)
		ep = list_new(eps, id);
	if (ep) {
		refcount_inc(&ep->refs);
		if (!ep->seen) {
			ep->first_seen = jiffies;
			ep->last_seen = jiffies;
			ep->seen = true;
			tell(eps, GWLB_EVENT_KIND_ENDPOINT_NEW, ep);
		} else if (ep->idle) {
			tell(eps, GWLB_EVENT_KIND_ENDPOINT_NEW, ep);
		}
		ep->idle = false;
	} else {
		ep = endpoint_new(id, false);
		if (ep)
			ep->zone = gwlb_endpoint_zone_of(eps, ep);
	}
	spin_unlock(&eps->lock);
	return ep;
}

/**
 * gwlb_endpoint_retry() - is it time to look for a place in the list
 * @ep: of a flow with packets
 *
 * Return: true once a second, if it is not listed.
 */
bool gwlb_endpoint_retry(struct gwlb_endpoint *ep)
{
	unsigned long now = jiffies;

	if (likely(READ_ONCE(ep->listed)) ||
	    time_before(now, READ_ONCE(ep->tried) + RETRY))
		return false;
	WRITE_ONCE(ep->tried, now);
	return true;
}

static bool is_empty(const struct gwlb_endpoint_conf *conf)
{
	return !*conf->name && !conf->mask &&
	       conf->zone_mode == GWLB_ZONE_MODE_AUTO;
}

/**
 * gwlb_endpoint_set() - give an endpoint settings, seen or not
 * @eps: of the link
 * @id: of it
 * @conf: settings, all of them; consumed
 * @extack: says why not
 *
 * Return: 0 or a negative errno.
 * Context: process.
 */
int gwlb_endpoint_set(struct gwlb_endpoints *eps,
		      const struct gwlb_endpoint_id *id,
		      struct gwlb_endpoint_conf *conf,
		      struct netlink_ext_ack *extack)
{
	struct gwlb_endpoint_conf *old;
	struct gwlb_endpoint *ep;

	if (is_empty(conf)) {
		kfree(conf);
		conf = NULL;
	}
	spin_lock_bh(&eps->lock);
	ep = gwlb_endpoint_find(eps, id);
	if (!ep && conf)
		ep = list_new(eps, id);
	if (!ep) {
		spin_unlock_bh(&eps->lock);
		if (!conf)
			return 0;
		kfree(conf);
		NL_SET_ERR_MSG(extack,
			       "As many endpoints as the link may have, have settings or a link of their own; forget some or raise max-endpoints");
		return -ENOSPC;
	}
	if (rcu_access_pointer(ep->child)) {
		spin_unlock_bh(&eps->lock);
		kfree(conf);
		NL_SET_ERR_MSG(extack,
			       "The endpoint has a link of its own, where its settings are; set them there");
		return -EBUSY;
	}
	old = gwlb_endpoint_settings(ep);
	rcu_assign_pointer(ep->conf, conf);
	gwlb_endpoint_set_zone(eps, ep);
	if (!conf && !ep->seen)
		unlist(eps, ep);
	spin_unlock_bh(&eps->lock);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

/**
 * gwlb_endpoint_forget() - drop an endpoint, its counters and settings
 * @eps: of the link
 * @id: of it
 * @extack: says why not
 *
 * With its next packets it comes again as one that is new.
 *
 * Return: 0 or a negative errno.
 * Context: process.
 */
int gwlb_endpoint_forget(struct gwlb_endpoints *eps,
			 const struct gwlb_endpoint_id *id,
			 struct netlink_ext_ack *extack)
{
	struct gwlb_endpoint_conf *old = NULL;
	struct gwlb_endpoint *ep;
	int err = 0;

	spin_lock_bh(&eps->lock);
	ep = gwlb_endpoint_find(eps, id);
	if (!ep) {
		NL_SET_ERR_MSG(extack,
			       "There is no such endpoint, neither seen nor with settings");
		err = -ENOENT;
	} else if (rcu_access_pointer(ep->child)) {
		NL_SET_ERR_MSG(extack,
			       "The endpoint has a link of its own; delete that first");
		err = -EBUSY;
	} else {
		tell(eps, GWLB_EVENT_KIND_ENDPOINT_FORGOTTEN, ep);
		old = gwlb_endpoint_settings(ep);
		RCU_INIT_POINTER(ep->conf, NULL);
		gwlb_endpoint_set_zone(eps, ep);
		unlist(eps, ep);
	}
	spin_unlock_bh(&eps->lock);
	if (old)
		kfree_rcu(old, rcu);
	return err;
}

/**
 * gwlb_endpoint_claim() - let the packets of an endpoint go to another link
 * @eps: of the link that receives them
 * @id: of it, seen or not
 * @child: link that they go to, and may come to from now on
 *
 * Return: 0; -EBUSY if it has another one, -ENOSPC without room.
 * Context: process.
 */
int gwlb_endpoint_claim(struct gwlb_endpoints *eps,
			const struct gwlb_endpoint_id *id,
			struct gwlb_link *child)
{
	struct gwlb_endpoint *ep;
	int err = 0;

	spin_lock_bh(&eps->lock);
	ep = gwlb_endpoint_find(eps, id);
	if (!ep)
		ep = list_new(eps, id);
	if (!ep) {
		err = -ENOSPC;
	} else if (!rcu_access_pointer(ep->child)) {
		rcu_assign_pointer(ep->child, child);
		WRITE_ONCE(eps->claims, eps->claims + 1);
	} else if (rcu_access_pointer(ep->child) != child) {
		err = -EBUSY;
	}
	spin_unlock_bh(&eps->lock);
	return err;
}

/**
 * gwlb_endpoint_unclaim() - the opposite
 * @eps: of the link that receives them
 * @id: of it
 * @child: link that its packets went to, and may go to for an RCU grace
 *	period; another link keeps it
 *
 * Context: process.
 */
void gwlb_endpoint_unclaim(struct gwlb_endpoints *eps,
			   const struct gwlb_endpoint_id *id,
			   struct gwlb_link *child)
{
	struct gwlb_endpoint *ep;

	spin_lock_bh(&eps->lock);
	ep = gwlb_endpoint_find(eps, id);
	if (ep && rcu_access_pointer(ep->child) == child) {
		RCU_INIT_POINTER(ep->child, NULL);
		WRITE_ONCE(eps->claims, eps->claims - 1);
		if (!ep->seen && !gwlb_endpoint_settings(ep))
			unlist(eps, ep);
		else
			gwlb_endpoint_tell_clash(eps, ep);
	}
	spin_unlock_bh(&eps->lock);
}

/**
 * gwlb_endpoints_init() - make an empty list
 * @eps: zeroed
 * @dev: device of the link
 */
void gwlb_endpoints_init(struct gwlb_endpoints *eps, struct net_device *dev)
{
	eps->dev = dev;
	spin_lock_init(&eps->lock);
	eps->seed = get_random_u32();
}

/**
 * gwlb_endpoints_configure() - take over what the configuration says
 * @eps: of the link
 * @conf: configuration
 *
 * Context: process, RTNL.
 */
void gwlb_endpoints_configure(struct gwlb_endpoints *eps,
			      const struct gwlb_conf *conf)
{
	struct gwlb_endpoint *ep;
	int i;

	spin_lock_bh(&eps->lock);
	eps->max = conf->max_endpoints;
	if (eps->zones != conf->zones || eps->zone_low != conf->zone_low ||
	    eps->zone_high != conf->zone_high)
		eps->clash_told = false;
	WRITE_ONCE(eps->zones, conf->zones);
	WRITE_ONCE(eps->zone_low, conf->zone_low);
	WRITE_ONCE(eps->zone_high, conf->zone_high);
	for (i = 0; i < ARRAY_SIZE(eps->list); i++)
		hlist_for_each_entry(ep, &eps->list[i], node)
			gwlb_endpoint_set_zone(eps, ep);
	spin_unlock_bh(&eps->lock);
}

/**
 * gwlb_endpoints_enter() - see whether zones clash with those of other links
 * @eps: of a link that has come up
 *
 * Context: process, RTNL.
 */
void gwlb_endpoints_enter(struct gwlb_endpoints *eps)
{
	struct gwlb_endpoint *ep;
	int i;

	spin_lock_bh(&eps->lock);
	for (i = 0; i < ARRAY_SIZE(eps->list); i++)
		hlist_for_each_entry(ep, &eps->list[i], node)
			gwlb_endpoint_tell_clash(eps, ep);
	spin_unlock_bh(&eps->lock);
}

/**
 * gwlb_endpoints_flush() - forget all endpoints
 * @eps: of a link that has no flows any more
 */
void gwlb_endpoints_flush(struct gwlb_endpoints *eps)
{
	struct hlist_node *next;
	struct gwlb_endpoint *ep;
	int i;

	spin_lock_bh(&eps->lock);
	for (i = 0; i < ARRAY_SIZE(eps->list); i++)
		hlist_for_each_entry_safe(ep, next, &eps->list[i], node)
			unlist(eps, ep);
	spin_unlock_bh(&eps->lock);
}

/**
 * gwlb_endpoints_tell_idle() - tell of those that have no flows any more
 * @eps: of the link
 *
 * Some are told at a time, the others when it is called again.
 *
 * Context: process.
 */
void gwlb_endpoints_tell_idle(struct gwlb_endpoints *eps)
{
	struct gwlb_endpoint *ep;
	int i, budget = 32;

	for (i = 0; i < ARRAY_SIZE(eps->list); i++) {
		spin_lock_bh(&eps->lock);
		hlist_for_each_entry(ep, &eps->list[i], node) {
			if (!ep->seen || ep->idle || !budget ||
			    refcount_read(&ep->refs) > 1)
				continue;
			ep->idle = true;
			budget--;
			tell(eps, GWLB_EVENT_KIND_ENDPOINT_IDLE, ep);
		}
		spin_unlock_bh(&eps->lock);
	}
}

/**
 * gwlb_endpoint_count_rx() - count a received packet
 * @ep: it is from
 * @bytes: of the inner packet
 *
 * Context: BH off.
 */
void gwlb_endpoint_count_rx(struct gwlb_endpoint *ep, unsigned int bytes)
{
	unsigned long now = jiffies;

	gwlb_traffic_rx(ep->cpu, bytes);
	if (READ_ONCE(ep->last_seen) != now)
		WRITE_ONCE(ep->last_seen, now);
}
