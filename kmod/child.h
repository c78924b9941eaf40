/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_CHILD_H
#define GWLB_CHILD_H

#include "link.h"

struct net;
struct netlink_ext_ack;
struct nlattr;

int gwlb_child_init(struct gwlb_link *link, struct net *net,
		    struct nlattr *tb[], struct nlattr *data[],
		    struct netlink_ext_ack *extack);
const struct nlattr *gwlb_child_outer(struct nlattr *data[]);
int gwlb_child_check(const struct gwlb_link *child, struct nlattr *data[],
		     const struct gwlb_conf *conf,
		     struct netlink_ext_ack *extack);
int gwlb_child_claim(struct gwlb_link *child, const struct gwlb_conf *old,
		     const struct gwlb_conf *conf,
		     struct netlink_ext_ack *extack);
void gwlb_child_release(struct gwlb_link *child);
struct gwlb_link *gwlb_child_find(struct gwlb_link *link,
				  const struct gwlb_key *key);

/**
 * gwlb_child_of() - the link that a received packet is for
 * @link: that has received it
 * @key: outer header and GENEVE header
 *
 * Return: the link that has taken its endpoint, else @link.
 * Context: RCU.
 */
static inline struct gwlb_link *gwlb_child_of(struct gwlb_link *link,
					      const struct gwlb_key *key)
{
	if (likely(!READ_ONCE(link->endpoints.claims)))
		return link;
	return gwlb_child_find(link, key);
}

#endif /* GWLB_CHILD_H */
