// SPDX-License-Identifier: GPL-2.0
/* Each verb is one message: it is done whole or not at all. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <unistd.h>
#include "gwlbctl.h"

static void put_info(struct nlmsghdr *nlh, char *words[])
{
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_LINKINFO), *data;

	mnl_attr_put_str(nlh, IFLA_INFO_KIND, "gwlb");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	conf_write(nlh, words);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
}

void link_add(const char *name, char *words[])
{
	struct nl_buf buf;
	struct nlmsghdr *nlh = nl_link(&buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	int err;

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	put_info(nlh, words);
	err = nl_talk(NETLINK_ROUTE, nlh, NULL, NULL);
	if (err == EOPNOTSUPP && access("/sys/module/gwlb", F_OK))
		fail("cannot add %s: the gwlb module is not loaded; load it with: modprobe gwlb",
		     name);
	if (err == EEXIST)
		fail("cannot add %s: there is a device of that name already", name);
	if (err)
		fail("cannot add %s: %s", name, nl_reason(err));
}

void link_set(const char *name, char *words[])
{
	struct nlmsghdr *nlh;
	struct nl_buf buf;
	int err;

	if (!*words)
		usage("set %s needs an option", name);
	/* wrong words come before links that are not there */
	put_info(nl_link(&buf, RTM_NEWLINK, 0, 0), words);
	nlh = nl_link(&buf, RTM_NEWLINK, 0, state_ifindex("change", name));
	put_info(nlh, words);
	err = nl_talk(NETLINK_ROUTE, nlh, NULL, NULL);
	if (err)
		fail("cannot change %s: %s", name, nl_reason(err));
}

/* By index, as rtnetlink would delete a link of that name of any kind */
void link_del(const char *name)
{
	uint32_t ifindex = state_ifindex("delete", name);
	struct nl_buf buf;
	int err;

	err = nl_talk(NETLINK_ROUTE, nl_link(&buf, RTM_DELLINK, 0, ifindex), NULL, NULL);
	if (err)
		fail("cannot delete %s: %s", name, nl_reason(err));
}
