// SPDX-License-Identifier: GPL-2.0
/* Flows as text or JSON, each printed as soon as it is read: there may be many. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include "flow.h"

static bool with_statistics, as_json;
static size_t indent;
static size_t count;

static const char *link_name(uint32_t ifindex)
{
	static uint32_t last;
	static char name[IF_NAMESIZE];

	if (ifindex != last && !if_indextoname(ifindex, name))
		snprintf(name, sizeof(name), "?");
	last = ifindex;
	return name;
}

static void print_end(const struct flow_end *end, bool port)
{
	struct address_text text = address_print(&end->address);

	if (!port)
		printf("%s", text.s);
	else if (end->address.len == 4)
		printf("%s:%u", text.s, end->port);
	else
		printf("[%s]:%u", text.s, end->port);
}

static bool is_icmp(const struct flow *flow)
{
	return flow->protocol == 1 || flow->protocol == 58;
}

static void print_counters(const struct flow_counters *c)
{
	printf("%" PRIu64 " packets %" PRIu64 " bytes, back %" PRIu64 " packets %" PRIu64 " bytes\n",
	       c->packets[0], c->bytes[0], c->packets[1], c->bytes[1]);
}

static void print_context(const struct flow_context *c, bool counters)
{
	printf("    ");
	print_end(&c->remote, true);
	printf(" > ");
	print_end(&c->local, true);
	printf(" vni %u%s", c->vni, c->checksum ? "" : " no-checksum");
	if (c->has_attachment)
		printf(" attachment 0x%016" PRIx64, c->attachment);
	if (c->has_cookie)
		printf(" cookie 0x%08x", c->cookie);
	printf(" options ");
	for (size_t i = 0; i < c->options_len; i++)
		printf("%02x", c->options[i]);
	printf(c->options_len ? "\n" : "none\n");
	if (counters) {
		printf("      ");
		print_counters(&c->counters);
	}
}

static void print_text(const struct flow *flow)
{
	bool ports = !is_icmp(flow) && (flow->source.port || flow->destination.port);

	printf("%s %s ", link_name(flow->ifindex), flow_protocol(flow->protocol).s);
	print_end(&flow->source, ports);
	printf(" > ");
	print_end(&flow->destination, ports);
	if (is_icmp(flow) && flow->source.port)
		printf(" id %u", flow->source.port);
	if (flow->has_endpoint)
		printf(" endpoint %s", flow_endpoint(flow->endpoint).s);
	if (flow->vrf)
		printf(" vrf %u", flow->vrf);
	printf(" age %" PRIu64 " s idle %" PRIu64 " s%s\n", flow->counters.age_ms / 1000,
	       flow->counters.idle_ms / 1000, flow->trusted ? " trusted" : "");
	if (!with_statistics)
		return;
	printf("    ");
	print_counters(&flow->counters);
	for (size_t i = 0; i < flow->context_count; i++)
		print_context(&flow->contexts[i], flow->context_count > 1);
}

static json_t *checked(json_t *json)
{
	if (!json)
		fail("no memory");
	return json;
}

static json_t *counters(const struct flow_counters *c)
{
	return checked(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
				 "packets", (json_int_t)c->packets[0],
				 "bytes", (json_int_t)c->bytes[0],
				 "packets_back", (json_int_t)c->packets[1],
				 "bytes_back", (json_int_t)c->bytes[1],
				 "age_ms", (json_int_t)c->age_ms,
				 "idle_ms", (json_int_t)c->idle_ms));
}

static json_t *hex(uint64_t number, int digits, bool there)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%0*" PRIx64, digits, number);
	return there ? checked(json_string(text)) : json_null();
}

static json_t *context(const struct flow_context *c)
{
	char options[2 * sizeof(c->options) + 1] = "";
	json_t *json, *numbers = counters(&c->counters);

	for (size_t i = 0; i < c->options_len; i++)
		sprintf(options + 2 * i, "%02x", c->options[i]);
	json = checked(json_pack("{s:s, s:i, s:s, s:i, s:I, s:b, s:o, s:o, s:s}",
				 "remote", address_print(&c->remote.address).s,
				 "remote_port", c->remote.port,
				 "local", address_print(&c->local.address).s,
				 "local_port", c->local.port,
				 "vni", (json_int_t)c->vni,
				 "checksum", c->checksum,
				 "attachment", hex(c->attachment, 16, c->has_attachment),
				 "cookie", hex(c->cookie, 8, c->has_cookie),
				 "options", options));
	json_object_update(json, numbers);
	json_decref(numbers);
	return json;
}

static void print_json(const struct flow *flow)
{
	json_t *json, *numbers = counters(&flow->counters), *list = checked(json_array());

	for (size_t i = 0; i < flow->context_count; i++)
		json_array_append_new(list, context(&flow->contexts[i]));
	json = checked(json_pack("{s:s, s:I, s:i, s:s, s:i, s:s, s:i, s:o}",
				 "ifname", link_name(flow->ifindex),
				 "ifindex", (json_int_t)flow->ifindex,
				 "protocol", flow->protocol,
				 "source", address_print(&flow->source.address).s,
				 "source_port", flow->source.port,
				 "destination", address_print(&flow->destination.address).s,
				 "destination_port", flow->destination.port,
				 "endpoint", flow->has_endpoint ?
				 checked(json_string(flow_endpoint(flow->endpoint).s)) :
				 json_null()));
	json_object_update(json, numbers);
	json_decref(numbers);
	json_object_set_new(json, "vrf", flow->vrf ? json_integer(flow->vrf) : json_null());
	json_object_set_new(json, "trusted", json_boolean(flow->trusted));
	json_object_set_new(json, "contexts", list);
	if (count)
		fputs(indent ? ",\n" : ",", stdout);
	if (json_dumpf(json, stdout, indent ? indent : JSON_COMPACT))
		fail("cannot write: %s", strerror(errno));
	json_decref(json);
}

void flow_show_begin(bool statistics, bool json, bool pretty)
{
	with_statistics = statistics;
	as_json = json || pretty;
	indent = pretty ? JSON_INDENT(4) : 0;
}

void flow_show_one(const struct flow *flow)
{
	if (!as_json) {
		print_text(flow);
		return;
	}
	if (!count)
		fputs(indent ? "[\n" : "[", stdout);
	print_json(flow);
	count++;
}

void flow_show_end(void)
{
	if (as_json)
		fputs(!count ? "[]\n" : indent ? "\n]\n" : "]\n", stdout);
}
