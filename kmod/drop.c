// SPDX-License-Identifier: GPL-2.0
#include <linux/if_link.h>
#include <linux/percpu.h>
#include "compat.h"
#include "drop.h"

/**
 * gwlb_drops_init() - make the counters
 * @d: zeroed
 *
 * Return: 0 or -ENOMEM.
 */
int gwlb_drops_init(struct gwlb_drops *d)
{
	d->cpu = netdev_alloc_pcpu_stats(struct gwlb_drop_cpu);
	spin_lock_init(&d->lock);
	return d->cpu ? 0 : -ENOMEM;
}

/**
 * gwlb_drops_destroy() - free the counters
 * @d: counters that no packet can reach any more
 */
void gwlb_drops_destroy(struct gwlb_drops *d)
{
	free_percpu(d->cpu);
}

/**
 * gwlb_drop() - free and count a packet
 * @d: counters of the link
 * @skb: consumed; NULL if it was freed already
 * @reason: why
 * @sender: outer source, or NULL if it is not known
 *
 * Context: BH off.
 */
void gwlb_drop(struct gwlb_drops *d, struct sk_buff *skb,
	       enum gwlb_drop_reason reason, const struct gwlb_address *sender)
{
	struct gwlb_drop_cpu *cpu = this_cpu_ptr(d->cpu);

	u64_stats_update_begin(&cpu->syncp);
	u64_stats_inc(&cpu->packets[reason]);
	u64_stats_update_end(&cpu->syncp);

	/* a sample is enough: a flood must not queue up here */
	if (sender && spin_trylock(&d->lock)) {
		d->last[reason] = *sender;
		spin_unlock(&d->lock);
	}
	gwlb_kfree_skb(skb, reason);
}

/**
 * gwlb_drops_read() - sum up the counters
 * @d: counters
 * @packets: filled by reason
 */
void gwlb_drops_read(struct gwlb_drops *d, u64 packets[GWLB_DROP_REASONS])
{
	u64 one[GWLB_DROP_REASONS];
	unsigned int start;
	int i, r;

	memset(packets, 0, sizeof(one));
	for_each_possible_cpu(i) {
		const struct gwlb_drop_cpu *cpu = per_cpu_ptr(d->cpu, i);

		do {
			start = u64_stats_fetch_begin(&cpu->syncp);
			for (r = 0; r < GWLB_DROP_REASONS; r++)
				one[r] = u64_stats_read(&cpu->packets[r]);
		} while (u64_stats_fetch_retry(&cpu->syncp, start));
		for (r = 0; r < GWLB_DROP_REASONS; r++)
			packets[r] += one[r];
	}
}

/**
 * gwlb_drops_last() - a late sender of packets dropped for a reason
 * @d: counters
 * @reason: of interest
 * @sender: filled, with length 0 if none is known
 */
void gwlb_drops_last(struct gwlb_drops *d, enum gwlb_drop_reason reason,
		     struct gwlb_address *sender)
{
	spin_lock_bh(&d->lock);
	*sender = d->last[reason];
	spin_unlock_bh(&d->lock);
}

/**
 * gwlb_drops_stats64() - add the drops to what "ip -s link" shows
 * @d: counters
 * @s: added to
 */
void gwlb_drops_stats64(struct gwlb_drops *d, struct rtnl_link_stats64 *s)
{
	u64 packets[GWLB_DROP_REASONS];
	int r;

	gwlb_drops_read(d, packets);
	for (r = 0; r < GWLB_DROP_REASONS; r++) {
		switch (r) {
		case GWLB_DROP_REASON_LINK_DOWN:
		case GWLB_DROP_REASON_SENDER:
		case GWLB_DROP_REASON_IPV6_DISABLED:
		case GWLB_DROP_REASON_NO_MEMORY:
		case GWLB_DROP_REASON_OVERLAP:
		case GWLB_DROP_REASON_MARTIAN:
		case GWLB_DROP_REASON_NESTED:
			s->rx_dropped += packets[r];
			break;
		case GWLB_DROP_REASON_GENEVE_SHORT ... GWLB_DROP_REASON_INNER_CHECKSUM:
		case GWLB_DROP_REASON_OUTER_CHECKSUM:
			s->rx_errors += packets[r];
			break;
		case GWLB_DROP_REASON_NO_ROUTE:
		case GWLB_DROP_REASON_ROUTE_LOOP:
			s->tx_errors += packets[r];
			s->tx_carrier_errors += packets[r];
			break;
		default:
			s->tx_dropped += packets[r];
		}
	}
}
