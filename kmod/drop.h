/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_DROP_H
#define GWLB_DROP_H

#include <linux/skbuff.h>
#include <linux/u64_stats_sync.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include "uapi/gwlb.h"

struct rtnl_link_stats64;

#define GWLB_DROP_REASONS	(GWLB_DROP_REASON_NESTED + 1)

/**
 * struct gwlb_address - an outer address
 * @a: IPv4 in the first 4 bytes, the rest zero
 * @len: 4 or 16, 0 for none
 */
struct gwlb_address {
	struct in6_addr a;
	u8 len;
};

/**
 * gwlb_address_equal() - compare two addresses
 * @a: address, or none
 * @b: another
 *
 * Return: true if they are the same.
 */
static inline bool gwlb_address_equal(const struct gwlb_address *a,
				      const struct gwlb_address *b)
{
	return a->len == b->len && ipv6_addr_equal(&a->a, &b->a);
}

/**
 * gwlb_address4() - an IPv4 address as one of either family
 * @a: address
 *
 * Return: the same.
 */
static inline struct gwlb_address gwlb_address4(__be32 a)
{
	return (struct gwlb_address){ .a.s6_addr32[0] = a, .len = 4 };
}

/**
 * gwlb_address6() - an IPv6 address as one of either family
 * @a: address
 *
 * Return: the same.
 */
static inline struct gwlb_address gwlb_address6(const struct in6_addr *a)
{
	return (struct gwlb_address){ .a = *a, .len = 16 };
}

/**
 * gwlb_sender() - who a packet is from
 * @skb: packet whose network header is known
 *
 * Return: outer source.
 */
static inline struct gwlb_address gwlb_sender(const struct sk_buff *skb)
{
	return ip_hdr(skb)->version == 4 ? gwlb_address4(ip_hdr(skb)->saddr) :
					   gwlb_address6(&ipv6_hdr(skb)->saddr);
}

/**
 * struct gwlb_drop_cpu - drops of one CPU; written with BH off
 * @syncp: for readers on 32 bit
 * @packets: by reason
 */
struct gwlb_drop_cpu {
	struct u64_stats_sync syncp;
	u64_stats_t packets[GWLB_DROP_REASONS];
};

/**
 * struct gwlb_drops - what a link dropped
 * @cpu: counters
 * @lock: guards @last; writers only try it
 * @last: sender of a late dropped packet, by reason
 */
struct gwlb_drops {
	struct gwlb_drop_cpu __percpu *cpu;
	spinlock_t lock;	/* of last */
	struct gwlb_address last[GWLB_DROP_REASONS];
};

int gwlb_drops_init(struct gwlb_drops *d);
void gwlb_drops_destroy(struct gwlb_drops *d);
void gwlb_drop(struct gwlb_drops *d, struct sk_buff *skb,
	       enum gwlb_drop_reason reason, const struct gwlb_address *sender);
void gwlb_drops_read(struct gwlb_drops *d, u64 packets[GWLB_DROP_REASONS]);
void gwlb_drops_last(struct gwlb_drops *d, enum gwlb_drop_reason reason,
		     struct gwlb_address *sender);
void gwlb_drops_stats64(struct gwlb_drops *d, struct rtnl_link_stats64 *s);

#endif /* GWLB_DROP_H */
