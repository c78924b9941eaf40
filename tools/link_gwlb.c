// SPDX-License-Identifier: GPL-2.0
/* Plugin of ip(8), which takes LIBDIR/ip/link_KIND.so for kinds that it does not
 * know: "ip link add ... type gwlb OPTION VALUE..." and "ip -d link show".
 *
 * What ip says of itself in struct link_util has been the same from 4.20 to 7.1;
 * of its functions only is_json_context() is called, and done without.
 */
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gwlbctl.h"

/* Size of the buffer behind the header of what ip sends */
#define IP_SIZE		1024

struct link_util {
	struct link_util *next;
	const char *id;
	int maxattr;
	int (*parse_opt)(struct link_util *lu, int argc, char *argv[], struct nlmsghdr *n);
	void (*print_opt)(struct link_util *lu, FILE *f, struct rtattr *tb[]);
	void (*print_xstats)(struct link_util *lu, FILE *f, struct rtattr *xstats);
	void (*print_help)(struct link_util *lu, int argc, char *argv[], FILE *f);
	int (*parse_ifla_xstats)(struct link_util *lu, int argc, char *argv[]);
	int (*print_ifla_xstats)(struct nlmsghdr *n, void *data);
};

#pragma weak is_json_context
bool is_json_context(void);

static void complain(const char *format, va_list ap)
{
	fprintf(stderr, "gwlb: ");
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
}

void fail_with(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain(format, ap);
	va_end(ap);
	exit(status);
}

void usage(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain(format, ap);
	va_end(ap);
	exit(255);
}

static void print_help(struct link_util *lu, int argc, char *argv[], FILE *f)
{
	(void)lu, (void)argc, (void)argv;
	fprintf(f, "Usage: ... gwlb [ OPTION VALUE ]...\n\nThe options are in gwlbctl(8).\n");
}

static int parse_opt(struct link_util *lu, int argc, char *argv[], struct nlmsghdr *n)
{
	struct nl_buf buf;
	struct nlmsghdr *own = mnl_nlmsg_put_header(buf.data);
	size_t len;

	if (!strcmp(*argv, "help")) {
		print_help(lu, argc, argv, stdout);
		exit(0);
	}
	conf_write(own, argv);
	endpoint_need_vrf();
	len = mnl_nlmsg_get_payload_len(own);
	if (n->nlmsg_len + len > IP_SIZE)
		usage("these are more options than ip has room for; use gwlbctl add");
	memcpy((char *)n + n->nlmsg_len, mnl_nlmsg_get_payload(own), len);
	n->nlmsg_len += len;
	return 0;
}

/* As in a file, on one line. In JSON it says nothing; gwlbctl has that. */
static void print_opt(struct link_util *lu, FILE *f, struct rtattr *tb[])
{
	struct link link = { .up = false };
	char *text = NULL, *line, *rest;
	size_t size = 0;
	FILE *memory;

	(void)lu;
	if (!tb || (is_json_context && is_json_context()))
		return;
	conf_take(&link.conf, (const struct nlattr **)tb);
	memory = open_memstream(&text, &size);
	if (!memory)
		return;
	file_print(memory, &link);
	fclose(memory);
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (*line && *line != '#')
			fprintf(f, "%s ", line);
	free(text);
	conf_free(&link.conf);
}

struct link_util __attribute__((visibility("default"))) gwlb_link_util = {
	.id = "gwlb",
	.maxattr = GWLB_A_CONF_MAX,
	.parse_opt = parse_opt,
	.print_opt = print_opt,
	.print_help = print_help,
};
