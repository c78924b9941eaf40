// SPDX-License-Identifier: GPL-2.0
/* Flows: choosing them, reading them one by one, changing them. */
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "flow.h"

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "icmp", 1 }, { "tcp", 6 }, { "udp", 17 }, { "dccp", 33 }, { "fragment", 44 },
	{ "gre", 47 }, { "esp", 50 }, { "ah", 51 }, { "icmpv6", 58 }, { "sctp", 132 },
	{ "udplite", 136 },
};

struct flow_text flow_protocol(uint8_t protocol)
{
	struct flow_text text;

	snprintf(text.s, sizeof(text.s), "%u", protocol);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			snprintf(text.s, sizeof(text.s), "%s", protocols[i].name);
	return text;
}

/* As the console of the cloud writes it */
struct flow_text flow_endpoint(uint64_t id)
{
	struct flow_text text;

	snprintf(text.s, sizeof(text.s), "vpce-0%016llx", (unsigned long long)id);
	return text;
}

/* Filters are looked at before the kernel is asked for anything */
static bool only_words;

static void put_link(struct nlmsghdr *nlh, const char *value)
{
	if (only_words)
		return;
	mnl_attr_put_u32(nlh, GWLB_A_FLOW_IFINDEX, state_ifindex("look at flows of", value));
}

static void put_address(struct nlmsghdr *nlh, const char *value)
{
	char *text = strdup(value), *slash;
	struct prefix p;

	if (!text)
		fail("no memory");
	slash = strchr(text, '/');
	if (slash)
		*slash = 0;
	if (!address_scan(&p.address, text))
		usage("address takes an address or a prefix, not '%s'", value);
	mnl_attr_put(nlh, GWLB_A_FLOW_ADDRESS, p.address.len, p.address.bytes);
	if (slash)
		mnl_attr_put_u8(nlh, GWLB_A_FLOW_PREFIX_LENGTH,
				number_scan("the length of a prefix", slash + 1,
					    p.address.len * 8));
	free(text);
}

static void put_port(struct nlmsghdr *nlh, const char *value)
{
	mnl_attr_put_u16(nlh, GWLB_A_FLOW_PORT, number_scan("port", value, UINT16_MAX));
}

static void put_protocol(struct nlmsghdr *nlh, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!strcmp(protocols[i].name, value)) {
			mnl_attr_put_u8(nlh, GWLB_A_FLOW_PROTOCOL, protocols[i].number);
			return;
		}
	if (*value < '0' || *value > '9')
		usage("protocol takes a number or a name such as tcp, udp, icmp, icmpv6; not '%s'",
		      value);
	mnl_attr_put_u8(nlh, GWLB_A_FLOW_PROTOCOL, number_scan("protocol", value, UINT8_MAX));
}

/* An id, or else a name */
static void put_endpoint(struct nlmsghdr *nlh, const char *value)
{
	struct endpoint_id id;
	struct endpoint e;

	if (!endpoint_is_id(&id, value)) {
		if (only_words)
			return;
		endpoint_find(&e, 0, value);
		id = e.id;
	}
	if (id.number)
		mnl_attr_put_u64(nlh, GWLB_A_FLOW_ENDPOINT, id.number);
	else
		mnl_attr_put(nlh, GWLB_A_FLOW_GATEWAY, id.gateway.len, id.gateway.bytes);
	if (id.vrf)
		mnl_attr_put_u32(nlh, GWLB_A_FLOW_VRF, id.vrf);
}

static const struct {
	const char *name;
	void (*put)(struct nlmsghdr *nlh, const char *value);
} filters[] = {
	{ "link",	put_link },
	{ "address",	put_address },
	{ "port",	put_port },
	{ "protocol",	put_protocol },
	{ "endpoint",	put_endpoint },
};

static void put_all(struct nlmsghdr *nlh, char *words[])
{
	bool given[ARRAY_SIZE(filters)] = { false };

	for (; *words; words += 2) {
		size_t i = 0;

		while (i < ARRAY_SIZE(filters) && strcmp(filters[i].name, *words))
			i++;
		if (i == ARRAY_SIZE(filters))
			usage("flows cannot be chosen by '%s'", *words);
		if (given[i])
			usage("%s is given twice", *words);
		if (!words[1])
			usage("%s needs a value", *words);
		given[i] = true;
		filters[i].put(nlh, words[1]);
	}
}

