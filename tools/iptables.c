// SPDX-License-Identifier: GPL-2.0
/*
 * What the old tables of iptables do to a link; those that iptables makes by
 * nf_tables are in nft's listing. See ruleset.c
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gwlbctl.h"

/* What a table says, as far as it matters here */
struct chains {
	bool forward_drops;	/* what no rule accepts */
	bool input_drops;
	bool names_link;
	bool port_accepted;
	bool port_dropped;
};

/* A rule without any match; the policy is "-P CHAIN TARGET" */
static bool refuses_all(const char *rule, const char *chain)
{
	char name[16], target[16];

	return (sscanf(rule, "-A %15s -j %15s", name, target) == 2 ||
		sscanf(rule, "-P %15s %15s", name, target) == 2) &&
	       !strcmp(name, chain) && (!strcmp(target, "DROP") || !strcmp(target, "REJECT"));
}

/* --dport 53, --dport 6000:7000, --dports 53,6000:7000 */
static bool has_port(const char *rule, unsigned int port)
{
	const char *at = strstr(rule, " --dport");
	unsigned int low, high;
	int n;

	if (!at || strstr(rule, "! --dport"))
		return false;
	at = strchr(at + 1, ' ');
	while (at && sscanf(at + 1, "%u%n", &low, &n) == 1) {
		at += 1 + n;
		high = low;
		if (*at == ':' && sscanf(at + 1, "%u%n", &high, &n) == 1)
			at += 1 + n;
		if (low <= port && port <= high)
			return true;
		if (*at != ',')
			break;
	}
	return false;
}

static bool has_word(const char *rule, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(rule, word); at; at = strstr(at + 1, word))
		if (at > rule && at[-1] == ' ' && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

static void read_rule(struct chains *c, const char *rule, const struct link *link)
{
	c->forward_drops |= refuses_all(rule, "FORWARD");
	c->input_drops |= refuses_all(rule, "INPUT");
	c->names_link |= has_word(rule, link->name);
	if (!strncmp(rule, "-A INPUT ", 9) && has_port(rule, link->conf.port)) {
		c->port_accepted |= has_word(rule, "ACCEPT");
		c->port_dropped |= has_word(rule, "DROP") || has_word(rule, "REJECT");
	}
}

/* Asking for a table makes it, which is not for us to do */
static bool has_table(const char *list)
{
	char name[32];
	bool has = false;
	FILE *f = fopen(list, "r");

	while (f && !has && fscanf(f, "%31s", name) == 1)
		has = !strcmp(name, "filter");
	if (f)
		fclose(f);
	return has;
}

/* False if the command is not there */
static bool read_table(struct chains *c, const char *command, const struct link *link)
{
	char *line = check_text("%s -S 2>/dev/null", command), rule[1024];
	bool any = false;
	FILE *f = popen(line, "r");

	free(line);
	if (!f)
		fail("cannot run %s: %s", command, strerror(errno));
	while (fgets(rule, sizeof(rule), f)) {
		rule[strcspn(rule, "\n")] = 0;
		read_rule(c, rule, link);
		any = true;
	}
	pclose(f);
	return any;
}

static void check_table(const struct link *link, const char *legacy, const char *command)
{
	struct chains c = { .names_link = false };

	/* where there is but one, it is the old one */
	if (read_table(&c, legacy, link))
		command = legacy;
	else
		read_table(&c, command, link);
	if (c.forward_drops && !c.names_link)
		check_found(link->name, "forward-drop",
			    check_text("chain FORWARD of %s refuses what no rule accepts, and no rule there names %s",
				       command, link->name),
			    check_text("%s -I FORWARD -i %s -o %s -j ACCEPT, or rules that inspect",
				       command, link->name, link->name));
	if (!conf_early(&link->conf) && (c.port_dropped || (c.input_drops && !c.port_accepted)))
		check_found(link->name, "input-drop",
			    check_text("chain INPUT of %s drops UDP port %u; what comes there has no connection state",
				       command, link->conf.port),
			    check_text("%s -I INPUT -p udp --dport %u -j ACCEPT", command,
				       link->conf.port));
}

void iptables_check(const struct link *link)
{
	if (has_table("/proc/net/ip_tables_names"))
		check_table(link, "iptables-legacy", "iptables");
	if (has_table("/proc/net/ip6_tables_names"))
		check_table(link, "ip6tables-legacy", "ip6tables");
}
