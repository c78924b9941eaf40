/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The inner packet, as bytes: is it an IP packet, and of which flow.
 *
 * Pure C on pointer and length: the same file is compiled into the module,
 * the unit tests and the fuzzer.
 */
#ifndef GWLB_INNER_H
#define GWLB_INNER_H

#include <linux/types.h>
#include "uapi/gwlb.h"

/* Bytes that gwlb_inner_parse() would like to see of a longer packet: the
 * longest IPv4 header, or the IPv6 one with some extension headers, and what
 * tells the ports.
 */
#define GWLB_INNER_LOOK		128

/**
 * struct gwlb_tuple - the inner addresses of a flow, compared as bytes
 * @addr: source and destination; IPv4 in the first 4 bytes, the rest zero
 * @port: their ports, network order; the id of an ICMP query in both; 0 in
 *	fragments and in protocols without ports
 * @protocol: IP protocol behind IPv6 extension headers; IPPROTO_FRAGMENT for
 *	IPv6 fragments
 * @version: 4 or 6
 */
struct gwlb_tuple {
	__u8 addr[2][16];
	__u8 port[2][2];
	__u8 protocol;
	__u8 version;
};

/**
 * struct gwlb_inner - what the header of an inner packet says
 * @tuple: its flow, as in the packet
 * @len: bytes of the packet, header included
 * @hdr_len: bytes up to the transport header; for fragments, and for
 *	extension headers that are unknown or not all there, up to where reading
 *	stopped
 * @fragment: whether it is a fragment
 */
struct gwlb_inner {
	struct gwlb_tuple tuple;
	unsigned int len;
	unsigned int hdr_len;
	__u8 fragment;
};

enum gwlb_drop_reason gwlb_inner_parse(const __u8 *p, unsigned int look,
				       unsigned int len, __u16 protocol,
				       int aggregate, struct gwlb_inner *in);
int gwlb_tuple_normalize(struct gwlb_tuple *t);

#endif /* GWLB_INNER_H */
