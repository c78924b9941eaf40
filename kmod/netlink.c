// SPDX-License-Identifier: GPL-2.0
/* The generic netlink family of gwlb.yaml: links and peers. */
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/genetlink.h>
#include "link.h"
#include "netlink.h"
#include "netlink_gen.h"

static int put_stats(struct sk_buff *skb, struct net_device *dev)
{
	struct rtnl_link_stats64 s;
	struct nlattr *nest;

	dev_get_stats(dev, &s);
	nest = nla_nest_start(skb, GWLB_A_LINK_STATS);
	if (!nest ||
	    nla_put_u64_64bit(skb, GWLB_A_STATS_RX_PACKETS, s.rx_packets,
			      GWLB_A_STATS_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_STATS_RX_BYTES, s.rx_bytes,
			      GWLB_A_STATS_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_STATS_TX_PACKETS, s.tx_packets,
			      GWLB_A_STATS_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_STATS_TX_BYTES, s.tx_bytes,
			      GWLB_A_STATS_PAD))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_drop(struct sk_buff *skb, struct gwlb_drops *drops, int reason,
		    u64 packets)
{
	struct gwlb_address sender;
	struct nlattr *nest;

	gwlb_drops_last(drops, reason, &sender);
	nest = nla_nest_start(skb, GWLB_A_LINK_DROP);
	if (!nest || nla_put_u32(skb, GWLB_A_DROP_REASON, reason) ||
	    nla_put_u64_64bit(skb, GWLB_A_DROP_PACKETS, packets,
			      GWLB_A_DROP_PAD) ||
	    (sender.len && nla_put(skb, GWLB_A_DROP_LAST_SENDER, sender.len,
				   &sender.a)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Its name alone may be that of another where the link is now */
static int put_parent(struct sk_buff *skb, const struct gwlb_link *link)
{
	struct net *net = dev_net(link->dev);
	const struct net_device *parent;

	if (!link->parent)
		return 0;
	parent = link->parent->dev;
	if (nla_put_string(skb, GWLB_A_LINK_PARENT, parent->name) ||
	    nla_put_u32(skb, GWLB_A_LINK_PARENT_IFINDEX, parent->ifindex) ||
	    (!netif_running(parent) &&
	     nla_put_flag(skb, GWLB_A_LINK_PARENT_DOWN)))
		return -EMSGSIZE;
	if (net_eq(net, dev_net(parent)))
		return 0;
	return nla_put_s32(skb, GWLB_A_LINK_PARENT_NETNSID,
			   peernet2id_alloc(net, dev_net(parent), GFP_KERNEL));
}

static int put_link(struct sk_buff *skb, struct net_device *dev,
		    const struct hlist_node *none)
{
	struct gwlb_link *link = netdev_priv(dev);
	u64 packets[GWLB_DROP_REASONS];
	struct nlattr *nest;
	int r;

	if (nla_put_u32(skb, GWLB_A_LINK_IFINDEX, dev->ifindex) ||
	    nla_put_string(skb, GWLB_A_LINK_IFNAME, dev->name) ||
	    nla_put_u32(skb, GWLB_A_LINK_FLOWS, READ_ONCE(link->flows.count)) ||
	    (netif_running(dev) && nla_put_flag(skb, GWLB_A_LINK_UP)) ||
	    put_parent(skb, link))
		return -EMSGSIZE;
	nest = nla_nest_start(skb, GWLB_A_LINK_CONF);
	if (!nest || gwlb_conf_fill(skb, rtnl_dereference(link->conf)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	if (put_stats(skb, dev))
		return -EMSGSIZE;
	gwlb_drops_read(&link->drops, packets);
	for (r = GWLB_DROP_REASON_NONE + 1; r < GWLB_DROP_REASONS; r++)
		if (packets[r] && put_drop(skb, &link->drops, r, packets[r]))
			return -EMSGSIZE;
	return 0;
}

static int put_peer(struct sk_buff *skb, struct net_device *dev,
		    const struct hlist_node *node)
{
	const struct gwlb_peer *peer = container_of(node, struct gwlb_peer, node);
	struct gwlb_traffic s;

	gwlb_traffic_read(peer->cpu, &s);
	if (nla_put_u32(skb, GWLB_A_PEER_IFINDEX, dev->ifindex) ||
	    nla_put(skb, GWLB_A_PEER_ADDRESS, peer->remote.len, &peer->remote.a) ||
	    nla_put(skb, GWLB_A_PEER_LOCAL, peer->local.len, &peer->local.a) ||
	    (peer->vrf && nla_put_u32(skb, GWLB_A_PEER_VRF, peer->vrf)) ||
	    nla_put_u64_64bit(skb, GWLB_A_PEER_RX_PACKETS, s.rx_packets,
			      GWLB_A_PEER_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_PEER_RX_BYTES, s.rx_bytes,
			      GWLB_A_PEER_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_PEER_TX_PACKETS, s.tx_packets,
			      GWLB_A_PEER_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_PEER_TX_BYTES, s.tx_bytes,
			      GWLB_A_PEER_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_PEER_IDLE,
			      jiffies_to_msecs(jiffies - READ_ONCE(peer->last_seen)),
			      GWLB_A_PEER_PAD))
		return -EMSGSIZE;
	return 0;
}

/**
 * gwlb_nl_message() - write one message
 * @skb: written to; on error nothing of it is left
 * @portid: to whom
 * @seq: of the request
 * @flags: of the message
 * @cmd: of the message
 * @dev: device of the link that it is about
 * @put: writes the attributes
 * @what: for @put
 *
 * Return: 0 or -EMSGSIZE.
 * Context: RTNL.
 */
int gwlb_nl_message(struct sk_buff *skb, u32 portid, u32 seq, int flags,
		    u8 cmd, struct net_device *dev, gwlb_nl_put *put,
		    const struct hlist_node *what)
{
	void *hdr = genlmsg_put(skb, portid, seq, &gwlb_nl_family, flags, cmd);

	if (!hdr)
		return -EMSGSIZE;
	if (put(skb, dev, what)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

static int reply(struct genl_info *info, u8 cmd, struct net_device *dev,
		 gwlb_nl_put *put, const struct hlist_node *what)
{
	struct sk_buff *skb = genlmsg_new(8192, GFP_KERNEL);
	int err;

	if (!skb)
		return -ENOMEM;
	err = gwlb_nl_message(skb, info->snd_portid, info->snd_seq, 0, cmd, dev,
			      put, what);
	if (err) {
		nlmsg_free(skb);
		return err;
	}
	return genlmsg_reply(skb, info);
}

/**
 * gwlb_nl_link() - the link that a request is about
 * @info: request; its extack says why there is none
 * @ifindex: attribute, or NULL
 * @ifname: attribute, or NULL
 *
 * Return: its device, or NULL.
 * Context: RTNL, which keeps the device.
 */
struct net_device *gwlb_nl_link(struct genl_info *info,
				const struct nlattr *ifindex,
				const struct nlattr *ifname)
{
	struct net_device *dev = NULL;

	if (ifindex)
		dev = __dev_get_by_index(genl_info_net(info), nla_get_u32(ifindex));
	else if (ifname)
		dev = __dev_get_by_name(genl_info_net(info), nla_data(ifname));
	if (dev && gwlb_dev_is_link(dev))
		return dev;
	if (!ifindex && !ifname)
		NL_SET_ERR_MSG(info->extack, "Name a link by ifindex or ifname");
	else if (dev)
		NL_SET_ERR_MSG(info->extack, "This link is not of kind gwlb");
	else
		NL_SET_ERR_MSG(info->extack, "There is no such link in this network namespace");
	return NULL;
}

int gwlb_nl_link_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net_device *dev;
	int err = -ENODEV;

	rtnl_lock();
	dev = gwlb_nl_link(info, info->attrs[GWLB_A_LINK_IFINDEX],
			   info->attrs[GWLB_A_LINK_IFNAME]);
	if (dev)
		err = reply(info, GWLB_CMD_LINK_GET, dev, put_link, NULL);
	rtnl_unlock();
	return err;
}

static bool get_address(struct gwlb_address *a, const struct nlattr *nla)
{
	memset(a, 0, sizeof(*a));
	if (!nla || (nla_len(nla) != 4 && nla_len(nla) != 16))
		return false;
	a->len = nla_len(nla);
	memcpy(&a->a, nla_data(nla), a->len);
	return true;
}

int gwlb_nl_peer_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *vrf = info->attrs[GWLB_A_PEER_VRF];
	struct gwlb_address remote, local;
	struct gwlb_peer *peer = NULL;
	struct net_device *dev;
	struct gwlb_link *link;
	int err = -ENODEV;

	if (!get_address(&remote, info->attrs[GWLB_A_PEER_ADDRESS]) ||
	    !get_address(&local, info->attrs[GWLB_A_PEER_LOCAL])) {
		NL_SET_ERR_MSG(info->extack,
			       "Name a peer by address and local, of 4 or 16 bytes each");
		return -EINVAL;
	}
	rtnl_lock();
	dev = gwlb_nl_link(info, info->attrs[GWLB_A_PEER_IFINDEX], NULL);
	if (!dev)
		goto unlock;
	link = netdev_priv(dev);

	/* the lock of the flows keeps the peer, RCU could not while we sleep */
	spin_lock_bh(&link->flows.lock);
	peer = gwlb_peer_find(&link->peers, &remote, &local,
			      vrf ? nla_get_u32(vrf) : 0);
	if (peer)
		refcount_inc(&peer->refs);
	spin_unlock_bh(&link->flows.lock);
	if (peer) {
		err = reply(info, GWLB_CMD_PEER_GET, dev, put_peer, &peer->node);
		gwlb_peer_put(peer);
	} else {
		NL_SET_ERR_MSG(info->extack, "No packet came from there yet");
		err = -ENOENT;
	}
unlock:
	rtnl_unlock();
	return err;
}

/* Without a message the one that ends the dump will tell */
static void check_consistent(struct sk_buff *skb, struct netlink_callback *cb)
{
	if (skb->len)
		nl_dump_check_consistent(cb, nlmsg_hdr(skb));
}

/* args[0]: links done */
int gwlb_nl_link_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net_device *dev;
	long i = 0;

	rtnl_lock();
	cb->seq = sock_net(skb->sk)->dev_base_seq;
	for_each_netdev(sock_net(skb->sk), dev) {
		if (!gwlb_dev_is_link(dev) || i++ < cb->args[0])
			continue;
		if (gwlb_nl_message(skb, NETLINK_CB(cb->skb).portid,
				    cb->nlh->nlmsg_seq, NLM_F_MULTI,
				    GWLB_CMD_LINK_GET, dev, put_link, NULL))
			break;
		cb->args[0] = i;
	}
	check_consistent(skb, cb);
	rtnl_unlock();
	return skb->len;
}

/**
 * gwlb_nl_dump() - dump what is in lists of all links
 * @skb: written to
 * @cb: state; args[0] says how many entries are done
 * @cmd: of each message
 * @lists: where in struct gwlb_link the lists begin
 * @count: how many there are
 * @put: writes the attributes of an entry
 *
 * Return: bytes written.
 * Context: process.
 */
int gwlb_nl_dump(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd,
		 size_t lists, unsigned int count, gwlb_nl_put *put)
{
	const struct hlist_node *node;
	const struct hlist_head *list;
	struct net_device *dev;
	unsigned int b;
	long i = 0;

	rtnl_lock();
	rcu_read_lock();
	cb->seq = sock_net(skb->sk)->dev_base_seq;
	for_each_netdev(sock_net(skb->sk), dev) {
		list = netdev_priv(dev) + lists;
		for (b = 0; gwlb_dev_is_link(dev) && b < count; b++) {
			__hlist_for_each_rcu(node, &list[b]) {
				if (i++ < cb->args[0])
					continue;
				if (gwlb_nl_message(skb, NETLINK_CB(cb->skb).portid,
						    cb->nlh->nlmsg_seq, NLM_F_MULTI,
						    cmd, dev, put, node))
					goto full;
				cb->args[0] = i;
			}
		}
	}
full:
	check_consistent(skb, cb);
	rcu_read_unlock();
	rtnl_unlock();
	return skb->len;
}

int gwlb_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return gwlb_nl_dump(skb, cb, GWLB_CMD_PEER_GET,
			    offsetof(struct gwlb_link, peers.list),
			    ARRAY_SIZE(((struct gwlb_peers *)NULL)->list),
			    put_peer);
}

static const struct genl_multicast_group groups[] = {
	{ .name = "events" },
};

struct genl_family gwlb_nl_family __ro_after_init = {
	.name = GWLB_GENL_NAME,
	.version = GWLB_GENL_VERSION,
	.netnsok = true,
	/* listing flows may take long */
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = gwlb_nl_ops,
	.n_ops = ARRAY_SIZE(gwlb_nl_ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/**
 * gwlb_netlink_init() - offer the family
 *
 * Return: 0 or a negative errno.
 */
int __init gwlb_netlink_init(void)
{
	return genl_register_family(&gwlb_nl_family);
}

/**
 * gwlb_netlink_exit() - the opposite
 */
void gwlb_netlink_exit(void)
{
	genl_unregister_family(&gwlb_nl_family);
}
