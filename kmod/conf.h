/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_CONF_H
#define GWLB_CONF_H

#include <linux/rcupdate.h>
#include <net/netlink.h>
#include "drop.h"
#include "endpoint.h"

#define GWLB_ALLOW_MAX	32
#define GWLB_CLAIMS_MAX	32
/* A week; in jiffies it has to fit 31 bits */
#define GWLB_TIMEOUT_MAX	604800

/**
 * struct gwlb_prefix - a range of outer addresses
 * @address: its first one
 * @length: bits that count
 */
struct gwlb_prefix {
	struct gwlb_address address;
	u8 length;
};

/**
 * struct gwlb_conf - configuration of a link; never changed once published
 * @rcu: frees it after its last reader
 * @local: address to receive on, length 0 for any
 * @port: UDP port, host order
 * @trust_mark: of packets whose flow is trusted
 * @trust_mask: bits of it that count, 0 to trust none
 * @trust_seconds: how long trust lasts
 * @max_flows: flows kept at most
 * @timeout_tcp: seconds for which a TCP flow may be idle
 * @timeout_other: the same for other protocols
 * @divert_mark: of packets that enter the IP stack in mode bump
 * @divert_mask: bits of it that count, 0 for no such packets
 * @max_endpoints: endpoints listed at most
 * @zone_low: first conntrack zone that endpoints are given
 * @zone_high: last one
 * @zones: enum gwlb_zones
 * @mode: enum gwlb_mode
 * @critical: enum gwlb_critical
 * @catch: enum gwlb_catch
 * @ttl: of the outer header
 * @tos: of the outer header
 * @allow_count: used entries of @allow, 0 for any sender
 * @allow: permitted outer sources
 * @claim_count: used entries of @claims, 0 for a link with sockets
 * @claims: endpoints that the link takes from another
 */
struct gwlb_conf {
	struct rcu_head rcu;
	struct gwlb_address local;
	u16 port;
	u32 trust_mark;
	u32 trust_mask;
	u32 trust_seconds;
	u32 max_flows;
	u32 timeout_tcp;
	u32 timeout_other;
	u32 divert_mark;
	u32 divert_mask;
	u32 max_endpoints;
	u16 zone_low;
	u16 zone_high;
	u8 zones;
	u8 mode;
	u8 critical;
	u8 catch;
	u8 ttl;
	u8 tos;
	u8 allow_count;
	struct gwlb_prefix allow[GWLB_ALLOW_MAX];
	u8 claim_count;
	struct gwlb_endpoint_id claims[GWLB_CLAIMS_MAX];
};

extern const struct nla_policy gwlb_conf_policy[GWLB_A_CONF_MAX + 1];

struct gwlb_conf *gwlb_conf_new(const struct gwlb_conf *old,
				struct nlattr *data[],
				struct netlink_ext_ack *extack);
int gwlb_conf_fill(struct sk_buff *skb, const struct gwlb_conf *conf);
size_t gwlb_conf_size(const struct gwlb_conf *conf);
bool gwlb_conf_allows(const struct gwlb_conf *conf, const struct sk_buff *skb);

/**
 * gwlb_conf_claims() - does a configuration name an endpoint
 * @conf: configuration
 * @id: of it
 *
 * Return: true if a link with it takes that endpoint from another.
 */
static inline bool gwlb_conf_claims(const struct gwlb_conf *conf,
				    const struct gwlb_endpoint_id *id)
{
	int i;

	for (i = 0; i < conf->claim_count; i++)
		if (gwlb_endpoint_id_equal(&conf->claims[i], id))
			return true;
	return false;
}

/**
 * gwlb_conf_early() - are packets taken before the socket sees them
 * @conf: configuration
 *
 * Return: true if they are.
 */
static inline bool gwlb_conf_early(const struct gwlb_conf *conf)
{
	return conf->catch == GWLB_CATCH_EARLY ||
	       (conf->catch == GWLB_CATCH_AUTO && conf->allow_count);
}

#endif /* GWLB_CONF_H */
