// SPDX-License-Identifier: GPL-2.0
/* Flows for the administrator, as conntrack's entries are. No lock that packets or
 * other links need is held for longer than a few of them.
 */
#include <linux/rtnetlink.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <net/genetlink.h>
#include <net/ipv6.h>
#include "link.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "trust.h"

/* What is asked for; what is not given fits all */
struct filter {
	const struct nlattr *protocol;
	const struct nlattr *endpoint;
	const struct nlattr *port;
	const struct nlattr *gateway;
	const struct nlattr *vrf;
	struct gwlb_address address;
	unsigned int prefix;
	int ifindex;
};

static int filter_address(struct filter *f, struct nlattr **tb,
			  struct netlink_ext_ack *extack)
{
	const struct nlattr *nla = tb[GWLB_A_FLOW_ADDRESS];

	if (!nla && tb[GWLB_A_FLOW_PREFIX_LENGTH]) {
		NL_SET_ERR_MSG_ATTR(extack, tb[GWLB_A_FLOW_PREFIX_LENGTH],
				    "A prefix needs an address");
		return -EINVAL;
	}
	if (!nla)
		return 0;
	if (nla_len(nla) != 4 && nla_len(nla) != 16) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "An address has 4 or 16 bytes");
		return -EINVAL;
	}
	f->address.len = nla_len(nla);
	memcpy(&f->address.a, nla_data(nla), f->address.len);
	f->prefix = f->address.len * 8;
	if (!tb[GWLB_A_FLOW_PREFIX_LENGTH])
		return 0;
	if (nla_get_u8(tb[GWLB_A_FLOW_PREFIX_LENGTH]) > f->prefix) {
		NL_SET_ERR_MSG_ATTR(extack, tb[GWLB_A_FLOW_PREFIX_LENGTH],
				    "The length of a prefix is at most 32 for IPv4, 128 for IPv6");
		return -EINVAL;
	}
	f->prefix = nla_get_u8(tb[GWLB_A_FLOW_PREFIX_LENGTH]);
	return 0;
}

static int get_filter(struct filter *f, struct nlattr **tb, struct net *net,
		      struct netlink_ext_ack *extack)
{
	struct net_device *dev;
	bool is_link;

	memset(f, 0, sizeof(*f));
	f->protocol = tb[GWLB_A_FLOW_PROTOCOL];
	f->endpoint = tb[GWLB_A_FLOW_ENDPOINT];
	f->port = tb[GWLB_A_FLOW_PORT];
	f->gateway = tb[GWLB_A_FLOW_GATEWAY];
	f->vrf = tb[GWLB_A_FLOW_VRF];
	if (tb[GWLB_A_FLOW_IFINDEX]) {
		f->ifindex = nla_get_u32(tb[GWLB_A_FLOW_IFINDEX]);
		rcu_read_lock();
		dev = dev_get_by_index_rcu(net, f->ifindex);
		is_link = dev && gwlb_dev_is_link(dev);
		rcu_read_unlock();
		if (!is_link) {
			NL_SET_ERR_MSG_ATTR(extack, tb[GWLB_A_FLOW_IFINDEX],
					    "There is no such link of kind gwlb in this network namespace");
			return -ENODEV;
		}
	}
	return filter_address(f, tb, extack);
}

static u16 port(const struct gwlb_flow *flow, int i)
{
	return flow->inner_port[i][0] << 8 | flow->inner_port[i][1];
}

static bool in_prefix(const struct filter *f, const struct gwlb_tuple *t)
{
	struct in6_addr a[2];

	if (f->address.len != (t->version == 4 ? 4 : 16))
		return false;
	memcpy(a, t->addr, sizeof(a));
	return ipv6_prefix_equal(&a[0], &f->address.a, f->prefix) ||
	       ipv6_prefix_equal(&a[1], &f->address.a, f->prefix);
}

static bool by_gateway(const struct filter *f, const struct gwlb_flow *flow)
{
	const struct gwlb_endpoint_id *id = &gwlb_flow_endpoint(flow)->id;

	return !id->id && nla_len(f->gateway) == id->gateway.len &&
	       !memcmp(nla_data(f->gateway), &id->gateway.a, id->gateway.len) &&
	       (f->vrf ? nla_get_u32(f->vrf) : 0) == id->vrf;
}

static bool fits(const struct filter *f, const struct gwlb_flow *flow)
{
	struct gwlb_tuple t;

	if (f->protocol && nla_get_u8(f->protocol) != flow->protocol)
		return false;
	if (f->endpoint && nla_get_u64(f->endpoint) != gwlb_flow_endpoint(flow)->id.id)
		return false;
	if (f->gateway && !by_gateway(f, flow))
		return false;
	if (f->vrf && nla_get_u32(f->vrf) != flow->peer->vrf)
		return false;
	if (f->port && nla_get_u16(f->port) != port(flow, 0) &&
	    nla_get_u16(f->port) != port(flow, 1))
		return false;
	if (!f->address.len)
		return true;
	gwlb_flow_tuple(flow, &t);
	return in_prefix(f, &t);
}

