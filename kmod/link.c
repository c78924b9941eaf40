// SPDX-License-Identifier: GPL-2.0
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/inetdevice.h>
#include <linux/module.h>
#include <net/addrconf.h>
#include <net/ip_tunnels.h>
#include <net/rtnetlink.h>
#include "answer.h"
#include "bump.h"
#include "catch.h"
#include "child.h"
#include "compat.h"
#include "link.h"
#include "net.h"
#include "trust.h"
#include "tx.h"
#include "zone.h"

/* Inner packets of a load balancer, and the most that one can carry */
#define MTU_DEFAULT	8500
#define MTU_MAX		(IP_MAX_MTU - sizeof(struct iphdr) - \
			 sizeof(struct udphdr) - GWLB_GENEVE_HLEN)

static int link_init(struct net_device *dev)
{
	struct gwlb_link *link = netdev_priv(dev);
	int err;

	err = gwlb_drops_init(&link->drops);
	if (err)
		return err;
	err = gwlb_flows_init(&link->flows);
	if (err)
		goto drops;
	err = gwlb_dev_alloc_tstats(dev);
	if (err)
		goto flows;
	err = netdev_rx_handler_register(dev, gwlb_bump, NULL);
	if (err)
		goto tstats;
	return 0;

tstats:
	gwlb_dev_free_tstats(dev);
flows:
	gwlb_flows_destroy(&link->flows);
drops:
	gwlb_drops_destroy(&link->drops);
	return err;
}

static void link_uninit(struct net_device *dev)
{
	struct gwlb_link *link = netdev_priv(dev);

	gwlb_socks_close(&link->socks);
	/* those made until it turned out that it could not come up */
	gwlb_flows_stop(&link->flows);
	netdev_rx_handler_unregister(dev);
	/* which may be gone before this is; nobody comes by any more */
	WRITE_ONCE(link->parent, NULL);
}

static void free_conf(struct gwlb_link *link)
{
	kfree(rcu_dereference_protected(link->conf, true));
	RCU_INIT_POINTER(link->conf, NULL);
}

/* Sockets and rx_handler are gone since link_uninit(), and RCU has waited for
 * the last who came from there.
 */
static void link_free(struct net_device *dev)
{
	struct gwlb_link *link = netdev_priv(dev);

	gwlb_peers_flush(&link->peers);
	gwlb_endpoints_flush(&link->endpoints);
	gwlb_dev_free_tstats(dev);
	gwlb_flows_destroy(&link->flows);
	gwlb_drops_destroy(&link->drops);
	free_conf(link);
}

static bool nobody_up(const struct net_device *dev)
{
	return list_empty(&gwlb_net(dev_net(dev))->up);
}

/* Nothing comes to a link, nothing goes, while that with the sockets is down */
static void set_carriers(struct gwlb_link *link, bool up)
{
	struct gwlb_link *child;

	list_for_each_entry(child, &link->children, list) {
		if (!up) {
			netif_carrier_off(child->dev);
			continue;
		}
		netif_carrier_on(child->dev);
		/* not when the link watch comes to it: until then it drops */
		if (netif_running(child->dev))
			dev_activate(child->dev);
	}
}

static int link_open(struct net_device *dev)
{
	struct in_device *in_dev = __in_dev_get_rtnl(dev);
	struct inet6_dev *in6_dev = __in6_dev_get(dev);
	struct gwlb_link *link = netdev_priv(dev);
	int err;

	if (nobody_up(dev)) {
		err = gwlb_zone_start(dev_net(dev));
		if (err)
			return err;
	}
	err = gwlb_answer_start(dev);
	if (err) {
		if (nobody_up(dev))
			gwlb_zone_stop(dev_net(dev));
		return err;
	}
	err = link->parent ? 0 : gwlb_catch_start(link);
	if (err) {
		gwlb_answer_stop(dev);
		if (nobody_up(dev))
			gwlb_zone_stop(dev_net(dev));
		return err;
	}
	/* There is no neighbour to redirect, and none to speak IPv6 with */
	if (in_dev)
		IN_DEV_CONF_SET(in_dev, SEND_REDIRECTS, false);
	if (in6_dev)
		in6_dev->cnf.addr_gen_mode = IN6_ADDR_GEN_MODE_NONE;
	gwlb_endpoints_enter(&link->endpoints);
	gwlb_flows_start(&link->flows);
	set_carriers(link, true);
	return 0;
}

