// SPDX-License-Identifier: GPL-2.0
/*
 * The firewall as nft tells of it, that of iptables-nft included. Whether a
 * rule lets a packet through depends on the packet; what can be said is that a
 * chain drops whatever no rule accepts, and that no rule is about us.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "gwlbctl.h"

struct ruleset {
	json_t *json;		/* NULL if there is nothing to be read */
	json_t *items;
};

/* What nft lists is an array of objects of one member each */
static json_t *item(const struct ruleset *rules, size_t i, const char *kind)
{
	return json_object_get(json_array_get(rules->items, i), kind);
}

static const char *member(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

static bool same(const json_t *a, const json_t *b, const char *name)
{
	return !strcmp(member(a, name), member(b, name));
}

static bool same_table(const json_t *a, const json_t *b)
{
	return same(a, b, "family") && !strcmp(member(a, "table"), member(b, "table"));
}

/* Does anything below say this, as a whole string */
static bool says(const json_t *json, const char *text)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(json))
		return !strcmp(json_string_value(json), text);
	json_array_foreach(json, i, value)
		if (says(value, text))
			return true;
	json_object_foreach((json_t *)json, key, value)
		if (says(value, text))
			return true;
	return false;
}

/* A number, or a range or set with it in it */
static bool has_number(const json_t *json, json_int_t n)
{
	const json_t *range = json_object_get(json, "range");
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_integer(json))
		return json_integer_value(json) == n;
	if (range)
		return json_integer_value(json_array_get(range, 0)) <= n &&
		       json_integer_value(json_array_get(range, 1)) >= n;
	json_array_foreach(json, i, value)
		if (has_number(value, n))
			return true;
	json_object_foreach((json_t *)json, key, value)
		if (has_number(value, n))
			return true;
	return false;
}

static json_t *find_statement(const json_t *rule, const char *name)
{
	json_t *statement, *list = json_object_get(rule, "expr");
	size_t i;

	json_array_foreach(list, i, statement)
		if (json_object_get(statement, name))
			return json_object_get(statement, name);
	return NULL;
}

static bool has_verdict(const json_t *rule, const char *verdict)
{
	json_t *statement, *list = json_object_get(rule, "expr");
	size_t i;

	/* accept and drop are {"drop": null} */
	json_array_foreach(list, i, statement)
		if (json_object_iter_at(statement, verdict))
			return true;
	return false;
}

static bool refuses(const json_t *rule)
{
	return has_verdict(rule, "drop") || has_verdict(rule, "reject");
}

/* Of a rule that refuses all that reaches it: nothing but counters and logs
 * before the verdict
 */
static bool refuses_all(const json_t *rule)
{
	return refuses(rule) && !find_statement(rule, "match") && !has_verdict(rule, "xt");
}

static bool is_port(const json_t *rule, json_int_t port)
{
	json_t *statement, *list = json_object_get(rule, "expr");
	size_t i;

	json_array_foreach(list, i, statement) {
		const json_t *match = json_object_get(statement, "match");
		const json_t *left = json_object_get(json_object_get(match, "left"), "payload");

		if (!strcmp(member(left, "field"), "dport") &&
		    has_number(json_object_get(match, "right"), port))
			return strcmp(member(match, "op"), "!=");
	}
	return false;
}

/* Policy, or last rule */
static bool refuses_rest(const struct ruleset *rules, const json_t *chain)
{
	bool all = false;

	if (!strcmp(member(chain, "policy"), "drop"))
		return true;
	for (size_t i = 0; i < json_array_size(rules->items); i++) {
		json_t *rule = item(rules, i, "rule");

		if (rule && same_table(rule, chain) &&
		    !strcmp(member(rule, "chain"), member(chain, "name")))
			all = refuses_all(rule);
	}
	return all;
}

/* Chains that sort packets by device, as firewalld's, name it in a map */
static bool names_device(const struct ruleset *rules, const json_t *chain, const char *device)
{
	for (size_t i = 0; i < json_array_size(rules->items); i++) {
		json_t *rule = item(rules, i, "rule");

		if (rule && same_table(rule, chain) && says(rule, device))
			return true;
	}
	return false;
}

static bool has_chain(const struct ruleset *rules, const json_t *table, const char *name)
{
	for (size_t i = 0; i < json_array_size(rules->items); i++) {
		json_t *chain = item(rules, i, "chain");

		if (chain && same_table(chain, table) && !strcmp(member(chain, "name"), name))
			return true;
	}
	return false;
}

