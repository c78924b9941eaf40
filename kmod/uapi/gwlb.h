/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	kmod/gwlb.yaml */
/* YNL-GEN uapi header */
/* To regenerate run: tools/net/ynl/ynl-regen.sh */

#ifndef _UAPI_LINUX_GWLB_H
#define _UAPI_LINUX_GWLB_H

#define GWLB_GENL_NAME		"gwlb"
#define GWLB_GENL_VERSION	1

/**
 * enum gwlb_mode - What happens to a packet that came out of its
 *   encapsulation.
 * @GWLB_MODE_BUMP: It passes PREROUTING, FORWARD and POSTROUTING and goes
 *   back.
 * @GWLB_MODE_ROUTE: It enters the IP stack, which delivers or routes it.
 */
enum gwlb_mode {
	GWLB_MODE_BUMP,
	GWLB_MODE_ROUTE,
};

/**
 * enum gwlb_critical - What happens to a packet with an unknown option that is
 *   critical.
 * @GWLB_CRITICAL_DROP: It is dropped, as RFC 8926 section 3.5 asks of an
 *   endpoint.
 * @GWLB_CRITICAL_PASS: It is treated as any other packet.
 */
enum gwlb_critical {
	GWLB_CRITICAL_DROP,
	GWLB_CRITICAL_PASS,
};

/**
 * enum gwlb_catch - Where the packets of load balancers are taken.
 * @GWLB_CATCH_AUTO: Early with an allow list, else by the socket.
 * @GWLB_CATCH_EARLY: In PREROUTING before conntrack. They leave past OUTPUT
 *   and POSTROUTING as well.
 * @GWLB_CATCH_SOCKET: By the UDP socket, behind INPUT.
 */
enum gwlb_catch {
	GWLB_CATCH_AUTO,
	GWLB_CATCH_EARLY,
	GWLB_CATCH_SOCKET,
};

/**
 * enum gwlb_zones - Which conntrack zone the packets of an endpoint without
 *   setting get.
 * @GWLB_ZONES_AUTO: One that is derived from the endpoint's id; none without
 *   an id.
 * @GWLB_ZONES_OFF: None.
 */
enum gwlb_zones {
	GWLB_ZONES_AUTO,
	GWLB_ZONES_OFF,
};

/**
 * enum gwlb_zone_mode - Where an endpoint has its conntrack zone from.
 * @GWLB_ZONE_MODE_AUTO: As zones of the link says.
 * @GWLB_ZONE_MODE_NONE: It has none.
 * @GWLB_ZONE_MODE_FIXED: It was given that one.
 */
enum gwlb_zone_mode {
	GWLB_ZONE_MODE_AUTO,
	GWLB_ZONE_MODE_NONE,
	GWLB_ZONE_MODE_FIXED,
};

/**
 * enum gwlb_event_kind - What an event tells.
 * @GWLB_EVENT_KIND_LINK_NEW: A link was made, or came from another namespace.
 * @GWLB_EVENT_KIND_LINK_CHANGED: Its configuration or name was changed.
 * @GWLB_EVENT_KIND_LINK_GONE: It was deleted, or went to another namespace.
 * @GWLB_EVENT_KIND_LINK_UP: It was brought up.
 * @GWLB_EVENT_KIND_LINK_DOWN: It was taken down.
 * @GWLB_EVENT_KIND_FLOW_LIMIT: max-flows was reached, and a flow had to make
 *   room.
 * @GWLB_EVENT_KIND_SENDER: A packet was dropped, for its sender is not in the
 *   allow list.
 * @GWLB_EVENT_KIND_ENDPOINT_NEW: Packets come from an endpoint that was not
 *   known, or was idle.
 * @GWLB_EVENT_KIND_ENDPOINT_IDLE: An endpoint has no flows any more.
 * @GWLB_EVENT_KIND_ENDPOINT_FORGOTTEN: It had to make room for another, or was
 *   told to go.
 * @GWLB_EVENT_KIND_ENDPOINT_LIMIT: max-endpoints was reached, and an endpoint
 *   had to make room or found none.
 */
enum gwlb_event_kind {
	GWLB_EVENT_KIND_LINK_NEW,
	GWLB_EVENT_KIND_LINK_CHANGED,
	GWLB_EVENT_KIND_LINK_GONE,
	GWLB_EVENT_KIND_LINK_UP,
	GWLB_EVENT_KIND_LINK_DOWN,
	GWLB_EVENT_KIND_FLOW_LIMIT,
	GWLB_EVENT_KIND_SENDER,
	GWLB_EVENT_KIND_ENDPOINT_NEW,
	GWLB_EVENT_KIND_ENDPOINT_IDLE,
	GWLB_EVENT_KIND_ENDPOINT_FORGOTTEN,
	GWLB_EVENT_KIND_ENDPOINT_LIMIT,
};

