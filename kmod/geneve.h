/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The GENEVE header (RFC 8926 section 3.4 and 3.5), as bytes.
 *
 * Pure C on pointer and length: the same file is compiled into the module,
 * the unit tests and the fuzzer.
 */
#ifndef GWLB_GENEVE_H
#define GWLB_GENEVE_H

#include <linux/types.h>
#include "uapi/gwlb.h"

/* RFC 8926 section 3.4: the fixed header and the most that options can be */
#define GWLB_GENEVE_HLEN	8
#define GWLB_GENEVE_OPTIONS_MAX	252
/* What the load balancers in use send: endpoint, attachment, cookie */
#define GWLB_GENEVE_OPTIONS_USUAL	32
#define GWLB_GENEVE_MAX		(GWLB_GENEVE_HLEN + GWLB_GENEVE_OPTIONS_MAX)

/**
 * struct gwlb_geneve - what the header of a received packet says
 * @endpoint: id of the load balancer's endpoint, host order; 0 if no option
 *	of a known class carries one
 * @vni: virtual network identifier, host order
 * @protocol: EtherType of the inner packet, host order
 * @options_len: bytes of options, a multiple of 4 up to 252
 * @critical: whether one of the options is critical
 */
struct gwlb_geneve {
	__u64 endpoint;
	__u32 vni;
	__u16 protocol;
	__u8 options_len;
	__u8 critical;
};

/**
 * struct gwlb_geneve_ids - what options say of which nothing depends
 * @attachment: id of the attachment, host order
 * @cookie: of the flow, host order
 * @has_attachment: there is one
 * @has_cookie: there is one
 */
struct gwlb_geneve_ids {
	__u64 attachment;
	__u32 cookie;
	__u8 has_attachment;
	__u8 has_cookie;
};

enum gwlb_drop_reason gwlb_geneve_parse(const __u8 *p, unsigned int len,
					enum gwlb_critical unknown,
					struct gwlb_geneve *g);
void gwlb_geneve_decode(const __u8 *options, unsigned int len,
			struct gwlb_geneve_ids *ids);
void gwlb_geneve_build(__u8 *p, __u64 fixed, const __u8 *options);
int gwlb_geneve_equal(const __u8 *p, __u64 fixed, const __u8 *options);

/**
 * gwlb_geneve_fixed() - the fixed header as it is sent
 * @g: what it says
 *
 * Flags and reserved bits are zero, save C where an option is critical.
 *
 * Return: its bytes as a number.
 */
static inline __u64 gwlb_geneve_fixed(const struct gwlb_geneve *g)
{
	return (__u64)(g->options_len / 4) << 56 | (__u64)!!g->critical << 54 |
	       (__u64)g->protocol << 32 | g->vni << 8;
}

/**
 * gwlb_geneve_fixed_len() - length of the options that a fixed header announces
 * @fixed: as gwlb_geneve_fixed() returns it
 *
 * Return: bytes.
 */
static inline unsigned int gwlb_geneve_fixed_len(__u64 fixed)
{
	return (fixed >> 56 & 0x3f) * 4;
}

/**
 * gwlb_geneve_len() - length of a header whose first byte is known
 * @p: the header, of at least one byte
 *
 * Return: bytes of the fixed header and of the options that it announces.
 */
static inline unsigned int gwlb_geneve_len(const __u8 *p)
{
	return GWLB_GENEVE_HLEN + (p[0] & 0x3f) * 4;
}

#endif /* GWLB_GENEVE_H */
