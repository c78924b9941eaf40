// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gwlbctl.h"

/* An array with room for one more, which is zeroed */
void *array_grow(void *array, size_t count, size_t size)
{
	array = reallocarray(array, count + 1, size);
	if (!array)
		fail("no memory");
	memset((char *)array + count * size, 0, size);
	return array;
}

static void read_drop(struct link *link, const struct nlattr *nest)
{
	const struct nlattr *tb[GWLB_A_DROP_MAX + 1];
	struct drop *drop = link->drops;
	uint64_t reason;

	nl_parse_nested(tb, GWLB_A_DROP_MAX, nest);
	reason = nl_number(tb[GWLB_A_DROP_REASON]);
	if (reason < DROP_REASONS)
		drop += reason;
	drop->packets += nl_number(tb[GWLB_A_DROP_PACKETS]);
	address_read(&drop->last_sender, tb[GWLB_A_DROP_LAST_SENDER]);
	link->dropped += nl_number(tb[GWLB_A_DROP_PACKETS]);
}

static void read_stats(struct counters *c, const struct nlattr *nest)
{
	const struct nlattr *tb[GWLB_A_STATS_MAX + 1];

	nl_parse_nested(tb, GWLB_A_STATS_MAX, nest);
	c->rx_packets = nl_number(tb[GWLB_A_STATS_RX_PACKETS]);
	c->rx_bytes = nl_number(tb[GWLB_A_STATS_RX_BYTES]);
	c->tx_packets = nl_number(tb[GWLB_A_STATS_TX_PACKETS]);
	c->tx_bytes = nl_number(tb[GWLB_A_STATS_TX_BYTES]);
}

static void read_link(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[GWLB_A_LINK_MAX + 1], *attr;
	struct state *state = data;
	struct link *link;

	state->links = array_grow(state->links, state->link_count, sizeof(*link));
	link = &state->links[state->link_count++];
	nl_parse_gwlb(tb, GWLB_A_LINK_MAX, nlh);
	link->ifindex = nl_number(tb[GWLB_A_LINK_IFINDEX]);
	if (tb[GWLB_A_LINK_IFNAME])
		snprintf(link->name, sizeof(link->name), "%s",
			 mnl_attr_get_str(tb[GWLB_A_LINK_IFNAME]));
	if (tb[GWLB_A_LINK_PARENT])
		snprintf(link->parent, sizeof(link->parent), "%s",
			 mnl_attr_get_str(tb[GWLB_A_LINK_PARENT]));
	link->parent_ifindex = nl_number(tb[GWLB_A_LINK_PARENT_IFINDEX]);
	link->parent_elsewhere = tb[GWLB_A_LINK_PARENT_NETNSID];
	link->parent_netnsid = nl_number(tb[GWLB_A_LINK_PARENT_NETNSID]);
	link->parent_down = tb[GWLB_A_LINK_PARENT_DOWN];
	link->up = tb[GWLB_A_LINK_UP];
	link->flows = nl_number(tb[GWLB_A_LINK_FLOWS]);
	conf_read(&link->conf, tb[GWLB_A_LINK_CONF]);
	read_stats(&link->counters, tb[GWLB_A_LINK_STATS]);
	/* there is one for each cause */
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == GWLB_A_LINK_DROP)
			read_drop(link, attr);
}

static void read_peer(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[GWLB_A_PEER_MAX + 1];
	struct state *state = data;
	struct peer *peer;

	nl_parse_gwlb(tb, GWLB_A_PEER_MAX, nlh);
	for (size_t i = 0; i < state->link_count; i++) {
		struct link *link = &state->links[i];

		if (link->ifindex != nl_number(tb[GWLB_A_PEER_IFINDEX]))
			continue;
		link->peers = array_grow(link->peers, link->peer_count, sizeof(*peer));
		peer = &link->peers[link->peer_count++];
		address_read(&peer->address, tb[GWLB_A_PEER_ADDRESS]);
		address_read(&peer->local, tb[GWLB_A_PEER_LOCAL]);
		peer->counters.rx_packets = nl_number(tb[GWLB_A_PEER_RX_PACKETS]);
		peer->counters.rx_bytes = nl_number(tb[GWLB_A_PEER_RX_BYTES]);
		peer->counters.tx_packets = nl_number(tb[GWLB_A_PEER_TX_PACKETS]);
		peer->counters.tx_bytes = nl_number(tb[GWLB_A_PEER_TX_BYTES]);
		peer->idle_ms = nl_number(tb[GWLB_A_PEER_IDLE]);
		peer->vrf = nl_number(tb[GWLB_A_PEER_VRF]);
	}
}

static int compare_peers(const void *a, const void *b)
{
	const struct peer *p = a, *q = b;
	int order = p->address.len - q->address.len;

	if (!order)
		order = memcmp(p->address.bytes, q->address.bytes, sizeof(p->address.bytes));
	if (!order)
		order = memcmp(p->local.bytes, q->local.bytes, sizeof(p->local.bytes));
	return order ? order : (p->vrf > q->vrf) - (p->vrf < q->vrf);
}

static void get_link(struct state *state, const char *verb, const char *name)
{
	struct nl_buf buf;
	struct nlmsghdr *nlh = nl_gwlb(&buf, GWLB_CMD_LINK_GET, NLM_F_ACK);
	int err;

	mnl_attr_put_strz(nlh, GWLB_A_LINK_IFNAME, name);
	err = nl_talk(NETLINK_GENERIC, nlh, read_link, state);
	if (err)
		fail("cannot %s %s: %s", verb, name, nl_reason(err));
}

/* Links or peers that come and go in between make a new attempt necessary */
static bool dump(struct state *state, uint8_t command, nl_cb *cb)
{
	struct nl_buf buf;
	int err;

	err = nl_talk(NETLINK_GENERIC, nl_gwlb(&buf, command, NLM_F_DUMP), cb, state);
	if (err && err != EINTR)
		fail("cannot list the links: %s", nl_reason(err));
	return !err;
}

static void forget(struct state *state)
{
	for (size_t i = 0; i < state->link_count; i++) {
		conf_free(&state->links[i].conf);
		free(state->links[i].peers);
	}
	free(state->links);
	memset(state, 0, sizeof(*state));
}

/* The link of that name, or all */
void state_read(struct state *state, const char *name)
{
	int tries = 0;

	memset(state, 0, sizeof(*state));
	for (;;) {
		if (name)
			get_link(state, "show", name);
		if ((name || dump(state, GWLB_CMD_LINK_GET, read_link)) &&
		    dump(state, GWLB_CMD_PEER_GET, read_peer))
			break;
		if (++tries == 20)
			fail("the links change too fast to be listed; try again");
		forget(state);
	}
	for (size_t i = 0; i < state->link_count; i++)
		if (state->links[i].peer_count)
			qsort(state->links[i].peers, state->links[i].peer_count,
			      sizeof(struct peer), compare_peers);
}

/* Of a link that is there and is of our kind */
uint32_t state_ifindex(const char *verb, const char *name)
{
	struct state state = { .link_count = 0 };
	uint32_t ifindex;

	get_link(&state, verb, name);
	ifindex = state.links[0].ifindex;
	forget(&state);
	return ifindex;
}
