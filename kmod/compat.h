/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels; compat_probed.h is made by probe.sh. No other
 * file asks which kernel it is compiled for.
 */
#ifndef GWLB_COMPAT_H
#define GWLB_COMPAT_H

#include <linux/netdevice.h>
#include <linux/xfrm.h>
#include <net/addrconf.h>
#include <net/dst.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <net/rtnetlink.h>
#include <net/udp_tunnel.h>
#include "compat_probed.h"
#include "uapi/gwlb.h"

/* not in older kernels, which may clear the stack as newer ones do */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)
#define __uninitialized		__attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

#ifdef HAVE_NET_GRO_H
#include <net/gro.h>
#endif

#ifdef HAVE_NET_GSO_H
#include <net/gso.h>
#endif

#ifdef HAVE_NETDEV_RX_QUEUE_H
#include <net/netdev_rx_queue.h>
#endif

/* not exported where IPv6 may be a module, or once was */
#ifdef HAVE_IPV6_STUB_FRAGMENT
#include <net/ipv6_stubs.h>
#define ip6_fragment(net, sk, skb, output) \
	ipv6_stub->ipv6_fragment(net, sk, skb, output)
#endif

/* Without IPv6 no packet and no socket of it comes in: what serves them is not
 * there, and never called
 */
#if !IS_ENABLED(CONFIG_IPV6)
#undef ip6_fragment
#define ip6_fragment		gwlb_no_fragment6
#define ip6_route_output	gwlb_no_route6
#define ipv6_chk_addr		gwlb_no_address6
#define in6_dev_put		gwlb_no_put6
#define udp_tunnel6_xmit_skb	gwlb_no_xmit6

static inline int gwlb_no_fragment6(struct net *net, struct sock *sk,
				    struct sk_buff *skb,
				    int (*output)(struct net *, struct sock *,
						  struct sk_buff *))
{
	kfree_skb(skb);
	return -EAFNOSUPPORT;
}

static inline struct dst_entry *gwlb_no_route6(struct net *net,
					       const struct sock *sk,
					       struct flowi6 *fl6)
{
	static struct dst_entry none = { .error = -EAFNOSUPPORT };

	return &none;
}

static inline int gwlb_no_address6(struct net *net, const struct in6_addr *addr,
				   const struct net_device *dev, int strict)
{
	return 0;
}

static inline void gwlb_no_put6(struct inet6_dev *idev)
{
}

static inline void gwlb_no_xmit6(struct dst_entry *dst, struct sock *sk,
				 struct sk_buff *skb, struct net_device *dev,
				 const struct in6_addr *saddr,
				 const struct in6_addr *daddr, ...)
{
	kfree_skb(skb);
}
#endif

/* not exported where IPv6 may be a module */
#ifdef HAVE_NF_IPV6_ROUTE_INPUT
#include <linux/netfilter_ipv6.h>
#define ip6_route_input(skb) \
	rcu_dereference(nf_ipv6_ops)->route_input(skb)
#endif

static inline bool gwlb_route_input4(struct sk_buff *skb)
{
	const struct iphdr *ip = ip_hdr(skb);
#ifdef HAVE_ROUTE_INPUT_DSCP
	dscp_t tos = ip4h_dscp(ip);
#else
	u8 tos = ip->tos;
#endif

	return !ip_route_input_noref(skb, ip->daddr, ip->saddr, tos, skb->dev);
}

/* before it, what is forwarded got skb->tstamp = 0 just so */
#ifndef HAVE_SKB_CLEAR_TSTAMP
static inline void skb_clear_tstamp(struct sk_buff *skb)
{
	skb->tstamp = 0;
}
#endif

#ifndef HAVE_SKB_GRO_HEADER
static inline void *skb_gro_header(struct sk_buff *skb, unsigned int hlen,
				   unsigned int offset)
{
	if (skb_gro_header_hard(skb, hlen))
		return skb_gro_header_slow(skb, hlen, offset);
	return skb_gro_header_fast(skb, offset);
}
#endif

