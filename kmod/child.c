// SPDX-License-Identifier: GPL-2.0
/*
 * Links that take endpoints of another, their parent. That receives and sends
 * for them; they have all that comes behind the GENEVE header: flows, mode,
 * rules, counters, and a namespace of their own.
 *
 * A child goes with its parent, and before it: there is always one.
 */
#include <linux/netdevice.h>
#include <net/netlink.h>
#include "child.h"

/* What belongs to the outer header, which is the parent's */
static const u8 outer[] = {
	GWLB_A_CONF_PORT, GWLB_A_CONF_LOCAL, GWLB_A_CONF_ALLOW,
	GWLB_A_CONF_TTL, GWLB_A_CONF_TOS, GWLB_A_CONF_CRITICAL,
	GWLB_A_CONF_CATCH, GWLB_A_CONF_MAX_ENDPOINTS,
};

static struct gwlb_link *find_parent(struct net *net, const struct nlattr *nla,
				     struct netlink_ext_ack *extack)
{
	struct net_device *dev = __dev_get_by_index(net, nla_get_u32(nla));
	struct gwlb_link *parent;

	if (!dev) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "There is no such link to take endpoints of");
		return ERR_PTR(-ENODEV);
	}
	if (!gwlb_dev_is_link(dev)) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "The link to take endpoints of is not of kind gwlb");
		return ERR_PTR(-EINVAL);
	}
	parent = netdev_priv(dev);
	if (parent->parent) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "That link itself takes endpoints of another; name the one that has the port");
		return ERR_PTR(-EINVAL);
	}
	return parent;
}

/**
 * gwlb_child_init() - see whether a new link is on another
 * @link: new, as yet without anything
 * @net: namespace of the request
 * @tb: indexed by IFLA_*
 * @data: indexed by GWLB_A_CONF_*, or NULL
 * @extack: says what is wrong
 *
 * Return: 0 or a negative errno.
 * Context: process, RTNL.
 */
int gwlb_child_init(struct gwlb_link *link, struct net *net,
		    struct nlattr *tb[], struct nlattr *data[],
		    struct netlink_ext_ack *extack)
{
	const struct nlattr *ids = data ? data[GWLB_A_CONF_ENDPOINTS] : NULL;
	struct gwlb_link *parent;

	link->net = net;
	if (!tb[IFLA_LINK] && !ids)
		return 0;
	if (!tb[IFLA_LINK]) {
		NL_SET_ERR_MSG_ATTR(extack, ids,
				    "Endpoints are taken of another gwlb link; name it (gwlbctl add ... on, ip link add link)");
		return -EINVAL;
	}
	parent = find_parent(net, tb[IFLA_LINK], extack);
	if (IS_ERR(parent))
		return PTR_ERR(parent);
	if (!ids) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_LINK],
				    "A link on another takes some of its endpoints; name them");
		return -EINVAL;
	}
	link->parent = parent;
	link->net = parent->net;
	return 0;
}

static int taken(struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG(extack,
		       "One of these endpoints has another link already (gwlbctl endpoint shows which); delete that first, or give it other endpoints");
	return -EBUSY;
}

/**
 * gwlb_child_outer() - does a request concern the outer header
 * @data: indexed by GWLB_A_CONF_*, or NULL
 *
 * Return: an attribute that does, or NULL.
 */
const struct nlattr *gwlb_child_outer(struct nlattr *data[])
{
	int i;

	for (i = 0; data && i < ARRAY_SIZE(outer); i++)
		if (data[outer[i]])
			return data[outer[i]];
	return NULL;
}

/**
 * gwlb_child_check() - may a link have this configuration
 * @child: link; one that is on no other may not take endpoints
 * @data: indexed by GWLB_A_CONF_*, or NULL
 * @conf: what they mean
 * @extack: says why not
 *
 * Return: 0 or a negative errno.
 * Context: process, RTNL.
 */
int gwlb_child_check(const struct gwlb_link *child, struct nlattr *data[],
		     const struct gwlb_conf *conf,
		     struct netlink_ext_ack *extack)
{
	const struct nlattr *nla = gwlb_child_outer(data);
	struct gwlb_link *other;
	int i, err;

