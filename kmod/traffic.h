/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_TRAFFIC_H
#define GWLB_TRAFFIC_H

#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

/**
 * struct gwlb_traffic - packets and bytes, without the outer headers
 * @rx_packets: inner packets received
 * @rx_bytes: their bytes
 * @tx_packets: inner packets sent back
 * @tx_bytes: their bytes
 * @drops: packets dropped
 */
struct gwlb_traffic {
	u64 rx_packets;
	u64 rx_bytes;
	u64 tx_packets;
	u64 tx_bytes;
	u64 drops;
};

/**
 * struct gwlb_traffic_cpu - the same of one CPU; written with BH off
 * @syncp: for readers on 32 bit
 * @rx_packets: inner packets received
 * @rx_bytes: their bytes
 * @tx_packets: inner packets sent back
 * @tx_bytes: their bytes
 * @drops: packets dropped
 */
struct gwlb_traffic_cpu {
	struct u64_stats_sync syncp;
	u64_stats_t rx_packets;
	u64_stats_t rx_bytes;
	u64_stats_t tx_packets;
	u64_stats_t tx_bytes;
	u64_stats_t drops;
};

struct gwlb_traffic_cpu __percpu *gwlb_traffic_alloc(gfp_t gfp);
void gwlb_traffic_rx(struct gwlb_traffic_cpu __percpu *t, unsigned int bytes);
void gwlb_traffic_tx(struct gwlb_traffic_cpu __percpu *t, unsigned int bytes);
void gwlb_traffic_drop(struct gwlb_traffic_cpu __percpu *t);
void gwlb_traffic_read(const struct gwlb_traffic_cpu __percpu *t,
		       struct gwlb_traffic *sum);

#endif /* GWLB_TRAFFIC_H */