/* Newer kernels note for an inner IPv4 header and an outer or only one apart
 * that all ids are the same, older ones for the innermost.
 */
static inline void gwlb_gso_unwrap(struct sk_buff *skb)
{
#ifdef HAVE_GSO_FIXEDID_INNER
	unsigned int *type = &skb_shinfo(skb)->gso_type;

	if (!skb_is_gso(skb))
		return;
	*type &= ~SKB_GSO_TCP_FIXEDID;
	if (*type & SKB_GSO_TCP_FIXEDID_INNER)
		*type ^= SKB_GSO_TCP_FIXEDID_INNER | SKB_GSO_TCP_FIXEDID;
#endif
}

/* Do all ids of an inner IPv4 header have to stay the same */
static inline bool gwlb_gso_same_ids(const struct sk_buff *skb)
{
	unsigned int type = SKB_GSO_TCP_FIXEDID;

#ifdef HAVE_GSO_FIXEDID_INNER
	type |= SKB_GSO_TCP_FIXEDID_INNER;
#endif
	return skb_is_gso(skb) && skb_shinfo(skb)->gso_type & type;
}

/* Of the inner header UDP tunnels of these do not ask it: such an aggregate is
 * taken apart before it has another.
 */
#ifdef HAVE_GSO_FIXEDID_INNER
#define GWLB_GSO_FEATURES	(NETIF_F_GSO_SOFTWARE & ~NETIF_F_TSO_MANGLEID)
#else
#define GWLB_GSO_FEATURES	NETIF_F_GSO_SOFTWARE
#endif

/* With it the uplink merges UDP that no socket here asked for; not in 5.10 */
#ifndef NETIF_F_GRO_UDP_FWD
#define NETIF_F_GRO_UDP_FWD	0
#endif

/* When an aggregate is complete, older kernels take the addresses of the inner
 * header for those of the outer: the checksum that they begin is wrong, and
 * they find no socket but one of any address.
 */
static inline bool gwlb_gro_knows_outer(void)
{
#ifdef HAVE_GRO_NETWORK_OFFSETS
	return true;
#else
	return false;
#endif
}

/* An aggregate of inner datagrams is not taken apart at the socket, one that
 * is a mere list of packets is: of that a rule would change the first only.
 * Where the two cannot be told apart both are taken apart.
 */
static inline void gwlb_accept_udp_gso(struct sock *sk)
{
#ifdef HAVE_UDP_ACCEPT_L4_BIT
	udp_set_bit(ACCEPT_L4, sk);
#endif
}

#ifdef HAVE_UDP_TUNNEL_SOCK_IS_SOCK
#define gwlb_tunnel_sock(sk)	(sk)
#else
#define gwlb_tunnel_sock(sk)	((sk)->sk_socket)
#endif

/* a kernel without IPv6 has no room for the address */
static inline void gwlb_udp_port_local6(struct udp_port_cfg *port,
					const struct in6_addr *local)
{
#if IS_ENABLED(CONFIG_IPV6)
	port->local_ip6 = *local;
#endif
}

static inline void gwlb_udp_tunnel_xmit(struct rtable *rt, struct sk_buff *skb,
					__be32 src, __be32 dst, u8 tos, u8 ttl,
					const __be16 port[2], bool nocheck)
{
#ifdef HAVE_UDP_TUNNEL_XMIT_FLAGS
	udp_tunnel_xmit_skb(rt, NULL, skb, src, dst, tos, ttl, 0, port[0],
			    port[1], true, nocheck, 0);
#else
	udp_tunnel_xmit_skb(rt, NULL, skb, src, dst, tos, ttl, 0, port[0],
			    port[1], true, nocheck);
#endif
}

static inline void gwlb_udp_tunnel6_xmit(struct dst_entry *dst,
					 struct sk_buff *skb,
					 struct in6_addr src,
					 struct in6_addr daddr, u8 tos, u8 ttl,
					 const __be16 port[2], bool nocheck)
{
#ifdef HAVE_UDP_TUNNEL_XMIT_FLAGS
	udp_tunnel6_xmit_skb(dst, NULL, skb, skb->dev, &src, &daddr, tos, ttl,
			     0, port[0], port[1], nocheck, 0);
#else
	udp_tunnel6_xmit_skb(dst, NULL, skb, skb->dev, &src, &daddr, tos, ttl,
			     0, port[0], port[1], nocheck);
#endif
}

