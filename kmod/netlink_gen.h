/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	kmod/gwlb.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: tools/net/ynl/ynl-regen.sh */

#ifndef _LINUX_GWLB_GEN_H
#define _LINUX_GWLB_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include "uapi/gwlb.h"

extern const struct nla_policy gwlb_link_get_nl_policy[GWLB_A_LINK_IFNAME + 1];

extern const struct nla_policy gwlb_peer_get_nl_policy[GWLB_A_PEER_VRF + 1];

extern const struct nla_policy gwlb_endpoint_get_nl_policy[GWLB_A_ENDPOINT_VRF + 1];

extern const struct nla_policy gwlb_endpoint_set_nl_policy[GWLB_A_ENDPOINT_VRF + 1];

extern const struct nla_policy gwlb_endpoint_del_nl_policy[GWLB_A_ENDPOINT_VRF + 1];

extern const struct nla_policy gwlb_flow_get_nl_policy[GWLB_A_FLOW_VRF + 1];

extern const struct nla_policy gwlb_flow_flush_nl_policy[GWLB_A_FLOW_VRF + 1];

extern const struct nla_policy gwlb_flow_untrust_nl_policy[GWLB_A_FLOW_VRF + 1];

/* Ops table for gwlb */
extern const struct genl_ops gwlb_nl_ops[8];

int gwlb_nl_link_get_doit(struct sk_buff *skb, struct genl_info *info);
int gwlb_nl_link_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int gwlb_nl_peer_get_doit(struct sk_buff *skb, struct genl_info *info);
int gwlb_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int gwlb_nl_endpoint_get_doit(struct sk_buff *skb, struct genl_info *info);
int gwlb_nl_endpoint_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int gwlb_nl_endpoint_set_doit(struct sk_buff *skb, struct genl_info *info);
int gwlb_nl_endpoint_del_doit(struct sk_buff *skb, struct genl_info *info);
int gwlb_nl_flow_get_doit(struct sk_buff *skb, struct genl_info *info);
int gwlb_nl_flow_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int gwlb_nl_flow_flush_doit(struct sk_buff *skb, struct genl_info *info);
int gwlb_nl_flow_untrust_doit(struct sk_buff *skb, struct genl_info *info);

#endif /* _LINUX_GWLB_GEN_H */