/**
 * enum gwlb_drop_reason - Why a packet was dropped; each reason has one
 *   counter.
 * @GWLB_DROP_REASON_NONE: It was not dropped.
 * @GWLB_DROP_REASON_LINK_DOWN: It came while the link was down.
 * @GWLB_DROP_REASON_SENDER: Its outer source is not in the allow list.
 * @GWLB_DROP_REASON_GENEVE_SHORT: The UDP payload ends inside the fixed GENEVE
 *   header.
 * @GWLB_DROP_REASON_GENEVE_VERSION: The GENEVE version is not 0.
 * @GWLB_DROP_REASON_GENEVE_CONTROL: The O flag marks it as a control packet.
 * @GWLB_DROP_REASON_GENEVE_OPTIONS: The options run past the end of the
 *   packet.
 * @GWLB_DROP_REASON_OPTION_LENGTH: An option runs past the end of the options.
 * @GWLB_DROP_REASON_OPTION_CRITICAL: An unknown option has the critical bit.
 * @GWLB_DROP_REASON_PROTOCOL: The protocol type is neither IPv4 nor IPv6.
 * @GWLB_DROP_REASON_INNER_SHORT: The inner packet ends inside its IP header.
 * @GWLB_DROP_REASON_INNER_VERSION: The inner IP version is not the one of the
 *   protocol type.
 * @GWLB_DROP_REASON_INNER_LENGTH: The inner IP header gives a length that
 *   cannot be.
 * @GWLB_DROP_REASON_INNER_CHECKSUM: The inner IPv4 header checksum is wrong.
 * @GWLB_DROP_REASON_IPV6_DISABLED: The inner packet is IPv6 and the kernel
 *   runs with ipv6.disable=1.
 * @GWLB_DROP_REASON_NO_MEMORY: No memory for a new flow.
 * @GWLB_DROP_REASON_OVERLAP: A fragment of a host pair that another endpoint
 *   uses as well.
 * @GWLB_DROP_REASON_INNER_CHANGED: XDP or tc left something that is not an IP
 *   packet.
 * @GWLB_DROP_REASON_NO_CONTEXT: Nothing tells the GENEVE header under which it
 *   should leave.
 * @GWLB_DROP_REASON_AMBIGUOUS: Its own context was lost and more than one
 *   could be meant.
 * @GWLB_DROP_REASON_TOO_BIG: It does not fit the uplink and may not be
 *   fragmented.
 * @GWLB_DROP_REASON_SEGMENT: An aggregate could not be cut into packets that
 *   fit the uplink.
 * @GWLB_DROP_REASON_NO_HEADROOM: No memory for the outer header.
 * @GWLB_DROP_REASON_NO_ROUTE: No route to the load balancer from the address
 *   it sent to.
 * @GWLB_DROP_REASON_ROUTE_LOOP: The route to the load balancer leads over a
 *   gwlb link.
 * @GWLB_DROP_REASON_OUTER_CHECKSUM: The outer UDP checksum is wrong; those of
 *   the socket UDP counts.
 * @GWLB_DROP_REASON_MARTIAN: It was diverted into the IP stack, whose routing
 *   refuses its addresses.
 * @GWLB_DROP_REASON_NESTED: It came out of another one, which the IP stack was
 *   still handling.
 */
enum gwlb_drop_reason {
	GWLB_DROP_REASON_NONE,
	GWLB_DROP_REASON_LINK_DOWN,
	GWLB_DROP_REASON_SENDER,
	GWLB_DROP_REASON_GENEVE_SHORT,
	GWLB_DROP_REASON_GENEVE_VERSION,
	GWLB_DROP_REASON_GENEVE_CONTROL,
	GWLB_DROP_REASON_GENEVE_OPTIONS,
	GWLB_DROP_REASON_OPTION_LENGTH,
	GWLB_DROP_REASON_OPTION_CRITICAL,
	GWLB_DROP_REASON_PROTOCOL,
	GWLB_DROP_REASON_INNER_SHORT,
	GWLB_DROP_REASON_INNER_VERSION,
	GWLB_DROP_REASON_INNER_LENGTH,
	GWLB_DROP_REASON_INNER_CHECKSUM,
	GWLB_DROP_REASON_IPV6_DISABLED,
	GWLB_DROP_REASON_NO_MEMORY,
	GWLB_DROP_REASON_OVERLAP,
	GWLB_DROP_REASON_INNER_CHANGED,
	GWLB_DROP_REASON_NO_CONTEXT,
	GWLB_DROP_REASON_AMBIGUOUS,
	GWLB_DROP_REASON_TOO_BIG,
	GWLB_DROP_REASON_SEGMENT,
	GWLB_DROP_REASON_NO_HEADROOM,
	GWLB_DROP_REASON_NO_ROUTE,
	GWLB_DROP_REASON_ROUTE_LOOP,
	GWLB_DROP_REASON_OUTER_CHECKSUM,
	GWLB_DROP_REASON_MARTIAN,
	GWLB_DROP_REASON_NESTED,
};

