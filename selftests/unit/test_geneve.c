// SPDX-License-Identifier: GPL-2.0
#include "unit.h"

#define HLEN	GWLB_GENEVE_HLEN
#define MAX	(HLEN + GWLB_GENEVE_OPTIONS_MAX)

static struct gwlb_geneve geneve;

/* Everything is parsed out of a buffer of exactly its length */
static enum gwlb_drop_reason parse(const void *bytes, size_t len,
				   enum gwlb_critical unknown)
{
	__u8 *p = exact(bytes, len);
	enum gwlb_drop_reason reason;

	/* nothing of an earlier one may shine through */
	memset(&geneve, 0xa5, sizeof(geneve));
	reason = gwlb_geneve_parse(p, len, unknown, &geneve);
	free(p);
	return reason;
}

#define is(reason, bytes, len, with) \
	check(parse(bytes, len, GWLB_CRITICAL_DROP) == GWLB_DROP_REASON_##reason, with)

/* An option behind what is there; its data counts up from its length */
static unsigned int add(__u8 *p, unsigned int len, __u16 class, __u8 type,
			unsigned int data)
{
	unsigned int i;

	p[len] = class >> 8;
	p[len + 1] = class & 0xff;
	p[len + 2] = type;
	p[len + 3] = data / 4;
	for (i = 0; i < data; i++)
		p[len + 4 + i] = data + i;
	len += 4 + data;
	p[0] = (len - HLEN) / 4;
	return len;
}

static unsigned int header(__u8 *p)
{
	memset(p, 0, MAX);
	p[2] = 0x08;
	return HLEN;
}

static void test_capture(void)
{
	/* what follows the header is not looked at */
	is(NONE, capture, sizeof(capture), 0);
	is(NONE, capture, 40, 0);
	check(geneve.endpoint == 0x2356de92d389839cULL, geneve.endpoint);
	check(geneve.vni == 0, geneve.vni);
	check(geneve.protocol == 0x0800, geneve.protocol);
	check(geneve.options_len == 32, geneve.options_len);
	check(!geneve.critical, geneve.critical);
}

static void test_truncated(void)
{
	unsigned int len;

	for (len = 0; len < HLEN; len++)
		is(GENEVE_SHORT, capture, len, len);
	for (; len < 40; len++)
		is(GENEVE_OPTIONS, capture, len, len);
}

/* Options of every length, cut at every length */
static void test_lengths(void)
{
	__u8 p[MAX];
	unsigned int words, len, cut;

	for (words = 0; words <= 63; words++) {
		len = header(p);
		/* one option has 31 words of data at most */
		if (words > 32)
			len = add(p, len, 0xfeed, 7, 124);
		if (words)
			len = add(p, len, 0xbeef, 9, HLEN + words * 4 - len - 4);
		check(len == HLEN + words * 4, words);
		check(gwlb_geneve_len(p) == len, words);
		is(NONE, p, len, words);
		check(geneve.options_len == words * 4, words);
		check(geneve.endpoint == 0, words);
		for (cut = HLEN; cut < len; cut++)
			is(GENEVE_OPTIONS, p, cut, cut);
	}
}

/* In options of every length, a TLV of every length too long */
static void test_option_length(void)
{
	__u8 p[MAX];
	unsigned int words, data;

	for (words = 1; words <= 63; words++) {
		for (data = 0; data <= 31; data++) {
			header(p);
			p[0] = words;
			/* empty ones up to the last */
			p[HLEN + words * 4 - 1] = data;
			check(parse(p, HLEN + words * 4, GWLB_CRITICAL_DROP) ==
			      (data ? GWLB_DROP_REASON_OPTION_LENGTH :
				      GWLB_DROP_REASON_NONE), words * 32 + data);
			/* the first of them; all fit, or it is too long */
			header(p);
			p[0] = words;
			p[HLEN + 3] = data;
			check(parse(p, HLEN + words * 4, GWLB_CRITICAL_DROP) ==
			      (data > words - 1 ? GWLB_DROP_REASON_OPTION_LENGTH :
						  GWLB_DROP_REASON_NONE), words * 32 + data);
		}
	}
	/* the three reserved bits before the length are not part of it */
	header(p);
	p[0] = 1;
	p[HLEN + 3] = 0xe0;
	is(NONE, p, HLEN + 4, 0);
}

static void test_version(void)
{
	__u8 p[CAPTURE_LEN];
	unsigned int v;

	for (v = 0; v < 4; v++) {
		memcpy(p, capture, sizeof(p));
		p[0] |= v << 6;
		check(parse(p, sizeof(p), GWLB_CRITICAL_DROP) ==
		      (v ? GWLB_DROP_REASON_GENEVE_VERSION : GWLB_DROP_REASON_NONE), v);
	}
}

static void test_flags(void)
{
	__u8 p[CAPTURE_LEN];
	unsigned int flags;

	for (flags = 0; flags < 256; flags++) {
		memcpy(p, capture, sizeof(p));
		p[1] = flags;
		p[7] = flags;
		check(parse(p, sizeof(p), GWLB_CRITICAL_DROP) ==
		      (flags & 0x80 ? GWLB_DROP_REASON_GENEVE_CONTROL :
				      GWLB_DROP_REASON_NONE), flags);
		/* C on its own is no critical option */
		if (!(flags & 0x80))
			check(!geneve.critical && geneve.vni == 0, flags);
	}
}

static void test_protocol(void)
{
	__u8 p[CAPTURE_LEN];
	unsigned int proto;

	memcpy(p, capture, sizeof(p));
	for (proto = 0; proto <= 0xffff; proto++) {
		p[2] = proto >> 8;
		p[3] = proto & 0xff;
		if (proto == 0x0800 || proto == 0x86dd) {
			is(NONE, p, 40, proto);
			check(geneve.protocol == proto, proto);
		} else {
			is(PROTOCOL, p, 40, proto);
		}
	}
}

static void test_vni(void)
{
	__u8 p[CAPTURE_LEN];
	int bit;

	for (bit = 0; bit < 24; bit++) {
		memcpy(p, capture, sizeof(p));
		p[4 + bit / 8] = 0x80 >> bit % 8;
		is(NONE, p, 40, bit);
		check(geneve.vni == 0x800000U >> bit, bit);
	}
}

/* All types of some classes, with and without the critical bit */
static void test_critical(void)
{
	static const __u16 classes[] = { 0, 0x0107, 0x0108, 0x0109, 0x0167, 0x0801, 0xffff };
	__u8 p[MAX];
	unsigned int c, type, len;

	for (c = 0; c < sizeof(classes) / sizeof(*classes); c++) {
		for (type = 0; type < 256; type++) {
			int known = (classes[c] == 0x0108 || classes[c] == 0x0167) &&
				    (type & 0x7f) >= 1 && (type & 0x7f) <= 3;
			int critical = type >> 7;
			unsigned long with = classes[c] << 8 | type;

			/* behind a harmless one */
			len = add(p, header(p), 0xfeed, 1, 8);
			len = add(p, len, classes[c], type, 4);
			check(parse(p, len, GWLB_CRITICAL_DROP) ==
			      (critical && !known ? GWLB_DROP_REASON_OPTION_CRITICAL :
						    GWLB_DROP_REASON_NONE), with);
			if (!critical || known)
				check(geneve.critical == critical, with);
			check(parse(p, len, GWLB_CRITICAL_PASS) == GWLB_DROP_REASON_NONE, with);
			check(geneve.critical == critical, with);
		}
	}
}

static void test_endpoint(void)
{
	static const __u16 classes[] = { 0x0108, 0x0167, 0x0108 ^ 1, 0x0801 };
	__u8 p[MAX];
	unsigned int c, type, data, len;

	for (c = 0; c < 4; c++) {
		for (type = 0; type < 256; type++) {
			for (data = 0; data <= 124; data += 4) {
				int is_id = c < 2 && (type & 0x7f) == 1 && data == 8;

				len = add(p, header(p), 0x0108, 2, 8);
				len = add(p, len, classes[c], type, data);
				len = add(p, len, 0x0108, 3, 4);
				parse(p, len, GWLB_CRITICAL_PASS);
				check(geneve.endpoint == (is_id ? 0x08090a0b0c0d0e0fULL : 0),
				      c << 16 | type << 8 | data);
			}
		}
	}
}

static void test_decode(void)
{
	static const __u16 classes[] = { 0x0108, 0x0167, 0x0108 ^ 1, 0x0801 };
	unsigned int c, type, data, len;
	struct gwlb_geneve_ids ids;
	__u8 p[MAX], *options;

	for (c = 0; c < 4; c++) {
		for (type = 0; type < 256; type++) {
			for (data = 0; data <= 124; data += 4) {
				unsigned int with = c << 16 | type << 8 | data;
				int attachment = c < 2 && (type & 0x7f) == 2 && data == 8;
				int cookie = c < 2 && (type & 0x7f) == 3 && data == 4;

				len = add(p, header(p), 0x0108, 1, 8);
				len = add(p, len, classes[c], type, data);
				options = exact(p + HLEN, len - HLEN);
				memset(&ids, 0xa5, sizeof(ids));
				gwlb_geneve_decode(options, len - HLEN, &ids);
				free(options);
				check(ids.has_attachment == attachment, with);
				check(ids.attachment ==
				      (attachment ? 0x08090a0b0c0d0e0fULL : 0), with);
				check(ids.has_cookie == cookie, with);
				check(ids.cookie == (cookie ? 0x04050607 : 0), with);
			}
		}
	}
}

static void test_build(void)
{
	__u8 p[MAX], *built, *options;
	unsigned int words, type, len;
	__u64 fixed;

	for (words = 0; words <= 63; words++) {
		/* type 0x81: critical and known */
		for (type = 0x01; type <= 0x81; type += 0x80) {
			len = header(p);
			if (words > 32)
				len = add(p, len, 0x0108, 0x02, 124);
			if (words)
				len = add(p, len, 0x0108, type, HLEN + words * 4 - len - 4);
			p[1] = words && type & 0x80 ? 0x40 : 0;
			p[2] = 0x86;
			p[3] = 0xdd;
			p[4] = 0x12;
			p[5] = 0x34;
			p[6] = 0x56;
			is(NONE, p, len, words);
			options = exact(p + HLEN, len - HLEN);
			built = malloc(len);
			memset(built, 0xa5, len);
			fixed = gwlb_geneve_fixed(&geneve);
			gwlb_geneve_build(built, fixed, options);
			check(!memcmp(built, p, len), words);
			check(gwlb_geneve_fixed_len(fixed) == words * 4, words);
			free(built);
			free(options);
		}
	}
}

static void test_equal(void)
{
	unsigned int words, len, bit;
	__u8 p[MAX], *q, *options;
	__u64 fixed;

	for (words = 0; words <= 63; words++) {
		len = header(p);
		if (words > 32)
			len = add(p, len, 0x0108, 0x02, 124);
		if (words)
			len = add(p, len, 0x0108, 0x01, HLEN + words * 4 - len - 4);
		is(NONE, p, len, words);
		fixed = gwlb_geneve_fixed(&geneve);
		options = exact(p + HLEN, len - HLEN);
		for (bit = 0; bit < len * 8; bit++) {
			p[bit / 8] ^= 1 << bit % 8;
			/* whoever asks has as many bytes as it announces */
			q = exact(p, gwlb_geneve_len(p) > len ?
				     gwlb_geneve_len(p) : len);
			check(!gwlb_geneve_equal(q, fixed, options), bit);
			free(q);
			p[bit / 8] ^= 1 << bit % 8;
		}
		q = exact(p, len);
		check(gwlb_geneve_equal(q, fixed, options), words);
		free(q);
		free(options);
	}
}

void test_geneve(void)
{
	test("geneve: the capture", test_capture);
	test("geneve: every truncation of the capture", test_truncated);
	test("geneve: options of every length, and every truncation", test_lengths);
	test("geneve: options of every length past the end", test_option_length);
	test("geneve: version", test_version);
	test("geneve: flags and reserved bits", test_flags);
	test("geneve: protocol type", test_protocol);
	test("geneve: every bit of the VNI", test_vni);
	test("geneve: critical options", test_critical);
	test("geneve: endpoint id of both classes", test_endpoint);
	test("geneve: attachment and cookie", test_decode);
	test("geneve: build", test_build);
	test("geneve: every bit tells a header from that of the flow", test_equal);
}
