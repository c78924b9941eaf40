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

/* What is told of an event besides its kind and link */
struct details {
	const struct gwlb_address *address;
	unsigned int limit;
	unsigned int silent;
};

static bool heard(const struct gwlb_link *link)
{
	return genl_has_listeners(&gwlb_nl_family, dev_net(link->dev), 0);
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
	    (d && d->limit && nla_put_u32(skb, GWLB_A_EVENT_LIMIT, d->limit)) ||
	    (d && nla_put_u32(skb, GWLB_A_EVENT_SILENT, d->silent))) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&gwlb_nl_family, dev_net(dev), skb, 0, 0,
				gfp);
}

static bool may_tell(struct gwlb_event_limit *limit, unsigned int *silent)
{
	unsigned long last = READ_ONCE(limit->last);

	if (time_before(jiffies, last + INTERVAL) ||
	    cmpxchg(&limit->last, last, jiffies) != last) {
		atomic_inc(&limit->silent);
		return false;
	}
	*silent = atomic_xchg(&limit->silent, 0);
	return true;
}

/**
 * gwlb_events_init() - let all kinds be told at once
 * @events: of a link
 */
void gwlb_events_init(struct gwlb_events *events)
{
	events->flows.last = jiffies - INTERVAL;
	events->sender.last = jiffies - INTERVAL;
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

	if (heard(link) && may_tell(&link->events.flows, &d.silent))
		tell(link, GWLB_EVENT_KIND_FLOW_LIMIT, &d, GFP_ATOMIC);
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

	if (heard(link) && may_tell(&link->events.sender, &d.silent))
		tell(link, GWLB_EVENT_KIND_SENDER, &d, GFP_ATOMIC);
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
