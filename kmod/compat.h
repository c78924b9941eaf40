/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels; compat_probed.h is made by probe.sh. No other
 * file asks which kernel it is compiled for.
 */
#ifndef GWLB_COMPAT_H
#define GWLB_COMPAT_H

#include <linux/netdevice.h>
#include <net/dst.h>
#include <net/rtnetlink.h>
#include <net/udp_tunnel.h>
#include "compat_probed.h"

#ifdef HAVE_NET_GSO_H
#include <net/gso.h>
#endif

/* not exported where IPv6 may be a module, or once was */
#ifdef HAVE_IPV6_STUB_FRAGMENT
#include <net/ipv6_stubs.h>
#define ip6_fragment(net, sk, skb, output) \
	ipv6_stub->ipv6_fragment(net, sk, skb, output)
#endif

#ifdef HAVE_UDP_TUNNEL_SOCK_IS_SOCK
#define gwlb_tunnel_sock(sk)	(sk)
#else
#define gwlb_tunnel_sock(sk)	((sk)->sk_socket)
#endif

#ifndef HAVE_UDP_TUNNEL_XMIT_FLAGS
#define udp_tunnel_xmit_skb(rt, sk, skb, src, dst, tos, ttl, df, sport, dport, \
			    xnet, nocheck, flags) \
	udp_tunnel_xmit_skb(rt, sk, skb, src, dst, tos, ttl, df, sport, dport, \
			    xnet, nocheck)
#define udp_tunnel6_xmit_skb(dst, sk, skb, dev, saddr, daddr, prio, ttl, \
			     label, sport, dport, nocheck, flags) \
	udp_tunnel6_xmit_skb(dst, sk, skb, dev, (struct in6_addr *)(saddr), \
			     (struct in6_addr *)(daddr), prio, ttl, label, \
			     sport, dport, nocheck)
#endif

#ifdef HAVE_DST_ALLOC_WITHOUT_REF
#define gwlb_dst_alloc(ops, dev, flags) \
	dst_alloc(ops, dev, DST_OBSOLETE_NONE, flags)
#else
#define gwlb_dst_alloc(ops, dev, flags) \
	dst_alloc(ops, dev, 1, DST_OBSOLETE_NONE, flags)
#endif

static inline bool gwlb_dst_shared(const struct dst_entry *dst)
{
#ifdef HAVE_DST_RCUREF
	return rcuref_read((rcuref_t *)&dst->__rcuref) > 1;
#else
	return atomic_read(&dst->__refcnt) > 1;
#endif
}

static inline void gwlb_dev_set_lltx(struct net_device *dev)
{
#ifdef HAVE_LLTX_BIT
	dev->lltx = true;
#else
	dev->features |= NETIF_F_LLTX;
#endif
}

/* iptunnel_xmit() counts in dev->tstats, whoever allocates them */
static inline void gwlb_dev_set_tstats(struct net_device *dev)
{
#ifdef HAVE_PCPU_STAT_TYPE
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
#endif
}

static inline int gwlb_dev_alloc_tstats(struct net_device *dev)
{
#ifndef HAVE_PCPU_STAT_TYPE
	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	if (!dev->tstats)
		return -ENOMEM;
#endif
	return 0;
}

static inline void gwlb_dev_free_tstats(struct net_device *dev)
{
#ifndef HAVE_PCPU_STAT_TYPE
	free_percpu(dev->tstats);
	dev->tstats = NULL;
#endif
}

#ifdef HAVE_NEWLINK_PARAMS
#define gwlb_newlink(name, link_new) \
static int name(struct net_device *dev, struct rtnl_newlink_params *params, \
		struct netlink_ext_ack *extack) \
{ \
	return link_new(rtnl_newlink_link_net(params), dev, params->data, \
			extack); \
}
#else
#define gwlb_newlink(name, link_new) \
static int name(struct net *net, struct net_device *dev, struct nlattr *tb[], \
		struct nlattr *data[], struct netlink_ext_ack *extack) \
{ \
	return link_new(net, dev, data, extack); \
}
#endif

#ifndef HAVE_DROP_REASON
#define kfree_skb_reason(skb, reason)	kfree_skb(skb)
#endif

#endif /* GWLB_COMPAT_H */
