// SPDX-License-Identifier: GPL-2.0
/* From the outer packet to the virtual interface: decapsulation. */
#include <linux/udp.h>
#include <net/ip_tunnels.h>
#include <net/l3mdev.h>
#include "bump.h"
#include "child.h"
#include "compat.h"
#include "link.h"
#include "passing.h"
#include "route.h"
#include "rx.h"
#include "trust.h"

/**
 * gwlb_rx_key() - read the outer header
 * @skb: packet whose network and transport headers are known; by the device
 *	that it came in by
 * @key: filled as far as the outer header goes, the rest is zeroed
 *
 * Context: RCU.
 */
void gwlb_rx_key(const struct sk_buff *skb, struct gwlb_key *key)
{
	const struct udphdr *uh = udp_hdr(skb);

	memset(key, 0, sizeof(*key));
	if (ip_hdr(skb)->version == 4) {
		key->remote.len = 4;
		key->remote.a.s6_addr32[0] = ip_hdr(skb)->saddr;
		key->local.len = 4;
		key->local.a.s6_addr32[0] = ip_hdr(skb)->daddr;
	} else {
		key->remote.len = 16;
		key->remote.a = ipv6_hdr(skb)->saddr;
		key->local.len = 16;
		key->local.a = ipv6_hdr(skb)->daddr;
	}
	key->vrf = l3mdev_master_ifindex_rcu(skb->dev);
	key->port[0] = uh->source;
	key->port[1] = uh->dest;
	key->nocheck = !uh->check;
}

/* Leaves the bytes at skb->data that gwlb_geneve_parse() wants to see */
static enum gwlb_drop_reason read_geneve(struct sk_buff *skb, u8 unknown,
					 struct gwlb_geneve *g)
{
	unsigned int want = GWLB_GENEVE_HLEN;

	if (pskb_may_pull(skb, want)) {
		want = min(gwlb_geneve_len(skb->data), skb->len);
		if (!pskb_may_pull(skb, want))
			return GWLB_DROP_REASON_NO_MEMORY;
	} else {
		want = min(want, skb->len);
	}
	return gwlb_geneve_parse(skb->data, want, unknown, g);
}

/* The same for the inner packet, which is read while the header before
 * it is still there; what is behind its end is cut off.
 */
static enum gwlb_drop_reason read_inner(struct sk_buff *skb,
					unsigned int offset, u16 protocol,
					struct gwlb_inner *in)
{
	unsigned int len = skb->len - offset;
	unsigned int look = min_t(unsigned int, len, GWLB_INNER_LOOK);
	enum gwlb_drop_reason reason;

	if (!pskb_may_pull(skb, offset + look))
		return GWLB_DROP_REASON_NO_MEMORY;
	reason = gwlb_inner_parse(skb->data + offset, look, len, protocol,
				  skb_is_gso(skb), in);
	if (reason)
		return reason;
	if (in->len == len)
		return GWLB_DROP_REASON_NONE;
	if (skb_is_gso(skb) || pskb_trim_rcsum(skb, offset + in->len))
		return GWLB_DROP_REASON_INNER_LENGTH;
	return GWLB_DROP_REASON_NONE;
}

/* For an endpoint that has been seen, if the packet's options were read */
static void count_drop(struct gwlb_link *link, const struct gwlb_key *key)
{
	struct gwlb_endpoint_id id = gwlb_key_endpoint(key);
	struct gwlb_endpoint *endpoint;

	if (!key->geneve.protocol)
		return;
	endpoint = gwlb_endpoint_find(&link->endpoints, &id);
	if (endpoint)
		gwlb_traffic_drop(endpoint->cpu);
}

/**
 * gwlb_rx_outer() - take a packet, however it was caught
 * @link: that has received it
 * @skb: at the UDP header, whose checksum is right; consumed
 * @key: what gwlb_rx_key() read, filled further
 * @early: the stack has not seen it; its outer header is plain
 *
 * Context: BH off, RCU.
 */
void gwlb_rx_outer(struct gwlb_link *link, struct sk_buff *skb,
		   struct gwlb_key *key, bool early)
{
	const struct gwlb_conf *conf = rcu_dereference(link->conf);
	u8 options[GWLB_GENEVE_OPTIONS_MAX];
	enum gwlb_drop_reason reason;
	struct gwlb_endpoint *endpoint;
	struct gwlb_link *child;
	struct gwlb_passing p;
	struct gwlb_flow *flow;
	struct gwlb_inner in;
	unsigned int hlen;
	int turned;

