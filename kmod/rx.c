// SPDX-License-Identifier: GPL-2.0
/* From the outer packet to the virtual interface: decapsulation. */
#include <linux/udp.h>
#include <net/ip_tunnels.h>
#include "bounce.h"
#include "bump.h"
#include "child.h"
#include "compat.h"
#include "link.h"
#include "passing.h"
#include "route.h"
#include "rx.h"

/* Reads the inner packet, whose bytes are wanted at skb->data + @offset */
static enum gwlb_drop_reason read_inner(struct sk_buff *skb,
					unsigned int offset, u16 protocol,
					struct gwlb_inner *in)
{
	unsigned int len = skb->len - offset;
	unsigned int look = min_t(unsigned int, len, GWLB_INNER_LOOK);

	if (!pskb_may_pull(skb, offset + look))
		return GWLB_DROP_REASON_NO_MEMORY;
	return gwlb_inner_parse(skb->data + offset, look, len, protocol,
				skb_is_gso(skb), in);
}

/* The flow, if packets of it came under this very header: then no more of that
 * is read than leads there.
 */
static struct gwlb_flow *known(struct gwlb_link *link, struct sk_buff *skb,
			       struct gwlb_inner *in, int *turned)
{
	unsigned int at = sizeof(struct udphdr), hlen;
	struct gwlb_flow *flow;
	struct gwlb_tuple t;
	u16 protocol;

	if (!pskb_may_pull(skb, at + GWLB_GENEVE_HLEN))
		return NULL;
	hlen = gwlb_geneve_len(skb->data + at);
	protocol = get_unaligned_be16(skb->data + at + 2);
	if (skb->len < at + hlen ||
	    read_inner(skb, at + hlen, protocol, in) ||
	    skb->len != at + hlen + in->len)
		return NULL;
	t = in->tuple;
	*turned = gwlb_tuple_normalize(&t);
	flow = gwlb_flow_known(&link->flows, &t, skb, skb->data + at);
	/* what such options do is a setting */
	return flow && !flow->critical ? flow : NULL;
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

/* All of the header is read, and what is behind the end of the inner packet cut
 * off. That of GENEVE tells which link it is for.
 */
static enum gwlb_drop_reason read(struct gwlb_link **link, struct sk_buff *skb,
				  struct gwlb_key *key, struct gwlb_inner *in)
{
	unsigned int at = sizeof(struct udphdr), hlen = GWLB_GENEVE_HLEN;
	u8 critical = rcu_dereference((*link)->conf)->critical;
	enum gwlb_drop_reason reason;

	if (pskb_may_pull(skb, at + hlen)) {
		hlen = min(gwlb_geneve_len(skb->data + at), skb->len - at);
		if (!pskb_may_pull(skb, at + hlen))
			return GWLB_DROP_REASON_NO_MEMORY;
	} else {
		hlen = min(hlen, skb->len - at);
	}
	reason = gwlb_geneve_parse(skb->data + at, hlen, critical,
				   &key->geneve);
	if (reason)
		return reason;
	*link = gwlb_child_of(*link, key);
	if (!netif_running((*link)->dev))
		return GWLB_DROP_REASON_LINK_DOWN;
	reason = read_inner(skb, at + hlen, key->geneve.protocol, in);
	if (reason)
		return reason;
	if (skb->len != at + hlen + in->len &&
	    (skb_is_gso(skb) || pskb_trim_rcsum(skb, at + hlen + in->len)))
		return GWLB_DROP_REASON_INNER_LENGTH;
	if (in->tuple.version == 6 && !ipv6_mod_enabled())
		return GWLB_DROP_REASON_IPV6_DISABLED;
	return GWLB_DROP_REASON_NONE;
}

/* The flow, which may be new, and its @link; NULL, and @reason why, if the
 * packet is to be dropped. Apart, for it takes room on the stack.
 */
static noinline struct gwlb_flow *learn(struct gwlb_link **link,
					struct sk_buff *skb,
					struct gwlb_inner *in, int *turned,
					enum gwlb_drop_reason *reason)
{
	struct gwlb_flow *flow = NULL;
	struct gwlb_key key;

	gwlb_key_outer(&key, skb);
	*reason = read(link, skb, &key, in);
	if (!*reason) {
		key.tuple = in->tuple;
		*turned = gwlb_tuple_normalize(&key.tuple);
		*reason = GWLB_DROP_REASON_NO_MEMORY;
		flow = gwlb_flow_get(*link, skb, &key, *turned,
				     rcu_dereference((*link)->conf)->max_flows);
	}
	if (!flow)
		count_drop(*link, &key);
	return flow;
}

static noinline void drop(struct gwlb_link *link, struct sk_buff *skb,
			  const struct gwlb_flow *flow,
			  enum gwlb_drop_reason reason)
{
	struct gwlb_address sender;

