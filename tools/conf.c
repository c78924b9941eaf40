// SPDX-License-Identifier: GPL-2.0
/* The configuration as words of the command line and as IFLA_INFO_DATA. What
 * fits its attribute is sent, whether it makes sense is for the kernel to say.
 */
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gwlbctl.h"

static const char * const modes[] = {
	[GWLB_MODE_BUMP] = "bump",
	[GWLB_MODE_ROUTE] = "route",
};

static const char * const criticals[] = {
	[GWLB_CRITICAL_DROP] = "drop",
	[GWLB_CRITICAL_PASS] = "pass",
};

static const char * const catches[] = {
	[GWLB_CATCH_AUTO] = "auto",
	[GWLB_CATCH_EARLY] = "early",
	[GWLB_CATCH_SOCKET] = "socket",
};

static const char * const zones[] = {
	[GWLB_ZONES_AUTO] = "auto",
	[GWLB_ZONES_OFF] = "off",
};

/* Decimal or 0x and hexadecimal; never octal, which nobody means */
uint32_t number_scan(const char *what, const char *text, uint32_t max)
{
	bool hex = !strncmp(text, "0x", 2);
	const char *digits = text + (hex ? 2 : 0);
	unsigned long long n;

	n = strtoull(digits, NULL, hex ? 16 : 10);
	if (!*digits || digits[strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789")] ||
	    n > max)
		usage("%s takes a number up to %u, not '%s'", what, max, text);
	return n;
}

static void put_u8(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	mnl_attr_put_u8(nlh, type, number_scan(what, value, UINT8_MAX));
}

static void put_u16(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	mnl_attr_put_u16(nlh, type, number_scan(what, value, UINT16_MAX));
}

static void put_u32(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	mnl_attr_put_u32(nlh, type, number_scan(what, value, UINT32_MAX));
}

static void put_mode(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (!strcmp(value, modes[i])) {
			mnl_attr_put_u8(nlh, type, i);
			return;
		}
	usage("%s can be bump or route, not '%s'", what, value);
}

static void put_critical(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(criticals); i++)
		if (!strcmp(value, criticals[i])) {
			mnl_attr_put_u8(nlh, type, i);
			return;
		}
	usage("%s can be drop or pass, not '%s'", what, value);
}

static void put_catch(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(catches); i++)
		if (!strcmp(value, catches[i])) {
			mnl_attr_put_u8(nlh, type, i);
			return;
		}
	usage("%s can be auto, early or socket, not '%s'", what, value);
}

/* MARK[/MASK], all bits of it without MASK; or none, whose mask is 0 */
void mark_scan(uint32_t *mark, uint32_t *mask, const char *what, const char *value)
{
	char *text = strdup(value), *slash, *name;

	if (!text)
		fail("no memory");
	*mark = 0;
	*mask = 0;
	slash = strchr(text, '/');
	if (slash)
		*slash = 0;
	if (strcmp(value, "none")) {
		if (asprintf(&name, "the mask of %s", what) < 0)
			fail("no memory");
		*mark = number_scan(what, text, UINT32_MAX);
		*mask = slash ? number_scan(name, slash + 1, UINT32_MAX) : UINT32_MAX;
		if (!*mask)
			usage("%s must not be 0; say none", name);
		free(name);
	}
	free(text);
}

static void put_divert(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	uint32_t mark, mask;

	mark_scan(&mark, &mask, what, value);
	mnl_attr_put_u32(nlh, type, mark);
	mnl_attr_put_u32(nlh, GWLB_A_CONF_DIVERT_MASK, mask);
}

static void put_zones(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(zones); i++)
		if (!strcmp(value, zones[i])) {
			mnl_attr_put_u8(nlh, type, i);
			return;
		}
	usage("%s can be auto or off, not '%s'", what, value);
}

static void put_zone_range(struct nlmsghdr *nlh, uint16_t type, const char *what,
			   const char *value)
{
	char *low = strdup(value), *high;

	if (!low)
		fail("no memory");
	high = strchr(low, '-');
	if (!high)
		usage("%s takes two numbers with - between them, not '%s'", what, value);
	*high++ = 0;
	mnl_attr_put_u16(nlh, type, number_scan(what, low, UINT16_MAX));
	mnl_attr_put_u16(nlh, GWLB_A_CONF_ZONE_HIGH, number_scan(what, high, UINT16_MAX));
	free(low);
}