/* A request for flows that fit, or what is wrong with the words */
static struct nlmsghdr *request(struct nl_buf *buf, uint8_t command, uint16_t flags, char *words[])
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf->data);

	only_words = true;
	put_all(nlh, words);
	endpoint_need_vrf();
	only_words = false;
	nlh = nl_gwlb(buf, command, flags);
	put_all(nlh, words);
	return nlh;
}

static void read_end(struct flow_end *end, const struct nlattr *address, const struct nlattr *port)
{
	address_read(&end->address, address);
	end->port = nl_number(port);
}

static void read_counters(struct flow_counters *c, const struct nlattr *tb[])
{
	c->packets[0] = nl_number(tb[GWLB_A_FLOW_PACKETS]);
	c->packets[1] = nl_number(tb[GWLB_A_FLOW_PACKETS_BACK]);
	c->bytes[0] = nl_number(tb[GWLB_A_FLOW_BYTES]);
	c->bytes[1] = nl_number(tb[GWLB_A_FLOW_BYTES_BACK]);
	c->age_ms = nl_number(tb[GWLB_A_FLOW_AGE]);
	c->idle_ms = nl_number(tb[GWLB_A_FLOW_IDLE]);
}

static void read_context(struct flow_context *c, const struct nlattr *tb[])
{
	const struct nlattr *options = tb[GWLB_A_FLOW_OPTIONS];

	memset(c, 0, sizeof(*c));
	read_end(&c->remote, tb[GWLB_A_FLOW_REMOTE], tb[GWLB_A_FLOW_REMOTE_PORT]);
	read_end(&c->local, tb[GWLB_A_FLOW_LOCAL], tb[GWLB_A_FLOW_LOCAL_PORT]);
	read_counters(&c->counters, tb);
	c->attachment = nl_number(tb[GWLB_A_FLOW_ATTACHMENT]);
	c->has_attachment = tb[GWLB_A_FLOW_ATTACHMENT];
	c->cookie = nl_number(tb[GWLB_A_FLOW_COOKIE]);
	c->has_cookie = tb[GWLB_A_FLOW_COOKIE];
	c->checksum = tb[GWLB_A_FLOW_CHECKSUM];
	c->vni = nl_number(tb[GWLB_A_FLOW_VNI]);
	if (options && mnl_attr_get_payload_len(options) <= sizeof(c->options)) {
		c->options_len = mnl_attr_get_payload_len(options);
		memcpy(c->options, mnl_attr_get_payload(options), c->options_len);
	}
}

static bool same_end(const struct flow_end *a, const struct flow_end *b)
{
	return a->port == b->port && a->address.len == b->address.len &&
	       !memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
}

/* The other way round */
static void turn_counters(struct flow_counters *c)
{
	struct flow_counters old = *c;

	for (int i = 0; i < 2; i++) {
		c->packets[i] = old.packets[!i];
		c->bytes[i] = old.bytes[!i];
	}
}

static void turn(struct flow *flow)
{
	struct flow_end source = flow->source;

	flow->source = flow->destination;
	flow->destination = source;
	turn_counters(&flow->counters);
	for (size_t i = 0; i < flow->context_count; i++)
		turn_counters(&flow->contexts[i].counters);
}

static bool same_flow(const struct flow *a, const struct flow *b)
{
	return a->ifindex == b->ifindex && a->protocol == b->protocol &&
	       a->has_endpoint == b->has_endpoint && a->endpoint == b->endpoint &&
	       a->vrf == b->vrf &&
	       ((same_end(&a->source, &b->source) && same_end(&a->destination, &b->destination)) ||
		(same_end(&a->source, &b->destination) && same_end(&a->destination, &b->source))) &&
	       (a->has_endpoint || same_end(&a->contexts[0].remote, &b->contexts[0].remote));
}

/* Which of two contexts saw the first packet: ages are of whole seconds, and
 * of those alike the one whose first packet went to a service
 */
static bool is_first(const struct flow *a, const struct flow *b)
{
	if (a->counters.age_ms / 1000 != b->counters.age_ms / 1000)
		return a->counters.age_ms > b->counters.age_ms;
	return a->destination.port < a->source.port;
}