	if (flow) {
		gwlb_traffic_drop(gwlb_flow_endpoint(flow)->cpu);
		gwlb_drop(&link->drops, skb, reason, &flow->peer->remote);
		return;
	}
	sender = gwlb_sender(skb);
	if (reason == GWLB_DROP_REASON_SENDER)
		gwlb_event_sender(link, &sender);
	gwlb_drop(&link->drops, skb, reason, &sender);
}

/**
 * gwlb_rx_outer() - take a packet, however it was caught
 * @link: that has received it
 * @skb: at the UDP header, whose checksum is right; consumed
 * @early: the stack has not seen it; its outer header is plain, its sender
 *	allowed
 *
 * Context: BH off, RCU.
 */
void gwlb_rx_outer(struct gwlb_link *link, struct sk_buff *skb, bool early)
{
	enum gwlb_drop_reason reason;
	struct gwlb_endpoint *endpoint;
	struct gwlb_flow *flow = NULL;
	/* Both are filled before they are read; CONFIG_INIT_STACK_ALL_ZERO
	 * would clear them for each packet.
	 */
	struct gwlb_inner in __uninitialized;
	struct gwlb_passing p __uninitialized;
	unsigned int hlen;
	bool watched;
	int turned;

	/* the stack may be walking a list that this one is still in */
	skb_mark_not_on_list(skb);

	/* One in another in another would take as much stack as the sender
	 * likes: by a socket, or, in a VRF, which has PREROUTING of its own, by
	 * the early catch.
	 */
	reason = GWLB_DROP_REASON_NESTED;
	if (unlikely(this_cpu_read(gwlb_passing)))
		goto drop;
	reason = GWLB_DROP_REASON_LINK_DOWN;
	if (!netif_running(link->dev))
		goto drop;
	reason = GWLB_DROP_REASON_SENDER;
	if (!early && !gwlb_conf_allows(rcu_dereference(link->conf), skb))
		goto drop;

	if (!READ_ONCE(link->endpoints.claims))
		flow = known(link, skb, &in, &turned);
	if (!flow) {
		flow = learn(&link, skb, &in, &turned, &reason);
		if (!flow)
			goto drop;
	}
	endpoint = gwlb_flow_endpoint(flow);
	if (unlikely(gwlb_endpoint_retry(endpoint))) {
		gwlb_flow_list_endpoint(flow);
		endpoint = gwlb_flow_endpoint(flow);
	}
	if (gwlb_bounce(link, skb, flow, turned, &in, early))
		return;
	reason = GWLB_DROP_REASON_OVERLAP;
	if (in.fragment && !gwlb_flow_fragment(link, flow))
		goto drop;

	reason = GWLB_DROP_REASON_NO_MEMORY;
	hlen = sizeof(struct udphdr) + GWLB_GENEVE_HLEN +
	       flow->options_len;
	if (__iptunnel_pull_header(skb, hlen, flow->version == 4 ?
				   htons(ETH_P_IP) : htons(ETH_P_IPV6), true,
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
	watched = gwlb_route_all(link) || gwlb_dev_rx_watched(link->dev);
	reason = GWLB_DROP_REASON_NO_CONTEXT;
	/* who watches may keep it for longer than RCU does */
	if (!watched)
		skb_dst_set_noref(skb, gwlb_flow_dst(flow));
	else if (!gwlb_flow_attach(skb, flow))
		goto drop;

	dev_sw_netstats_rx_add(link->dev, skb->len);
	gwlb_peer_count_rx(flow->peer, skb->len);
	gwlb_flow_count(flow, turned, skb->len);
	gwlb_endpoint_count_rx(endpoint, skb->len);
	if (!watched) {
		/* there is nothing before the bump */
		gwlb_bump_flow(skb, flow, &in);
		return;
	}
	gwlb_passing_begin(&p, skb, flow, &in.tuple);
	netif_receive_skb(skb);
	gwlb_passing_end(&p);
	return;

drop:
	drop(link, skb, flow, reason);
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

	/* a port just taken, or just given back */
	if (!link) {
		kfree_skb(skb);
		return 0;
	}
	gwlb_rx_outer(link, skb, false);
	return 0;
}