enum gwlb_a_prefix {
	GWLB_A_PREFIX_ADDRESS = 1,
	GWLB_A_PREFIX_LENGTH,

	__GWLB_A_PREFIX_MAX
};
#define GWLB_A_PREFIX_MAX (__GWLB_A_PREFIX_MAX - 1)

enum gwlb_a_allow {
	GWLB_A_ALLOW_PREFIX = 1,

	__GWLB_A_ALLOW_MAX
};
#define GWLB_A_ALLOW_MAX (__GWLB_A_ALLOW_MAX - 1)

enum gwlb_a_endpoints {
	GWLB_A_ENDPOINTS_PAD = 1,
	GWLB_A_ENDPOINTS_ID,
	GWLB_A_ENDPOINTS_GATEWAY,
	GWLB_A_ENDPOINTS_VRF,

	__GWLB_A_ENDPOINTS_MAX
};
#define GWLB_A_ENDPOINTS_MAX (__GWLB_A_ENDPOINTS_MAX - 1)

enum gwlb_a_conf {
	GWLB_A_CONF_PORT = 1,
	GWLB_A_CONF_LOCAL,
	GWLB_A_CONF_MODE,
	GWLB_A_CONF_ALLOW,
	GWLB_A_CONF_TTL,
	GWLB_A_CONF_TOS,
	GWLB_A_CONF_CRITICAL,
	GWLB_A_CONF_MAX_FLOWS,
	GWLB_A_CONF_CATCH,
	GWLB_A_CONF_TRUST_MARK,
	GWLB_A_CONF_TRUST_MASK,
	GWLB_A_CONF_TRUST_SECONDS,
	GWLB_A_CONF_TIMEOUT_TCP,
	GWLB_A_CONF_TIMEOUT_OTHER,
	GWLB_A_CONF_DIVERT_MARK,
	GWLB_A_CONF_DIVERT_MASK,
	GWLB_A_CONF_MAX_ENDPOINTS,
	GWLB_A_CONF_ZONES,
	GWLB_A_CONF_ZONE_LOW,
	GWLB_A_CONF_ZONE_HIGH,
	GWLB_A_CONF_ENDPOINTS,

	__GWLB_A_CONF_MAX
};
#define GWLB_A_CONF_MAX (__GWLB_A_CONF_MAX - 1)

enum gwlb_a_stats {
	GWLB_A_STATS_PAD = 1,
	GWLB_A_STATS_RX_PACKETS,
	GWLB_A_STATS_RX_BYTES,
	GWLB_A_STATS_TX_PACKETS,
	GWLB_A_STATS_TX_BYTES,

	__GWLB_A_STATS_MAX
};
#define GWLB_A_STATS_MAX (__GWLB_A_STATS_MAX - 1)

enum gwlb_a_drop {
	GWLB_A_DROP_PAD = 1,
	GWLB_A_DROP_REASON,
	GWLB_A_DROP_PACKETS,
	GWLB_A_DROP_LAST_SENDER,

	__GWLB_A_DROP_MAX
};
#define GWLB_A_DROP_MAX (__GWLB_A_DROP_MAX - 1)

enum gwlb_a_link {
	GWLB_A_LINK_IFINDEX = 1,
	GWLB_A_LINK_IFNAME,
	GWLB_A_LINK_CONF,
	GWLB_A_LINK_STATS,
	GWLB_A_LINK_DROP,
	GWLB_A_LINK_FLOWS,
	GWLB_A_LINK_UP,
	GWLB_A_LINK_PARENT,
	GWLB_A_LINK_PARENT_IFINDEX,
	GWLB_A_LINK_PARENT_NETNSID,
	GWLB_A_LINK_PARENT_DOWN,

	__GWLB_A_LINK_MAX
};
#define GWLB_A_LINK_MAX (__GWLB_A_LINK_MAX - 1)

enum gwlb_a_peer {
	GWLB_A_PEER_PAD = 1,
	GWLB_A_PEER_IFINDEX,
	GWLB_A_PEER_ADDRESS,
	GWLB_A_PEER_LOCAL,
	GWLB_A_PEER_RX_PACKETS,
	GWLB_A_PEER_RX_BYTES,
	GWLB_A_PEER_TX_PACKETS,
	GWLB_A_PEER_TX_BYTES,
	GWLB_A_PEER_IDLE,
	GWLB_A_PEER_VRF,

