// SPDX-License-Identifier: GPL-2.0
/* The routes of last resort. The kernel looks for a route before it makes an
 * answer (reject, ICMP errors); where there is none, these let it go on. They
 * come after every other route.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include "gwlbctl.h"

#define LAST	UINT32_MAX

static int add(uint32_t ifindex, uint8_t family)
{
	struct nl_buf buf;
	/* APPEND: other links may have theirs */
	struct nlmsghdr *nlh = nl_route(&buf, RTM_NEWROUTE,
					NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND, family);
	struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	mnl_attr_put_u32(nlh, RTA_PRIORITY, LAST);
	return nl_talk(NETLINK_ROUTE, nlh, NULL, NULL);
}

/* Returns 0 or an errno for nl_reason() */
int route_add(uint32_t ifindex)
{
	int err = add(ifindex, AF_INET);

	if (err)
		return err;
	err = add(ifindex, AF_INET6);
	/* a kernel without IPv6, ipv6.disable=1, the sysctl disable_ipv6 */
	if (err == EOPNOTSUPP || err == EAFNOSUPPORT || err == EACCES)
		return 0;
	return err;
}

struct search {
	uint32_t ifindex;
	bool found;
};

static void look(const struct nlmsghdr *nlh, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[RTA_MAX + 1];
	struct search *search = data;

	nl_parse(tb, RTA_MAX, mnl_nlmsg_get_payload_offset(nlh, sizeof(*rtm)),
		 mnl_nlmsg_get_payload_len(nlh) - sizeof(*rtm));
	if (!rtm->rtm_dst_len && nl_number(tb[RTA_OIF]) == search->ifindex &&
	    nl_number(tb[RTA_PRIORITY]) == LAST)
		search->found = true;
}

bool route_is_there(uint32_t ifindex)
{
	struct search search = { .ifindex = ifindex };
	struct nl_buf buf;
	int err;

	/* what changes meanwhile (EINTR) may well be one of the others */
	err = nl_talk(NETLINK_ROUTE, nl_route(&buf, RTM_GETROUTE, NLM_F_DUMP, AF_UNSPEC),
		      look, &search);
	if (err && err != EINTR)
		fail("cannot list the routes: %s", nl_reason(err));
	return search.found;
}
