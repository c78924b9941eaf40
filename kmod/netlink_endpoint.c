// SPDX-License-Identifier: GPL-2.0
/* The part of the generic netlink family that is about endpoints. */
#include <linux/inet.h>
#include <linux/rtnetlink.h>
#include "link.h"
#include "netlink.h"
#include "netlink_gen.h"

static int put_id(struct sk_buff *skb, const struct gwlb_endpoint_id *id)
{
	if (id->id)
		return nla_put_u64_64bit(skb, GWLB_A_ENDPOINT_ID, id->id,
					 GWLB_A_ENDPOINT_PAD);
	if (id->vrf && nla_put_u32(skb, GWLB_A_ENDPOINT_VRF, id->vrf))
		return -EMSGSIZE;
	return nla_put(skb, GWLB_A_ENDPOINT_GATEWAY, id->gateway.len,
		       &id->gateway.a);
}

static int put_conf(struct sk_buff *skb, const struct gwlb_endpoint_conf *conf)
{
	if (!conf)
		return nla_put_u8(skb, GWLB_A_ENDPOINT_ZONE_MODE,
				  GWLB_ZONE_MODE_AUTO);
	if ((*conf->name &&
	     nla_put_string(skb, GWLB_A_ENDPOINT_NAME, conf->name)) ||
	    (conf->mask && nla_put_u32(skb, GWLB_A_ENDPOINT_MARK, conf->mark)) ||
	    (conf->mask && nla_put_u32(skb, GWLB_A_ENDPOINT_MASK, conf->mask)))
		return -EMSGSIZE;
	return nla_put_u8(skb, GWLB_A_ENDPOINT_ZONE_MODE, conf->zone_mode);
}

static int put_traffic(struct sk_buff *skb, const struct gwlb_endpoint *ep)
{
	unsigned long now = jiffies;
	struct gwlb_traffic t;

	gwlb_traffic_read(ep->cpu, &t);
	if (nla_put_u32(skb, GWLB_A_ENDPOINT_FLOWS, refcount_read(&ep->refs) - 1) ||
	    nla_put_u64_64bit(skb, GWLB_A_ENDPOINT_RX_PACKETS, t.rx_packets,
			      GWLB_A_ENDPOINT_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_ENDPOINT_RX_BYTES, t.rx_bytes,
			      GWLB_A_ENDPOINT_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_ENDPOINT_TX_PACKETS, t.tx_packets,
			      GWLB_A_ENDPOINT_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_ENDPOINT_TX_BYTES, t.tx_bytes,
			      GWLB_A_ENDPOINT_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_ENDPOINT_DROPS, t.drops,
			      GWLB_A_ENDPOINT_PAD))
		return -EMSGSIZE;
	if (!READ_ONCE(ep->seen))
		return 0;
	if (nla_put_u64_64bit(skb, GWLB_A_ENDPOINT_AGE,
			      jiffies_to_msecs(now - ep->first_seen),
			      GWLB_A_ENDPOINT_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_ENDPOINT_IDLE,
			      jiffies_to_msecs(now - READ_ONCE(ep->last_seen)),
			      GWLB_A_ENDPOINT_PAD))
		return -EMSGSIZE;
	return 0;
}

static int put_endpoint(struct sk_buff *skb, struct net_device *dev,
			const struct hlist_node *node)
{
	const struct gwlb_endpoint *ep = container_of(node, struct gwlb_endpoint, node);
	const struct gwlb_link *child = rcu_dereference(ep->child);
	struct gwlb_link *link = netdev_priv(dev);
	u16 zone = gwlb_endpoint_zone(ep);

	if (nla_put_u32(skb, GWLB_A_ENDPOINT_IFINDEX, dev->ifindex) ||
	    put_id(skb, &ep->id) || put_conf(skb, rcu_dereference(ep->conf)) ||
	    (zone && nla_put_u16(skb, GWLB_A_ENDPOINT_ZONE, zone)) ||
	    (gwlb_endpoint_clash(&link->endpoints, ep) &&
	     nla_put_flag(skb, GWLB_A_ENDPOINT_CLASH)) ||
	    (child && nla_put_string(skb, GWLB_A_ENDPOINT_CHILD,
				     child->dev->name)) ||
	    put_traffic(skb, ep))
		return -EMSGSIZE;
	return 0;
}

