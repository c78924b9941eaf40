// SPDX-License-Identifier: GPL-2.0
/* Requests to the kernel, and why it refused them. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include "gwlbctl.h"

/* What the kernel said to its last answer */
static char said[256];
static uint32_t bad_offset;

static struct nlmsghdr *put_header(struct nl_buf *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf->data);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	return nlh;
}

static struct nlmsghdr *put_genl(struct nl_buf *buf, uint16_t family, uint8_t command,
				 uint16_t flags)
{
	struct nlmsghdr *nlh = put_header(buf, family, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	genl->cmd = command;
	genl->version = 1;
	return nlh;
}

/* A request of rtnetlink about a link */
struct nlmsghdr *nl_link(struct nl_buf *buf, uint16_t type, uint16_t flags, int ifindex)
{
	struct nlmsghdr *nlh = put_header(buf, type, NLM_F_ACK | flags);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	info->ifi_index = ifindex;
	return nlh;
}

struct nlmsghdr *nl_route(struct nl_buf *buf, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *nlh = put_header(buf, type, flags);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = family;
	return nlh;
}

static struct {
	uint16_t id;
	const char *wanted;	/* multicast group */
	uint32_t group;
} family;

static void read_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[CTRL_ATTR_MAX + 1], *group[CTRL_ATTR_MCAST_GRP_MAX + 1], *nest;

	(void)data;
	nl_parse_gwlb(tb, CTRL_ATTR_MAX, nlh);
	family.id = nl_number(tb[CTRL_ATTR_FAMILY_ID]);
	if (!tb[CTRL_ATTR_MCAST_GROUPS])
		return;
	mnl_attr_for_each_nested(nest, tb[CTRL_ATTR_MCAST_GROUPS]) {
		nl_parse_nested(group, CTRL_ATTR_MCAST_GRP_MAX, nest);
		if (family.wanted && group[CTRL_ATTR_MCAST_GRP_NAME] &&
		    !strcmp(mnl_attr_get_str(group[CTRL_ATTR_MCAST_GRP_NAME]), family.wanted))
			family.group = nl_number(group[CTRL_ATTR_MCAST_GRP_ID]);
	}
}

/* Why the kernel knows nothing of gwlb, and what to do */
const char *nl_no_module(void)
{
	static char text[256];
	char path[128], line[1024];
	struct utsname kernel;
	bool found = false;
	FILE *f;

	uname(&kernel);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", kernel.release);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		found |= !!strstr(line, "/gwlb.ko");
	if (f)
		fclose(f);
	if (f && !found)
		snprintf(text, sizeof(text),
			 "there is no gwlb module for this kernel, %s; build it: dkms autoinstall, or make install where the source is",
			 kernel.release);
	else
		snprintf(text, sizeof(text),
			 "the gwlb module is not loaded and could not be; modprobe gwlb says why");
	return text;
}

/* The module is loaded by it, if it can be */
static void find_family(void)
{
	struct nl_buf buf;
	struct nlmsghdr *nlh = put_genl(&buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	int err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, GWLB_GENL_NAME);
	err = nl_talk(NETLINK_GENERIC, nlh, read_family, NULL);
	if (err == ENOENT)
		fail("%s", nl_no_module());
	if (err)
		fail("cannot find the gwlb module: %s", nl_reason(err));
}

/* A request to the module */
struct nlmsghdr *nl_gwlb(struct nl_buf *buf, uint8_t command, uint16_t flags)
{
	if (!family.id)
		find_family();
	return put_genl(buf, family.id, command, flags);
}

/* Number of a multicast group of the module */
uint32_t nl_gwlb_group(const char *name)
{
	family.wanted = name;
	find_family();
	if (!family.group)
		fail("the gwlb module that is loaded has no %s", name);
	return family.group;
}

/* The text in the attributes behind the kernel's answer */
static void keep_text(const struct nlmsghdr *nlh, size_t offset)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	size_t len = mnl_nlmsg_get_payload_len(nlh);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || len < offset)
		return;
	nl_parse(tb, NLMSGERR_ATTR_MAX, mnl_nlmsg_get_payload_offset(nlh, offset), len - offset);
	bad_offset = nl_number(tb[NLMSGERR_ATTR_OFFS]);
	if (tb[NLMSGERR_ATTR_MSG])
		snprintf(said, sizeof(said), "%.*s",
			 (int)mnl_attr_get_payload_len(tb[NLMSGERR_ATTR_MSG]),
			 mnl_attr_get_str(tb[NLMSGERR_ATTR_MSG]));
}

