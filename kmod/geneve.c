// SPDX-License-Identifier: GPL-2.0
#include "geneve.h"
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif

#define FLAG_CONTROL	0x80	/* second byte of the fixed header */
#define OPTION_HLEN	4
#define OPTION_CRITICAL	0x80	/* highest bit of an option's type */

/* Option classes under which clouds send the same three types */
#define CLASS_AWS	0x0108
#define CLASS_OTHER	0x0167
#define TYPE_ENDPOINT	1
#define TYPE_ATTACHMENT	2
#define TYPE_COOKIE	3

static __u16 get16(const __u8 *p)
{
	return p[0] << 8 | p[1];
}

static __u32 get32(const __u8 *p)
{
	return (__u32)get16(p) << 16 | get16(p + 2);
}

static __u64 get64(const __u8 *p)
{
	return (__u64)get32(p) << 32 | get32(p + 4);
}

static int is_known(const __u8 *p)
{
	__u16 class = get16(p);
	unsigned int type = p[2] & ~OPTION_CRITICAL;

	return (class == CLASS_AWS || class == CLASS_OTHER) &&
	       type >= TYPE_ENDPOINT && type <= TYPE_COOKIE;
}

static enum gwlb_drop_reason parse_options(const __u8 *p, unsigned int len,
					   enum gwlb_critical unknown,
					   struct gwlb_geneve *g)
{
	while (len) {
		unsigned int data;
		int known;

		/* len is a multiple of 4, so that an option header is there */
		data = (p[3] & 0x1f) * 4;
		if (OPTION_HLEN + data > len)
			return GWLB_DROP_REASON_OPTION_LENGTH;

		known = is_known(p);
		if (p[2] & OPTION_CRITICAL) {
			if (!known && unknown == GWLB_CRITICAL_DROP)
				return GWLB_DROP_REASON_OPTION_CRITICAL;
			g->critical = 1;
		}
		if (known && (p[2] & ~OPTION_CRITICAL) == TYPE_ENDPOINT &&
		    data == 8)
			g->endpoint = get64(p + OPTION_HLEN);

		p += OPTION_HLEN + data;
		len -= OPTION_HLEN + data;
	}
	return GWLB_DROP_REASON_NONE;
}

/**
 * gwlb_geneve_parse() - check a received header and read it
 * @p: UDP payload
 * @len: bytes at @p; bytes behind the header are not looked at
 * @unknown: what to do with a critical option that is not known
 * @g: filled if the header is good
 *
 * Return: GWLB_DROP_REASON_NONE, or what is wrong with it.
 */
enum gwlb_drop_reason gwlb_geneve_parse(const __u8 *p, unsigned int len,
					enum gwlb_critical unknown,
					struct gwlb_geneve *g)
{
	enum gwlb_drop_reason reason;

	if (len < GWLB_GENEVE_HLEN)
		return GWLB_DROP_REASON_GENEVE_SHORT;
	if (p[0] >> 6)
		return GWLB_DROP_REASON_GENEVE_VERSION;
	if (p[1] & FLAG_CONTROL)
		return GWLB_DROP_REASON_GENEVE_CONTROL;
	if (len < gwlb_geneve_len(p))
		return GWLB_DROP_REASON_GENEVE_OPTIONS;

	memset(g, 0, sizeof(*g));
	g->options_len = gwlb_geneve_len(p) - GWLB_GENEVE_HLEN;
	g->protocol = get16(p + 2);
	g->vni = p[4] << 16 | p[5] << 8 | p[6];

	reason = parse_options(p + GWLB_GENEVE_HLEN, g->options_len, unknown, g);
	if (reason)
		return reason;
	if (g->protocol != 0x0800 && g->protocol != 0x86dd)
		return GWLB_DROP_REASON_PROTOCOL;
	return GWLB_DROP_REASON_NONE;
}

/**
 * gwlb_geneve_decode() - read options of the known classes
 * @options: of a header that is good
 * @len: bytes of them
 * @ids: filled; of several of one type the last counts
 */
void gwlb_geneve_decode(const __u8 *options, unsigned int len,
			struct gwlb_geneve_ids *ids)
{
	const __u8 *p = options, *end = options + len;

	memset(ids, 0, sizeof(*ids));
	for (; p < end; p += OPTION_HLEN + (p[3] & 0x1f) * 4) {
		unsigned int type = p[2] & ~OPTION_CRITICAL;
		unsigned int data = (p[3] & 0x1f) * 4;

		if (!is_known(p))
			continue;
		if (type == TYPE_ATTACHMENT && data == 8) {
			ids->attachment = get64(p + OPTION_HLEN);
			ids->has_attachment = 1;
		} else if (type == TYPE_COOKIE && data == 4) {
			ids->cookie = get32(p + OPTION_HLEN);
			ids->has_cookie = 1;
		}
	}
}

/**
 * gwlb_geneve_build() - write a header
 * @p: room for GWLB_GENEVE_HLEN and the options
 * @fixed: as gwlb_geneve_fixed() returns it
 * @options: as many bytes as @fixed announces
 */
void gwlb_geneve_build(__u8 *p, __u64 fixed, const __u8 *options)
{
	unsigned int len = gwlb_geneve_fixed_len(fixed);

	p[0] = fixed >> 56;
	p[1] = fixed >> 48;
	p[2] = fixed >> 40;
	p[3] = fixed >> 32;
	p[4] = fixed >> 24;
	p[5] = fixed >> 16;
	p[6] = fixed >> 8;
	p[7] = fixed;
	/* a few instructions where the compiler knows the length */
	if (len == GWLB_GENEVE_OPTIONS_USUAL)
		memcpy(p + GWLB_GENEVE_HLEN, options, GWLB_GENEVE_OPTIONS_USUAL);
	else
		memcpy(p + GWLB_GENEVE_HLEN, options, len);
}

static int options_equal(const __u8 *a, const __u8 *b, unsigned int len)
{
	__u64 word[2], differ = 0;
	unsigned int i;

	if (len != GWLB_GENEVE_OPTIONS_USUAL)
		return !memcmp(a, b, len);
	/* no call, and no branch but one */
	for (i = 0; i < GWLB_GENEVE_OPTIONS_USUAL; i += sizeof(*word)) {
		memcpy(&word[0], a + i, sizeof(*word));
		memcpy(&word[1], b + i, sizeof(*word));
		differ |= word[0] ^ word[1];
	}
	return !differ;
}

/**
 * gwlb_geneve_equal() - is a header the one that would be written
 * @p: header, all of which is there
 * @fixed: as gwlb_geneve_fixed() returns it
 * @options: as many bytes as @fixed announces
 *
 * Return: 1 if it is, to the last bit, else 0.
 */
int gwlb_geneve_equal(const __u8 *p, __u64 fixed, const __u8 *options)
{
	return get64(p) == fixed &&
	       options_equal(p + GWLB_GENEVE_HLEN, options,
			     gwlb_geneve_fixed_len(fixed));
}
