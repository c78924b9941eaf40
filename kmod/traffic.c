// SPDX-License-Identifier: GPL-2.0
#include <linux/string.h>
#include "traffic.h"

/**
 * gwlb_traffic_alloc() - make counters
 * @gfp: how
 *
 * Return: counters, to be freed by free_percpu(), or NULL.
 */
struct gwlb_traffic_cpu __percpu *gwlb_traffic_alloc(gfp_t gfp)
{
	struct gwlb_traffic_cpu __percpu *t;
	int i;

	t = alloc_percpu_gfp(struct gwlb_traffic_cpu, gfp);
	if (!t)
		return NULL;
	for_each_possible_cpu(i)
		u64_stats_init(&per_cpu_ptr(t, i)->syncp);
	return t;
}

/**
 * gwlb_traffic_rx() - count a received packet
 * @t: counters, or NULL
 * @bytes: of the inner packet
 *
 * Context: BH off.
 */
void gwlb_traffic_rx(struct gwlb_traffic_cpu __percpu *t, unsigned int bytes)
{
	struct gwlb_traffic_cpu *cpu;

	if (!t)
		return;
	cpu = this_cpu_ptr(t);
	u64_stats_update_begin(&cpu->syncp);
	u64_stats_inc(&cpu->rx_packets);
	u64_stats_add(&cpu->rx_bytes, bytes);
	u64_stats_update_end(&cpu->syncp);
}

/**
 * gwlb_traffic_tx() - count a packet sent back
 * @t: counters, or NULL
 * @bytes: of the inner packet
 *
 * Context: BH off.
 */
void gwlb_traffic_tx(struct gwlb_traffic_cpu __percpu *t, unsigned int bytes)
{
	struct gwlb_traffic_cpu *cpu;

	if (!t)
		return;
	cpu = this_cpu_ptr(t);
	u64_stats_update_begin(&cpu->syncp);
	u64_stats_inc(&cpu->tx_packets);
	u64_stats_add(&cpu->tx_bytes, bytes);
	u64_stats_update_end(&cpu->syncp);
}

/**
 * gwlb_traffic_drop() - count a dropped packet
 * @t: counters, or NULL
 *
 * Context: BH off.
 */
void gwlb_traffic_drop(struct gwlb_traffic_cpu __percpu *t)
{
	struct gwlb_traffic_cpu *cpu;

	if (!t)
		return;
	cpu = this_cpu_ptr(t);
	u64_stats_update_begin(&cpu->syncp);
	u64_stats_inc(&cpu->drops);
	u64_stats_update_end(&cpu->syncp);
}

/**
 * gwlb_traffic_read() - sum up the counters
 * @t: counters
 * @sum: filled
 */
void gwlb_traffic_read(const struct gwlb_traffic_cpu __percpu *t,
		       struct gwlb_traffic *sum)
{
	struct gwlb_traffic one;
	unsigned int start;
	int i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(i) {
		const struct gwlb_traffic_cpu *cpu = per_cpu_ptr(t, i);

		do {
			start = u64_stats_fetch_begin(&cpu->syncp);
			one.rx_packets = u64_stats_read(&cpu->rx_packets);
			one.rx_bytes = u64_stats_read(&cpu->rx_bytes);
			one.tx_packets = u64_stats_read(&cpu->tx_packets);
			one.tx_bytes = u64_stats_read(&cpu->tx_bytes);
			one.drops = u64_stats_read(&cpu->drops);
		} while (u64_stats_fetch_retry(&cpu->syncp, start));
		sum->rx_packets += one.rx_packets;
		sum->rx_bytes += one.rx_bytes;
		sum->tx_packets += one.tx_packets;
		sum->tx_bytes += one.tx_bytes;
		sum->drops += one.drops;
	}
}
