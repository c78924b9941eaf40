// SPDX-License-Identifier: GPL-2.0
#include "gwlbctl.h"

static const struct drop_text texts[DROP_REASONS] = {
	[GWLB_DROP_REASON_NONE]		= { "other", "cause that this gwlbctl does not know" },
	[GWLB_DROP_REASON_LINK_DOWN]	= { "link-down", "it came while the link was down" },
	[GWLB_DROP_REASON_SENDER]	= { "sender", "sender not in the allow list" },
	[GWLB_DROP_REASON_GENEVE_SHORT]	= { "geneve-short", "UDP payload ends in the GENEVE header" },
	[GWLB_DROP_REASON_GENEVE_VERSION] = { "geneve-version", "GENEVE version is not 0" },
	[GWLB_DROP_REASON_GENEVE_CONTROL] = { "geneve-control", "GENEVE control packet (O flag)" },
	[GWLB_DROP_REASON_GENEVE_OPTIONS] = { "geneve-options", "options run past the packet" },
	[GWLB_DROP_REASON_OPTION_LENGTH] = { "option-length", "an option runs past the options" },
	[GWLB_DROP_REASON_OPTION_CRITICAL] = { "option-critical", "unknown critical option" },
	[GWLB_DROP_REASON_PROTOCOL]	= { "protocol", "inner packet is neither IPv4 nor IPv6" },
	[GWLB_DROP_REASON_INNER_SHORT]	= { "inner-short", "inner packet ends in its IP header" },
	[GWLB_DROP_REASON_INNER_VERSION] = { "inner-version", "inner IP version is not as announced" },
	[GWLB_DROP_REASON_INNER_LENGTH]	= { "inner-length", "inner IP header has a wrong length" },
	[GWLB_DROP_REASON_INNER_CHECKSUM] = { "inner-checksum", "inner IPv4 header checksum is wrong" },
	[GWLB_DROP_REASON_IPV6_DISABLED] = { "ipv6-disabled", "inner IPv6, but ipv6.disable=1" },
	[GWLB_DROP_REASON_NO_MEMORY]	= { "no-memory", "no memory for a new flow" },
	[GWLB_DROP_REASON_OVERLAP]	= { "overlap", "fragment of hosts that two endpoints have" },
	[GWLB_DROP_REASON_INNER_CHANGED] = { "inner-changed", "XDP or tc left no IP packet" },
	[GWLB_DROP_REASON_NO_CONTEXT]	= { "no-context", "not from a load balancer, no way back" },
	[GWLB_DROP_REASON_AMBIGUOUS]	= { "ambiguous", "context lost, several could be meant" },
	[GWLB_DROP_REASON_TOO_BIG]	= { "too-big", "does not fit the uplink, no fragmenting" },
	[GWLB_DROP_REASON_SEGMENT]	= { "segment", "aggregate could not be cut to fit" },
	[GWLB_DROP_REASON_NO_HEADROOM]	= { "no-headroom", "no memory for the outer header" },
	[GWLB_DROP_REASON_NO_ROUTE]	= { "no-route", "no route to the load balancer" },
	[GWLB_DROP_REASON_ROUTE_LOOP]	= { "route-loop", "route to the load balancer over a gwlb link" },
	[GWLB_DROP_REASON_OUTER_CHECKSUM] = { "outer-checksum", "outer UDP checksum is wrong" },
	[GWLB_DROP_REASON_MARTIAN]	= { "martian", "diverted, but routing refuses its addresses" },
	[GWLB_DROP_REASON_NESTED]	= { "nested", "GENEVE to this machine inside of GENEVE" },
};

const struct drop_text *drop_text(uint32_t reason)
{
	return &texts[reason];
}
