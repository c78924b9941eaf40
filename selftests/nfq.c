// SPDX-License-Identifier: GPL-2.0
/*
 * A program behind a netfilter queue, with -g one that takes aggregates whole,
 * as they are. Says "ready", then "ID" of each packet
 * on standard output. Gives every packet the verdict of the command line, or
 * takes verdicts, in any order, as lines "ID VERDICT" from standard input until
 * it ends.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <libnetfilter_queue/libnetfilter_queue_ipv4.h>
#include <libnetfilter_queue/libnetfilter_queue_ipv6.h>
#include <libnetfilter_queue/libnetfilter_queue_udp.h>
#include <libnetfilter_queue/pktbuff.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HELD	4096

static struct mnl_socket *sock;
static unsigned int queue;
static bool whole;
static const char *verdict_of_all;

/* By id, which the kernel counts up from 1 */
static struct held {
	size_t len;
	unsigned char *data;
} packets[HELD];

static void send_request(struct nlmsghdr *nlh)
{
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		err(1, "send");
}

/* Replaces the first four bytes of a UDP payload by seven */
static void mangle(struct nlmsghdr *nlh, const struct held *p)
{
	bool v4 = p->data[0] >> 4 == 4;
	struct pkt_buff *pktb;
	int done;

	pktb = pktb_alloc(v4 ? AF_INET : AF_INET6, p->data, p->len, 64);
	if (!pktb)
		err(1, "pktb_alloc");
	if (v4) {
		nfq_ip_set_transport_header(pktb, nfq_ip_get_hdr(pktb));
		done = nfq_udp_mangle_ipv4(pktb, 0, 4, "mangled", 7);
	} else {
		nfq_ip6_set_transport_header(pktb, nfq_ip6_get_hdr(pktb),
					     IPPROTO_UDP);
		done = nfq_udp_mangle_ipv6(pktb, 0, 4, "mangled", 7);
	}
	if (!done)
		errx(1, "mangle");
	nfq_nlmsg_verdict_put_pkt(nlh, pktb_data(pktb), pktb_len(pktb));
	pktb_free(pktb);
}

static void verdict(unsigned int id, const char *what)
{
	static char buf[0xffff + 4096];
	struct held *p = &packets[id % HELD];
	struct nlmsghdr *nlh;

	nlh = nfq_nlmsg_put(buf, NFQNL_MSG_VERDICT, queue);
	if (!strcmp(what, "mangle"))
		mangle(nlh, p);
	else if (strcmp(what, "accept") && strcmp(what, "drop"))
		errx(1, "%s: neither accept, drop nor mangle", what);
	nfq_nlmsg_verdict_put(nlh, id, strcmp(what, "drop") ? NF_ACCEPT : NF_DROP);
	send_request(nlh);
	free(p->data);
	p->data = NULL;
}

static int on_packet(const struct nlmsghdr *nlh, void *data)
{
	struct nlattr *attr[NFQA_MAX + 1] = {};
	struct nfqnl_msg_packet_hdr *ph;
	unsigned int id;
	struct held *p;

	if (nfq_nlmsg_parse(nlh, attr) < 0 || !attr[NFQA_PACKET_HDR])
		errx(1, "not a packet");
	ph = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
	id = ntohl(ph->packet_id);
	p = &packets[id % HELD];
	free(p->data);
	p->len = mnl_attr_get_payload_len(attr[NFQA_PAYLOAD]);
	p->data = malloc(p->len);
	memcpy(p->data, mnl_attr_get_payload(attr[NFQA_PAYLOAD]), p->len);
	printf("%u\n", id);
	if (verdict_of_all)
		verdict(id, verdict_of_all);
	return MNL_CB_OK;
}

static void on_socket(void)
{
	static char buf[0xffff + 4096];
	int len = mnl_socket_recvfrom(sock, buf, sizeof(buf));

	/* ENOENT: the kernel has dropped it before the verdict */
	if (len < 0 ||
	    (mnl_cb_run(buf, len, 0, mnl_socket_get_portid(sock), on_packet,
			NULL) < 0 && errno != ENOENT))
		err(1, "receive");
}

/* Line by line: poll() knows nothing of what stdio has read ahead */
static bool on_stdin(void)
{
	char line[64], what[16];
	unsigned int id;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (sscanf(line, "%u %15s", &id, what) != 2)
		errx(1, "want: ID accept|drop|mangle");
	verdict(id, what);
	return true;
}

static void bind_queue(void)
{
	const int room = 16 << 20, on = 1;
	char buf[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *nlh;

	sock = mnl_socket_open(NETLINK_NETFILTER);
	if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		err(1, "netlink");
	/* packets that find no room are lost, as on any line */
	mnl_socket_setsockopt(sock, NETLINK_NO_ENOBUFS, (void *)&on, sizeof(on));
	setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE, &room,
		   sizeof(room));
	nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);
	nfq_nlmsg_cfg_put_cmd(nlh, AF_INET, NFQNL_CFG_CMD_BIND);
	send_request(nlh);
	nlh = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, queue);
	nfq_nlmsg_cfg_put_params(nlh, NFQNL_COPY_PACKET, 0xffff);
	if (whole) {
		mnl_attr_put_u32(nlh, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
		mnl_attr_put_u32(nlh, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
	}
	nlh->nlmsg_flags |= NLM_F_ACK;
	send_request(nlh);
	on_socket();
}

int main(int argc, char **argv)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };

	if (argc > 1 && !strcmp(argv[1], "-g")) {
		whole = true;
		argv++;
		argc--;
	}
	if (argc < 2 || argc > 3)
		errx(2, "usage: nfq [-g] QUEUE [accept|drop|mangle]");
	queue = atoi(argv[1]);
	verdict_of_all = argv[2];
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	bind_queue();
	puts("ready");

	fds[0].fd = mnl_socket_get_fd(sock);
	fds[1].fd = verdict_of_all ? -1 : 0;
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			err(1, "poll");
		if (fds[0].revents)
			on_socket();
		if (fds[1].revents && !on_stdin())
			return 0;
	}
}