static int put_tuple(struct sk_buff *skb, const struct gwlb_flow *flow)
{
	int len = flow->version == 4 ? 4 : 16;
	int from = flow->turned, to = !from;

	if (nla_put_u8(skb, GWLB_A_FLOW_PROTOCOL, flow->protocol) ||
	    nla_put(skb, GWLB_A_FLOW_SOURCE, len, flow->addr + from * len) ||
	    nla_put(skb, GWLB_A_FLOW_DESTINATION, len, flow->addr + to * len) ||
	    nla_put_u16(skb, GWLB_A_FLOW_SOURCE_PORT, port(flow, from)) ||
	    nla_put_u16(skb, GWLB_A_FLOW_DESTINATION_PORT, port(flow, to)))
		return -EMSGSIZE;
	return 0;
}

static int put_context(struct sk_buff *skb, const struct gwlb_flow *flow)
{
	const struct gwlb_peer *peer = flow->peer;
	const u8 *options = gwlb_flow_options(flow);
	u64 endpoint = gwlb_flow_endpoint(flow)->id.id;
	struct gwlb_geneve_ids ids;

	gwlb_geneve_decode(options, flow->options_len, &ids);
	if ((endpoint &&
	     nla_put_u64_64bit(skb, GWLB_A_FLOW_ENDPOINT, endpoint,
			       GWLB_A_FLOW_PAD)) ||
	    (ids.has_attachment &&
	     nla_put_u64_64bit(skb, GWLB_A_FLOW_ATTACHMENT, ids.attachment,
			       GWLB_A_FLOW_PAD)) ||
	    (ids.has_cookie &&
	     nla_put_u32(skb, GWLB_A_FLOW_COOKIE, ids.cookie)))
		return -EMSGSIZE;
	if (nla_put(skb, GWLB_A_FLOW_REMOTE, peer->remote.len, &peer->remote.a) ||
	    nla_put(skb, GWLB_A_FLOW_LOCAL, peer->local.len, &peer->local.a) ||
	    (peer->vrf && nla_put_u32(skb, GWLB_A_FLOW_VRF, peer->vrf)) ||
	    nla_put_u16(skb, GWLB_A_FLOW_REMOTE_PORT, ntohs(flow->port[0])) ||
	    nla_put_u16(skb, GWLB_A_FLOW_LOCAL_PORT, ntohs(flow->port[1])) ||
	    (!flow->nocheck && nla_put_flag(skb, GWLB_A_FLOW_CHECKSUM)) ||
	    nla_put_u32(skb, GWLB_A_FLOW_VNI, flow->vni) ||
	    nla_put(skb, GWLB_A_FLOW_OPTIONS, flow->options_len, options))
		return -EMSGSIZE;
	return 0;
}

static int put_counters(struct sk_buff *skb, const struct gwlb_flow *flow)
{
	int there = flow->turned, back = !there;
	u64 idle = jiffies_to_msecs(gwlb_flow_idle(flow));
	u64 age = ktime_get_boottime_seconds() - flow->created;

	/* counted in whole seconds */
	age = max(age * MSEC_PER_SEC, idle);
	if (nla_put_u64_64bit(skb, GWLB_A_FLOW_PACKETS,
			      atomic64_read(&flow->packets[there]),
			      GWLB_A_FLOW_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_FLOW_BYTES,
			      atomic64_read(&flow->bytes[there]),
			      GWLB_A_FLOW_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_FLOW_PACKETS_BACK,
			      atomic64_read(&flow->packets[back]),
			      GWLB_A_FLOW_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_FLOW_BYTES_BACK,
			      atomic64_read(&flow->bytes[back]),
			      GWLB_A_FLOW_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_FLOW_AGE, age, GWLB_A_FLOW_PAD) ||
	    nla_put_u64_64bit(skb, GWLB_A_FLOW_IDLE, idle, GWLB_A_FLOW_PAD) ||
	    (gwlb_trust_has(flow) && nla_put_flag(skb, GWLB_A_FLOW_TRUSTED)))
		return -EMSGSIZE;
	return 0;
}

/* The link with the lowest index from there on, with a reference */
static struct net_device *next_link(struct net *net, int ifindex)
{
	struct net_device *dev, *found = NULL;

	rcu_read_lock();
	for_each_netdev_rcu(net, dev)
		if (gwlb_dev_is_link(dev) && dev->ifindex >= ifindex &&
		    (!found || dev->ifindex < found->ifindex))
			found = dev;
	if (found)
		dev_hold(found);
	rcu_read_unlock();
	return found;
}

/* How far a walk over links has come; kept in the callback of a dump */
struct position {
	int ifindex;
	struct gwlb_flows_cursor at;
};

/* Goes on until the end, or until "visit" has set "full". It gets along
 * without RTNL: the reference keeps the link and its table.
 */