/* Who sees what a device receives and sends, taps aside; somebody, where a
 * kernel does not let us know.
 */
static inline bool gwlb_dev_has_tc(const struct net_device *dev, bool egress)
{
#if defined(HAVE_DEV_TCX)
	return egress ? rcu_access_pointer(dev->tcx_egress) :
			rcu_access_pointer(dev->tcx_ingress);
#elif defined(HAVE_DEV_MINIQ)
	return egress ? rcu_access_pointer(dev->miniq_egress) :
			rcu_access_pointer(dev->miniq_ingress);
#else
	return IS_ENABLED(CONFIG_NET_CLS_ACT);
#endif
}

static inline bool gwlb_dev_has_nf_ingress(const struct net_device *dev)
{
#ifdef HAVE_DEV_NF_INGRESS
	return rcu_access_pointer(dev->nf_hooks_ingress);
#else
	return IS_ENABLED(CONFIG_NETFILTER_INGRESS);
#endif
}

static inline bool gwlb_dev_has_nf_egress(const struct net_device *dev)
{
#ifdef HAVE_DEV_NF_EGRESS
	return rcu_access_pointer(dev->nf_hooks_egress);
#else
	return IS_ENABLED(CONFIG_NETFILTER_EGRESS);
#endif
}

static inline bool gwlb_dev_has_rps(const struct net_device *dev)
{
#ifdef HAVE_DEV_RPS_MAP
	return rcu_access_pointer(dev->_rx->rps_map);
#else
	return IS_ENABLED(CONFIG_RPS);
#endif
}

#ifndef HAVE_SKB_CSUM_IS_SCTP
static inline bool skb_csum_is_sctp(struct sk_buff *skb)
{
	return skb->csum_not_inet;
}
#endif

#ifndef HAVE_NIT_ACTIVE_RCU
#define dev_nit_active_rcu(dev)	dev_nit_active(dev)
#endif

/* Does IPsec refuse what it has no policy for */
static inline bool gwlb_xfrm_blocks_in(const struct net *net)
{
#ifdef HAVE_XFRM_POLICY_DEFAULT
	return READ_ONCE(net->xfrm.policy_default[XFRM_POLICY_IN]) ==
	       XFRM_USERPOLICY_BLOCK;
#else
	return false;
#endif
}

static inline bool gwlb_dev_rx_watched(struct net_device *dev)
{
	return dev_nit_active_rcu(dev) || rcu_access_pointer(dev->xdp_prog) ||
	       gwlb_dev_has_tc(dev, false) || gwlb_dev_has_nf_ingress(dev) ||
	       gwlb_dev_has_rps(dev);
}

/* or has a queue, of whatever discipline */
static inline bool gwlb_dev_tx_watched(struct net_device *dev)
{
	return dev_nit_active_rcu(dev) || gwlb_dev_has_tc(dev, true) ||
	       gwlb_dev_has_nf_egress(dev) ||
	       rcu_dereference_bh(dev->_tx->qdisc)->enqueue;
}

#ifdef HAVE_DST_ALLOC_WITHOUT_REF
#define gwlb_dst_alloc(ops, dev, flags) \
	dst_alloc(ops, dev, DST_OBSOLETE_FORCE_CHK, flags)
#else
#define gwlb_dst_alloc(ops, dev, flags) \
	dst_alloc(ops, dev, 1, DST_OBSOLETE_FORCE_CHK, flags)
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

int gwlb_link_new(struct net *net, struct net_device *dev,
		  struct nlattr *tb[], struct nlattr *data[],
		  struct netlink_ext_ack *extack);

