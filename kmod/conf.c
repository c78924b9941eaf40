// SPDX-License-Identifier: GPL-2.0
#include <linux/inetdevice.h>
#include <linux/slab.h>
#include <net/ipv6.h>
#include "conf.h"

const struct nla_policy gwlb_conf_policy[GWLB_A_CONF_MAX + 1] = {
	[GWLB_A_CONF_PORT]	= { .type = NLA_U16 },
	[GWLB_A_CONF_LOCAL]	= { .type = NLA_BINARY, .len = 16 },
	[GWLB_A_CONF_MODE]	= { .type = NLA_U8 },
	[GWLB_A_CONF_ALLOW]	= { .type = NLA_NESTED },
	[GWLB_A_CONF_TTL]	= { .type = NLA_U8 },
	[GWLB_A_CONF_TOS]	= { .type = NLA_U8 },
	[GWLB_A_CONF_CRITICAL]	= { .type = NLA_U8 },
	[GWLB_A_CONF_MAX_FLOWS]	= { .type = NLA_U32 },
	[GWLB_A_CONF_CATCH]	= { .type = NLA_U8 },
	[GWLB_A_CONF_TRUST_MARK] = { .type = NLA_U32 },
	[GWLB_A_CONF_TRUST_MASK] = { .type = NLA_U32 },
	[GWLB_A_CONF_TRUST_SECONDS] = { .type = NLA_U32 },
	[GWLB_A_CONF_TIMEOUT_TCP]	= { .type = NLA_U32 },
	[GWLB_A_CONF_TIMEOUT_OTHER]	= { .type = NLA_U32 },
	[GWLB_A_CONF_DIVERT_MARK] = { .type = NLA_U32 },
	[GWLB_A_CONF_DIVERT_MASK] = { .type = NLA_U32 },
	[GWLB_A_CONF_MAX_ENDPOINTS] = { .type = NLA_U32 },
	[GWLB_A_CONF_ZONES]	= { .type = NLA_U8 },
	[GWLB_A_CONF_ZONE_LOW]	= { .type = NLA_U16 },
	[GWLB_A_CONF_ZONE_HIGH]	= { .type = NLA_U16 },
	[GWLB_A_CONF_ENDPOINTS]	= { .type = NLA_NESTED },
};

static const struct nla_policy allow_policy[GWLB_A_ALLOW_MAX + 1] = {
	[GWLB_A_ALLOW_PREFIX]	= { .type = NLA_NESTED },
};

static const struct nla_policy prefix_policy[GWLB_A_PREFIX_MAX + 1] = {
	[GWLB_A_PREFIX_ADDRESS]	= { .type = NLA_BINARY, .len = 16 },
	[GWLB_A_PREFIX_LENGTH]	= { .type = NLA_U8 },
};

static const struct nla_policy endpoints_policy[GWLB_A_ENDPOINTS_MAX + 1] = {
	[GWLB_A_ENDPOINTS_ID]	= { .type = NLA_U64 },
	[GWLB_A_ENDPOINTS_GATEWAY] = { .type = NLA_BINARY, .len = 16 },
	[GWLB_A_ENDPOINTS_VRF]	= { .type = NLA_U32 },
};

static int get_address(struct gwlb_address *a, const struct nlattr *nla)
{
	memset(a, 0, sizeof(*a));
	if (nla_len(nla) != 4 && nla_len(nla) != 16)
		return -EINVAL;
	a->len = nla_len(nla);
	memcpy(&a->a, nla_data(nla), a->len);
	return 0;
}

static int get_prefix(struct gwlb_prefix *p, const struct nlattr *nla,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[GWLB_A_PREFIX_MAX + 1];
	struct in6_addr first;
	int err;

	err = nla_parse_nested(tb, GWLB_A_PREFIX_MAX, nla, prefix_policy, extack);
	if (err)
		return err;
	if (!tb[GWLB_A_PREFIX_ADDRESS] || !tb[GWLB_A_PREFIX_LENGTH] ||
	    get_address(&p->address, tb[GWLB_A_PREFIX_ADDRESS])) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "An allowed prefix needs an address of 4 or 16 bytes and a length");
		return -EINVAL;
	}
	p->length = nla_get_u8(tb[GWLB_A_PREFIX_LENGTH]);
	if (p->length > p->address.len * 8) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "The length of an allowed prefix is at most 32 for IPv4, 128 for IPv6");
		return -EINVAL;
	}
	ipv6_addr_prefix(&first, &p->address.a, p->length);
	if (!ipv6_addr_equal(&first, &p->address.a)) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "An allowed prefix has address bits behind its length; set them to zero");
		return -EINVAL;
	}
	return 0;
}

