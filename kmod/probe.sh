#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# probe.sh OUTPUT COMPILER FLAG...: writes OUTPUT, one define for each
# interface that the kernel has whose headers FLAGS name. Called by Kbuild.
set -eu

output=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the headers warn of is not the question, a call that does not fit is.
compiles() { # FILE COMPILER FLAG...
	file=$1
	shift
	"$@" -Werror=incompatible-pointer-types -Werror=int-conversion \
		-Werror=implicit-function-declaration \
		-fsyntax-only "$file" >"$file.log" 2>&1
}

# A probe that fails must mean an older kernel, not broken flags
cat >"$work/0.c" <<'EOF'
#include <linux/netdevice.h>
#include <net/udp_tunnel.h>
int probe(struct net_device *dev);
int probe(struct net_device *dev) { return dev->ifindex; }
EOF
compiles "$work/0.c" "$@" || { cat "$work/0.c.log" >&2; exit 1; }

# Reads "NAME INCLUDE", lines of code, an empty line. Nothing else of a build can
# begin before the last one is done, so that as many run at once as there are CPUs.
probes() {
	cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
	n=0
	while read -r name header; do
		n=$((n + 1))
		{
			echo "#include <$header>"
			echo "int probe(void); int probe(void) {"
			while IFS= read -r line && [ -n "$line" ]; do
				echo "$line"
			done
			echo "return 0; }"
		} >"$work/$n.c"
		if compiles "$work/$n.c" "$@" </dev/null; then
			echo "#define HAVE_$name" >>"$work/found"
		fi &
		[ $((n % cpus)) != 0 ] || wait
	done
	wait
}

: >"$work/found"
probes "$@" <<'EOF'
NEWLINK_PARAMS net/rtnetlink.h
	struct rtnl_newlink_params p = {};
	(void)rtnl_newlink_link_net(&p);

UDP_TUNNEL_SOCK_IS_SOCK net/udp_tunnel.h
	struct sock *sk = 0;
	udp_tunnel_sock_release(sk);

UDP_TUNNEL_XMIT_FLAGS net/udp_tunnel.h
	udp_tunnel_xmit_skb(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, true, true, (u16)0);

DST_ALLOC_WITHOUT_REF net/dst.h
	dst_alloc(0, 0, 0, 0);

DST_RCUREF net/dst.h
	struct dst_entry *dst = 0;
	rcuref_read(&dst->__rcuref);

LLTX_BIT linux/netdevice.h
	struct net_device *dev = 0;
	dev->lltx = true;

PCPU_STAT_TYPE linux/netdevice.h
	struct net_device *dev = 0;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;

DROP_REASON linux/skbuff.h
	kfree_skb_reason(0, SKB_DROP_REASON_PKT_TOO_BIG);

SKB_CLEAR_TSTAMP linux/skbuff.h
	struct sk_buff *skb = 0;
	skb_clear_tstamp(skb);

IPV6_STUB_FRAGMENT net/ipv6_stubs.h
	(void)ipv6_stub->ipv6_fragment;

NET_GRO_H net/gro.h
	(void)0;

SKB_GRO_HEADER net/gro.h
	skb_gro_header(0, 0, 0);

GSO_FIXEDID_INNER linux/skbuff.h
	(void)SKB_GSO_TCP_FIXEDID_INNER;

GRO_NETWORK_OFFSETS net/gro.h
	struct sk_buff *skb = 0;
	(void)NAPI_GRO_CB(skb)->network_offsets;

UDP_ACCEPT_L4_BIT linux/udp.h
	struct sock *sk = 0;
	udp_set_bit(ACCEPT_L4, sk);

NF_IPV6_ROUTE_INPUT linux/netfilter_ipv6.h
	struct nf_ipv6_ops *o = 0;
	o->route_input(0);

ROUTE_INPUT_DSCP net/route.h
	(void)ip_route_input_noref(0, 0, 0, (dscp_t)0, 0) == SKB_NOT_DROPPED_YET;

NF_CONNTRACK_REFCOUNT net/netfilter/nf_conntrack.h
	struct nf_conn *ct = 0;
	refcount_read(&ct->ct_general.use);

SKB_CSUM_IS_SCTP linux/skbuff.h
	struct sk_buff *skb = 0;
	(void)skb_csum_is_sctp(skb);

XFRM_POLICY_DEFAULT net/net_namespace.h
	struct net *net = 0;
	(void)(net->xfrm.policy_default[0] == XFRM_USERPOLICY_BLOCK);

NIT_ACTIVE_RCU linux/netdevice.h
	struct net_device *dev = 0;
	(void)dev_nit_active_rcu(dev);

DEV_MINIQ linux/netdevice.h
	struct net_device *dev = 0;
	(void)(dev->miniq_ingress == dev->miniq_egress);

DEV_TCX linux/netdevice.h
	struct net_device *dev = 0;
	(void)(dev->tcx_ingress == dev->tcx_egress);

DEV_NF_INGRESS linux/netdevice.h
	struct net_device *dev = 0;
	(void)dev->nf_hooks_ingress;

DEV_NF_EGRESS linux/netdevice.h
	struct net_device *dev = 0;
	(void)dev->nf_hooks_egress;

NETDEV_RX_QUEUE_H net/netdev_rx_queue.h
	(void)0;

DEV_RPS_MAP linux/netdevice.h
	struct net_device *dev = 0;
	(void)dev->_rx->rps_map;

DEV_RPS_MAP net/netdev_rx_queue.h
	struct net_device *dev = 0;
	(void)dev->_rx->rps_map;

NET_GSO_H net/gso.h
	(void)0;

EOF
sort -u "$work/found" >"$work/out"
mv "$work/out" "$output"
