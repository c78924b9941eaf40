// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold of the parser whatever comes. The first byte of the input
 * holds flags, the second says how much of the inner packet is looked at,
 * the rest is the UDP payload.
 */
#include "unit.h"

#define must(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort(); \
		} \
	} while (0)

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size);

static void tuple(const struct gwlb_tuple *t)
{
	struct gwlb_tuple a = *t, b = *t;

	memcpy(b.addr[0], t->addr[1], 16);
	memcpy(b.addr[1], t->addr[0], 16);
	memcpy(b.port[0], t->port[1], 2);
	memcpy(b.port[1], t->port[0], 2);
	gwlb_tuple_normalize(&a);
	gwlb_tuple_normalize(&b);
	must(!memcmp(&a, &b, sizeof(a)));
	must(!gwlb_tuple_normalize(&a));
}

static void inner(const __u8 *bytes, unsigned int len, unsigned int look,
		  __u16 protocol, int aggregate)
{
	__u8 *p = exact(bytes, look);
	enum gwlb_drop_reason reason;
	struct gwlb_inner in, all;

	/* what lies between the members is left as it is */
	memset(&in, 0, sizeof(in));
	memset(&all, 0, sizeof(all));
	reason = gwlb_inner_parse(p, look, len, protocol, aggregate, &in);
	free(p);
	must(reason == GWLB_DROP_REASON_NONE ||
	     (reason >= GWLB_DROP_REASON_INNER_SHORT &&
	      reason <= GWLB_DROP_REASON_INNER_CHECKSUM));
	/* good or bad must not depend on how much was looked at */
	if (look >= 60)
		must(reason == gwlb_inner_parse(bytes, len, len, protocol, aggregate, &all));
	if (reason)
		return;
	must(in.tuple.version == (protocol == 0x0800 ? 4 : 6));
	must(in.tuple.version == bytes[0] >> 4);
	must(in.hdr_len >= (protocol == 0x0800 ? 20 : 40));
	must(in.hdr_len <= look && in.hdr_len <= in.len && in.len <= len);
	must(!in.fragment || !memcmp(in.tuple.port, "\0\0\0", 4));
	/* nor on what is behind it */
	if (look == len) {
		p = exact(bytes, in.len);
		must(!gwlb_inner_parse(p, in.len, in.len, protocol, aggregate, &all));
		must(!memcmp(&in, &all, sizeof(in)));
		free(p);
	}
	tuple(&in.tuple);
}

static unsigned int min(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

int LLVMFuzzerTestOneInput(const __u8 *data, size_t size)
{
	enum gwlb_critical unknown;
	struct gwlb_geneve g, again;
	unsigned int hlen, len;
	int aggregate;
	__u8 *p, *built;

	if (size < 2)
		return 0;
	unknown = data[0] & 1 ? GWLB_CRITICAL_PASS : GWLB_CRITICAL_DROP;
	aggregate = data[0] >> 1 & 1;
	len = size - 2;
	p = exact(data + 2, len);
	if (gwlb_geneve_parse(p, len, unknown, &g))
		goto out;

	hlen = GWLB_GENEVE_HLEN + g.options_len;
	must(hlen == gwlb_geneve_len(p) && hlen <= len);
	must(g.protocol == 0x0800 || g.protocol == 0x86dd);
	must(g.vni <= 0xffffff && g.critical <= 1);

	/* the header comes back, flags and reserved bits apart */
	built = malloc(hlen);
	gwlb_geneve_build(built, gwlb_geneve_fixed(&g), p + GWLB_GENEVE_HLEN);
	must(built[1] == (g.critical ? 0x40 : 0) && built[7] == 0);
	p[1] = built[1];
	p[7] = 0;
	must(!memcmp(built, p, hlen));
	must(gwlb_geneve_equal(p, gwlb_geneve_fixed(&g), built + GWLB_GENEVE_HLEN));
	must(!gwlb_geneve_parse(built, hlen, unknown, &again));
	must(!memcmp(&g, &again, sizeof(g)));
	free(built);

	inner(p + hlen, len - hlen, len - hlen, g.protocol, aggregate);
	inner(p + hlen, len - hlen, min(len - hlen, GWLB_INNER_LOOK), g.protocol, aggregate);
	/* hlen is not what libFuzzer learns from: give it a limit of its own */
	if (data[1] >= 60)
		inner(p + hlen, len - hlen, min(len - hlen, data[1]), g.protocol, aggregate);
out:
	free(p);
	return 0;
}