/* How people put rules into a table that something else wrote */
static char *forward_remedy(const struct ruleset *rules, const json_t *chain, const char *dev)
{
	const char *family = member(chain, "family"), *table = member(chain, "table");

	if (has_chain(rules, chain, "DOCKER-USER"))
		return check_text("%s -I DOCKER-USER -i %s -o %s -j ACCEPT",
				  strcmp(family, "ip6") ? "iptables" : "ip6tables", dev, dev);
	if (!strcmp(table, "firewalld"))
		return check_text("firewall-cmd --permanent --zone=trusted --add-interface=%s; firewall-cmd --reload",
				  dev);
	if (!strcmp(table, "filter") && !strncmp(family, "ip", 2))
		return check_text("%s -I FORWARD -i %s -o %s -j ACCEPT, or rules that inspect",
				  strcmp(family, "ip6") ? "iptables" : "ip6tables", dev, dev);
	return check_text("nft insert rule %s %s %s iifname %s oifname %s accept, or rules that inspect",
			  family, table, member(chain, "name"), dev, dev);
}

static void check_forward(const struct ruleset *rules, const json_t *chain,
			  const struct link *link)
{
	if (strcmp(member(chain, "hook"), "forward") || !refuses_rest(rules, chain) ||
	    names_device(rules, chain, link->name))
		return;
	check_found(link->name, "forward-drop",
	       check_text("chain %s of table %s %s refuses what no rule accepts, and no rule there names %s",
			  member(chain, "name"), member(chain, "family"), member(chain, "table"),
			  link->name),
	       forward_remedy(rules, chain, link->name));
}

/* The early catch goes around it. Rules that nft cannot show, as some of
 * iptables, may be about anything: of those nothing is said.
 */
static void check_input(const struct ruleset *rules, const json_t *chain,
			const struct link *link)
{
	bool accepted = !refuses_rest(rules, chain), dropped = false;

	if (strcmp(member(chain, "hook"), "input") || conf_early(&link->conf))
		return;
	for (size_t i = 0; i < json_array_size(rules->items); i++) {
		json_t *rule = item(rules, i, "rule");

		if (!rule || !same_table(rule, chain))
			continue;
		if (has_verdict(rule, "xt"))
			accepted = true;
		if (is_port(rule, link->conf.port)) {
			dropped |= refuses(rule);
			accepted |= has_verdict(rule, "accept");
		}
	}
	if (accepted && !dropped)
		return;
	check_found(link->name, "input-drop",
	       check_text("chain %s of table %s %s drops UDP port %u; what comes there has no connection state",
			  member(chain, "name"), member(chain, "family"), member(chain, "table"),
			  link->conf.port),
	       check_text("nft insert rule %s %s %s udp dport %u accept", member(chain, "family"),
			  member(chain, "table"), member(chain, "name"), link->conf.port));
}

/* "fib saddr . iif oif missing drop" */
static bool is_rpfilter(const json_t *rule)
{
	json_t *statement, *list = json_object_get(rule, "expr");
	size_t i;

	json_array_foreach(list, i, statement) {
		const json_t *match = json_object_get(statement, "match");
		const json_t *fib = json_object_get(json_object_get(match, "left"), "fib");

		if (!strcmp(member(fib, "result"), "oif") && says(json_object_get(fib, "flags"), "saddr") &&
		    says(json_object_get(fib, "flags"), "iif") &&
		    json_is_false(json_object_get(match, "right")))
			return refuses(rule) && strcmp(member(match, "op"), "!=");
	}
	return false;
}

static void check_rpfilter(const json_t *rule, const struct link *link)
{
	bool firewalld = !strcmp(member(rule, "table"), "firewalld");

	if (!is_rpfilter(rule) || says(rule, link->name))
		return;
	check_found(link->name, "rpfilter-rule",
	       check_text("chain %s of table %s %s drops what has no route back by %s",
			  member(rule, "chain"), member(rule, "family"), member(rule, "table"),
			  link->name),
	       firewalld ? check_text("IPv6_rpfilter=no in /etc/firewalld/firewalld.conf; firewall-cmd --reload") :
	       check_text("let the rule begin with iifname != %s", link->name));
}

/* The firewall of this network namespace */
struct ruleset *ruleset_read(void)
{
	struct ruleset *rules = calloc(1, sizeof(*rules));

	if (!rules)
		fail("no memory");
	rules->json = check_command("nft -j list ruleset 2>/dev/null");
	rules->items = json_object_get(rules->json, "nftables");
	if (!rules->json && !access("/sys/module/nf_tables", F_OK))
		check_found("", "no-nft",
			    check_text("the kernel may have rules of nf_tables, and nft -j cannot be asked for them"),
			    check_text("install nft 0.9.1 or later"));
	return rules;
}

void ruleset_free(struct ruleset *rules)
{
	json_decref(rules->json);
	free(rules);
}

/* What it does to a link */
void ruleset_check(const struct ruleset *rules, const struct link *link)
{
	for (size_t i = 0; i < json_array_size(rules->items); i++) {
		json_t *chain = item(rules, i, "chain"), *rule = item(rules, i, "rule");

		if (chain) {
			check_forward(rules, chain, link);
			check_input(rules, chain, link);
		}
		if (rule)
			check_rpfilter(rule, link);
	}
}
