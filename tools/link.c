// SPDX-License-Identifier: GPL-2.0
/* Each verb is one message: it is done whole or not at all. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
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

/* The option for which the kernel refused the link */
static const char *culprit(char *words[], int err)
{
	const char *name = err == EADDRINUSE ? "port" : err == EADDRNOTAVAIL ? "local" : "";
	const char *word = conf_at(words, nl_bad_offset());

	/* errors of the socket come without an offset */
	while (!word && *words) {
		if (!strcmp(*words, name))
			word = *words;
		words += 2;
	}
	return word;
}

/* Takes "on" and its value out of the words of options; the value or NULL */
static const char *take_on(char *words[])
{
	const char *on = NULL;
	char **to = words;

	for (; words[0]; words += 2) {
		if (strcmp(words[0], "on")) {
			*to++ = words[0];
			if (!words[1])
				break;
			*to++ = words[1];
			continue;
		}
		file_at(words[0]);
		if (on)
			usage("on is given twice");
		if (!words[1])
			usage("on needs the name of a link");
		on = words[1];
		file_at(NULL);
	}
	*to = NULL;
	return on;
}

static bool has_claims(char *words[])
{
	for (; words[0] && words[1]; words += 2)
		if (!strcmp(words[0], "endpoint"))
			return true;
	return false;
}

/* What is wrong whatever links there are */
static void check_child(const char *on, char *words[])
{
	const char *outer = conf_outer(words);

	if (outer) {
		file_at(outer);
		usage("%s cannot be given: a link that takes endpoints of another has no port; port, local, allow, ttl, tos, critical, catch and max-endpoints are set there",
		      outer);
	}
	if (on && !has_claims(words)) {
		file_at(on);
		usage("a link on another takes some of its endpoints; name them: endpoint ID");
	}
}

/* The link on which one is made that takes endpoints, 0 if it takes none. It may
 * come later, at boot for one.
 */
static uint32_t find_parent(const char *name, const char *on, char *words[])
{
	uint32_t ifindex = 0;
	struct state state;
	size_t count = 0;

	if (!on && !has_claims(words))
		return 0;
	check_child(on, words);
	state_read(&state, NULL);
	for (size_t i = 0; i < state.link_count; i++) {
		const struct link *link = &state.links[i];

		if (on ? strcmp(link->name, on) : !!link->conf.claim_count)
			continue;
		ifindex = link->ifindex;
		count++;
	}
	if (count > 1)
		fail("cannot add %s: there are %zu gwlb links to take endpoints of; say which: on DEV",
		     name, count);
	if (count)
		return ifindex;
	if (!on)
		fail_with(3, "cannot add %s: there is no gwlb link in this network namespace to take endpoints of; add one first",
			  name);
	file_at(on);
	if (if_nametoindex(on))
		fail("cannot add %s: %s is not of kind gwlb, and so has no endpoints", name, on);
	fail_with(3, "cannot add %s: there is no gwlb link %s in this network namespace to take endpoints of; add that first",
		  name, on);
}

/* Says which endpoint it is that another link has */
static void __attribute__((noreturn))
refused(const char *verb, const char *name, uint32_t parent, char *words[], int err)
{
	const char *at = culprit(words, err), *child;
	struct endpoint_id id;
	char why[400];

	snprintf(why, sizeof(why), "%s", nl_reason(err));
	for (; err == EBUSY && words[0]; words += 2) {
		if (strcmp(words[0], "endpoint"))
			continue;
		endpoint_scan(&id, words[1]);
		child = endpoint_child(parent, &id);
		if (!child || !strcmp(child, name))
			continue;
		file_at(words[0]);
		fail("cannot %s %s: endpoint %s has another link already, %s; delete that first, or give it other endpoints",
		     verb, name, words[1], child);
	}
	file_at(at);
	fail_with(nl_status(err), "cannot %s %s: %s", verb, name, why);
}