	/* the stack may be walking a list that this one is still in */
	skb_mark_not_on_list(skb);

	reason = GWLB_DROP_REASON_LINK_DOWN;
	if (!netif_running(link->dev))
		goto drop;
	reason = GWLB_DROP_REASON_SENDER;
	if (!gwlb_conf_allows(conf, &key->remote))
		goto drop;

	__skb_pull(skb, sizeof(struct udphdr));
	skb_postpull_rcsum(skb, skb_transport_header(skb), sizeof(struct udphdr));
	reason = read_geneve(skb, conf->critical, &key->geneve);
	if (reason)
		goto drop;
	child = gwlb_child_of(link, key);
	if (child != link) {
		link = child;
		conf = rcu_dereference(link->conf);
		reason = GWLB_DROP_REASON_LINK_DOWN;
		if (!netif_running(link->dev))
			goto drop;
	}
	hlen = GWLB_GENEVE_HLEN + key->geneve.options_len;
	memcpy(options, skb->data + GWLB_GENEVE_HLEN, key->geneve.options_len);

	reason = read_inner(skb, hlen, key->geneve.protocol, &in);
	if (reason)
		goto drop;
	reason = GWLB_DROP_REASON_IPV6_DISABLED;
	if (in.tuple.version == 6 && !ipv6_mod_enabled())
		goto drop;

	key->tuple = in.tuple;
	turned = gwlb_tuple_normalize(&key->tuple);
	reason = GWLB_DROP_REASON_NO_MEMORY;
	flow = gwlb_flow_get(link, key, turned, options, conf->max_flows);
	if (!flow)
		goto drop;
	endpoint = gwlb_flow_endpoint(flow);
	if (unlikely(gwlb_endpoint_retry(endpoint))) {
		gwlb_flow_list_endpoint(flow);
		endpoint = gwlb_flow_endpoint(flow);
	}
	if (early && gwlb_trust_bounce(link, skb, flow, turned, &in))
		return;
	reason = GWLB_DROP_REASON_OVERLAP;
	if (in.fragment && !gwlb_flow_fragment(link, flow))
		goto drop;

	reason = GWLB_DROP_REASON_NO_MEMORY;
	if (__iptunnel_pull_header(skb, hlen, htons(key->geneve.protocol), true,
				   true))
		goto drop;
	gwlb_gso_unwrap(skb);
	skb_orphan(skb);
	skb->dev = link->dev;
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, in.hdr_len);
	skb_reset_mac_len(skb);
	skb->mark = gwlb_endpoint_mark(endpoint, skb->mark);
	reason = GWLB_DROP_REASON_NO_CONTEXT;
	if (!gwlb_flow_attach(skb, flow))
		goto drop;

	dev_sw_netstats_rx_add(link->dev, skb->len);
	gwlb_peer_count_rx(flow->peer, skb->len);
	gwlb_flow_count(flow, turned, skb->len);
	gwlb_endpoint_count_rx(endpoint, skb->len);
	/* nothing of the stack has a part in it before the bump */
	if (!gwlb_route_all(link) && !gwlb_dev_rx_watched(link->dev)) {
		gwlb_bump_flow(skb, flow, &in);
		return;
	}
	gwlb_passing_begin(&p, skb, flow, &in.tuple);
	netif_receive_skb(skb);
	gwlb_passing_end(&p);
	return;

drop:
	count_drop(link, key);
	if (reason == GWLB_DROP_REASON_SENDER)
		gwlb_event_sender(link, &key->remote);
	gwlb_drop(&link->drops, skb, reason, &key->remote);
}

/**
 * gwlb_rx() - take a packet from a UDP socket
 * @sk: socket of a link
 * @skb: at the UDP header; consumed
 *
 * The kernel has verified the UDP checksum.
 *
 * Return: 0.
 * Context: BH off, RCU; an encap_rcv of struct udp_tunnel_sock_cfg.
 */
int gwlb_rx(struct sock *sk, struct sk_buff *skb)
{
	struct gwlb_link *link = rcu_dereference_sk_user_data(sk);
	struct gwlb_key key;

	/* a port just taken, or just given back */
	if (!link) {
		kfree_skb(skb);
		return 0;
	}
	gwlb_rx_key(skb, &key);
	gwlb_rx_outer(link, skb, &key, false);
	return 0;
}
