/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLBCTL_H
#define GWLBCTL_H

#include <linux/if.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "gwlb.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* main.c: one line on stderr, then exit status 1; 3 if it may be just too
 * early; 2 for wrong usage
 */
#define fail(...)	fail_with(1, __VA_ARGS__)
void __attribute__((noreturn, format(printf, 2, 3))) fail_with(int status, const char *format, ...);
void __attribute__((noreturn, format(printf, 1, 2))) usage(const char *format, ...);

/* nl.c */
#define NL_SIZE		32768

struct nl_buf {
	_Alignas(struct nlmsghdr) char data[NL_SIZE];
};

typedef void nl_cb(const struct nlmsghdr *nlh, void *data);

struct nlmsghdr *nl_link(struct nl_buf *buf, uint16_t type, uint16_t flags, int ifindex);
struct nlmsghdr *nl_gwlb(struct nl_buf *buf, uint8_t command, uint16_t flags);
struct nlmsghdr *nl_route(struct nl_buf *buf, uint16_t type, uint16_t flags, uint8_t family);
uint32_t nl_gwlb_group(const char *name);
int nl_talk(int protocol, struct nlmsghdr *nlh, nl_cb *cb, void *data);
const char *nl_reason(int err);
const char *nl_no_module(void);
int nl_status(int err);
uint32_t nl_bad_offset(void);
void nl_parse(const struct nlattr *tb[], int max, const void *first, size_t len);
void nl_parse_nested(const struct nlattr *tb[], int max, const struct nlattr *nest);
void nl_parse_gwlb(const struct nlattr *tb[], int max, const struct nlmsghdr *nlh);
uint64_t nl_number(const struct nlattr *attr);

/* address.c */
struct address {
	uint8_t bytes[16];
	uint8_t len;		/* 4 or 16, 0 for none */
};

struct address_text {
	char s[64];
};

bool address_scan(struct address *a, const char *text);
bool address_is_zero(const struct address *a);
void address_mask(struct address *a, unsigned int length);
void address_read(struct address *a, const struct nlattr *attr);
struct address_text address_print(const struct address *a);

struct prefix {
	struct address address;
	uint8_t length;
};

struct address_text prefix_print(const struct prefix *p);

/* conf.c */
struct endpoint_id {
	uint64_t number;	/* 0 for none */
	struct address gateway;	/* then its load balancer */
	uint32_t vrf;		/* by which that one's packets come, its index, 0 for none */
};

/* A link with claims has no port, and nothing else of the outer header */
struct conf {
	uint32_t port, ttl, tos, mode, critical, max_flows, catch, timeout_tcp, timeout_other;
	uint32_t divert_mark, divert_mask;
	uint32_t max_endpoints, zones, zone_low, zone_high;
	uint32_t trust_mark, trust_mask, trust_seconds;
	struct address local;
	struct prefix *allow;
	size_t allow_count;
	struct endpoint_id *claims;
	size_t claim_count;
};

struct divert_text {
	char s[32];
};

uint32_t number_scan(const char *what, const char *text, uint32_t max);
void mark_scan(uint32_t *mark, uint32_t *mask, const char *what, const char *value);
void conf_write(struct nlmsghdr *nlh, char *words[]);
const char *conf_outer(char *words[]);
const char *conf_at(char *words[], uint32_t offset);
void conf_read(struct conf *conf, const struct nlattr *nest);
void conf_free(struct conf *conf);
void conf_take(struct conf *conf, const struct nlattr *tb[]);
const char *conf_mode(const struct conf *conf);
const char *conf_critical(const struct conf *conf);
const char *conf_catch(const struct conf *conf);
bool conf_early(const struct conf *conf);
struct divert_text conf_divert(const struct conf *conf);
const char *conf_zones(const struct conf *conf);

/* drop.c */
#define DROP_REASONS	(GWLB_DROP_REASON_NESTED + 1)

struct drop_text {
	const char *name, *meaning;
};

const struct drop_text *drop_text(uint32_t reason);