static int end_of_answer(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(answer->error);

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		offset = sizeof(*answer);
		/* it comes back whole from a kernel that does not know CAP_ACK */
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			offset += mnl_nlmsg_get_payload_len(&answer->msg);
	}
	keep_text(nlh, offset);
	return -answer->error;
}

static int receive(struct mnl_socket *nl, const struct nlmsghdr *request, nl_cb *cb, void *data)
{
	bool interrupted = false;
	struct nl_buf buf;

	for (;;) {
		const struct nlmsghdr *nlh = (struct nlmsghdr *)buf.data;
		int len = mnl_socket_recvfrom(nl, buf.data, sizeof(buf.data));

		if (len < 0)
			return errno;
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			if (nlh->nlmsg_seq != request->nlmsg_seq)
				continue;
			interrupted |= !!(nlh->nlmsg_flags & NLM_F_DUMP_INTR);
			if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
				int err = end_of_answer(nlh);

				return !err && interrupted ? EINTR : err;
			}
			if (cb)
				cb(nlh, data);
		}
	}
}

/* Returns 0 or an errno for nl_reason(); EINTR if a list changed while it was
 * read and what cb() saw is not to be trusted.
 */
int nl_talk(int protocol, struct nlmsghdr *nlh, nl_cb *cb, void *data)
{
	struct mnl_socket *nl = mnl_socket_open(protocol);
	int one = 1, err;

	*said = 0;
	bad_offset = 0;
	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		fail("cannot open a netlink socket: %s", strerror(errno));
	/* without these there is an errno still */
	mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &one, sizeof(one));
	err = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0 ? errno : receive(nl, nlh, cb, data);
	mnl_socket_close(nl);
	return err;
}

const char *nl_reason(int err)
{
	static char text[400];

	snprintf(text, sizeof(text), "%s%s", *said ? said : strerror(err),
		 err == EPERM ? "; run it as root, it needs CAP_NET_ADMIN" : "");
	return text;
}

/* The exit status for an errno: 2 for what is wrong whatever else there is, 3 for
 * an address or a device that may come later, at boot for one.
 */
int nl_status(int err)
{
	switch (err) {
	case EINVAL:
	case ERANGE:
	case E2BIG:
		return 2;
	case EADDRNOTAVAIL:
	case ENODEV:
		return 3;
	}
	return 1;
}

/* Where in the last request the kernel sees the error; 0 if it does not say */
uint32_t nl_bad_offset(void)
{
	return bad_offset;
}

void nl_parse(const struct nlattr *tb[], int max, const void *first, size_t len)
{
	const struct nlattr *attr;

	memset(tb, 0, sizeof(*tb) * (max + 1));
	mnl_attr_for_each_payload(first, len)
		if (mnl_attr_get_type(attr) <= max)
			tb[mnl_attr_get_type(attr)] = attr;
}

void nl_parse_nested(const struct nlattr *tb[], int max, const struct nlattr *nest)
{
	nl_parse(tb, max, nest ? mnl_attr_get_payload(nest) : NULL,
		 nest ? mnl_attr_get_payload_len(nest) : 0);
}

void nl_parse_gwlb(const struct nlattr *tb[], int max, const struct nlmsghdr *nlh)
{
	nl_parse(tb, max, mnl_nlmsg_get_payload_offset(nlh, sizeof(struct genlmsghdr)),
		 mnl_nlmsg_get_payload_len(nlh) - sizeof(struct genlmsghdr));
}

/* An unsigned number of any size; 0 if there is none */
uint64_t nl_number(const struct nlattr *attr)
{
	switch (attr ? mnl_attr_get_payload_len(attr) : 0) {
	case 1:
		return mnl_attr_get_u8(attr);
	case 2:
		return mnl_attr_get_u16(attr);
	case 4:
		return mnl_attr_get_u32(attr);
	case 8:
		return mnl_attr_get_u64(attr);
	}
	return 0;
}