static int get_allow(struct gwlb_conf *conf, const struct nlattr *allow,
		     struct netlink_ext_ack *extack)
{
	const struct nlattr *nla;
	int rem, err;

	err = nla_validate_nested(allow, GWLB_A_ALLOW_MAX, allow_policy, extack);
	if (err)
		return err;
	conf->allow_count = 0;
	nla_for_each_nested(nla, allow, rem) {
		if (conf->allow_count == GWLB_ALLOW_MAX) {
			NL_SET_ERR_MSG_ATTR(extack, nla,
					    "At most 32 prefixes can be allowed; use shorter ones");
			return -E2BIG;
		}
		err = get_prefix(&conf->allow[conf->allow_count], nla, extack);
		if (err)
			return err;
		conf->allow_count++;
	}
	return 0;
}

static int get_timeout(u32 *seconds, const struct nlattr *nla,
		       struct netlink_ext_ack *extack)
{
	if (!nla)
		return 0;
	*seconds = nla_get_u32(nla);
	if (*seconds && *seconds <= GWLB_TIMEOUT_MAX)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, nla,
			    "A timeout must be from 1 to 604800 seconds");
	return -EINVAL;
}

static int get_divert(struct gwlb_conf *conf, struct nlattr *data[],
		      struct netlink_ext_ack *extack)
{
	if (data[GWLB_A_CONF_DIVERT_MARK]) {
		conf->divert_mark = nla_get_u32(data[GWLB_A_CONF_DIVERT_MARK]);
		conf->divert_mask = U32_MAX;
	}
	if (data[GWLB_A_CONF_DIVERT_MASK])
		conf->divert_mask = nla_get_u32(data[GWLB_A_CONF_DIVERT_MASK]);
	if (conf->divert_mark & ~conf->divert_mask) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_DIVERT_MARK],
				    "The mark to divert by has bits that its mask has not");
		return -EINVAL;
	}
	return 0;
}

static int get_values(struct gwlb_conf *conf, struct nlattr *data[],
		      struct netlink_ext_ack *extack)
{
	int err;

	if (data[GWLB_A_CONF_PORT])
		conf->port = nla_get_u16(data[GWLB_A_CONF_PORT]);
	if (!conf->port) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_PORT],
				    "The UDP port must be from 1 to 65535");
		return -EINVAL;
	}
	if (data[GWLB_A_CONF_MODE])
		conf->mode = nla_get_u8(data[GWLB_A_CONF_MODE]);
	if (conf->mode > GWLB_MODE_ROUTE) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_MODE],
				    "The mode can be bump (0) or route (1)");
		return -EINVAL;
	}
	if (data[GWLB_A_CONF_TTL])
		conf->ttl = nla_get_u8(data[GWLB_A_CONF_TTL]);
	if (!conf->ttl) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_TTL],
				    "The outer TTL must be from 1 to 255");
		return -EINVAL;
	}
	if (data[GWLB_A_CONF_TOS])
		conf->tos = nla_get_u8(data[GWLB_A_CONF_TOS]);
	if (data[GWLB_A_CONF_CRITICAL])
		conf->critical = nla_get_u8(data[GWLB_A_CONF_CRITICAL]);
	if (conf->critical > GWLB_CRITICAL_PASS) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_CRITICAL],
				    "Unknown critical options can be dropped (0) or passed (1)");
		return -EINVAL;
	}
	if (data[GWLB_A_CONF_MAX_FLOWS])
		conf->max_flows = nla_get_u32(data[GWLB_A_CONF_MAX_FLOWS]);
	if (!conf->max_flows || conf->max_flows > 1 << 24) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_MAX_FLOWS],
				    "The number of flows must be from 1 to 16777216");
		return -EINVAL;
	}
	err = get_timeout(&conf->timeout_tcp, data[GWLB_A_CONF_TIMEOUT_TCP],
			  extack);
	if (err)
		return err;
	err = get_timeout(&conf->timeout_other, data[GWLB_A_CONF_TIMEOUT_OTHER],
			  extack);
	if (err)
		return err;
	return get_divert(conf, data, extack);
}

