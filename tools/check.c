// SPDX-License-Identifier: GPL-2.0
/* What is wrong with a machine that has links of ours, and what to do. */
#include <errno.h>
#include <jansson.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gwlbctl.h"

/* 8500 bytes inside, 68 around: what a load balancer sends at most */
#define UPLINK_MTU	8568

static json_t *findings;

/* what and remedy are sentences, remedy is what to do; both are freed */
void check_found(const char *link, const char *id, char *what, char *remedy)
{
	json_t *f = json_pack("{s:s, s:s, s:s, s:s}", "ifname", link, "check", id, "problem", what,
			      "remedy", remedy);

	if (!f)
		fail("no memory");
	json_array_append_new(findings, f);
	free(what);
	free(remedy);
}

char *check_text(const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		fail("no memory");
	va_end(ap);
	return text;
}

/* What a command writes as JSON; NULL if it is not installed or fails */
json_t *check_command(const char *command)
{
	json_t *json;
	FILE *f;

	f = popen(command, "r");
	if (!f)
		fail("cannot run %s: %s", command, strerror(errno));
	json = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
	while (fgetc(f) != EOF)
		;
	if (pclose(f) && json) {
		json_decref(json);
		json = NULL;
	}
	return json;
}

static bool read_number(const char *path, long *number)
{
	FILE *f = fopen(path, "r");
	bool good = f && fscanf(f, "%ld", number) == 1;

	if (f)
		fclose(f);
	return good;
}

/* ---- the uplink */

static bool route_device(char name[IFNAMSIZ], const char *command)
{
	json_t *routes = check_command(command), *dev;

	dev = json_object_get(json_array_get(routes, 0), "dev");
	if (dev)
		snprintf(name, IFNAMSIZ, "%s", json_string_value(dev));
	json_decref(routes);
	return dev;
}

/* The device that leads to an address, from ours if that is known */
static bool uplink_to(char name[IFNAMSIZ], const struct address *to, const struct address *from)
{
	char *command;
	bool good;

	command = check_text("ip -j route get %s%s%s 2>/dev/null", address_print(to).s,
			     from && from->len ? " from " : "",
			     from && from->len ? address_print(from).s : "");
	good = route_device(name, command);
	free(command);
	return good;
}

static bool find_uplink(char name[IFNAMSIZ], const struct link *link)
{
	if (link->peer_count && link->peers[0].address.len &&
	    uplink_to(name, &link->peers[0].address, &link->peers[0].local))
		return true;
	if (link->conf.allow_count && uplink_to(name, &link->conf.allow[0].address, NULL))
		return true;
	/* a router's default route may lead to anywhere */
	return strcmp(conf_mode(&link->conf), "route") &&
	       route_device(name, "ip -j route show default 2>/dev/null");
}

static bool ask_device(const char *name, unsigned long request, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	if (fd < 0)
		fail("cannot open a socket: %s", strerror(errno));
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	good = !ioctl(fd, request, ifr);
	close(fd);
	return good;
}

static const struct {
	uint32_t request;
	const char *id, *option, *what;
} offloads[] = {
	{ ETHTOOL_GGRO, "uplink-gro", "gro",
	  "GRO is off, so that each packet goes through the rules alone" },
	{ ETHTOOL_GGSO, "uplink-gso", "gso",
	  "GSO is off, so that aggregates are taken apart early" },
	{ ETHTOOL_GRXCSUM, "uplink-rx", "rx",
	  "it verifies no checksums, so that the CPU reads every byte received" },
	{ ETHTOOL_GTXCSUM, "uplink-tx", "tx",
	  "it makes no checksums, so that the CPU reads every byte sent" },
};

static void check_offloads(const struct link *link, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(offloads); i++) {
		struct ethtool_value value = { .cmd = offloads[i].request };
		struct ifreq ifr = { .ifr_data = (void *)&value };

		if (ask_device(name, SIOCETHTOOL, &ifr) && !value.data)
			check_found(link->name, offloads[i].id, check_text("%s: %s", name, offloads[i].what),
			      check_text("ethtool -K %s %s on", name, offloads[i].option));
	}
}

static void check_uplink(const struct link *link)
{
	struct ifreq ifr = { .ifr_mtu = 0 };
	char name[IFNAMSIZ];

	if (!find_uplink(name, link) || !strcmp(name, link->name))
		return;
	if (ask_device(name, SIOCGIFMTU, &ifr) && ifr.ifr_mtu < UPLINK_MTU)
		check_found(link->name, "uplink-mtu",
		      check_text("the MTU of %s is %d; a load balancer sends up to 8500 bytes, and 68 are around them",
				 name, ifr.ifr_mtu),
		      check_text("ip link set %s mtu 9001, or %d at least", name, UPLINK_MTU));
	check_offloads(link, name);
}

