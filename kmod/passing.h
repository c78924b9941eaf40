/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_PASSING_H
#define GWLB_PASSING_H

#include <linux/percpu.h>
#include "flow.h"

/**
 * struct gwlb_passing - a packet that a CPU has handed to the stack and waits
 *	for the return of
 * @skb: only to be compared with; NULL once it has left
 * @flow: of it; under RCU
 * @tuple: its addresses as it came, in its own direction
 * @outer: the packet in whose course this one is handed on, or NULL
 */
struct gwlb_passing {
	const struct sk_buff *skb;
	struct gwlb_flow *flow;
	const struct gwlb_tuple *tuple;
	struct gwlb_passing *outer;
};

DECLARE_PER_CPU(struct gwlb_passing *, gwlb_passing);

/**
 * gwlb_passing_begin() - note what packet is being handed on
 * @p: to be kept until gwlb_passing_end()
 * @skb: packet
 * @flow: of it, under RCU
 * @tuple: of it as it came; kept as long as @p
 *
 * Context: BH off from here to gwlb_passing_end().
 */
static inline void gwlb_passing_begin(struct gwlb_passing *p,
				      const struct sk_buff *skb,
				      struct gwlb_flow *flow,
				      const struct gwlb_tuple *tuple)
{
	p->skb = skb;
	p->flow = flow;
	p->tuple = tuple;
	p->outer = __this_cpu_read(gwlb_passing);
	__this_cpu_write(gwlb_passing, p);
}

/**
 * gwlb_passing_sent() - a packet that was being handed on leaves
 * @skb: packet, which may be none of these
 *
 * Behind us it is an outer packet, or another.
 */
static inline void gwlb_passing_sent(const struct sk_buff *skb)
{
	struct gwlb_passing *p = __this_cpu_read(gwlb_passing);

	if (p && p->skb == skb)
		p->skb = NULL;
}

/**
 * gwlb_passing_end() - the packet has gone
 * @p: the innermost that has begun
 */
static inline void gwlb_passing_end(const struct gwlb_passing *p)
{
	__this_cpu_write(gwlb_passing, p->outer);
}

#endif /* GWLB_PASSING_H */