static int get_catch(struct gwlb_conf *conf, struct nlattr *data[],
		     struct netlink_ext_ack *extack)
{
	if (data[GWLB_A_CONF_CATCH])
		conf->catch = nla_get_u8(data[GWLB_A_CONF_CATCH]);
	if (conf->catch > GWLB_CATCH_SOCKET) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_CATCH],
				    "Packets are caught auto (0), early (1) or by the socket (2)");
		return -EINVAL;
	}
	/* it is the only wall in front of it */
	if (conf->catch == GWLB_CATCH_EARLY && !conf->allow_count) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_CATCH],
				    "The early catch goes around the INPUT chain and needs an allow list; set one or leave it to auto");
		return -EINVAL;
	}
	return 0;
}

static int get_endpoints(struct gwlb_conf *conf, struct nlattr *data[],
			 struct netlink_ext_ack *extack)
{
	if (data[GWLB_A_CONF_MAX_ENDPOINTS])
		conf->max_endpoints = nla_get_u32(data[GWLB_A_CONF_MAX_ENDPOINTS]);
	if (!conf->max_endpoints || conf->max_endpoints > 1 << 16) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_MAX_ENDPOINTS],
				    "The number of endpoints must be from 1 to 65536");
		return -EINVAL;
	}
	if (data[GWLB_A_CONF_ZONES])
		conf->zones = nla_get_u8(data[GWLB_A_CONF_ZONES]);
	if (conf->zones > GWLB_ZONES_OFF) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_ZONES],
				    "Conntrack zones can be automatic (0) or off (1)");
		return -EINVAL;
	}
	if (data[GWLB_A_CONF_ZONE_LOW])
		conf->zone_low = nla_get_u16(data[GWLB_A_CONF_ZONE_LOW]);
	if (data[GWLB_A_CONF_ZONE_HIGH])
		conf->zone_high = nla_get_u16(data[GWLB_A_CONF_ZONE_HIGH]);
	if (!conf->zone_low || conf->zone_high < conf->zone_low) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_ZONE_LOW],
				    "The range of zones must have two ends from 1 to 65535, the lower one first");
		return -EINVAL;
	}
	return 0;
}

static int get_trust(struct gwlb_conf *conf, struct nlattr *data[],
		     struct netlink_ext_ack *extack)
{
	if (data[GWLB_A_CONF_TRUST_MARK])
		conf->trust_mark = nla_get_u32(data[GWLB_A_CONF_TRUST_MARK]);
	if (data[GWLB_A_CONF_TRUST_MASK])
		conf->trust_mask = nla_get_u32(data[GWLB_A_CONF_TRUST_MASK]);
	if (data[GWLB_A_CONF_TRUST_SECONDS])
		conf->trust_seconds = nla_get_u32(data[GWLB_A_CONF_TRUST_SECONDS]);
	if (conf->trust_mark & ~conf->trust_mask ||
	    (conf->trust_mask && !conf->trust_mark)) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_TRUST_MARK],
				    "The mark of trusted flows needs bits, all of them in its mask; a packet without mark is never trusted");
		return -EINVAL;
	}
	if (!conf->trust_seconds || conf->trust_seconds > 3600) {
		NL_SET_ERR_MSG_ATTR(extack, data[GWLB_A_CONF_TRUST_SECONDS],
				    "Trust lasts from 1 to 3600 seconds");
		return -EINVAL;
	}
	return 0;
}

static bool get_claim(struct gwlb_endpoint_id *id, const struct nlattr *nla)
{
	memset(id, 0, sizeof(*id));
	if (nla_type(nla) == GWLB_A_ENDPOINTS_GATEWAY)
		return !get_address(&id->gateway, nla);
	id->id = nla_get_u64(nla);
	return id->id;
}

static int vrf_of_none(const struct nlattr *vrf, struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG_ATTR(extack, vrf,
			    "A VRF goes with the gateway behind it, an id has none");
	return -EINVAL;
}

static int get_claims(struct gwlb_conf *conf, const struct nlattr *list,
		      struct netlink_ext_ack *extack)
{
	const struct nlattr *nla, *vrf = NULL;
	struct gwlb_endpoint_id id;
	int rem, err;

