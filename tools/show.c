// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "gwlbctl.h"

/* What it has from the start is not told without trust */
#define TRUST_SECONDS	1

static void print_trust(const struct conf *conf)
{
	if (!conf->trust_mask && conf->trust_seconds != TRUST_SECONDS)
		printf("    trust none for %u\n", conf->trust_seconds);
	if (conf->trust_mask)
		printf("    trust 0x%x/0x%x for %u\n", conf->trust_mark, conf->trust_mask,
		       conf->trust_seconds);
}

/* What a link that takes endpoints of another has */
static void print_child(const struct conf *conf)
{
	printf("    mode %s", conf_mode(conf));
	if (conf->divert_mask)
		printf(" divert %s", conf_divert(conf).s);
	printf("\n");
	for (size_t i = 0; i < conf->claim_count; i++)
		printf("    endpoint %s\n", endpoint_print(&conf->claims[i]).s);
	printf("    max-flows %u timeout-tcp %u timeout-other %u\n", conf->max_flows,
	       conf->timeout_tcp, conf->timeout_other);
	printf("    zones %s zone-range %u-%u\n", conf_zones(conf), conf->zone_low,
	       conf->zone_high);
	print_trust(conf);
}

static void print_conf(const struct conf *conf)
{
	printf("    mode %s port %u local %s", conf_mode(conf), conf->port,
	       conf->local.len ? address_print(&conf->local).s : "any");
	if (conf->divert_mask)
		printf(" divert %s", conf_divert(conf).s);
	printf("\n");
	printf("    ttl %u tos 0x%02x critical %s max-flows %u\n", conf->ttl, conf->tos,
	       conf_critical(conf), conf->max_flows);
	printf("    timeout-tcp %u timeout-other %u\n", conf->timeout_tcp, conf->timeout_other);
	printf("    catch %s\n", conf_catch(conf));
	printf("    max-endpoints %u zones %s zone-range %u-%u\n", conf->max_endpoints,
	       conf_zones(conf), conf->zone_low, conf->zone_high);
	print_trust(conf);
	printf("    allow %s", conf->allow_count ? "" : "any");
	for (size_t i = 0; i < conf->allow_count; i++)
		printf("%s%s", i ? "," : "", prefix_print(&conf->allow[i]).s);
	printf("\n");
}

/* The two largest units are exact enough */
void print_age(uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 60)
		printf("%" PRIu64 " s ago", s);
	else if (s < 3600)
		printf("%" PRIu64 " min %" PRIu64 " s ago", s / 60, s % 60);
	else if (s < 86400)
		printf("%" PRIu64 " h %" PRIu64 " min ago", s / 3600, s / 60 % 60);
	else
		printf("%" PRIu64 " d %" PRIu64 " h ago", s / 86400, s / 3600 % 24);
}

static void print_peers(const struct link *link)
{
	int width[2] = { sizeof("load balancer") - 1, sizeof("local address") - 1 };

	if (!link->peer_count) {
		printf("    no load balancer seen yet\n");
		return;
	}
	for (size_t i = 0; i < link->peer_count; i++) {
		int len[2] = { strlen(address_print(&link->peers[i].address).s),
			       strlen(address_print(&link->peers[i].local).s) };

		for (int j = 0; j < 2; j++)
			if (width[j] < len[j])
				width[j] = len[j];
	}
	printf("    %-*s  %-*s %12s %14s %12s %14s  last seen\n", width[0], "load balancer",
	       width[1], "local address", "rx packets", "rx bytes", "tx packets", "tx bytes");
	for (size_t i = 0; i < link->peer_count; i++) {
		const struct peer *p = &link->peers[i];

		printf("    %-*s  %-*s %12" PRIu64 " %14" PRIu64 " %12" PRIu64 " %14" PRIu64 "  ",
		       width[0], p->address.len ? address_print(&p->address).s : "others",
		       width[1], address_print(&p->local).s, p->counters.rx_packets,
		       p->counters.rx_bytes, p->counters.tx_packets, p->counters.tx_bytes);
		print_age(p->idle_ms);
		if (p->vrf)
			printf(" vrf %u", p->vrf);
		printf("\n");
	}
}

/* Digits of the largest count, six at least */
static int drop_width(const struct link *link)
{
	int width = 6;

	for (uint32_t i = 0; i < DROP_REASONS; i++) {
		int len = snprintf(NULL, 0, "%" PRIu64, link->drops[i].packets);

		if (width < len)
			width = len;
	}
	return width;
}

static void print_statistics(const struct link *link)
{
	int width = drop_width(link);

	printf("    received %14" PRIu64 " packets %16" PRIu64 " bytes\n",
	       link->counters.rx_packets, link->counters.rx_bytes);
	printf("    sent back %13" PRIu64 " packets %16" PRIu64 " bytes\n",
	       link->counters.tx_packets, link->counters.tx_bytes);
	printf("    dropped %15" PRIu64 " packets\n", link->dropped);
	for (uint32_t i = 0; i < DROP_REASONS; i++) {
		const struct drop *d = &link->drops[i];

		if (!d->packets)
			continue;
		printf("      %-15s %*" PRIu64 "  %s", drop_text(i)->name, width, d->packets,
		       drop_text(i)->meaning);
		if (d->last_sender.len)
			printf(", last from %s", address_print(&d->last_sender).s);
		printf("\n");
	}
}

void show_text(const struct state *state, bool statistics)
{
	for (size_t i = 0; i < state->link_count; i++) {
		const struct link *link = &state->links[i];

		printf("%s: %s%s%s", link->name, link->up ? "up" : "down",
		       *link->parent ? " on " : "", link->parent);
		if (link->parent_elsewhere)
			printf(" link-netnsid %" PRId32, link->parent_netnsid);
		printf("%s\n", link->parent_down ? ", which is down" : "");
		if (link->conf.claim_count)
			print_child(&link->conf);
		else
			print_conf(&link->conf);
		printf("    flows %u\n", link->flows);
		if (statistics)
			print_statistics(link);
		else if (link->dropped)
			printf("    dropped %" PRIu64 " packets, show -s tells why\n",
			       link->dropped);
		print_peers(link);
	}
}