static void put_trust(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	uint32_t mark, mask;

	mark_scan(&mark, &mask, what, value);
	mnl_attr_put_u32(nlh, type, mark);
	mnl_attr_put_u32(nlh, GWLB_A_CONF_TRUST_MASK, mask);
}

static void put_local(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	struct address a = { .len = 0 };

	if (strcmp(value, "any") && (!address_scan(&a, value) || address_is_zero(&a)))
		usage("%s takes an address of this machine or any, not '%s'", what, value);
	mnl_attr_put(nlh, type, a.len, a.bytes);
}

static void scan_prefix(struct prefix *p, const char *what, char *text)
{
	char *slash = strchr(text, '/');
	struct address masked;

	if (slash)
		*slash = 0;
	if (!address_scan(&p->address, text))
		usage("%s takes prefixes with commas between them, or any; '%s' is no address",
		      what, text);
	p->length = p->address.len * 8;
	if (slash)
		p->length = number_scan("the length of a prefix", slash + 1, p->length);
	masked = p->address;
	address_mask(&masked, p->length);
	if (memcmp(&masked, &p->address, sizeof(masked)))
		usage("%s: %s has bits set behind the first %u; %s/%u has not", what, text,
		      p->length, address_print(&masked).s, p->length);
}

static void put_allow(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value)
{
	struct nlattr *list = mnl_attr_nest_start(nlh, type), *nest;
	char *words = strdup(value), *word;
	char *rest = words;
	struct prefix p;

	if (!words)
		fail("no memory");
	if (!strcmp(value, "any"))
		rest = NULL;
	while ((word = strsep(&rest, ","))) {
		scan_prefix(&p, what, word);
		/* far more than the kernel takes, which says so itself */
		if (nlh->nlmsg_len > NL_SIZE / 2)
			usage("%s: too many prefixes", what);
		nest = mnl_attr_nest_start(nlh, GWLB_A_ALLOW_PREFIX);
		mnl_attr_put(nlh, GWLB_A_PREFIX_ADDRESS, p.address.len, p.address.bytes);
		mnl_attr_put_u8(nlh, GWLB_A_PREFIX_LENGTH, p.length);
		mnl_attr_nest_end(nlh, nest);
	}
	mnl_attr_nest_end(nlh, list);
	free(words);
}

static void check_twice(char *words[], const struct endpoint_id *id, char *end[])
{
	struct endpoint_id other;

	for (; words < end; words += 2) {
		if (strcmp(words[0], "endpoint"))
			continue;
		endpoint_scan(&other, words[1]);
		if (endpoint_same(&other, id))
			usage("endpoint %s is given twice", end[1]);
	}
}

/* All of them, wherever they are among the words */
static void put_claims(struct nlmsghdr *nlh, uint16_t type, char *words[])
{
	struct nlattr *list = mnl_attr_nest_start(nlh, type);
	char **first = words;
	struct endpoint_id id;

	for (; words[0] && words[1]; words += 2) {
		if (strcmp(words[0], "endpoint"))
			continue;
		file_at(words[0]);
		endpoint_scan(&id, words[1]);
		check_twice(first, &id, words);
		/* far more than the kernel takes, which says so itself */
		if (nlh->nlmsg_len > NL_SIZE / 2)
			usage("too many endpoints");
		if (id.number)
			mnl_attr_put_u64(nlh, GWLB_A_ENDPOINTS_ID, id.number);
		else if (id.vrf)
			mnl_attr_put_u32(nlh, GWLB_A_ENDPOINTS_VRF, id.vrf);
		if (!id.number)
			mnl_attr_put(nlh, GWLB_A_ENDPOINTS_GATEWAY, id.gateway.len,
				     id.gateway.bytes);
	}
	mnl_attr_nest_end(nlh, list);
}