static int get_id(struct gwlb_endpoint_id *id, struct genl_info *info)
{
	const struct nlattr *number = info->attrs[GWLB_A_ENDPOINT_ID];
	const struct nlattr *gateway = info->attrs[GWLB_A_ENDPOINT_GATEWAY];
	const struct nlattr *vrf = info->attrs[GWLB_A_ENDPOINT_VRF];

	memset(id, 0, sizeof(*id));
	if (vrf && !gateway) {
		NL_SET_ERR_MSG_ATTR(info->extack, vrf,
				    "A VRF goes with a gateway, an id has none");
		return -EINVAL;
	}
	if (number && !gateway)
		id->id = nla_get_u64(number);
	if (gateway && !number &&
	    (nla_len(gateway) == 4 || nla_len(gateway) == 16)) {
		id->gateway.len = nla_len(gateway);
		memcpy(&id->gateway.a, nla_data(gateway), id->gateway.len);
		id->vrf = vrf ? nla_get_u32(vrf) : 0;
	}
	if (id->id || id->gateway.len)
		return 0;
	NL_SET_ERR_MSG(info->extack,
		       "Name an endpoint by id, which is not 0, or one without id by gateway, of 4 or 16 bytes");
	return -EINVAL;
}

static struct net_device *find_link(struct genl_info *info)
{
	return gwlb_nl_link(info, info->attrs[GWLB_A_ENDPOINT_IFINDEX], NULL);
}

static int no_endpoint(struct genl_info *info)
{
	NL_SET_ERR_MSG(info->extack,
		       "There is no such endpoint, neither seen nor with settings");
	return -ENOENT;
}

int gwlb_nl_endpoint_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct gwlb_endpoint_id id;
	struct gwlb_endpoint *ep;
	struct net_device *dev;
	struct gwlb_link *link;
	struct sk_buff *reply;
	int err;

	err = get_id(&id, info);
	if (err)
		return err;
	reply = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	rtnl_lock();
	err = -ENODEV;
	dev = find_link(info);
	if (!dev)
		goto unlock;
	link = netdev_priv(dev);
	rcu_read_lock();
	ep = gwlb_endpoint_find(&link->endpoints, &id);
	err = ep ? gwlb_nl_message(reply, info->snd_portid, info->snd_seq, 0,
				   GWLB_CMD_ENDPOINT_GET, dev, put_endpoint,
				   &ep->node) : no_endpoint(info);
	rcu_read_unlock();
unlock:
	rtnl_unlock();
	if (!err)
		return genlmsg_reply(reply, info);
	nlmsg_free(reply);
	return err;
}

int gwlb_nl_endpoint_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return gwlb_nl_dump(skb, cb, GWLB_CMD_ENDPOINT_GET,
			    offsetof(struct gwlb_link, endpoints.list),
			    ARRAY_SIZE(((struct gwlb_endpoints *)NULL)->list),
			    put_endpoint);
}