static int link_stop(struct net_device *dev)
{
	struct gwlb_link *link = netdev_priv(dev);

	set_carriers(link, false);
	/* in this order: with its last hook in a place, the first empties all
	 * queues, while what waits there still finds the hook that it waits for
	 */
	gwlb_answer_stop(dev);
	if (!link->parent)
		gwlb_catch_stop(link);
	if (nobody_up(dev))
		gwlb_zone_stop(dev_net(dev));
	/* netif_running() is false already, so that no more are made */
	gwlb_flows_stop(&link->flows);
	return 0;
}

/* Packet sockets send with BH off, and outside of rcu_read_lock() */
static netdev_tx_t link_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	rcu_read_lock();
	gwlb_tx(skb, dev);
	rcu_read_unlock();
	return NETDEV_TX_OK;
}

static void link_stats64(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	struct gwlb_link *link = netdev_priv(dev);

	netdev_stats_to_stats64(s, &dev->stats);
	dev_fetch_sw_netstats(s, dev->tstats);
	gwlb_drops_stats64(&link->drops, s);
}

static int link_get_iflink(const struct net_device *dev)
{
	const struct gwlb_link *link = netdev_priv(dev);
	const struct gwlb_link *parent = READ_ONCE(link->parent);

	return parent ? parent->dev->ifindex : dev->ifindex;
}

static const struct net_device_ops netdev_ops = {
	.ndo_init = link_init,
	.ndo_uninit = link_uninit,
	.ndo_open = link_open,
	.ndo_stop = link_stop,
	.ndo_start_xmit = link_start_xmit,
	.ndo_get_stats64 = link_stats64,
	.ndo_get_iflink = link_get_iflink,
};

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->version, THIS_MODULE->version, sizeof(info->version));
}

static const struct ethtool_ops ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
};

static const struct device_type device_type = { .name = KBUILD_MODNAME };

static void link_setup(struct net_device *dev)
{
	struct gwlb_link *link = netdev_priv(dev);

	link->dev = dev;
	INIT_LIST_HEAD(&link->children);
	INIT_LIST_HEAD(&link->list);
	gwlb_peers_init(&link->peers);
	gwlb_endpoints_init(&link->endpoints, dev);
	gwlb_events_init(&link->events);
	dev->netdev_ops = &netdev_ops;
	dev->ethtool_ops = &ethtool_ops;
	dev->header_ops = &ip_tunnel_header_ops;
	dev->needs_free_netdev = true;
	dev->priv_destructor = link_free;
	SET_NETDEV_DEVTYPE(dev, &device_type);

	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP;
	dev->mtu = MTU_DEFAULT;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = MTU_MAX;
	dev->needed_headroom = sizeof(struct ipv6hdr) + sizeof(struct udphdr) +
			       GWLB_GENEVE_HLEN + GWLB_OPTIONS_INLINE +
			       LL_MAX_HEADER;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->hw_features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM |
			   NETIF_F_RXCSUM | GWLB_GSO_FEATURES;
	dev->features |= dev->hw_features;
	gwlb_dev_set_lltx(dev);
	gwlb_dev_set_tstats(dev);
	netif_keep_dst(dev);
}

static int link_validate(struct nlattr *tb[], struct nlattr *data[],
			 struct netlink_ext_ack *extack)
{
	if (tb[IFLA_ADDRESS]) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS],
				    "A gwlb link has no link-layer address");
		return -EOPNOTSUPP;
	}
	return 0;
}

static bool is_admin(const struct net *net)
{
	return ns_capable(net->user_ns, CAP_NET_ADMIN);
}

/**
 * gwlb_link_new() - make a link, whatever form the kernel asks for it in
 * @net: namespace of its sockets, or of the link that it is on
 * @dev: not registered yet
 * @tb: indexed by IFLA_*
 * @data: indexed by GWLB_A_CONF_*, or NULL
 * @extack: says why not
 *
 * Return: 0 or a negative errno.
 * Context: process, RTNL.
 */
int gwlb_link_new(struct net *net, struct net_device *dev,
		  struct nlattr *tb[], struct nlattr *data[],
		  struct netlink_ext_ack *extack)
{
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_conf *conf;
	int err;

	err = gwlb_child_init(link, net, tb, data, extack);
	if (err)
		return err;
	/* as may_change() has it, of one that is there */
	if (link->parent && !is_admin(link->net)) {
		NL_SET_ERR_MSG(extack,
			       "A link is put on another with CAP_NET_ADMIN in the namespace that the other comes from");
		return -EPERM;
	}
	conf = gwlb_conf_new(NULL, data, extack);
	if (IS_ERR(conf))
		return PTR_ERR(conf);
	rcu_assign_pointer(link->conf, conf);
	gwlb_endpoints_configure(&link->endpoints, conf);