static const struct {
	const char *name;
	uint16_t type;
	void (*put)(struct nlmsghdr *nlh, uint16_t type, const char *what, const char *value);
} options[] = {
	{ "port",	GWLB_A_CONF_PORT,	put_u16 },
	{ "local",	GWLB_A_CONF_LOCAL,	put_local },
	{ "mode",	GWLB_A_CONF_MODE,	put_mode },
	{ "allow",	GWLB_A_CONF_ALLOW,	put_allow },
	{ "ttl",	GWLB_A_CONF_TTL,	put_u8 },
	{ "tos",	GWLB_A_CONF_TOS,	put_u8 },
	{ "critical",	GWLB_A_CONF_CRITICAL,	put_critical },
	{ "max-flows",	GWLB_A_CONF_MAX_FLOWS,	put_u32 },
	{ "catch",	GWLB_A_CONF_CATCH,	put_catch },
	{ "trust",	GWLB_A_CONF_TRUST_MARK,	put_trust },
	{ "for",	GWLB_A_CONF_TRUST_SECONDS, put_u32 },
	{ "timeout-tcp", GWLB_A_CONF_TIMEOUT_TCP, put_u32 },
	{ "timeout-other", GWLB_A_CONF_TIMEOUT_OTHER, put_u32 },
	{ "divert",	GWLB_A_CONF_DIVERT_MARK, put_divert },
	{ "max-endpoints", GWLB_A_CONF_MAX_ENDPOINTS, put_u32 },
	{ "zones",	GWLB_A_CONF_ZONES,	put_zones },
	{ "zone-range",	GWLB_A_CONF_ZONE_LOW,	put_zone_range },
};

/* The one option that may be given several times */
static bool is_claim(const char *word)
{
	return !strcmp(word, "endpoint");
}

/* Length of the message behind each option that was given, in their order */
static uint32_t *ends;

/* Words of the command line or a file to attributes */
void conf_write(struct nlmsghdr *nlh, char *words[])
{
	bool given[ARRAY_SIZE(options)] = { false }, claimed = false;
	size_t count = 0;

	for (; *words; words += 2) {
		size_t i = 0;

		ends = reallocarray(ends, count + 1, sizeof(*ends));
		if (!ends)
			fail("no memory");
		file_at(*words);
		if (is_claim(*words) && words[1]) {
			if (!claimed)
				put_claims(nlh, GWLB_A_CONF_ENDPOINTS, words);
			claimed = true;
			ends[count++] = nlh->nlmsg_len;
			continue;
		}
		while (i < ARRAY_SIZE(options) && strcmp(options[i].name, *words))
			i++;
		if (i == ARRAY_SIZE(options) && !is_claim(*words))
			usage("unknown option '%s'", *words);
		if (i < ARRAY_SIZE(options) && given[i])
			usage("%s is given twice", *words);
		if (!words[1])
			usage("%s needs a value", *words);
		options[i].put(nlh, options[i].type, options[i].name, words[1]);
		given[i] = true;
		ends[count++] = nlh->nlmsg_len;
	}
	file_at(NULL);
}

/* The first option that a link on another has not, or NULL */
const char *conf_outer(char *words[])
{
	static const char * const outer[] = {
		"port", "local", "allow", "ttl", "tos", "critical", "catch", "max-endpoints",
	};

	for (; words[0] && words[1]; words += 2)
		for (size_t i = 0; i < ARRAY_SIZE(outer); i++)
			if (!strcmp(outer[i], words[0]))
				return words[0];
	return NULL;
}

/* Which of the words last written has its attribute at that offset, or NULL */
const char *conf_at(char *words[], uint32_t offset)
{
	if (!offset)
		return NULL;
	for (const uint32_t *end = ends; *words; words += 2)
		if (offset < *end++)
			return *words;
	return NULL;
}

static void read_allow(struct conf *conf, const struct nlattr *list)
{
	const struct nlattr *tb[GWLB_A_PREFIX_MAX + 1];
	const struct nlattr *nest;
	struct prefix *p;

	mnl_attr_for_each_nested(nest, list) {
		conf->allow = reallocarray(conf->allow, conf->allow_count + 1,
					   sizeof(*conf->allow));
		if (!conf->allow)
			fail("no memory");
		p = &conf->allow[conf->allow_count++];
		nl_parse_nested(tb, GWLB_A_PREFIX_MAX, nest);
		address_read(&p->address, tb[GWLB_A_PREFIX_ADDRESS]);
		p->length = nl_number(tb[GWLB_A_PREFIX_LENGTH]);
	}
}

static void read_claims(struct conf *conf, const struct nlattr *list)
{
	const struct nlattr *attr;
	uint32_t vrf = 0;

	mnl_attr_for_each_nested(attr, list) {
		uint16_t type = mnl_attr_get_type(attr);
		struct endpoint_id *id;

		/* of the one behind it */
		if (type == GWLB_A_ENDPOINTS_VRF)
			vrf = nl_number(attr);
		if (type != GWLB_A_ENDPOINTS_ID && type != GWLB_A_ENDPOINTS_GATEWAY)
			continue;
		conf->claims = array_grow(conf->claims, conf->claim_count, sizeof(*id));
		id = &conf->claims[conf->claim_count++];
		if (type == GWLB_A_ENDPOINTS_ID)
			id->number = nl_number(attr);
		else
			address_read(&id->gateway, attr);
		id->vrf = vrf;
		vrf = 0;
	}
}

