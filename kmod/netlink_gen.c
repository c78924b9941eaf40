// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	kmod/gwlb.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: tools/net/ynl/ynl-regen.sh */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include "uapi/gwlb.h"

/* GWLB_CMD_LINK_GET - do */
const struct nla_policy gwlb_link_get_nl_policy[GWLB_A_LINK_IFNAME + 1] = {
	[GWLB_A_LINK_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GWLB_A_LINK_IFNAME] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* GWLB_CMD_PEER_GET - do */
const struct nla_policy gwlb_peer_get_nl_policy[GWLB_A_PEER_VRF + 1] = {
	[GWLB_A_PEER_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GWLB_A_PEER_ADDRESS] = { .type = NLA_BINARY, },
	[GWLB_A_PEER_LOCAL] = { .type = NLA_BINARY, },
	[GWLB_A_PEER_VRF] = { .type = NLA_U32, },
};

/* GWLB_CMD_ENDPOINT_GET - do */
const struct nla_policy gwlb_endpoint_get_nl_policy[GWLB_A_ENDPOINT_VRF + 1] = {
	[GWLB_A_ENDPOINT_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GWLB_A_ENDPOINT_ID] = { .type = NLA_U64, },
	[GWLB_A_ENDPOINT_GATEWAY] = { .type = NLA_BINARY, },
	[GWLB_A_ENDPOINT_VRF] = { .type = NLA_U32, },
};

/* GWLB_CMD_ENDPOINT_SET - do */
const struct nla_policy gwlb_endpoint_set_nl_policy[GWLB_A_ENDPOINT_VRF + 1] = {
	[GWLB_A_ENDPOINT_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GWLB_A_ENDPOINT_ID] = { .type = NLA_U64, },
	[GWLB_A_ENDPOINT_GATEWAY] = { .type = NLA_BINARY, },
	[GWLB_A_ENDPOINT_VRF] = { .type = NLA_U32, },
	[GWLB_A_ENDPOINT_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
	[GWLB_A_ENDPOINT_MARK] = { .type = NLA_U32, },
	[GWLB_A_ENDPOINT_MASK] = { .type = NLA_U32, },
	[GWLB_A_ENDPOINT_ZONE_MODE] = NLA_POLICY_MAX(NLA_U8, 2),
	[GWLB_A_ENDPOINT_ZONE] = { .type = NLA_U16, },
};

/* GWLB_CMD_ENDPOINT_DEL - do */
const struct nla_policy gwlb_endpoint_del_nl_policy[GWLB_A_ENDPOINT_VRF + 1] = {
	[GWLB_A_ENDPOINT_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GWLB_A_ENDPOINT_ID] = { .type = NLA_U64, },
	[GWLB_A_ENDPOINT_GATEWAY] = { .type = NLA_BINARY, },
	[GWLB_A_ENDPOINT_VRF] = { .type = NLA_U32, },
};

/* GWLB_CMD_FLOW_GET - do */
const struct nla_policy gwlb_flow_get_nl_policy[GWLB_A_FLOW_VRF + 1] = {
	[GWLB_A_FLOW_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GWLB_A_FLOW_PROTOCOL] = { .type = NLA_U8, },
	[GWLB_A_FLOW_ENDPOINT] = { .type = NLA_U64, },
	[GWLB_A_FLOW_ADDRESS] = { .type = NLA_BINARY, },
	[GWLB_A_FLOW_PREFIX_LENGTH] = NLA_POLICY_MAX(NLA_U8, 128),
	[GWLB_A_FLOW_PORT] = { .type = NLA_U16, },
	[GWLB_A_FLOW_GATEWAY] = { .type = NLA_BINARY, },
	[GWLB_A_FLOW_VRF] = { .type = NLA_U32, },
};

/* GWLB_CMD_FLOW_FLUSH - do */
const struct nla_policy gwlb_flow_flush_nl_policy[GWLB_A_FLOW_VRF + 1] = {
	[GWLB_A_FLOW_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GWLB_A_FLOW_PROTOCOL] = { .type = NLA_U8, },
	[GWLB_A_FLOW_ENDPOINT] = { .type = NLA_U64, },
	[GWLB_A_FLOW_ADDRESS] = { .type = NLA_BINARY, },
	[GWLB_A_FLOW_PREFIX_LENGTH] = NLA_POLICY_MAX(NLA_U8, 128),
	[GWLB_A_FLOW_PORT] = { .type = NLA_U16, },
	[GWLB_A_FLOW_GATEWAY] = { .type = NLA_BINARY, },
	[GWLB_A_FLOW_VRF] = { .type = NLA_U32, },
};

/* GWLB_CMD_FLOW_UNTRUST - do */
const struct nla_policy gwlb_flow_untrust_nl_policy[GWLB_A_FLOW_VRF + 1] = {
	[GWLB_A_FLOW_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[GWLB_A_FLOW_PROTOCOL] = { .type = NLA_U8, },
	[GWLB_A_FLOW_ENDPOINT] = { .type = NLA_U64, },
	[GWLB_A_FLOW_ADDRESS] = { .type = NLA_BINARY, },
	[GWLB_A_FLOW_PREFIX_LENGTH] = NLA_POLICY_MAX(NLA_U8, 128),
	[GWLB_A_FLOW_PORT] = { .type = NLA_U16, },
	[GWLB_A_FLOW_GATEWAY] = { .type = NLA_BINARY, },
	[GWLB_A_FLOW_VRF] = { .type = NLA_U32, },
};

/* Ops table for gwlb */
const struct genl_ops gwlb_nl_ops[8] = {
	{
		.cmd		= GWLB_CMD_LINK_GET,
		.doit		= gwlb_nl_link_get_doit,
		.dumpit		= gwlb_nl_link_get_dumpit,
		.policy		= gwlb_link_get_nl_policy,
		.maxattr	= GWLB_A_LINK_IFNAME,
	},
	{
		.cmd		= GWLB_CMD_PEER_GET,
		.doit		= gwlb_nl_peer_get_doit,
		.dumpit		= gwlb_nl_peer_get_dumpit,
		.policy		= gwlb_peer_get_nl_policy,
		.maxattr	= GWLB_A_PEER_VRF,
	},
	{
		.cmd		= GWLB_CMD_ENDPOINT_GET,
		.doit		= gwlb_nl_endpoint_get_doit,
		.dumpit		= gwlb_nl_endpoint_get_dumpit,
		.policy		= gwlb_endpoint_get_nl_policy,
		.maxattr	= GWLB_A_ENDPOINT_VRF,
	},
	{
		.cmd		= GWLB_CMD_ENDPOINT_SET,
		.doit		= gwlb_nl_endpoint_set_doit,
		.policy		= gwlb_endpoint_set_nl_policy,
		.maxattr	= GWLB_A_ENDPOINT_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= GWLB_CMD_ENDPOINT_DEL,
		.doit		= gwlb_nl_endpoint_del_doit,
		.policy		= gwlb_endpoint_del_nl_policy,
		.maxattr	= GWLB_A_ENDPOINT_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= GWLB_CMD_FLOW_GET,
		.doit		= gwlb_nl_flow_get_doit,
		.dumpit		= gwlb_nl_flow_get_dumpit,
		.policy		= gwlb_flow_get_nl_policy,
		.maxattr	= GWLB_A_FLOW_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= GWLB_CMD_FLOW_FLUSH,
		.doit		= gwlb_nl_flow_flush_doit,
		.policy		= gwlb_flow_flush_nl_policy,
		.maxattr	= GWLB_A_FLOW_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= GWLB_CMD_FLOW_UNTRUST,
		.doit		= gwlb_nl_flow_untrust_doit,
		.policy		= gwlb_flow_untrust_nl_policy,
		.maxattr	= GWLB_A_FLOW_VRF,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
};