/* ---- the link */

static void check_down(const struct link *link)
{
	if (!link->up)
		check_found(link->name, "link-down",
		      check_text("it is down, and its packets are dropped"),
		      check_text("ip link set %s up", link->name));
	if (!link->parent_down)
		return;
	check_found(link->name, "on-down",
	      check_text("%s, which has the port, is down, and all packets are dropped there",
			 link->parent),
	      check_text("ip link set %s up%s", link->parent, link->parent_elsewhere ?
			 ", in the network namespace where it is" : ""));
}

static void check_allow(const struct link *link)
{
	if (link->conf.allow_count)
		return;
	check_found(link->name, "no-allow-list",
	      check_text("whoever reaches UDP port %u has packets sent to any address", link->conf.port),
	      check_text("gwlbctl set %s allow ADDRESS[,...] with the addresses of the load balancer",
			 link->name));
}

static void check_trust(const struct link *link)
{
	if (link->conf.trust_mask && !conf_early(&link->conf))
		check_found(link->name, "trust-socket",
		      check_text("packets are caught by the socket, where no flow is trusted"),
		      check_text("gwlbctl set %s catch auto allow ADDRESS[,...]", link->name));
}

static void check_rp_filter(const struct link *link)
{
	const char * const names[] = { "all", link->name };
	long value, most = 0;

	/* the bump routes nothing */
	if (strcmp(conf_mode(&link->conf), "route"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *path = check_text("/proc/sys/net/ipv4/conf/%s/rp_filter",
					names[i]);

		if (read_number(path, &value) && value > most)
			most = value;
		free(path);
	}
	if (most == 1)
		check_found(link->name, "rp-filter",
		      check_text("rp_filter is 1: what has no route back by %s is dropped", link->name),
		      check_text("sysctl -w net.ipv4.conf.%s.rp_filter=2", link->name));
}

/* ---- conntrack, if it is in use */

static void check_conntrack(const struct link *link)
{
	long count, max;

	if (!read_number("/proc/sys/net/netfilter/nf_conntrack_max", &max) ||
	    !read_number("/proc/sys/net/netfilter/nf_conntrack_count", &count))
		return;
	if (count > max / 5 * 4)
		check_found(link->name, "conntrack-full",
		      check_text("%ld of %ld conntrack entries are in use; new connections are dropped when they run out",
				 count, max),
		      check_text("sysctl -w net.netfilter.nf_conntrack_max=%ld", 4 * max));
	else if (max < (long)link->conf.max_flows)
		check_found(link->name, "conntrack-small",
		      check_text("conntrack has room for %ld connections, the link for %u flows", max,
				 link->conf.max_flows),
		      check_text("sysctl -w net.netfilter.nf_conntrack_max=%u", link->conf.max_flows));
}

static void print_findings(void)
{
	json_t *f;
	size_t i;

	json_array_foreach(findings, i, f)
		printf("%s%s%s: %s\n    %s\n", json_string_value(json_object_get(f, "ifname")),
		       *json_string_value(json_object_get(f, "ifname")) ? ": " : "",
		       json_string_value(json_object_get(f, "check")),
		       json_string_value(json_object_get(f, "problem")),
		       json_string_value(json_object_get(f, "remedy")));
	if (!i)
		printf("nothing wrong found\n");
}

/* Whether something is wrong */
bool check_machine(const struct state *state, bool json, bool pretty)
{
	struct ruleset *rules;
	bool bad;

	if (geteuid())
		fail("check must see the rules; run it as root");
	findings = json_array();
	if (!findings)
		fail("no memory");
	if (!state->link_count)
		check_found("", "no-link", check_text("there is no link of kind gwlb"),
			    check_text("gwlbctl add gwlb0 allow ADDRESS[,...]; ip link set gwlb0 up"));
	rules = ruleset_read();
	for (size_t i = 0; i < state->link_count; i++) {
		const struct link *link = &state->links[i];

		check_down(link);
		/* of others, that is the business of the link with the port */
		if (!link->conf.claim_count) {
			check_allow(link);
			check_trust(link);
			check_uplink(link);
		}
		check_rp_filter(link);
		check_conntrack(link);
		ruleset_check(rules, link);
		iptables_check(link);
	}
	if (json) {
		json_dumpf(findings, stdout, pretty ? JSON_INDENT(4) : JSON_COMPACT);
		printf("\n");
	} else {
		print_findings();
	}
	bad = json_array_size(findings);
	json_decref(findings);
	ruleset_free(rules);
	return bad;
}
