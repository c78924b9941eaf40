// SPDX-License-Identifier: GPL-2.0
/* Conntrack zones of endpoints, which keep networks of equal addresses apart. */
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include "conf.h"
#include "endpoint.h"
#include "link.h"
#include "net.h"

/* How many of one zone are looked at, with the lock */
#define LOOK	1024

static struct hlist_head *zone_bucket(struct gwlb_endpoints *eps, u16 zone)
{
	return &eps->by_zone[zone % ARRAY_SIZE(eps->by_zone)];
}

static bool zone_is_automatic(const struct gwlb_endpoint *ep)
{
	const struct gwlb_endpoint_conf *conf = gwlb_endpoint_settings(ep);

	return !conf || conf->zone_mode == GWLB_ZONE_MODE_AUTO;
}

/* FNV-1a of the id's bytes as they are on the wire: to be the same on all
 * appliances for ever, conntrackd carries zones from one to the other.
 */
static u32 zone_hash(u64 id)
{
	u32 hash = 2166136261U;
	int i;

	for (i = 56; i >= 0; i -= 8)
		hash = (hash ^ (u8)(id >> i)) * 16777619U;
	return hash;
}

/**
 * gwlb_endpoint_zone_of() - the zone that an endpoint is to have
 * @eps: of the link
 * @ep: endpoint
 *
 * Return: zone, 0 for none.
 * Context: under the lock of the list.
 */
u16 gwlb_endpoint_zone_of(const struct gwlb_endpoints *eps,
			  const struct gwlb_endpoint *ep)
{
	const struct gwlb_endpoint_conf *conf = gwlb_endpoint_settings(ep);

	if (!zone_is_automatic(ep))
		return conf->zone_mode == GWLB_ZONE_MODE_FIXED ? conf->zone : 0;
	/* two load balancers may well serve one network */
	if (eps->zones != GWLB_ZONES_AUTO || !ep->id.id)
		return 0;
	return eps->zone_low +
	       zone_hash(ep->id.id) % (eps->zone_high - eps->zone_low + 1);
}

static struct gwlb_endpoint *clash_in(struct gwlb_endpoints *eps,
				      const struct gwlb_endpoint *ep)
{
	u16 zone = gwlb_endpoint_zone(ep);
	struct gwlb_endpoint *other;
	int budget = LOOK;

	hlist_for_each_entry_rcu(other, zone_bucket(eps, zone), zone_node) {
		if (!budget--)
			break;
		if (gwlb_endpoint_zone(other) == zone &&
		    !rcu_access_pointer(other->child) &&
		    !gwlb_endpoint_same(ep, other) &&
		    (zone_is_automatic(ep) || zone_is_automatic(other)))
			return other;
	}
	return NULL;
}

/* Conntrack's zones are of a namespace, so all links there count. One whose
 * packets go to another link is in no zone here. Under RCU.
 */
static struct gwlb_endpoint *clash(struct gwlb_endpoints *eps,
				   const struct gwlb_endpoint *ep)
{
	struct gwlb_endpoint *other;
	struct gwlb_link *link;

	if (!gwlb_endpoint_zone(ep) || rcu_access_pointer(ep->child))
		return NULL;
	other = clash_in(eps, ep);
	if (other)
		return other;
	list_for_each_entry_rcu(link, &gwlb_net(dev_net(eps->dev))->up, up) {
		other = clash_in(&link->endpoints, ep);
		if (other)
			return other;
	}
	return NULL;
}

/**
 * gwlb_endpoint_clash() - has it the zone of another by chance
 * @eps: of the link
 * @ep: listed endpoint
 *
 * Return: true if another of the namespace has the same zone, and one of the
 *	two was not told to.
 * Context: RCU.
 */
bool gwlb_endpoint_clash(struct gwlb_endpoints *eps,
			 const struct gwlb_endpoint *ep)
{
	return clash(eps, ep);
}

/* As gwlbctl takes it */
static const char *id_text(char *text, size_t size,
			   const struct gwlb_endpoint_id *id)
{
	unsigned int len;

	if (id->id) {
		snprintf(text, size, "0x%016llx", id->id);
		return text;
	}
	len = snprintf(text, size, id->gateway.len == 4 ? "%pI4" : "%pI6c",
		       &id->gateway.a);
	if (id->vrf)
		snprintf(text + len, size - len, "%%%d", id->vrf);
	return text;
}

/**
 * gwlb_endpoint_tell_clash() - log that an endpoint has the zone of another
 * @eps: of the link
 * @ep: listed endpoint
 *
 * Context: under the lock of the list.
 */
void gwlb_endpoint_tell_clash(struct gwlb_endpoints *eps,
			      struct gwlb_endpoint *ep)
{
	char a[64], b[64];
	struct gwlb_endpoint *other;

	rcu_read_lock();
	other = eps->clash_told ? NULL : clash(eps, ep);
	if (other) {
		/* once: a flood of made-up endpoints must not flood the log */
		eps->clash_told = true;
		netdev_warn(eps->dev, "endpoints %s and %s have one conntrack zone, %u; if their networks overlap, give one another zone (gwlbctl endpoint set %s zone N)\n",
			    id_text(a, sizeof(a), &other->id),
			    id_text(b, sizeof(b), &ep->id), ep->zone, b);
	}
	rcu_read_unlock();
}

/**
 * gwlb_endpoint_set_zone() - put an endpoint into its zone
 * @eps: of the link
 * @ep: listed endpoint, new, or with other settings
 *
 * Context: under the lock of the list.
 */
void gwlb_endpoint_set_zone(struct gwlb_endpoints *eps,
			    struct gwlb_endpoint *ep)
{
	u16 zone = gwlb_endpoint_zone_of(eps, ep);

	if (zone != ep->zone) {
		if (ep->zone)
			hlist_del_rcu(&ep->zone_node);
		WRITE_ONCE(ep->zone, zone);
		if (zone)
			hlist_add_head_rcu(&ep->zone_node,
					   zone_bucket(eps, zone));
	}
	gwlb_endpoint_tell_clash(eps, ep);
}

static bool has_zone(struct gwlb_endpoints *eps, u16 zone)
{
	struct gwlb_endpoint *ep;

	if (READ_ONCE(eps->zones) == GWLB_ZONES_AUTO &&
	    zone >= READ_ONCE(eps->zone_low) &&
	    zone <= READ_ONCE(eps->zone_high))
		return true;
	hlist_for_each_entry_rcu(ep, zone_bucket(eps, zone), zone_node)
		if (gwlb_endpoint_zone(ep) == zone)
			return true;
	return false;
}

/**
 * gwlb_endpoint_own_zone() - is a zone one that endpoints are given
 * @net: namespace
 * @zone: of a conntrack entry there
 *
 * Return: true if a link there gives it, false if a rule must have set it.
 * Context: RCU.
 */
bool gwlb_endpoint_own_zone(struct net *net, u16 zone)
{
	struct gwlb_link *link;

	list_for_each_entry_rcu(link, &gwlb_net(net)->up, up)
		if (has_zone(&link->endpoints, zone))
			return true;
	return false;
}
