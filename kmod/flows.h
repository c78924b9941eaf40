/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_FLOWS_H
#define GWLB_FLOWS_H

#include <linux/workqueue.h>
#include "flow.h"

/**
 * struct gwlb_flows - the flows of a link
 * @table: by tuple, of which there may be several; read under RCU
 * @lock: guards changes of the table and of the peers
 * @count: of flows; written under the lock
 * @gc: drops idle flows while the link is up
 */
struct gwlb_flows {
	struct rhltable table;
	spinlock_t lock;	/* of table and peers */
	unsigned int count;
	struct delayed_work gc;
};

/**
 * struct gwlb_flows_cursor - how far a walk has come
 * @order: where in the order of hashes
 * @minor: what sorts flows of one hash by tuple and endpoint
 * @last: flow visited last, only to be compared with; NULL for none of these
 */
struct gwlb_flows_cursor {
	u32 order;
	u32 minor;
	const struct gwlb_flow *last;
};

/**
 * typedef gwlb_flows_visit - what is done with each flow of a walk
 * @flow: under RCU
 * @data: of the walk
 *
 * Return: false if the walk is to stop before this flow.
 */
typedef bool gwlb_flows_visit(struct gwlb_flow *flow, void *data);

int gwlb_flows_init(struct gwlb_flows *flows);
void gwlb_flows_destroy(struct gwlb_flows *flows);
void gwlb_flows_start(struct gwlb_flows *flows);
void gwlb_flows_stop(struct gwlb_flows *flows);
u32 gwlb_flow_hash(const struct gwlb_flow *flow);
bool gwlb_flows_walk(struct gwlb_flows *flows, struct gwlb_flows_cursor *at,
		     gwlb_flows_visit *visit, void *data);
void gwlb_flows_forget(struct gwlb_flows *flows, struct gwlb_flow *flow);
bool gwlb_flow_in_use(struct gwlb_flow *flow);

void gwlb_flows_ahead(struct gwlb_flows *flows, const struct gwlb_tuple *tuple);
struct gwlb_flow *gwlb_flow_known(struct gwlb_flows *flows,
				  const struct gwlb_tuple *tuple,
				  const struct sk_buff *skb, const u8 *geneve);
struct gwlb_flow *gwlb_flow_get(struct gwlb_link *link,
				const struct sk_buff *skb,
				const struct gwlb_key *key, int turned,
				unsigned int max);
bool gwlb_flow_fragment(struct gwlb_link *link, struct gwlb_flow *flow);
struct gwlb_flow *gwlb_flow_find(struct gwlb_link *link,
				 struct gwlb_tuple *tuple, u16 zone,
				 enum gwlb_drop_reason *reason);
struct gwlb_flow *gwlb_flow_last(struct gwlb_link *link,
				 struct gwlb_tuple *tuple, u16 zone,
				 enum gwlb_drop_reason *reason);
void gwlb_flow_trust(struct gwlb_flow *flow, u32 until);
void gwlb_flow_untrust(struct gwlb_flow *flow);
struct gwlb_flow *gwlb_flow_towards(struct gwlb_flow *flow, int turned);

/* A packet reads three lines of a flow, 6 MB for so many */
#define GWLB_FLOWS_CACHED	32768

/**
 * gwlb_flows_many() - are there more than caches are likely to hold
 * @flows: of a link
 *
 * Return: true if there are.
 */
static inline bool gwlb_flows_many(const struct gwlb_flows *flows)
{
	return READ_ONCE(flows->count) > GWLB_FLOWS_CACHED;
}

#endif /* GWLB_FLOWS_H */
