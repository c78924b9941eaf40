/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FLOW_H
#define FLOW_H

#include "gwlbctl.h"

/* Of one direction of a flow or context, as the first packet went, and back */
struct flow_counters {
	uint64_t packets[2], bytes[2];
	uint64_t age_ms, idle_ms;
};

struct flow_end {
	struct address address;
	uint16_t port;
};

struct flow_context {
	struct flow_end remote, local;
	struct flow_counters counters;
	uint64_t attachment;
	uint32_t cookie, vni;
	bool has_attachment, has_cookie, checksum;
	uint8_t options[252];
	size_t options_len;
};

/* One pair of inner addresses and ports at one endpoint */
struct flow {
	uint32_t ifindex;
	uint8_t protocol;
	struct flow_end source, destination;
	uint64_t endpoint;
	uint32_t vrf;			/* by which its packets come, its index, 0 for none */
	bool has_endpoint, trusted;
	struct flow_counters counters;
	struct flow_context *contexts;
	size_t context_count;
};

struct flow_text {
	char s[64];
};

struct flow_text flow_protocol(uint8_t protocol);
struct flow_text flow_endpoint(uint64_t id);

/* flow_show.c: begin, each flow, end */
void flow_show_begin(bool statistics, bool json, bool pretty);
void flow_show_one(const struct flow *flow);
void flow_show_end(void);

#endif