static void walk(struct net *net, const struct filter *f, struct position *p,
		 gwlb_flows_visit *visit, void *data, const bool *full)
{
	struct net_device *dev;
	struct gwlb_link *link;
	bool more;

	if (p->ifindex < f->ifindex)
		p->ifindex = f->ifindex;
	while (!*full && !fatal_signal_pending(current) &&
	       (dev = next_link(net, p->ifindex))) {
		if (f->ifindex && dev->ifindex != f->ifindex) {
			dev_put(dev);
			return;
		}
		if (dev->ifindex != p->ifindex)
			memset(&p->at, 0, sizeof(p->at));
		p->ifindex = dev->ifindex;
		link = netdev_priv(dev);
		more = gwlb_flows_walk(&link->flows, &p->at, visit, data);
		dev_put(dev);
		if (!more) {
			memset(&p->at, 0, sizeof(p->at));
			p->ifindex++;
		}
		cond_resched();
	}
}

/* What dump_one() and count_one() work on */
struct dump {
	struct sk_buff *skb;
	struct netlink_callback *cb;
	const struct filter *filter;
	u32 count;
	bool full;
};

static bool dump_one(struct gwlb_flow *flow, void *data)
{
	struct dump *d = data;
	void *hdr;

	if (!fits(d->filter, flow))
		return true;
	hdr = genlmsg_put(d->skb, NETLINK_CB(d->cb->skb).portid,
			  d->cb->nlh->nlmsg_seq, &gwlb_nl_family,
			  NLM_F_MULTI, GWLB_CMD_FLOW_GET);
	if (!hdr ||
	    nla_put_u32(d->skb, GWLB_A_FLOW_IFINDEX,
			gwlb_flow_link(flow)->dev->ifindex) ||
	    put_tuple(d->skb, flow) || put_context(d->skb, flow) ||
	    put_counters(d->skb, flow)) {
		if (hdr)
			genlmsg_cancel(d->skb, hdr);
		d->full = true;
		return false;
	}
	genlmsg_end(d->skb, hdr);
	return true;
}

int gwlb_nl_flow_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct position *p = (struct position *)cb->ctx;
	struct net *net = sock_net(skb->sk);
	struct nlattr *tb[ARRAY_SIZE(gwlb_flow_get_nl_policy)];
	struct filter filter;
	struct dump d = { .skb = skb, .cb = cb, .filter = &filter };
	int err;

	BUILD_BUG_ON(sizeof(*p) > sizeof(cb->ctx));
	err = genlmsg_parse(cb->nlh, &gwlb_nl_family, tb, ARRAY_SIZE(tb) - 1,
			    gwlb_flow_get_nl_policy, cb->extack);
	if (err)
		return err;
	err = get_filter(&filter, tb, net, cb->extack);
	/* a link that went meanwhile has no flows */
	if (err)
		return p->ifindex ? skb->len : err;
	walk(net, &filter, p, dump_one, &d, &d.full);
	return skb->len;
}

static bool count_one(struct gwlb_flow *flow, void *data)
{
	struct dump *d = data;

	d->count += fits(d->filter, flow);
	return true;
}

int gwlb_nl_flow_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct position p = {};
	struct filter filter;
	struct dump d = { .filter = &filter };
	void *hdr;
	int err;

	err = get_filter(&filter, info->attrs, genl_info_net(info), info->extack);
	if (err)
		return err;
	walk(genl_info_net(info), &filter, &p, count_one, &d, &d.full);
	skb = genlmsg_new(nla_total_size(sizeof(u32)), GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_put_reply(skb, info, &gwlb_nl_family, 0,
				GWLB_CMD_FLOW_GET);
	if (!hdr || nla_put_u32(skb, GWLB_A_FLOW_COUNT, d.count)) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static bool flush_one(struct gwlb_flow *flow, void *data)
{
	if (fits(data, flow) && !gwlb_flow_in_use(flow))
		gwlb_flows_forget(&gwlb_flow_link(flow)->flows, flow);
	return true;
}

static bool untrust_one(struct gwlb_flow *flow, void *data)
{
	if (fits(data, flow))
		gwlb_flow_untrust(flow);
	return true;
}

/* All flows that fit */
static int visit_all(struct genl_info *info, gwlb_flows_visit *visit)
{
	struct net *net = genl_info_net(info);
	struct position p = {};
	struct filter filter;
	bool full = false;
	int err;

	err = get_filter(&filter, info->attrs, net, info->extack);
	if (!err)
		walk(net, &filter, &p, visit, &filter, &full);
	return err;
}

int gwlb_nl_flow_flush_doit(struct sk_buff *skb, struct genl_info *info)
{
	return visit_all(info, flush_one);
}

int gwlb_nl_flow_untrust_doit(struct sk_buff *skb, struct genl_info *info)
{
	/* packets on their way may leave with what was the mark */
	synchronize_net();
	return visit_all(info, untrust_one);
}
