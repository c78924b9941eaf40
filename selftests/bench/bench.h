/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_BENCH_H
#define GWLB_BENCH_H

#include <linux/completion.h>
#include <linux/etherdevice.h>
#include <linux/skbuff.h>
#include <linux/wait.h>

#define PAYLOAD_MAX	8000

/* Where a packet goes: back, on, nowhere; back with another outer source port;
 * back with an inner TTL less by one
 */
enum expect { BOUNCE, FORWARD, DROP, GENEVE, ROUTE };

enum bad { BAD_OUTER, BAD_PORT, BAD_LENGTH, BAD_SUM, BAD_GENEVE, BAD_OPTION,
	   BAD_INNER, BAD_TTL, BAD_PAYLOAD, BADS };

/* What "send" was asked for, in words KEY=VALUE of the names of the fields */
struct gen {
	struct net_device *dev;		/* dev=NAME */
	u8 to[ETH_ALEN];		/* of the appliance */
	__be32 src, dst;		/* outer addresses */
	int cpu;
	unsigned int flows;
	unsigned int payload;		/* bytes behind the inner UDP header */
	unsigned int packets;
	unsigned int warm;		/* packets before the clock starts */
	unsigned int batch;
	unsigned int train;		/* TCP segments of a flow in a row; 0: UDP */
	enum expect expect;
	unsigned int check;		/* 0: the sink takes whatever arrives */

	u8 bytes[PAYLOAD_MAX];
	__wsum sum;			/* of the payload */
	u64 next;			/* number of the next packet */
	u64 back;			/* packets that came back, segments of GSO apart */
	u64 skbs;			/* as how many skbs */
	u64 lost;
	struct wait_queue_head all;	/* woken when all that went are back */
	u64 bad[BADS];
	u64 ns;				/* that it took */
	int err;
	struct completion *start;
	struct completion done;
};

struct sk_buff *build(struct gen *g, u64 number);
enum bad check(const struct gen *g, struct sk_buff *skb, bool thorough);

#endif /* GWLB_BENCH_H */