static int get_zone(struct gwlb_endpoint_conf *conf, struct genl_info *info)
{
	const struct nlattr *mode = info->attrs[GWLB_A_ENDPOINT_ZONE_MODE];
	const struct nlattr *zone = info->attrs[GWLB_A_ENDPOINT_ZONE];
	bool fixed;

	if (mode) {
		conf->zone_mode = nla_get_u8(mode);
		conf->zone = 0;
	}
	if (zone)
		conf->zone = nla_get_u16(zone);
	fixed = conf->zone_mode == GWLB_ZONE_MODE_FIXED;
	if (conf->zone_mode > GWLB_ZONE_MODE_FIXED || fixed != !!conf->zone) {
		NL_SET_ERR_MSG(info->extack,
			       "The zone of an endpoint is auto, none or a number from 1 to 65535");
		return -EINVAL;
	}
	if (conf->zone && !IS_ENABLED(CONFIG_NF_CONNTRACK_ZONES)) {
		NL_SET_ERR_MSG(info->extack,
			       "This kernel was built without conntrack zones (CONFIG_NF_CONNTRACK_ZONES)");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* What gwlbctl takes for an id, a load balancer or none, where it takes names */
static bool is_id(const char *name)
{
	u8 address[sizeof(struct in6_addr)];

	return !strcmp(name, "none") || !strncmp(name, "vpce-", 5) ||
	       !strncmp(name, "0x", 2) ||
	       (strlen(name) == 16 &&
		strspn(name, "0123456789abcdefABCDEF") == 16) ||
	       in4_pton(name, -1, address, '%', NULL) ||
	       in6_pton(name, -1, address, '%', NULL);
}

/* It must fit a line of a file, between blanks */
static int get_name(struct gwlb_endpoint_conf *conf, struct genl_info *info)
{
	const struct nlattr *name = info->attrs[GWLB_A_ENDPOINT_NAME];
	const unsigned char *c;

	if (!name)
		return 0;
	strscpy(conf->name, nla_data(name), sizeof(conf->name));
	for (c = conf->name; *c; c++) {
		if (*c > ' ' && *c != 0x7f && *c != '#')
			continue;
		NL_SET_ERR_MSG_ATTR(info->extack, name,
				    "The name of an endpoint must not have blanks, # or control characters");
		return -EINVAL;
	}
	if (is_id(conf->name)) {
		NL_SET_ERR_MSG_ATTR(info->extack, name,
				    "The name of an endpoint must not be none, an address or like an id: nor 16 hexadecimal digits, nor begin with vpce- or 0x");
		return -EINVAL;
	}
	return 0;
}

static int get_conf(struct gwlb_endpoint_conf *conf, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	int err = get_name(conf, info);

	if (err)
		return err;
	if (attrs[GWLB_A_ENDPOINT_MARK]) {
		conf->mark = nla_get_u32(attrs[GWLB_A_ENDPOINT_MARK]);
		conf->mask = U32_MAX;
	}
	if (attrs[GWLB_A_ENDPOINT_MASK])
		conf->mask = nla_get_u32(attrs[GWLB_A_ENDPOINT_MASK]);
	if (conf->mark & ~conf->mask) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[GWLB_A_ENDPOINT_MARK],
				    "The mark has bits that its mask has not");
		return -EINVAL;
	}
	return get_zone(conf, info);
}

int gwlb_nl_endpoint_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct gwlb_endpoint_conf *conf, *old;
	struct gwlb_endpoint_id id;
	struct gwlb_endpoint *ep;
	struct net_device *dev;
	struct gwlb_link *link;
	int err;

	err = get_id(&id, info);
	if (err)
		return err;
	conf = kzalloc(sizeof(*conf), GFP_KERNEL);
	if (!conf)
		return -ENOMEM;
	rtnl_lock();
	err = -ENODEV;
	dev = find_link(info);
	if (!dev)
		goto free;
	link = netdev_priv(dev);
	err = -ENOENT;
	if (link->parent && !gwlb_conf_claims(rtnl_dereference(link->conf), &id)) {
		NL_SET_ERR_MSG(info->extack,
			       "The link does not have that endpoint; give it one with \"endpoint\", or set those of the link that it is on");
		goto free;
	}
	rcu_read_lock();
	ep = gwlb_endpoint_find(&link->endpoints, &id);
	old = ep ? rcu_dereference(ep->conf) : NULL;
	if (old)
		*conf = *old;
	rcu_read_unlock();
	/* one that is there may be named when its VRF is gone */
	err = ep ? 0 : gwlb_endpoint_check_vrf(link->net, &id, info->extack);
	if (!err)
		err = get_conf(conf, info);
	if (err)
		goto free;
	err = gwlb_endpoint_set(&link->endpoints, &id, conf, info->extack);
	rtnl_unlock();
	return err;

free:
	rtnl_unlock();
	kfree(conf);
	return err;
}

int gwlb_nl_endpoint_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct gwlb_endpoint_id id;
	struct net_device *dev;
	struct gwlb_link *link;
	int err;

	err = get_id(&id, info);
	if (err)
		return err;
	rtnl_lock();
	dev = find_link(info);
	if (!dev) {
		err = -ENODEV;
	} else {
		link = netdev_priv(dev);
		err = gwlb_endpoint_forget(&link->endpoints, &id, info->extack);
	}
	rtnl_unlock();
	return err;
}