	err = nla_validate_nested(list, GWLB_A_ENDPOINTS_MAX, endpoints_policy,
				  extack);
	if (err)
		return err;
	conf->claim_count = 0;
	nla_for_each_nested(nla, list, rem) {
		if (vrf && nla_type(nla) != GWLB_A_ENDPOINTS_GATEWAY)
			return vrf_of_none(vrf, extack);
		if (nla_type(nla) == GWLB_A_ENDPOINTS_VRF) {
			vrf = nla;
			continue;
		}
		if (!get_claim(&id, nla)) {
			NL_SET_ERR_MSG_ATTR(extack, list,
					    "Name an endpoint by id, which is not 0, or one without id by gateway, of 4 or 16 bytes");
			return -EINVAL;
		}
		id.vrf = vrf ? nla_get_u32(vrf) : 0;
		vrf = NULL;
		if (gwlb_conf_claims(conf, &id)) {
			NL_SET_ERR_MSG_ATTR(extack, list,
					    "One of these endpoints is named twice");
			return -EINVAL;
		}
		if (conf->claim_count == GWLB_CLAIMS_MAX) {
			NL_SET_ERR_MSG_ATTR(extack, list,
					    "A link can take at most 32 endpoints");
			return -E2BIG;
		}
		conf->claims[conf->claim_count++] = id;
	}
	if (vrf)
		return vrf_of_none(vrf, extack);
	if (conf->claim_count)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, list,
			    "A link on another takes at least one endpoint; to give all of them back, delete it");
	return -EINVAL;
}

static int get_local(struct gwlb_conf *conf, const struct nlattr *nla,
		     struct netlink_ext_ack *extack)
{
	memset(&conf->local, 0, sizeof(conf->local));
	if (!nla_len(nla))
		return 0;
	if (get_address(&conf->local, nla) ||
	    (conf->local.len == 4 && !conf->local.a.s6_addr32[0]) ||
	    (conf->local.len == 16 && ipv6_addr_any(&conf->local.a))) {
		NL_SET_ERR_MSG_ATTR(extack, nla,
				    "The local address must have 4 or 16 bytes, or 0 for any");
		return -EINVAL;
	}
	return 0;
}

/**
 * gwlb_conf_new() - a configuration from attributes
 * @old: what attributes that are absent leave as it is; NULL for defaults
 * @data: indexed by GWLB_A_CONF_*, or NULL
 * @extack: says what is wrong
 *
 * Return: the configuration, to be freed by kfree(), or an ERR_PTR.
 * Context: process, RTNL.
 */
struct gwlb_conf *gwlb_conf_new(const struct gwlb_conf *old,
				struct nlattr *data[],
				struct netlink_ext_ack *extack)
{
	struct gwlb_conf *conf;
	int err = 0;

	conf = kzalloc(sizeof(*conf), GFP_KERNEL);
	if (!conf)
		return ERR_PTR(-ENOMEM);
	if (old) {
		*conf = *old;
	} else {
		conf->port = 6081;
		conf->ttl = 64;
		conf->max_flows = 262144;
		conf->trust_seconds = 1;
		/* what load balancers keep */
		conf->timeout_tcp = 350;
		conf->timeout_other = 120;
		conf->max_endpoints = 1024;
		conf->zone_low = 1024;
		conf->zone_high = 65535;
	}
	if (!data)
		return conf;

	if (data[GWLB_A_CONF_LOCAL])
		err = get_local(conf, data[GWLB_A_CONF_LOCAL], extack);
	if (!err && data[GWLB_A_CONF_ALLOW])
		err = get_allow(conf, data[GWLB_A_CONF_ALLOW], extack);
	if (!err)
		err = get_values(conf, data, extack);
	if (!err)
		err = get_catch(conf, data, extack);
	if (!err)
		err = get_endpoints(conf, data, extack);
	if (!err)
		err = get_trust(conf, data, extack);
	if (!err && data[GWLB_A_CONF_ENDPOINTS])
		err = get_claims(conf, data[GWLB_A_CONF_ENDPOINTS], extack);
	if (err) {
		kfree(conf);
		return ERR_PTR(err);
	}
	return conf;
}

