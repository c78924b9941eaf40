// SPDX-License-Identifier: GPL-2.0
/* Events, as they come: a line for each, or a program that is run. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "gwlbctl.h"

/* Programs at a time, and seconds that each of them has */
#define CHILDREN_MAX	8
#define CHILD_SECONDS	60

static const char * const kinds[] = {
	[GWLB_EVENT_KIND_LINK_NEW]	= "link-new",
	[GWLB_EVENT_KIND_LINK_CHANGED]	= "link-changed",
	[GWLB_EVENT_KIND_LINK_GONE]	= "link-gone",
	[GWLB_EVENT_KIND_LINK_UP]	= "link-up",
	[GWLB_EVENT_KIND_LINK_DOWN]	= "link-down",
	[GWLB_EVENT_KIND_FLOW_LIMIT]	= "flow-limit",
	[GWLB_EVENT_KIND_SENDER]	= "sender",
	[GWLB_EVENT_KIND_ENDPOINT_NEW]	= "endpoint-new",
	[GWLB_EVENT_KIND_ENDPOINT_IDLE]	= "endpoint-idle",
	[GWLB_EVENT_KIND_ENDPOINT_FORGOTTEN] = "endpoint-forgotten",
	[GWLB_EVENT_KIND_ENDPOINT_LIMIT] = "endpoint-limit",
};

struct event {
	const char *name;
	char time[32];
	const char *link, *endpoint_name;
	uint32_t ifindex, limit, silent;
	struct address address;
	struct endpoint_id endpoint;
	bool has_limit, has_silent, has_endpoint;
};

/* How events are handed on */
static struct {
	bool json;
	const char *program;
	int children;
} to;

static void print_json(const struct event *e)
{
	json_t *json = json_pack("{s:s, s:s}", "time", e->time, "event", e->name);

	if (e->link) {
		json_t *link = json_string(e->link);

		json_object_set_new(json, "ifname", link ? link : json_string("?"));
		json_object_set_new(json, "ifindex", json_integer(e->ifindex));
	}
	if (e->address.len)
		json_object_set_new(json, "address", json_string(address_print(&e->address).s));
	if (e->has_endpoint)
		json_object_set_new(json, "endpoint", json_string(endpoint_print(&e->endpoint).s));
	if (e->endpoint_name) {
		json_t *name = json_string(e->endpoint_name);

		json_object_set_new(json, "name", name ? name : json_string("?"));
	}
	if (e->has_limit)
		json_object_set_new(json, "limit", json_integer(e->limit));
	if (e->has_silent)
		json_object_set_new(json, "silent", json_integer(e->silent));
	if (!json || json_dumpf(json, stdout, JSON_COMPACT))
		fail("cannot write: %s", strerror(errno));
	json_decref(json);
	putchar('\n');
}

static void print_text(const struct event *e)
{
	printf("%s %s", e->time, e->name);
	if (e->link)
		printf(" %s", e->link);
	if (e->address.len)
		printf(" address %s", address_print(&e->address).s);
	if (e->has_endpoint)
		printf(" endpoint %s", endpoint_print(&e->endpoint).s);
	if (e->endpoint_name)
		printf(" name %s", e->endpoint_name);
	if (e->has_limit)
		printf(" limit %u", e->limit);
	if (e->silent)
		printf(" silent %u", e->silent);
	putchar('\n');
}

static void set_number(const char *name, uint32_t number, bool there)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	if (there)
		setenv(name, text, 1);
	else
		unsetenv(name);
}

static void set_text(const char *name, const char *text)
{
	if (text)
		setenv(name, text, 1);
	else
		unsetenv(name);
}

static void wait_child(int options)
{
	while (to.children && waitpid(-1, NULL, options) > 0) {
		to.children--;
		options = WNOHANG;
	}
}

/* When too many run, events wait in the socket, and traffic for nobody */
static void run_program(const struct event *e)
{
	pid_t child;

	wait_child(to.children == CHILDREN_MAX ? 0 : WNOHANG);
	child = fork();
	if (child < 0)
		fail("cannot start a process: %s", strerror(errno));
	if (child) {
		to.children++;
		return;
	}
	set_text("GWLB_EVENT", e->name);
	set_text("GWLB_TIME", e->time);
	set_text("GWLB_LINK", e->link);
	set_number("GWLB_IFINDEX", e->ifindex, e->link);
	set_text("GWLB_ADDRESS", e->address.len ? address_print(&e->address).s : NULL);
	set_text("GWLB_ENDPOINT", e->has_endpoint ? endpoint_print(&e->endpoint).s : NULL);
	set_text("GWLB_NAME", e->endpoint_name);
	set_number("GWLB_LIMIT", e->limit, e->has_limit);
	set_number("GWLB_SILENT", e->silent, e->has_silent);
	signal(SIGPIPE, SIG_DFL);
	alarm(CHILD_SECONDS);
	execlp(to.program, to.program, (char *)NULL);
	fprintf(stderr, "gwlbctl: cannot run %s: %s\n", to.program, strerror(errno));
	_exit(127);
}

