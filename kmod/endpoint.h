/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_ENDPOINT_H
#define GWLB_ENDPOINT_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <net/ipv6.h>
#include "drop.h"
#include "traffic.h"

#define GWLB_ENDPOINT_NAME	32

struct gwlb_conf;
struct gwlb_link;
struct netlink_ext_ack;

/**
 * struct gwlb_endpoint_id - what tells endpoints apart
 * @id: as in the options, host order; 0 if they have none
 * @gateway: then the load balancer that the packets come from, else zero
 * @vrf: then the ifindex of the VRF by which they come, 0 for none
 */
struct gwlb_endpoint_id {
	u64 id;
	struct gwlb_address gateway;
	int vrf;
};

/**
 * struct gwlb_endpoint_conf - settings of an endpoint; never changed once
 *	published
 * @rcu: frees it after its last reader
 * @name: for people, empty for none
 * @mark: set on received packets
 * @mask: bits of @mark that are
 * @zone_mode: enum gwlb_zone_mode
 * @zone: with GWLB_ZONE_MODE_FIXED
 */
struct gwlb_endpoint_conf {
	struct rcu_head rcu;
	char name[GWLB_ENDPOINT_NAME];
	u32 mark;
	u32 mask;
	u8 zone_mode;
	u16 zone;
};

/**
 * struct gwlb_endpoint - an endpoint of a load balancer
 * @node: in the list by id
 * @zone_node: in the list by zone, if it has one
 * @refs: one of the list, one of each flow
 * @id: what it is known by
 * @conf: settings, NULL for none
 * @cpu: traffic; NULL if it was never listed
 * @child: the link that its packets go to, NULL for that of the list
 * @listed: it is in the list; one that is not has neither settings nor a link
 * @seen: packets came
 * @idle: it was told that it has no flows
 * @zone: conntrack zone, 0 for none
 * @first_seen: jiffies of the first packet
 * @last_seen: jiffies of the last one
 * @tried: jiffies of the last attempt to find it a place in the list again
 * @rcu: frees it after its last reader
 *
 * The lock of the list guards what is written, RCU what is read.
 */
struct gwlb_endpoint {
	struct hlist_node node;
	struct hlist_node zone_node;
	refcount_t refs;
	struct gwlb_endpoint_id id;
	struct gwlb_endpoint_conf __rcu *conf;
	struct gwlb_traffic_cpu __percpu *cpu;
	struct gwlb_link __rcu *child;
	bool listed;
	bool seen;
	bool idle;
	u16 zone;
	unsigned long first_seen;
	unsigned long last_seen;
	unsigned long tried;
	struct rcu_head rcu;
};

/**
 * struct gwlb_endpoints - the endpoints of a link
 * @dev: its device, for messages
 * @lock: guards all of this; taken within the lock of the flows
 * @list: by id
 * @by_zone: those with a zone
 * @count: how many
 * @claims: how many of them have a link of their own
 * @seed: so that nobody can make them all fall into one bucket
 * @max: most that there may be
 * @zones: enum gwlb_zones
 * @zone_low: first automatic zone
 * @zone_high: last one
 * @clash_told: a clash of zones has been logged
 */
struct gwlb_endpoints {
	struct net_device *dev;
	spinlock_t lock;	/* of all of this */
	struct hlist_head list[256];
	struct hlist_head by_zone[256];
	unsigned int count;
	unsigned int claims;
	u32 seed;
	u32 max;
	u8 zones;
	u16 zone_low;
	u16 zone_high;
	bool clash_told;
};

void gwlb_endpoints_init(struct gwlb_endpoints *eps, struct net_device *dev);
void gwlb_endpoints_configure(struct gwlb_endpoints *eps,
			      const struct gwlb_conf *conf);
void gwlb_endpoints_enter(struct gwlb_endpoints *eps);
void gwlb_endpoints_flush(struct gwlb_endpoints *eps);
void gwlb_endpoints_tell_idle(struct gwlb_endpoints *eps);

int gwlb_endpoint_check_vrf(struct net *net, const struct gwlb_endpoint_id *id,
			    struct netlink_ext_ack *extack);