static void merge(struct flow *flow, struct flow *more)
{
	struct flow_counters *c = &flow->counters;

	if (!same_end(&flow->source, &more->source))
		turn(is_first(more, flow) ? flow : more);
	for (int i = 0; i < 2; i++) {
		c->packets[i] += more->counters.packets[i];
		c->bytes[i] += more->counters.bytes[i];
	}
	flow->trusted |= more->trusted;
	if (c->age_ms < more->counters.age_ms)
		c->age_ms = more->counters.age_ms;
	if (c->idle_ms > more->counters.idle_ms)
		c->idle_ms = more->counters.idle_ms;
	flow->contexts = reallocarray(flow->contexts, flow->context_count + 1,
				      sizeof(*flow->contexts));
	if (!flow->contexts)
		fail("no memory");
	flow->contexts[flow->context_count++] = more->contexts[0];
}

static void done_with(struct flow *flow)
{
	if (flow->context_count)
		flow_show_one(flow);
	free(flow->contexts);
}

/* Contexts of one flow come in a row */
static void read_flow(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[GWLB_A_FLOW_MAX + 1];
	struct flow *current = data, flow = { .context_count = 1 };
	struct flow_context context;

	nl_parse_gwlb(tb, GWLB_A_FLOW_MAX, nlh);
	flow.ifindex = nl_number(tb[GWLB_A_FLOW_IFINDEX]);
	flow.protocol = nl_number(tb[GWLB_A_FLOW_PROTOCOL]);
	read_end(&flow.source, tb[GWLB_A_FLOW_SOURCE], tb[GWLB_A_FLOW_SOURCE_PORT]);
	read_end(&flow.destination, tb[GWLB_A_FLOW_DESTINATION], tb[GWLB_A_FLOW_DESTINATION_PORT]);
	flow.has_endpoint = tb[GWLB_A_FLOW_ENDPOINT];
	flow.endpoint = nl_number(tb[GWLB_A_FLOW_ENDPOINT]);
	flow.vrf = nl_number(tb[GWLB_A_FLOW_VRF]);
	flow.trusted = tb[GWLB_A_FLOW_TRUSTED];
	read_counters(&flow.counters, tb);
	read_context(&context, tb);
	flow.contexts = &context;

	if (current->context_count && same_flow(current, &flow)) {
		merge(current, &flow);
		return;
	}
	done_with(current);
	*current = flow;
	current->contexts = malloc(sizeof(context));
	if (!current->contexts)
		fail("no memory");
	current->contexts[0] = context;
}

static void show_all(char *words[], bool statistics, bool json, bool pretty)
{
	struct flow current = { .context_count = 0 };
	struct nl_buf buf;
	struct nlmsghdr *nlh = request(&buf, GWLB_CMD_FLOW_GET, NLM_F_DUMP, words);
	int err;

	flow_show_begin(statistics, json, pretty);
	err = nl_talk(NETLINK_GENERIC, nlh, read_flow, &current);
	if (err)
		fail("cannot list flows: %s", nl_reason(err));
	done_with(&current);
	flow_show_end();
}

static void change(uint8_t command, const char *verb, char *words[])
{
	struct nl_buf buf;
	struct nlmsghdr *nlh = request(&buf, command, NLM_F_ACK, words);
	int err;

	err = nl_talk(NETLINK_GENERIC, nlh, NULL, NULL);
	if (err)
		fail("cannot %s flows: %s", verb, nl_reason(err));
}

static const struct {
	const char *verb;
	uint8_t command;
} changes[] = {
	{ "flush",	GWLB_CMD_FLOW_FLUSH },
	{ "untrust",	GWLB_CMD_FLOW_UNTRUST },
};

/* [list], flush or untrust, and filters */
void flow_run(char *words[], bool statistics, bool json, bool pretty)
{
	for (size_t i = 0; *words && i < ARRAY_SIZE(changes); i++) {
		if (strcmp(*words, changes[i].verb))
			continue;
		if (statistics || json || pretty)
			usage("flow %s takes none of the flags -s, -j and -p", *words);
		change(changes[i].command, *words, words + 1);
		return;
	}
	if (*words && !strcmp(*words, "list"))
		words++;
	show_all(words, statistics, json, pretty);
}