	err = gwlb_child_check(link, data, conf, extack);
	if (!err && !link->parent)
		err = gwlb_socks_open(&link->socks, link, conf, extack);
	if (err)
		goto conf;
	if (link->parent && !netif_running(link->parent->dev))
		netif_carrier_off(dev);
	err = register_netdevice(dev);
	if (err)
		goto socks;
	if (link->parent) {
		err = gwlb_child_claim(link, NULL, conf, extack);
		if (err)
			unregister_netdevice(dev);
		else
			list_add(&link->list, &link->parent->children);
		return err;
	}
	list_add(&link->list, &gwlb_net(net)->links);
	gwlb_socks_start(&link->socks, link);
	return 0;

	/* a failed registration may have done both already */
socks:
	gwlb_socks_close(&link->socks);
conf:
	free_conf(link);
	return err;
}

/* A namespace that was given a device decides what happens there, not to the
 * outer packets, to endpoints of others, or to the memory of the machine.
 */
static int may_change(const struct gwlb_link *link, struct nlattr *data[],
		      struct netlink_ext_ack *extack)
{
	if (!data || (!gwlb_child_outer(data) && !data[GWLB_A_CONF_ENDPOINTS] &&
		      !data[GWLB_A_CONF_MAX_FLOWS]))
		return 0;
	if (is_admin(link->net) &&
	    (!link->parent || is_admin(dev_net(link->parent->dev))))
		return 0;
	NL_SET_ERR_MSG(extack,
		       "Endpoints, max-flows and what concerns the outer packets are set with CAP_NET_ADMIN in the namespace that the link comes from");
	return -EPERM;
}

static int link_changelink(struct net_device *dev, struct nlattr *tb[],
			   struct nlattr *data[],
			   struct netlink_ext_ack *extack)
{
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_conf *old = rtnl_dereference(link->conf);
	struct gwlb_socks socks = link->socks;
	struct gwlb_conf *conf;
	int err;

	err = may_change(link, data, extack);
	if (err)
		return err;
	conf = gwlb_conf_new(old, data, extack);
	if (IS_ERR(conf))
		return PTR_ERR(conf);

	err = gwlb_child_check(link, data, conf, extack);
	if (!err && link->parent && data && data[GWLB_A_CONF_ENDPOINTS])
		err = gwlb_child_claim(link, old, conf, extack);
	if (err)
		goto conf;
	if (conf->port == old->port && !gwlb_address_equal(&conf->local, &old->local)) {
		NL_SET_ERR_MSG(extack,
			       "The local address cannot be changed while the port stays; delete the link and add it again");
		err = -EBUSY;
		goto conf;
	}
	if (conf->port != old->port) {
		err = gwlb_socks_open(&link->socks, link, conf, extack);
		if (err) {
			link->socks = socks;
			goto conf;
		}
		gwlb_socks_start(&link->socks, link);
		gwlb_socks_close(&socks);
	}
	rcu_assign_pointer(link->conf, conf);
	gwlb_endpoints_configure(&link->endpoints, conf);
	if (old->trust_mask)
		gwlb_trust_end(link);
	kfree_rcu(old, rcu);
	gwlb_event_changed(link);
	return 0;

conf:
	kfree(conf);
	return err;
}

static void link_dellink(struct net_device *dev, struct list_head *head)
{
	struct gwlb_link *link = netdev_priv(dev);
	struct gwlb_link *child, *next;

	list_for_each_entry_safe(child, next, &link->children, list)
		link_dellink(child->dev, head);
	gwlb_child_release(link);
	list_del_init(&link->list);
	unregister_netdevice_queue(dev, head);
}

static size_t link_get_size(const struct net_device *dev)
{
	const struct gwlb_link *link = netdev_priv(dev);

	/* rtnetlink asks for the size under RCU alone */
	return gwlb_conf_size(rcu_dereference_rtnl(link->conf));
}

static int link_fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	const struct gwlb_link *link = netdev_priv(dev);

	return gwlb_conf_fill(skb, rtnl_dereference(link->conf));
}

static struct net *link_get_link_net(const struct net_device *dev)
{
	const struct gwlb_link *link = netdev_priv(dev);

	return link->parent ? dev_net(link->parent->dev) : link->net;
}

struct rtnl_link_ops gwlb_link_ops __read_mostly = {
	.kind = KBUILD_MODNAME,
	.priv_size = sizeof(struct gwlb_link),
	.setup = link_setup,
	.maxtype = GWLB_A_CONF_MAX,
	.policy = gwlb_conf_policy,
	.validate = link_validate,
	.newlink = gwlb_newlink,
	.changelink = link_changelink,
	.dellink = link_dellink,
	.get_size = link_get_size,
	.fill_info = link_fill_info,
	.get_link_net = link_get_link_net,
};
