// SPDX-License-Identifier: GPL-2.0
/* Events for whoever listens in the namespace of a link. Without listeners
 * nothing is made; what packets can cause is told once in a while.
 */
#include <linux/netdevice.h>
#include <net/genetlink.h>
#include "event.h"
#include "link.h"
#include "netlink.h"

#define INTERVAL	HZ
/* Endpoints come in numbers when an appliance is put into service */
#define ENDPOINT_BURST	64

/* What is told of an event besides its kind and link */
struct details {
	const struct gwlb_address *address;
	const struct gwlb_endpoint *endpoint;
	unsigned int limit;
	unsigned int silent;
};

static bool heard(const struct gwlb_link *link)
{
	return genl_has_listeners(&gwlb_nl_family, dev_net(link->dev), 0);
}

static int put_endpoint(struct sk_buff *skb, const struct gwlb_endpoint *ep)
{
	const struct gwlb_endpoint_conf *conf;
	int err;

	if (ep->id.id)
		err = nla_put_u64_64bit(skb, GWLB_A_EVENT_ENDPOINT, ep->id.id,
					GWLB_A_EVENT_PAD);
	else
		err = nla_put(skb, GWLB_A_EVENT_ADDRESS, ep->id.gateway.len,
			      &ep->id.gateway.a);
	if (!err && ep->id.vrf)
		err = nla_put_u32(skb, GWLB_A_EVENT_VRF, ep->id.vrf);
	/* the caller has the lock of the list */
	conf = rcu_dereference_check(ep->conf, true);
	if (!err && conf && *conf->name)
		err = nla_put_string(skb, GWLB_A_EVENT_NAME, conf->name);
	return err;
}

static void tell(const struct gwlb_link *link, enum gwlb_event_kind kind,
		 const struct details *d, gfp_t gfp)
{
	const struct net_device *dev = link->dev;
	struct sk_buff *skb;
	void *hdr;

	skb = genlmsg_new(NLMSG_GOODSIZE / 4, gfp);
	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &gwlb_nl_family, 0, GWLB_CMD_EVENT);
	if (!hdr || nla_put_u32(skb, GWLB_A_EVENT_KIND, kind) ||
	    nla_put_u32(skb, GWLB_A_EVENT_IFINDEX, dev->ifindex) ||
	    nla_put_string(skb, GWLB_A_EVENT_IFNAME, dev->name) ||
	    (d && d->address && nla_put(skb, GWLB_A_EVENT_ADDRESS,
					d->address->len, &d->address->a)) ||
	    (d && d->endpoint && put_endpoint(skb, d->endpoint)) ||
	    (d && d->limit && nla_put_u32(skb, GWLB_A_EVENT_LIMIT, d->limit)) ||
	    (d && nla_put_u32(skb, GWLB_A_EVENT_SILENT, d->silent))) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&gwlb_nl_family, dev_net(dev), skb, 0, 0,
				gfp);
}

/* What packets cause */
static void tell_seldom(struct gwlb_link *link, enum gwlb_event_kind kind,
			struct details *d, int burst)
{
	struct gwlb_event_limit *limit = &link->events.limit[kind];
	unsigned long begin = READ_ONCE(limit->begin);

	if (!heard(link))
		return;
	if (time_after_eq(jiffies, begin + INTERVAL) &&
	    cmpxchg(&limit->begin, begin, jiffies) == begin)
		atomic_set(&limit->told, 0);
	if (atomic_read(&limit->told) >= burst ||
	    atomic_inc_return(&limit->told) > burst) {
		atomic_inc(&limit->silent);
		return;
	}
	d->silent = atomic_xchg(&limit->silent, 0);
	tell(link, kind, d, GFP_ATOMIC);
}

/**
 * gwlb_events_init() - let all kinds be told at once
 * @events: of a link
 */
void gwlb_events_init(struct gwlb_events *events)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(events->limit); i++)
		events->limit[i].begin = jiffies - INTERVAL;
}

/**
 * gwlb_event_changed() - the configuration of a link has changed
 * @link: link
 *
 * Context: process, RTNL.
 */
void gwlb_event_changed(struct gwlb_link *link)
{
	if (heard(link))
		tell(link, GWLB_EVENT_KIND_LINK_CHANGED, NULL, GFP_KERNEL);
}

/**
 * gwlb_event_flows() - a flow has to make room for another
 * @link: of both
 * @max: flows that it may have
 *
 * Context: BH off, RCU.
 */
void gwlb_event_flows(struct gwlb_link *link, unsigned int max)
{
	struct details d = { .limit = max };

	tell_seldom(link, GWLB_EVENT_KIND_FLOW_LIMIT, &d, 1);
}

/**
 * gwlb_event_sender() - a packet was dropped because of its sender
 * @link: that did so
 * @sender: its outer source
 *
 * Context: BH off, RCU.
 */
void gwlb_event_sender(struct gwlb_link *link,
		       const struct gwlb_address *sender)
{
	struct details d = { .address = sender };

	tell_seldom(link, GWLB_EVENT_KIND_SENDER, &d, 1);
}

/**
 * gwlb_event_endpoint() - something has become of an endpoint
 * @link: whose
 * @kind: what
 * @ep: endpoint, with the lock of the list
 *
 * Context: BH off.
 */
void gwlb_event_endpoint(struct gwlb_link *link, enum gwlb_event_kind kind,
			 const struct gwlb_endpoint *ep)
{
	struct details d = { .endpoint = ep };

	tell_seldom(link, kind, &d, ENDPOINT_BURST);
}

/**
 * gwlb_event_endpoints() - an endpoint has to make room for another
 * @link: of both
 * @max: endpoints that it may have
 *
 * Context: BH off.
 */
void gwlb_event_endpoints(struct gwlb_link *link, unsigned int max)
{
	struct details d = { .limit = max };

	tell_seldom(link, GWLB_EVENT_KIND_ENDPOINT_LIMIT, &d, 1);
}

static int notify(struct notifier_block *nb, unsigned long event, void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	enum gwlb_event_kind kind;

	if (!gwlb_dev_is_link(dev))
		return NOTIFY_DONE;
	switch (event) {
	case NETDEV_REGISTER:
		kind = GWLB_EVENT_KIND_LINK_NEW;
		break;
	case NETDEV_UP:
		kind = GWLB_EVENT_KIND_LINK_UP;
		break;
	case NETDEV_DOWN:
		kind = GWLB_EVENT_KIND_LINK_DOWN;
		break;
	case NETDEV_CHANGENAME:
		kind = GWLB_EVENT_KIND_LINK_CHANGED;
		break;
	case NETDEV_UNREGISTER:
		kind = GWLB_EVENT_KIND_LINK_GONE;
		break;
	default:
		return NOTIFY_DONE;
	}
	if (heard(netdev_priv(dev)))
		tell(netdev_priv(dev), kind, NULL, GFP_KERNEL);
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = notify };

/**
 * gwlb_event_init() - begin to tell of links
 *
 * Return: 0 or a negative errno.
 */
int gwlb_event_init(void)
{
	return register_netdevice_notifier(&notifier);
}

/**
 * gwlb_event_exit() - the opposite
 */
void gwlb_event_exit(void)
{
	unregister_netdevice_notifier(&notifier);
}