static void hand_on(struct event *e)
{
	time_t now = time(NULL);

	strftime(e->time, sizeof(e->time), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	if (to.program) {
		run_program(e);
		return;
	}
	if (to.json)
		print_json(e);
	else
		print_text(e);
	if (fflush(stdout))
		fail("cannot write: %s", strerror(errno));
}

static void read_event(const struct nlmsghdr *nlh)
{
	const struct nlattr *tb[GWLB_A_EVENT_MAX + 1];
	struct event e = { .name = "unknown" };
	uint64_t kind;

	nl_parse_gwlb(tb, GWLB_A_EVENT_MAX, nlh);
	kind = nl_number(tb[GWLB_A_EVENT_KIND]);
	if (kind < ARRAY_SIZE(kinds) && kinds[kind])
		e.name = kinds[kind];
	if (tb[GWLB_A_EVENT_IFNAME])
		e.link = mnl_attr_get_str(tb[GWLB_A_EVENT_IFNAME]);
	e.ifindex = nl_number(tb[GWLB_A_EVENT_IFINDEX]);
	e.limit = nl_number(tb[GWLB_A_EVENT_LIMIT]);
	e.has_limit = tb[GWLB_A_EVENT_LIMIT];
	e.silent = nl_number(tb[GWLB_A_EVENT_SILENT]);
	e.has_silent = tb[GWLB_A_EVENT_SILENT];
	address_read(&e.address, tb[GWLB_A_EVENT_ADDRESS]);
	e.endpoint.number = nl_number(tb[GWLB_A_EVENT_ENDPOINT]);
	if (tb[GWLB_A_EVENT_NAME])
		e.endpoint_name = mnl_attr_get_str(tb[GWLB_A_EVENT_NAME]);
	/* one without id has the address of its load balancer */
	if (kind >= GWLB_EVENT_KIND_ENDPOINT_NEW && e.address.len) {
		e.endpoint.gateway = e.address;
		e.endpoint.vrf = nl_number(tb[GWLB_A_EVENT_VRF]);
		e.address.len = 0;
	}
	e.has_endpoint = e.endpoint.number || e.endpoint.gateway.len;
	hand_on(&e);
}

/* 0 if it can be run as far as one can see, or an errno */
static int look_at(const char *file)
{
	struct stat st;
	int err = 0;

	if (stat(file, &st) || access(file, X_OK))
		err = errno;
	else if (S_ISDIR(st.st_mode))
		err = EISDIR;
	return err;
}

/* Now, and not when there is an event; where execlp() looks for it */
static void check_program(const char *program)
{
	bool is_path = strchr(program, '/');
	const char *path = getenv("PATH");
	char *dirs = strdup(path ? path : "/bin:/usr/bin"), *rest = dirs, *dir, *file;
	int err = is_path ? look_at(program) : ENOENT;

	if (!dirs)
		fail("no memory");
	while (!is_path && err && (dir = strsep(&rest, ":"))) {
		int found;

		if (asprintf(&file, "%s/%s", *dir ? dir : ".", program) < 0)
			fail("no memory");
		found = look_at(file);
		if (found != ENOENT && found != ENOTDIR)
			err = found;
		free(file);
	}
	free(dirs);
	if (err)
		fail("cannot run %s: %s", program, strerror(err));
}

/* Until it is killed, or nobody reads any more */
void monitor(bool json, const char *program)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_GENERIC);
	struct nl_buf buf;
	int group;

	if (program)
		check_program(program);
	group = nl_gwlb_group("events");
	to.json = json;
	to.program = program;
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		fail("cannot listen to events: %s", strerror(errno));
	for (;;) {
		const struct nlmsghdr *nlh = (struct nlmsghdr *)buf.data;
		int len = mnl_socket_recvfrom(nl, buf.data, sizeof(buf.data));

		if (len < 0 && errno == EINTR)
			continue;
		/* the kernel waits for nobody: what finds no room is gone */
		if (len < 0 && errno == ENOBUFS) {
			hand_on(&(struct event){ .name = "lost" });
			continue;
		}
		if (len < 0)
			fail("cannot listen to events: %s", strerror(errno));
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
			if (nlh->nlmsg_type >= NLMSG_MIN_TYPE)
				read_event(nlh);
	}
}