void link_add(const char *name, char *words[])
{
	const char *on = take_on(words);
	struct nlmsghdr *nlh;
	struct nl_buf buf;
	uint32_t parent;
	int err;

	/* wrong words come before links that are not there */
	put_info(nl_link(&buf, RTM_NEWLINK, 0, 0), words);
	endpoint_need_vrf();
	parent = find_parent(name, on, words);
	nlh = nl_link(&buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (parent)
		mnl_attr_put_u32(nlh, IFLA_LINK, parent);
	put_info(nlh, words);
	err = nl_talk(NETLINK_ROUTE, nlh, NULL, NULL);
	if (err == EOPNOTSUPP && access("/sys/module/gwlb", F_OK))
		fail("cannot add %s: %s", name, nl_no_module());
	if (err == EEXIST)
		fail("cannot add %s: there is a device of that name already", name);
	if (err)
		refused("add", name, parent, words, err);
}

/* The link that a link is on, 0 for none that is here */
static uint32_t parent_of(const char *name)
{
	struct state state;

	state_read(&state, name);
	return state.links[0].parent_elsewhere ? 0 : state.links[0].parent_ifindex;
}

void link_set(const char *name, char *words[])
{
	uint32_t ifindex, parent;
	struct nlmsghdr *nlh;
	struct nl_buf buf;
	int err;

	if (!*words)
		usage("set %s needs an option", name);
	if (take_on(words))
		usage("on cannot be changed; delete %s and add it again", name);
	/* wrong words come before links that are not there */
	put_info(nl_link(&buf, RTM_NEWLINK, 0, 0), words);
	endpoint_need_vrf();
	ifindex = state_ifindex("change", name);
	parent = has_claims(words) ? parent_of(name) : 0;
	nlh = nl_link(&buf, RTM_NEWLINK, 0, ifindex);
	put_info(nlh, words);
	err = nl_talk(NETLINK_ROUTE, nlh, NULL, NULL);
	if (err)
		refused("change", name, parent, words, err);
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

/* Takes last-resort and its value out of the words */
static bool last_resort(char *words[])
{
	bool given = false, wanted = true;
	char **to = words;

	for (; words[0] && words[1]; words += 2) {
		if (strcmp(words[0], "last-resort")) {
			*to++ = words[0];
			*to++ = words[1];
			continue;
		}
		file_at(words[0]);
		if (given)
			usage("last-resort is given twice");
		if (strcmp(words[1], "yes") && strcmp(words[1], "no"))
			usage("last-resort can be yes or no, not '%s'", words[1]);
		given = true;
		wanted = !strcmp(words[1], "yes");
	}
	if (words[0] && !strcmp(words[0], "last-resort")) {
		file_at(words[0]);
		usage("last-resort needs a value");
	}
	/* one without a value is for those who know the options to complain of */
	*to = words[0];
	if (words[0])
		to[1] = NULL;
	file_at(NULL);
	return wanted;
}

static int set_up(uint32_t ifindex)
{
	struct nl_buf buf;
	struct nlmsghdr *nlh = nl_link(&buf, RTM_NEWLINK, 0, ifindex);
	struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);

	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	return nl_talk(NETLINK_ROUTE, nlh, NULL, NULL);
}

/* From nothing to a link that works, or back to nothing */
void link_up(const char *name, char *words[])
{
	char **endpoints = endpoint_words(words);
	bool routes = last_resort(words);
	uint32_t ifindex;
	char **bad = NULL;
	char why[400];
	int err;

	link_add(name, words);
	ifindex = state_ifindex("bring up", name);
	err = endpoint_apply(ifindex, endpoints, &bad);
	if (!err)
		err = set_up(ifindex);
	if (!err && routes)
		err = route_add(ifindex);
	if (!err)
		return;
	snprintf(why, sizeof(why), "%s", nl_reason(err));
	link_del(name);
	file_at(bad ? bad[0] : NULL);
	fail_with(bad ? nl_status(err) : 1, "cannot bring up %s: %s%s%s%s", name,
		  bad ? "endpoint " : "", bad ? bad[1] : "", bad ? ": " : "", why);
}