#ifdef HAVE_NEWLINK_PARAMS
static inline int gwlb_newlink(struct net_device *dev,
			       struct rtnl_newlink_params *params,
			       struct netlink_ext_ack *extack)
{
	return gwlb_link_new(rtnl_newlink_link_net(params), dev, params->tb,
			     params->data, extack);
}
#else
static inline int gwlb_newlink(struct net *net, struct net_device *dev,
			       struct nlattr *tb[], struct nlattr *data[],
			       struct netlink_ext_ack *extack)
{
	return gwlb_link_new(net, dev, tb, data, extack);
}
#endif

#ifdef HAVE_DROP_REASON
static inline enum skb_drop_reason gwlb_core_reason(enum gwlb_drop_reason reason)
{
	switch (reason) {
	case GWLB_DROP_REASON_LINK_DOWN:
		return SKB_DROP_REASON_DEV_READY;
	case GWLB_DROP_REASON_GENEVE_SHORT:
	case GWLB_DROP_REASON_INNER_SHORT:
		return SKB_DROP_REASON_PKT_TOO_SMALL;
	case GWLB_DROP_REASON_GENEVE_OPTIONS:
	case GWLB_DROP_REASON_OPTION_LENGTH:
		return SKB_DROP_REASON_HDR_TRUNC;
	case GWLB_DROP_REASON_INNER_VERSION:
	case GWLB_DROP_REASON_INNER_LENGTH:
	case GWLB_DROP_REASON_INNER_CHANGED:
		return SKB_DROP_REASON_IP_INHDR;
	case GWLB_DROP_REASON_INNER_CHECKSUM:
		return SKB_DROP_REASON_IP_CSUM;
	case GWLB_DROP_REASON_NO_MEMORY:
	case GWLB_DROP_REASON_NO_HEADROOM:
		return SKB_DROP_REASON_NOMEM;
	case GWLB_DROP_REASON_OUTER_CHECKSUM:
		return SKB_DROP_REASON_UDP_CSUM;
	case GWLB_DROP_REASON_TOO_BIG:
		return SKB_DROP_REASON_PKT_TOO_BIG;
	case GWLB_DROP_REASON_NO_ROUTE:
		return SKB_DROP_REASON_IP_OUTNOROUTES;
	default:
		return SKB_DROP_REASON_NOT_SPECIFIED;
	}
}
#endif

#if IS_ENABLED(CONFIG_NF_CONNTRACK)
#include <net/netfilter/nf_conntrack.h>

static inline void gwlb_ct_ref_init(struct nf_conn *ct)
{
#ifdef HAVE_NF_CONNTRACK_REFCOUNT
	refcount_set(&ct->ct_general.use, 1);
#else
	atomic_set(&ct->ct_general.use, 1);
#endif
}

static inline unsigned int gwlb_ct_refs(const struct nf_conn *ct)
{
#ifdef HAVE_NF_CONNTRACK_REFCOUNT
	return refcount_read(&ct->ct_general.use);
#else
	return atomic_read(&ct->ct_general.use);
#endif
}

static inline bool gwlb_ct_ref_put(struct nf_conn *ct)
{
#ifdef HAVE_NF_CONNTRACK_REFCOUNT
	return refcount_dec_and_test(&ct->ct_general.use);
#else
	return atomic_dec_and_test(&ct->ct_general.use);
#endif
}
#endif

static inline void gwlb_kfree_skb(struct sk_buff *skb,
				  enum gwlb_drop_reason reason)
{
#ifdef HAVE_DROP_REASON
	kfree_skb_reason(skb, gwlb_core_reason(reason));
#else
	kfree_skb(skb);
#endif
}

/* For a verdict of a hook */
static inline void gwlb_kfree_skb_netfilter(struct sk_buff *skb)
{
#ifdef HAVE_DROP_REASON
	kfree_skb_reason(skb, SKB_DROP_REASON_NETFILTER_DROP);
#else
	kfree_skb(skb);
#endif
}

#ifdef CONFIG_PREEMPT_RT
#error "gwlb is not for kernels with PREEMPT_RT: there BH off keeps no other packet from a CPU"
#endif

#endif /* GWLB_COMPAT_H */