static int fill_prefix(struct sk_buff *skb, const struct gwlb_prefix *p)
{
	struct nlattr *nest = nla_nest_start(skb, GWLB_A_ALLOW_PREFIX);

	if (!nest ||
	    nla_put(skb, GWLB_A_PREFIX_ADDRESS, p->address.len, &p->address.a) ||
	    nla_put_u8(skb, GWLB_A_PREFIX_LENGTH, p->length))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int fill_claims(struct sk_buff *skb, const struct gwlb_conf *conf)
{
	struct nlattr *nest = nla_nest_start(skb, GWLB_A_CONF_ENDPOINTS);
	int i, err;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < conf->claim_count; i++) {
		const struct gwlb_endpoint_id *id = &conf->claims[i];

		if (id->vrf && nla_put_u32(skb, GWLB_A_ENDPOINTS_VRF, id->vrf))
			return -EMSGSIZE;
		if (id->id)
			err = nla_put_u64_64bit(skb, GWLB_A_ENDPOINTS_ID, id->id,
						GWLB_A_ENDPOINTS_PAD);
		else
			err = nla_put(skb, GWLB_A_ENDPOINTS_GATEWAY,
				      id->gateway.len, &id->gateway.a);
		if (err)
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/* What a link with sockets has more than one without */
static int fill_outer(struct sk_buff *skb, const struct gwlb_conf *conf)
{
	struct nlattr *nest;
	int i;

	if (nla_put_u16(skb, GWLB_A_CONF_PORT, conf->port) ||
	    nla_put(skb, GWLB_A_CONF_LOCAL, conf->local.len, &conf->local.a) ||
	    nla_put_u8(skb, GWLB_A_CONF_TTL, conf->ttl) ||
	    nla_put_u8(skb, GWLB_A_CONF_TOS, conf->tos) ||
	    nla_put_u8(skb, GWLB_A_CONF_CRITICAL, conf->critical) ||
	    nla_put_u8(skb, GWLB_A_CONF_CATCH, conf->catch) ||
	    nla_put_u32(skb, GWLB_A_CONF_MAX_ENDPOINTS, conf->max_endpoints))
		return -EMSGSIZE;
	nest = nla_nest_start(skb, GWLB_A_CONF_ALLOW);
	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < conf->allow_count; i++)
		if (fill_prefix(skb, &conf->allow[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * gwlb_conf_fill() - write a configuration as attributes
 * @skb: written to; the caller cancels its nest on error
 * @conf: configuration
 *
 * Return: 0 or -EMSGSIZE.
 */
int gwlb_conf_fill(struct sk_buff *skb, const struct gwlb_conf *conf)
{
	if (nla_put_u8(skb, GWLB_A_CONF_MODE, conf->mode) ||
	    nla_put_u32(skb, GWLB_A_CONF_MAX_FLOWS, conf->max_flows) ||
	    nla_put_u32(skb, GWLB_A_CONF_TRUST_MARK, conf->trust_mark) ||
	    nla_put_u32(skb, GWLB_A_CONF_TRUST_MASK, conf->trust_mask) ||
	    nla_put_u32(skb, GWLB_A_CONF_TRUST_SECONDS, conf->trust_seconds) ||
	    nla_put_u32(skb, GWLB_A_CONF_TIMEOUT_TCP, conf->timeout_tcp) ||
	    nla_put_u32(skb, GWLB_A_CONF_TIMEOUT_OTHER, conf->timeout_other) ||
	    nla_put_u32(skb, GWLB_A_CONF_DIVERT_MARK, conf->divert_mark) ||
	    nla_put_u32(skb, GWLB_A_CONF_DIVERT_MASK, conf->divert_mask) ||
	    nla_put_u8(skb, GWLB_A_CONF_ZONES, conf->zones) ||
	    nla_put_u16(skb, GWLB_A_CONF_ZONE_LOW, conf->zone_low) ||
	    nla_put_u16(skb, GWLB_A_CONF_ZONE_HIGH, conf->zone_high))
		return -EMSGSIZE;
	return conf->claim_count ? fill_claims(skb, conf) :
				   fill_outer(skb, conf);
}

/**
 * gwlb_conf_size() - room that gwlb_conf_fill() needs
 * @conf: configuration
 *
 * Return: bytes.
 */
size_t gwlb_conf_size(const struct gwlb_conf *conf)
{
	return 3 * nla_total_size(2) + nla_total_size(16) +
	       6 * nla_total_size(1) + 9 * nla_total_size(4) + nla_total_size(0) +
	       conf->claim_count * (nla_total_size(16) + nla_total_size(4)) +
	       conf->allow_count * (nla_total_size(0) + nla_total_size(16) +
				    nla_total_size(1));
}

static bool is_in(const struct sk_buff *skb, const struct gwlb_prefix *p)
{
	if (ip_hdr(skb)->version == 4)
		return p->address.len == 4 &&
		       !((ip_hdr(skb)->saddr ^ p->address.a.s6_addr32[0]) &
			 inet_make_mask(p->length));
	return p->address.len == 16 &&
	       ipv6_prefix_equal(&ipv6_hdr(skb)->saddr, &p->address.a,
				 p->length);
}

/**
 * gwlb_conf_allows() - is this sender permitted
 * @conf: configuration, under RCU
 * @skb: packet whose network header is known
 *
 * Return: true if it is in the allow list, or the list is empty.
 */
bool gwlb_conf_allows(const struct gwlb_conf *conf, const struct sk_buff *skb)
{
	int i;

	if (!conf->allow_count)
		return true;
	for (i = 0; i < conf->allow_count; i++)
		if (is_in(skb, &conf->allow[i]))
			return true;
	return false;
}