	if (!child->parent) {
		if (!conf->claim_count)
			return 0;
		NL_SET_ERR_MSG(extack,
			       "The link has a port of its own; add another link on it to take endpoints");
		return -EINVAL;
	}
	if (nla) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "A link that takes endpoints of another has no port; port, local, allow, ttl, tos, critical, catch and max-endpoints are set there");
		return -EINVAL;
	}
	for (i = 0; data && data[GWLB_A_CONF_ENDPOINTS] &&
	     i < conf->claim_count; i++) {
		struct gwlb_endpoint *ep;

		rcu_read_lock();
		ep = gwlb_endpoint_find(&child->parent->endpoints,
					&conf->claims[i]);
		other = ep ? rcu_access_pointer(ep->child) : NULL;
		rcu_read_unlock();
		/* what it has, it may keep when the VRF is gone */
		if (other == child)
			continue;
		if (other)
			return taken(extack);
		err = gwlb_endpoint_check_vrf(child->net, &conf->claims[i],
					      extack);
		if (err)
			return err;
	}
	return 0;
}

/* Flows of a link whose endpoints go to another */
struct going {
	struct gwlb_link *link;
	const struct gwlb_conf *claims;
	const struct gwlb_conf *but;
};

static bool forget_going(struct gwlb_flow *flow, void *data)
{
	const struct gwlb_endpoint_id *id = &gwlb_flow_endpoint(flow)->id;
	const struct going *g = data;

	if (gwlb_conf_claims(g->claims, id) &&
	    !(g->but && gwlb_conf_claims(g->but, id)))
		gwlb_flows_forget(&g->link->flows, flow);
	return true;
}

/* Those of the endpoints that one configuration names and the other does not */
static void forget_flows(struct gwlb_link *link, const struct gwlb_conf *claims,
			 const struct gwlb_conf *but)
{
	struct going going = { link, claims, but };
	struct gwlb_flows_cursor at = {};

	while (gwlb_flows_walk(&link->flows, &at, forget_going, &going))
		cond_resched();
}

/**
 * gwlb_child_claim() - take the endpoints that a configuration names
 * @child: link, registered
 * @old: configuration whose endpoints it has, or NULL; what is not in the new
 *	one goes back
 * @conf: new configuration
 * @extack: says why not
 *
 * Return: 0 or a negative errno, with all as it was.
 * Context: process, RTNL.
 */
int gwlb_child_claim(struct gwlb_link *child, const struct gwlb_conf *old,
		     const struct gwlb_conf *conf,
		     struct netlink_ext_ack *extack)
{
	struct gwlb_endpoints *eps = &child->parent->endpoints;
	int i, err = 0;

	for (i = 0; !err && i < conf->claim_count; i++)
		err = gwlb_endpoint_claim(eps, &conf->claims[i], child);
	if (err) {
		while (i--)
			if (!old || !gwlb_conf_claims(old, &conf->claims[i]))
				gwlb_endpoint_unclaim(eps, &conf->claims[i],
						      child);
		synchronize_net();
		forget_flows(child, conf, old);
		if (err == -EBUSY)
			return taken(extack);
		NL_SET_ERR_MSG(extack,
			       "As many endpoints as the other link may have, have settings or a link of their own; raise its max-endpoints");
		return err;
	}
	for (i = 0; old && i < old->claim_count; i++)
		if (!gwlb_conf_claims(conf, &old->claims[i]))
			gwlb_endpoint_unclaim(eps, &old->claims[i], child);
	/* where they are now they begin anew; packets on their way still make
	 * flows where they were
	 */
	synchronize_net();
	forget_flows(child->parent, conf, old);
	if (old)
		forget_flows(child, old, conf);
	/* with the settings that it had here */
	for (i = 0; old && i < old->claim_count; i++)
		if (!gwlb_conf_claims(conf, &old->claims[i]))
			gwlb_endpoint_forget(&child->endpoints,
					     &old->claims[i], NULL);
	return 0;
}

/**
 * gwlb_child_release() - give all endpoints back
 * @child: link that goes, or one without; nothing is done the second time
 *
 * Receivers may come by for an RCU grace period.
 *
 * Context: process, RTNL.
 */
void gwlb_child_release(struct gwlb_link *child)
{
	const struct gwlb_conf *conf = rtnl_dereference(child->conf);
	int i;

	for (i = 0; child->parent && i < conf->claim_count; i++)
		gwlb_endpoint_unclaim(&child->parent->endpoints,
				      &conf->claims[i], child);
}

/**
 * gwlb_child_find() - the link that has taken an endpoint
 * @link: that receives its packets
 * @key: header of one
 *
 * Return: the link, or @link if there is none.
 * Context: RCU.
 */
struct gwlb_link *gwlb_child_find(struct gwlb_link *link,
				  const struct gwlb_key *key)
{
	struct gwlb_endpoint_id id = gwlb_key_endpoint(key);
	struct gwlb_endpoint *ep = gwlb_endpoint_find(&link->endpoints, &id);
	struct gwlb_link *child = ep ? rcu_dereference(ep->child) : NULL;

	return child ?: link;
}
