// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "gwlbctl.h"
#include "json.h"

json_t *json_checked(json_t *json)
{
	if (!json)
		fail("no memory");
	return json;
}

/* null for none */
static json_t *address(const struct address *a)
{
	return a->len ? json_string(address_print(a).s) : json_null();
}

json_t *json_counters(const struct counters *c)
{
	return json_checked(json_pack("{s:I, s:I, s:I, s:I}",
				 "rx_packets", (json_int_t)c->rx_packets,
				 "rx_bytes", (json_int_t)c->rx_bytes,
				 "tx_packets", (json_int_t)c->tx_packets,
				 "tx_bytes", (json_int_t)c->tx_bytes));
}

static json_t *allow(const struct conf *conf)
{
	json_t *list = json_checked(json_array());

	for (size_t i = 0; i < conf->allow_count; i++)
		json_array_append_new(list, json_checked(json_string(prefix_print(&conf->allow[i]).s)));
	return list;
}

static json_t *divert(const struct conf *conf)
{
	if (!conf->divert_mask)
		return json_null();
	return json_checked(json_pack("{s:I, s:I}", "mark", (json_int_t)conf->divert_mark,
				 "mask", (json_int_t)conf->divert_mask));
}

/* null for none */
static json_t *trust(const struct conf *conf)
{
	if (!conf->trust_mask)
		return json_null();
	return json_checked(json_pack("{s:I, s:I, s:I}", "mark", (json_int_t)conf->trust_mark,
				 "mask", (json_int_t)conf->trust_mask,
				 "seconds", (json_int_t)conf->trust_seconds));
}

static json_t *claims(const struct conf *conf)
{
	json_t *list = json_checked(json_array());

	for (size_t i = 0; i < conf->claim_count; i++)
		json_array_append_new(list, json_checked(json_string(endpoint_print(&conf->claims[i]).s)));
	return list;
}

/* What is not its own */
static void remove_outer(json_t *link)
{
	static const char * const names[] = { "port", "local", "allow", "ttl", "tos", "critical",
					      "catch", "max_endpoints" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		json_object_del(link, names[i]);
}

static json_t *peers(const struct link *link)
{
	json_t *list = json_checked(json_array());

	for (size_t i = 0; i < link->peer_count; i++) {
		const struct peer *p = &link->peers[i];
		json_t *peer = json_checked(json_pack("{s:o, s:o}", "address", address(&p->address),
						 "local", address(&p->local)));
		json_t *c = json_counters(&p->counters);

		json_object_update(peer, c);
		json_decref(c);
		json_object_set_new(peer, "idle_ms", json_integer(p->idle_ms));
		json_object_set_new(peer, "vrf", p->vrf ? json_integer(p->vrf) : json_null());
		json_array_append_new(list, peer);
	}
	return list;
}

static json_t *drops(const struct link *link)
{
	json_t *by_cause = json_checked(json_object());

	/* [0] is no cause, but may hold what we do not know */
	for (uint32_t i = !link->drops[0].packets; i < DROP_REASONS; i++)
		json_object_set_new(by_cause, drop_text(i)->name,
				    json_checked(json_pack("{s:I, s:o}", "packets",
						      (json_int_t)link->drops[i].packets,
						      "last_sender",
						      address(&link->drops[i].last_sender))));
	return by_cause;
}

/* A name may hold any bytes, JSON only those of UTF-8 */
json_t *json_name(const char *text)
{
	json_t *string = json_string(text);

	return string ? string : json_string("?");
}

static json_t *one_link(const struct link *link, bool statistics)
{
	const struct conf *conf = &link->conf;
	json_t *json;

	json = json_checked(json_pack("{s:I, s:o, s:b, s:s, s:i, s:o, s:o, s:i, s:i, s:s, s:I, s:s, s:o, s:I, s:I}",
				 "ifindex", (json_int_t)link->ifindex,
				 "ifname", json_name(link->name),
				 "up", link->up,
				 "mode", conf_mode(conf),
				 "port", conf->port,
				 "local", address(&conf->local),
				 "allow", allow(conf),
				 "ttl", conf->ttl,
				 "tos", conf->tos,
				 "critical", conf_critical(conf),
				 "max_flows", (json_int_t)conf->max_flows,
				 "catch", conf_catch(conf),
				 "divert", divert(conf),
				 "flows", (json_int_t)link->flows,
				 "dropped", (json_int_t)link->dropped));
	json_object_set_new(json, "trust", trust(conf));
	json_object_set_new(json, "timeout_tcp", json_integer(conf->timeout_tcp));
	json_object_set_new(json, "timeout_other", json_integer(conf->timeout_other));
	json_object_set_new(json, "max_endpoints", json_integer(conf->max_endpoints));
	json_object_set_new(json, "zones", json_string(conf_zones(conf)));
	json_object_set_new(json, "zone_range", json_checked(json_pack("[i, i]", conf->zone_low,
								  conf->zone_high)));
	if (conf->claim_count) {
		remove_outer(json);
		json_object_set_new(json, "on", json_name(link->parent));
		json_object_set_new(json, "on_ifindex", json_integer(link->parent_ifindex));
		json_object_set_new(json, "on_netnsid", link->parent_elsewhere ?
				    json_integer(link->parent_netnsid) : json_null());
		json_object_set_new(json, "on_up", json_boolean(!link->parent_down));
		json_object_set_new(json, "endpoints", claims(conf));
	}
	if (statistics) {
		json_object_set_new(json, "stats", json_counters(&link->counters));
		json_object_set_new(json, "drops", drops(link));
	}
	json_object_set_new(json, "peers", peers(link));
	return json;
}

void json_write(json_t *json, bool pretty)
{
	if (json_dumpf(json, stdout, pretty ? JSON_INDENT(4) : JSON_COMPACT) ||
	    putchar('\n') == EOF)
		fail("cannot write: %s", strerror(errno));
	json_decref(json);
}

/* An array, also of one link, so that scripts need not tell */
void show_json(const struct state *state, bool statistics, bool pretty)
{
	json_t *list = json_checked(json_array());

	for (size_t i = 0; i < state->link_count; i++)
		json_array_append_new(list, one_link(&state->links[i], statistics));
	json_write(list, pretty);
}