	__GWLB_A_PEER_MAX
};
#define GWLB_A_PEER_MAX (__GWLB_A_PEER_MAX - 1)

enum gwlb_a_endpoint {
	GWLB_A_ENDPOINT_PAD = 1,
	GWLB_A_ENDPOINT_IFINDEX,
	GWLB_A_ENDPOINT_ID,
	GWLB_A_ENDPOINT_GATEWAY,
	GWLB_A_ENDPOINT_NAME,
	GWLB_A_ENDPOINT_MARK,
	GWLB_A_ENDPOINT_MASK,
	GWLB_A_ENDPOINT_ZONE_MODE,
	GWLB_A_ENDPOINT_ZONE,
	GWLB_A_ENDPOINT_CLASH,
	GWLB_A_ENDPOINT_FLOWS,
	GWLB_A_ENDPOINT_RX_PACKETS,
	GWLB_A_ENDPOINT_RX_BYTES,
	GWLB_A_ENDPOINT_TX_PACKETS,
	GWLB_A_ENDPOINT_TX_BYTES,
	GWLB_A_ENDPOINT_DROPS,
	GWLB_A_ENDPOINT_AGE,
	GWLB_A_ENDPOINT_IDLE,
	GWLB_A_ENDPOINT_CHILD,
	GWLB_A_ENDPOINT_VRF,

	__GWLB_A_ENDPOINT_MAX
};
#define GWLB_A_ENDPOINT_MAX (__GWLB_A_ENDPOINT_MAX - 1)

enum gwlb_a_flow {
	GWLB_A_FLOW_PAD = 1,
	GWLB_A_FLOW_IFINDEX,
	GWLB_A_FLOW_PROTOCOL,
	GWLB_A_FLOW_SOURCE,
	GWLB_A_FLOW_DESTINATION,
	GWLB_A_FLOW_SOURCE_PORT,
	GWLB_A_FLOW_DESTINATION_PORT,
	GWLB_A_FLOW_ENDPOINT,
	GWLB_A_FLOW_ATTACHMENT,
	GWLB_A_FLOW_COOKIE,
	GWLB_A_FLOW_REMOTE,
	GWLB_A_FLOW_LOCAL,
	GWLB_A_FLOW_REMOTE_PORT,
	GWLB_A_FLOW_LOCAL_PORT,
	GWLB_A_FLOW_CHECKSUM,
	GWLB_A_FLOW_VNI,
	GWLB_A_FLOW_OPTIONS,
	GWLB_A_FLOW_PACKETS,
	GWLB_A_FLOW_BYTES,
	GWLB_A_FLOW_PACKETS_BACK,
	GWLB_A_FLOW_BYTES_BACK,
	GWLB_A_FLOW_AGE,
	GWLB_A_FLOW_IDLE,
	GWLB_A_FLOW_TRUSTED,
	GWLB_A_FLOW_ADDRESS,
	GWLB_A_FLOW_PREFIX_LENGTH,
	GWLB_A_FLOW_PORT,
	GWLB_A_FLOW_COUNT,
	GWLB_A_FLOW_GATEWAY,
	GWLB_A_FLOW_VRF,

	__GWLB_A_FLOW_MAX
};
#define GWLB_A_FLOW_MAX (__GWLB_A_FLOW_MAX - 1)

enum gwlb_a_event {
	GWLB_A_EVENT_KIND = 1,
	GWLB_A_EVENT_IFINDEX,
	GWLB_A_EVENT_IFNAME,
	GWLB_A_EVENT_ADDRESS,
	GWLB_A_EVENT_LIMIT,
	GWLB_A_EVENT_SILENT,
	GWLB_A_EVENT_PAD,
	GWLB_A_EVENT_ENDPOINT,
	GWLB_A_EVENT_NAME,
	GWLB_A_EVENT_VRF,

	__GWLB_A_EVENT_MAX
};
#define GWLB_A_EVENT_MAX (__GWLB_A_EVENT_MAX - 1)

enum {
	GWLB_CMD_LINK_GET = 1,
	GWLB_CMD_PEER_GET,
	GWLB_CMD_ENDPOINT_GET,
	GWLB_CMD_ENDPOINT_SET,
	GWLB_CMD_ENDPOINT_DEL,
	GWLB_CMD_FLOW_GET,
	GWLB_CMD_FLOW_FLUSH,
	GWLB_CMD_FLOW_UNTRUST,
	GWLB_CMD_EVENT,

	__GWLB_CMD_MAX
};
#define GWLB_CMD_MAX (__GWLB_CMD_MAX - 1)

#endif /* _UAPI_LINUX_GWLB_H */
