// SPDX-License-Identifier: GPL-2.0
/* endpoint set and forget */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>
#include "gwlbctl.h"

/* An endpoint of a link */
struct target {
	struct endpoint_id id;
	uint32_t ifindex;
	char link[IFNAMSIZ];
};

/* The link of that name, or of that index, or the only one there is */
static void find_link(struct target *t, const char *name)
{
	const struct link *link = NULL;
	struct state state;

	if (name) {
		t->ifindex = state_ifindex("use", name);
		snprintf(t->link, sizeof(t->link), "%s", name);
		return;
	}
	state_read(&state, NULL);
	if (!state.link_count)
		fail("there is no gwlb link in this network namespace; add one first");
	if (state.link_count > 1 && !t->ifindex)
		fail("there are %zu gwlb links; say which by: link DEV", state.link_count);
	for (size_t i = 0; i < state.link_count; i++)
		if (!t->ifindex || state.links[i].ifindex == t->ifindex)
			link = &state.links[i];
	if (!link)
		fail("the links change too fast; try again");
	t->ifindex = link->ifindex;
	memcpy(t->link, link->name, sizeof(t->link));
}

/* text: an id or a name; link: NULL for the one of that name, or the only one */
static void find(struct target *t, const char *text, const char *link)
{
	struct endpoint e;

	memset(t, 0, sizeof(*t));
	if (link)
		find_link(t, link);
	if (!endpoint_is_id(&t->id, text)) {
		if (endpoint_find(&e, t->ifindex, text) > 1)
			fail("several links have an endpoint %s; say which by: link DEV", text);
		t->id = e.id;
		t->ifindex = e.ifindex;
	}
	if (!link)
		find_link(t, NULL);
}

/* Takes "link DEV" off the front of the words */
static const char *take_link(char ***words)
{
	const char *name;

	if (!**words || strcmp(**words, "link"))
		return NULL;
	name = (*words)[1];
	if (!name)
		usage("link needs the name of a device");
	*words += 2;
	return name;
}

static struct nlmsghdr *request(struct nl_buf *buf, uint8_t command, const struct target *t)
{
	struct nlmsghdr *nlh = nl_gwlb(buf, command, NLM_F_ACK);

	mnl_attr_put_u32(nlh, GWLB_A_ENDPOINT_IFINDEX, t->ifindex);
	endpoint_put(nlh, &t->id);
	return nlh;
}

static void talk(struct nlmsghdr *nlh, const char *verb, const struct target *t)
{
	int err = nl_talk(NETLINK_GENERIC, nlh, NULL, NULL);
	const char *child;
	char why[400];

	if (!err)
		return;
	snprintf(why, sizeof(why), "%s", nl_reason(err));
	child = err == EBUSY ? endpoint_child(t->ifindex, &t->id) : NULL;
	if (child)
		fail("cannot %s endpoint %s of %s: its packets go to %s, and the settings of that count: say link %s, in the network namespace where it is",
		     verb, endpoint_print(&t->id).s, t->link, child, child);
	fail_with(nl_status(err), "cannot %s endpoint %s of %s: %s", verb,
		  endpoint_print(&t->id).s, t->link, why);
}

static void change_one(const char *text, const char *link, char *words[])
{
	struct nl_buf buf;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf.data);
	char **rest = endpoint_put_settings(nlh, words);
	struct target t;

	if (*rest)
		usage("endpoint set takes name, mark and zone, not '%s'", *rest);
	if (rest == words)
		usage("endpoint set %s needs a setting", text);
	find(&t, text, link);
	nlh = request(&buf, GWLB_CMD_ENDPOINT_SET, &t);
	endpoint_put_settings(nlh, words);
	talk(nlh, "change", &t);
}

static void forget_one(const char *text, const char *link, char *words[])
{
	struct nl_buf buf;
	struct target t;

	if (*words)
		usage("endpoint forget takes one endpoint, '%s' is too much", *words);
	find(&t, text, link);
	talk(request(&buf, GWLB_CMD_ENDPOINT_DEL, &t), "forget", &t);
}

/* endpoint set ID|NAME ..., endpoint forget ID|NAME ... */
void endpoint_change(const char *verb, char *words[])
{
	const char *text = *words, *link;
	struct endpoint_id id;

	if (!text)
		usage("endpoint %s needs an endpoint", verb);
	endpoint_is_id(&id, text);
	words++;
	link = take_link(&words);
	if (!strcmp(verb, "set"))
		change_one(text, link, words);
	else
		forget_one(text, link, words);
}