struct gwlb_endpoint *gwlb_endpoint_find(struct gwlb_endpoints *eps,
					 const struct gwlb_endpoint_id *id);
struct gwlb_endpoint *gwlb_endpoint_get(struct gwlb_endpoints *eps,
					const struct gwlb_endpoint_id *id);
void gwlb_endpoint_put(struct gwlb_endpoint *ep);
bool gwlb_endpoint_retry(struct gwlb_endpoint *ep);
int gwlb_endpoint_set(struct gwlb_endpoints *eps,
		      const struct gwlb_endpoint_id *id,
		      struct gwlb_endpoint_conf *conf,
		      struct netlink_ext_ack *extack);
int gwlb_endpoint_forget(struct gwlb_endpoints *eps,
			 const struct gwlb_endpoint_id *id,
			 struct netlink_ext_ack *extack);
int gwlb_endpoint_claim(struct gwlb_endpoints *eps,
			const struct gwlb_endpoint_id *id,
			struct gwlb_link *child);
void gwlb_endpoint_unclaim(struct gwlb_endpoints *eps,
			   const struct gwlb_endpoint_id *id,
			   struct gwlb_link *child);

u16 gwlb_endpoint_zone_of(const struct gwlb_endpoints *eps,
			  const struct gwlb_endpoint *ep);
void gwlb_endpoint_set_zone(struct gwlb_endpoints *eps,
			    struct gwlb_endpoint *ep);
void gwlb_endpoint_tell_clash(struct gwlb_endpoints *eps,
			      struct gwlb_endpoint *ep);
bool gwlb_endpoint_clash(struct gwlb_endpoints *eps,
			 const struct gwlb_endpoint *ep);
bool gwlb_endpoint_own_zone(struct net *net, u16 zone);

void gwlb_endpoint_count_rx(struct gwlb_endpoint *ep, unsigned int bytes);

/**
 * gwlb_endpoint_settings() - what an endpoint was told
 * @ep: endpoint
 *
 * Return: settings, NULL if there are none.
 * Context: RCU, or the lock of the list.
 */
static inline struct gwlb_endpoint_conf *
gwlb_endpoint_settings(const struct gwlb_endpoint *ep)
{
	/* the condition of lockdep is one of two, known to the callers */
	return rcu_dereference_check(ep->conf, true);
}

/**
 * gwlb_endpoint_id_equal() - do two ids mean the same endpoint
 * @a: one
 * @b: other
 *
 * Return: true if they do.
 */
static inline bool gwlb_endpoint_id_equal(const struct gwlb_endpoint_id *a,
					  const struct gwlb_endpoint_id *b)
{
	return a->id == b->id && a->vrf == b->vrf &&
	       a->gateway.len == b->gateway.len &&
	       ipv6_addr_equal(&a->gateway.a, &b->gateway.a);
}

/**
 * gwlb_endpoint_same() - are two the same endpoint
 * @a: one
 * @b: other
 *
 * An endpoint that is not listed may be there twice.
 *
 * Return: true if they have one id.
 */
static inline bool gwlb_endpoint_same(const struct gwlb_endpoint *a,
				      const struct gwlb_endpoint *b)
{
	return a == b || gwlb_endpoint_id_equal(&a->id, &b->id);
}

/**
 * gwlb_endpoint_mark() - the mark of a received packet
 * @ep: endpoint that it is from
 * @mark: its mark so far
 *
 * Return: the mark.
 * Context: RCU.
 */
static inline u32 gwlb_endpoint_mark(const struct gwlb_endpoint *ep, u32 mark)
{
	const struct gwlb_endpoint_conf *conf = rcu_dereference(ep->conf);

	return conf ? (mark & ~conf->mask) | conf->mark : mark;
}

/**
 * gwlb_endpoint_zone() - the conntrack zone of an endpoint
 * @ep: endpoint
 *
 * Return: the zone, 0 for the one that all share who have none.
 */
static inline u16 gwlb_endpoint_zone(const struct gwlb_endpoint *ep)
{
	return READ_ONCE(ep->zone);
}

#endif /* GWLB_ENDPOINT_H */