/* state.c: what the kernel tells of a link */
struct counters {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

struct peer {
	struct address address, local;
	struct counters counters;
	uint64_t idle_ms;
	uint32_t vrf;		/* its index, 0 for none */
};

struct drop {
	uint64_t packets;
	struct address last_sender;
};

struct link {
	uint32_t ifindex, flows;
	char name[IFNAMSIZ], parent[IFNAMSIZ];
	uint32_t parent_ifindex;
	bool parent_elsewhere;		/* in the network namespace of that id */
	bool parent_down;
	int32_t parent_netnsid;
	bool up;
	struct conf conf;
	struct counters counters;
	struct drop drops[DROP_REASONS];	/* [0] for causes that we do not know */
	uint64_t dropped;
	struct peer *peers;
	size_t peer_count;
};

struct state {
	struct link *links;
	size_t link_count;
};

void *array_grow(void *array, size_t count, size_t size);
void state_read(struct state *state, const char *name);
uint32_t state_ifindex(const char *verb, const char *name);

/* endpoint.c */
struct endpoint {
	struct endpoint_id id;
	uint32_t ifindex, mark, mask, zone_mode, zone, flows;
	char name[32], child[IFNAMSIZ];
	bool clash, seen;
	struct counters counters;
	uint64_t drops, age_ms, idle_ms;
};

struct endpoints {
	struct endpoint *all;
	size_t count;
};

struct endpoint_text {
	char s[64];
};

void endpoint_scan(struct endpoint_id *id, const char *text);
void endpoint_need_vrf(void);
bool endpoint_same(const struct endpoint_id *a, const struct endpoint_id *b);
bool endpoint_is_id(struct endpoint_id *id, const char *text);
size_t endpoint_find(struct endpoint *found, uint32_t ifindex, const char *name);
const char *endpoint_child(uint32_t ifindex, const struct endpoint_id *id);
void endpoint_put(struct nlmsghdr *nlh, const struct endpoint_id *id);
struct endpoint_text endpoint_print(const struct endpoint_id *id);
struct endpoint_text endpoint_mark(const struct endpoint *e);
bool endpoint_has_settings(const struct endpoint *e);
void endpoint_write(FILE *f, const struct endpoint_id *id, const struct endpoint *e);
void endpoint_write_settings(FILE *f, const struct endpoint *e);
void endpoint_read(struct endpoints *list);
char **endpoint_put_settings(struct nlmsghdr *nlh, char *words[]);
char **endpoint_words(char *words[]);
int endpoint_apply(uint32_t ifindex, char *words[], char ***bad);

/* endpoint_change.c */
void endpoint_change(const char *verb, char *words[]);

/* endpoint_show.c */
void endpoint_show(const char *link, bool statistics, bool json, bool pretty);

/* link.c */
void link_add(const char *name, char *words[]);
void link_set(const char *name, char *words[]);
void link_del(const char *name);
void link_up(const char *name, char *words[]);

/* flow.c */
void flow_run(char *words[], bool statistics, bool json, bool pretty);

/* monitor.c */
void __attribute__((noreturn)) monitor(bool json, const char *program);

/* route.c */
int route_add(uint32_t ifindex);
bool route_is_there(uint32_t ifindex);

/* check.c */
void check_found(const char *link, const char *id, char *what, char *remedy);
char *__attribute__((format(printf, 1, 2))) check_text(const char *format, ...);
struct json_t *check_command(const char *command);
bool check_machine(const struct state *state, bool json, bool pretty);

/* ruleset.c */
struct ruleset;

struct ruleset *ruleset_read(void);
void ruleset_free(struct ruleset *rules);
void ruleset_check(const struct ruleset *rules, const struct link *link);

/* iptables.c */
void iptables_check(const struct link *link);

/* file.c */
char **file_read(const char *path);
void file_print(FILE *f, const struct link *link);
void file_save(const char *name, const char *path);
void file_at(const char *word);
const char *file_place(void);

/* show.c, json.c */
void print_age(uint64_t ms);
void show_text(const struct state *state, bool statistics);
void show_json(const struct state *state, bool statistics, bool pretty);

#endif