void conf_free(struct conf *conf)
{
	free(conf->allow);
	free(conf->claims);
}

void conf_read(struct conf *conf, const struct nlattr *nest)
{
	const struct nlattr *tb[GWLB_A_CONF_MAX + 1];

	nl_parse_nested(tb, GWLB_A_CONF_MAX, nest);
	conf_take(conf, tb);
}

/* tb is indexed by GWLB_A_CONF_* */
void conf_take(struct conf *conf, const struct nlattr *tb[])
{
	conf->port = nl_number(tb[GWLB_A_CONF_PORT]);
	conf->mode = nl_number(tb[GWLB_A_CONF_MODE]);
	conf->ttl = nl_number(tb[GWLB_A_CONF_TTL]);
	conf->tos = nl_number(tb[GWLB_A_CONF_TOS]);
	conf->critical = nl_number(tb[GWLB_A_CONF_CRITICAL]);
	conf->max_flows = nl_number(tb[GWLB_A_CONF_MAX_FLOWS]);
	conf->catch = nl_number(tb[GWLB_A_CONF_CATCH]);
	conf->trust_mark = nl_number(tb[GWLB_A_CONF_TRUST_MARK]);
	conf->trust_mask = nl_number(tb[GWLB_A_CONF_TRUST_MASK]);
	conf->trust_seconds = nl_number(tb[GWLB_A_CONF_TRUST_SECONDS]);
	conf->timeout_tcp = nl_number(tb[GWLB_A_CONF_TIMEOUT_TCP]);
	conf->timeout_other = nl_number(tb[GWLB_A_CONF_TIMEOUT_OTHER]);
	conf->divert_mark = nl_number(tb[GWLB_A_CONF_DIVERT_MARK]);
	conf->divert_mask = nl_number(tb[GWLB_A_CONF_DIVERT_MASK]);
	conf->max_endpoints = nl_number(tb[GWLB_A_CONF_MAX_ENDPOINTS]);
	conf->zones = nl_number(tb[GWLB_A_CONF_ZONES]);
	conf->zone_low = nl_number(tb[GWLB_A_CONF_ZONE_LOW]);
	conf->zone_high = nl_number(tb[GWLB_A_CONF_ZONE_HIGH]);
	address_read(&conf->local, tb[GWLB_A_CONF_LOCAL]);
	if (tb[GWLB_A_CONF_ALLOW])
		read_allow(conf, tb[GWLB_A_CONF_ALLOW]);
	if (tb[GWLB_A_CONF_ENDPOINTS])
		read_claims(conf, tb[GWLB_A_CONF_ENDPOINTS]);
}

const char *conf_mode(const struct conf *conf)
{
	return conf->mode < ARRAY_SIZE(modes) ? modes[conf->mode] : "unknown";
}

const char *conf_catch(const struct conf *conf)
{
	return conf->catch < ARRAY_SIZE(catches) ? catches[conf->catch] : "unknown";
}

/* Do its packets go around INPUT: early, or to the port of another link */
bool conf_early(const struct conf *conf)
{
	return conf->claim_count || conf->catch == GWLB_CATCH_EARLY ||
	       (conf->catch == GWLB_CATCH_AUTO && conf->allow_count);
}

/* As the option takes it; a mask only if it leaves something out */
struct divert_text conf_divert(const struct conf *conf)
{
	struct divert_text text = { "none" };

	if (conf->divert_mask == UINT32_MAX)
		snprintf(text.s, sizeof(text.s), "0x%x", conf->divert_mark);
	else if (conf->divert_mask)
		snprintf(text.s, sizeof(text.s), "0x%x/0x%x", conf->divert_mark,
			 conf->divert_mask);
	return text;
}

const char *conf_critical(const struct conf *conf)
{
	return conf->critical < ARRAY_SIZE(criticals) ? criticals[conf->critical] : "unknown";
}

const char *conf_zones(const struct conf *conf)
{
	return conf->zones < ARRAY_SIZE(zones) ? zones[conf->zones] : "unknown";
}
