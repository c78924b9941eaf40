// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over all flows of a link.
 *
 * A bucket of a table of any size has the hashes of the same low bits. Read
 * from the last bit to the first they are a range, which that of a larger
 * table only divides: a walk in this order meets each flow that stays, and
 * none twice, whatever becomes of the table.
 */
#include <linux/bitrev.h>
#include <linux/jhash.h>
#include <linux/log2.h>
#include "flows.h"

/* What is looked at in one go; a resize waits for that */
#define WALK_BUCKETS	1024

static u32 order_of(const struct gwlb_flow *flow)
{
	return bitrev32(gwlb_flow_hash(flow));
}

/* Those of one tuple and endpoint have the same */
static u32 minor_of(const struct gwlb_flow *flow)
{
	const struct gwlb_endpoint_id *id = &gwlb_flow_endpoint(flow)->id;
	u32 rest = jhash(&id->gateway.a, sizeof(id->gateway.a),
			 jhash(&id->id, sizeof(id->id), id->vrf));

	return jhash(flow->addr, flow->version == 4 ? 8 : 32, rest) ^
	       jhash(flow->inner_port, 4, flow->protocol);
}

static bool behind(u32 order, const struct gwlb_flow *flow,
		   const struct gwlb_flows_cursor *at)
{
	u32 minor;

	if (order != at->order)
		return order > at->order;
	minor = minor_of(flow);
	return minor != at->minor ? minor > at->minor : flow > at->last;
}

/* A range is as large as a bucket of the largest table has it */
static unsigned int range_shift(const struct bucket_table *tbl,
				struct rhashtable *ht)
{
	unsigned int size = 0;

	for (; tbl; tbl = rht_dereference_rcu(tbl->future_tbl, ht))
		size = max(size, tbl->size);
	return 32 - ilog2(size);
}

/* The one to be visited next, in the range in which the walk is */
static struct gwlb_flow *next_in_range(struct rhashtable *ht,
				       const struct gwlb_flows_cursor *at)
{
	const struct bucket_table *tbl = rht_dereference_rcu(ht->tbl, ht);
	unsigned int shift = range_shift(tbl, ht);
	struct gwlb_flow *flow, *next = NULL;
	struct gwlb_flows_cursor first;
	struct rhlist_head *list, *pos;
	struct rhash_head *head;

	for (; tbl; tbl = rht_dereference_rcu(tbl->future_tbl, ht)) {
		unsigned int hash = bitrev32(at->order) & (tbl->size - 1);

		rht_for_each_rcu(head, tbl, hash) {
			list = container_of(head, struct rhlist_head, rhead);
			rhl_for_each_entry_rcu(flow, pos, list, node) {
				u32 order = order_of(flow);

				if (order >> shift != at->order >> shift ||
				    !behind(order, flow, at) ||
				    (next && behind(order, flow, &first)))
					continue;
				next = flow;
				first.order = order;
				first.minor = minor_of(flow);
				first.last = flow;
			}
		}
	}
	return next;
}

/* Returns false at the end */
static bool next_range(struct rhashtable *ht, struct gwlb_flows_cursor *at)
{
	unsigned int shift = range_shift(rht_dereference_rcu(ht->tbl, ht), ht);

	at->order = ((at->order >> shift) + 1) << shift;
	at->minor = 0;
	at->last = NULL;
	return at->order;
}

/**
 * gwlb_flows_walk() - visit flows, those of one tuple and endpoint in a row
 * @flows: of a link
 * @at: zeroed before the first call
 * @visit: is called for each
 * @data: for @visit
 *
 * The walk is done in many calls, each of which takes not long. It visits each
 * flow that stays once, one that comes or goes meanwhile at most once.
 *
 * Return: true if there is more.
 * Context: process.
 */
bool gwlb_flows_walk(struct gwlb_flows *flows, struct gwlb_flows_cursor *at,
		     gwlb_flows_visit *visit, void *data)
{
	struct rhashtable *ht = &flows->table.ht;
	int budget = WALK_BUCKETS;
	struct gwlb_flow *flow;
	bool more = true;

	/* a resize, which moves flows from table to table, waits for it */
	mutex_lock(&ht->mutex);
	rcu_read_lock();
	while (more && budget--) {
		while ((flow = next_in_range(ht, at))) {
			struct gwlb_flows_cursor here = {
				.order = order_of(flow),
				.minor = minor_of(flow),
				.last = flow,
			};

			if (!visit(flow, data))
				goto out;
			*at = here;
		}
		more = next_range(ht, at);
	}
out:
	rcu_read_unlock();
	mutex_unlock(&ht->mutex);
	return more;
}
