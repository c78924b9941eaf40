// SPDX-License-Identifier: GPL-2.0
/* Endpoints of the load balancer: what the kernel tells of them, and their
 * settings.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gwlbctl.h"

struct endpoint_text endpoint_print(const struct endpoint_id *id)
{
	struct endpoint_text text;
	char vrf[IF_NAMESIZE];

	if (id->number)
		snprintf(text.s, sizeof(text.s), "vpce-0%016llx", (unsigned long long)id->number);
	else
		snprintf(text.s, sizeof(text.s), "%s", address_print(&id->gateway).s);
	if (!id->vrf)
		return text;
	if (!if_indextoname(id->vrf, vrf))
		snprintf(vrf, sizeof(vrf), "%u", id->vrf);
	snprintf(text.s + strlen(text.s), sizeof(text.s) - strlen(text.s), "%%%s", vrf);
	return text;
}

/* Has the VRF of an endpoint no name, as it is gone */
static bool vrf_is_gone(const struct endpoint_id *id)
{
	char name[IF_NAMESIZE];

	return id->vrf && !if_indextoname(id->vrf, name);
}

static bool scan_hex(uint64_t *number, const char *digits, size_t least)
{
	size_t len = strspn(digits, "0123456789abcdefABCDEF");

	if (digits[len] || len < least || len > 16)
		return false;
	*number = strtoull(digits, NULL, 16);
	return *number;
}

/* The first word with a VRF that is not there */
static const char *no_vrf;

/* Such is too early, perhaps, and comes after words that are wrong */
void endpoint_need_vrf(void)
{
	if (!no_vrf)
		return;
	file_at(no_vrf);
	fail_with(3, "there is no VRF '%s' in this network namespace; add it first",
		  strchr(no_vrf, '%') + 1);
}

/* A name comes before an index, which one that is gone has still. What is not
 * there has any index, never to be sent.
 */
static uint32_t scan_vrf(const char *word, const char *name)
{
	static uint32_t gone;
	uint32_t vrf = if_nametoindex(name);

	if (!*name || strlen(name) >= IF_NAMESIZE || strchr(name, '%'))
		usage("'%s' cannot be the name of a VRF", name);
	if (!vrf && !name[strspn(name, "0123456789")])
		vrf = number_scan("a VRF", name, INT32_MAX);
	if (vrf)
		return vrf;
	if (!no_vrf)
		no_vrf = word;
	/* another is another one */
	return UINT32_MAX - gone++;
}

/* An address, or one and the VRF by which its packets come: 10.0.0.1%red */
static bool scan_gateway(struct endpoint_id *id, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "%");

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = 0;
	if (!address_scan(&id->gateway, address))
		return false;
	if (text[len])
		id->vrf = scan_vrf(text, text + len + 1);
	return true;
}

static bool try_id(struct endpoint_id *id, const char *text)
{
	memset(id, 0, sizeof(*id));
	if (!strncmp(text, "vpce-0", 6) ? scan_hex(&id->number, text + 6, 16) :
	    !strncmp(text, "0x", 2) ? scan_hex(&id->number, text + 2, 1) :
	    scan_hex(&id->number, text, 16))
		return true;
	id->number = 0;
	return scan_gateway(id, text);
}

void endpoint_scan(struct endpoint_id *id, const char *text)
{
	if (!try_id(id, text))
		usage("'%s' is no endpoint: say vpce-0 and 16 hexadecimal digits, 0x and up to 16, or for one without id the address of its load balancer",
		      text);
}

bool endpoint_same(const struct endpoint_id *a, const struct endpoint_id *b)
{
	return a->number == b->number && a->vrf == b->vrf && a->gateway.len == b->gateway.len &&
	       !memcmp(a->gateway.bytes, b->gateway.bytes, sizeof(a->gateway.bytes));
}

/* Is it an id, and else a name; what looks like an id must be one */
bool endpoint_is_id(struct endpoint_id *id, const char *text)
{
	if (try_id(id, text))
		return true;
	if (!*text || !strncmp(text, "vpce-", 5) || !strncmp(text, "0x", 2))
		endpoint_scan(id, text);
	return false;
}

void endpoint_put(struct nlmsghdr *nlh, const struct endpoint_id *id)
{
	endpoint_need_vrf();
	if (id->vrf)
		mnl_attr_put_u32(nlh, GWLB_A_ENDPOINT_VRF, id->vrf);
	if (id->number)
		mnl_attr_put_u64(nlh, GWLB_A_ENDPOINT_ID, id->number);
	else
		mnl_attr_put(nlh, GWLB_A_ENDPOINT_GATEWAY, id->gateway.len, id->gateway.bytes);
}

static void put_name(struct nlmsghdr *nlh, const char *value)
{
	if (!strcmp(value, "none"))
		value = "";
	if (strlen(value) > 31)
		usage("name '%s' is longer than 31 characters", value);
	mnl_attr_put_strz(nlh, GWLB_A_ENDPOINT_NAME, value);
}

static void put_mark(struct nlmsghdr *nlh, const char *value)
{
	uint32_t mark, mask;

	mark_scan(&mark, &mask, "mark", value);
	mnl_attr_put_u32(nlh, GWLB_A_ENDPOINT_MARK, mark);
	mnl_attr_put_u32(nlh, GWLB_A_ENDPOINT_MASK, mask);
}

static void put_zone(struct nlmsghdr *nlh, const char *value)
{
	bool is_auto = !strcmp(value, "auto"), is_none = !strcmp(value, "none");

	mnl_attr_put_u8(nlh, GWLB_A_ENDPOINT_ZONE_MODE,
			is_auto ? GWLB_ZONE_MODE_AUTO :
			is_none ? GWLB_ZONE_MODE_NONE : GWLB_ZONE_MODE_FIXED);
	if (is_auto || is_none)
		return;
	if (!isdigit((unsigned char)*value))
		usage("zone takes a number up to 65535, auto or none, not '%s'", value);
	mnl_attr_put_u16(nlh, GWLB_A_ENDPOINT_ZONE, number_scan("zone", value, UINT16_MAX));
}

static const struct {
	const char *name;
	void (*put)(struct nlmsghdr *nlh, const char *value);
} settings[] = {
	{ "name", put_name },
	{ "mark", put_mark },
	{ "zone", put_zone },
};

/* Puts the settings that lead the words, returns what follows them */
char **endpoint_put_settings(struct nlmsghdr *nlh, char *words[])
{
	bool given[ARRAY_SIZE(settings)] = { false };

	while (*words) {
		size_t i = 0;

		while (i < ARRAY_SIZE(settings) && strcmp(settings[i].name, *words))
			i++;
		if (i == ARRAY_SIZE(settings))
			break;
		file_at(*words);
		if (given[i])
			usage("%s is given twice", *words);
		if (!words[1])
			usage("%s needs a value", *words);
		settings[i].put(nlh, words[1]);
		given[i] = true;
		words += 2;
	}
	file_at(NULL);
	return words;
}

static bool is_setting(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strcmp(settings[i].name, word))
			return true;
	return false;
}

/* Is the file that of a link which takes endpoints of another */
static bool has_claims(char *words[])
{
	while (words[0] && words[1]) {
		bool is_endpoint = !strcmp(words[0], "endpoint");

		if (!strcmp(words[0], "on"))
			return true;
		words += 2;
		if (is_endpoint && (!*words || !is_setting(*words)))
			return true;
		while (is_endpoint && words[0] && words[1] && is_setting(*words))
			words += 2;
	}
	return false;
}

/* An endpoint that a file takes for its link; bare: without settings */
struct claim {
	struct endpoint_id id;
	bool bare;
};

static struct claim *claims;
static size_t claim_count;

/* Is it the first line that takes this endpoint; a line with settings may come
 * besides
 */
static bool is_first(const struct endpoint_id *id, bool bare)
{
	struct claim *claim = claims;

	while (claim < claims + claim_count && !endpoint_same(&claim->id, id))
		claim++;
	if (claim < claims + claim_count) {
		if (bare && claim->bare)
			usage("endpoint %s is given twice", endpoint_print(id).s);
		claim->bare |= bare;
		return false;
	}
	claims = array_grow(claims, claim_count, sizeof(*claims));
	claims[claim_count].id = *id;
	claims[claim_count++].bare = bare;
	return true;
}

/* Words of a file: what of them is about endpoints, ID and settings. Those
 * that the link takes stay among the words, ID alone.
 */
char **endpoint_words(char *words[])
{
	char **out = calloc(1, sizeof(*out)), **to = words;
	bool takes = has_claims(words);
	struct endpoint_id id;
	struct nl_buf buf;
	size_t count = 0;

	while (out && *words) {
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf.data);
		char **end;

		if (strcmp(*words, "endpoint")) {
			*to++ = *words++;
			if (*words)
				*to++ = *words++;
			continue;
		}
		file_at(*words);
		if (!words[1])
			usage("endpoint needs an endpoint");
		endpoint_scan(&id, words[1]);
		/* wrong words are found before anything is done */
		end = endpoint_put_settings(nlh, words + 2);
		file_at(*words);
		if (takes && is_first(&id, end == words + 2)) {
			*to++ = words[0];
			*to++ = words[1];
		}
		if (end == words + 2) {
			words = end;
			continue;
		}
		out = reallocarray(out, count + (end - words) + 1, sizeof(*out));
		if (!out)
			break;
		while (words < end)
			out[count++] = *words++;
		out[count] = NULL;
	}
	if (!out)
		fail("no memory");
	*to = NULL;
	file_at(NULL);
	return out;
}

/* Returns 0, or an errno for nl_reason() with the words at fault in *bad */
int endpoint_apply(uint32_t ifindex, char *words[], char ***bad)
{
	int err = 0;

	while (!err && *words) {
		struct endpoint_id id;
		struct nl_buf buf;
		struct nlmsghdr *nlh = nl_gwlb(&buf, GWLB_CMD_ENDPOINT_SET, NLM_F_ACK);

		*bad = words;
		endpoint_scan(&id, words[1]);
		mnl_attr_put_u32(nlh, GWLB_A_ENDPOINT_IFINDEX, ifindex);
		endpoint_put(nlh, &id);
		words = endpoint_put_settings(nlh, words + 2);
		err = nl_talk(NETLINK_GENERIC, nlh, NULL, NULL);
	}
	if (!err)
		*bad = NULL;
	return err;
}

static void read_endpoint(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *tb[GWLB_A_ENDPOINT_MAX + 1];
	struct endpoints *list = data;
	struct endpoint *e;

	list->all = array_grow(list->all, list->count, sizeof(*e));
	e = &list->all[list->count++];
	nl_parse_gwlb(tb, GWLB_A_ENDPOINT_MAX, nlh);
	e->ifindex = nl_number(tb[GWLB_A_ENDPOINT_IFINDEX]);
	e->id.number = nl_number(tb[GWLB_A_ENDPOINT_ID]);
	address_read(&e->id.gateway, tb[GWLB_A_ENDPOINT_GATEWAY]);
	e->id.vrf = nl_number(tb[GWLB_A_ENDPOINT_VRF]);
	if (tb[GWLB_A_ENDPOINT_NAME])
		snprintf(e->name, sizeof(e->name), "%s",
			 mnl_attr_get_str(tb[GWLB_A_ENDPOINT_NAME]));
	if (tb[GWLB_A_ENDPOINT_CHILD])
		snprintf(e->child, sizeof(e->child), "%s",
			 mnl_attr_get_str(tb[GWLB_A_ENDPOINT_CHILD]));
	e->mark = nl_number(tb[GWLB_A_ENDPOINT_MARK]);
	e->mask = nl_number(tb[GWLB_A_ENDPOINT_MASK]);
	e->zone_mode = nl_number(tb[GWLB_A_ENDPOINT_ZONE_MODE]);
	e->zone = nl_number(tb[GWLB_A_ENDPOINT_ZONE]);
	e->clash = tb[GWLB_A_ENDPOINT_CLASH];
	e->flows = nl_number(tb[GWLB_A_ENDPOINT_FLOWS]);
	e->counters.rx_packets = nl_number(tb[GWLB_A_ENDPOINT_RX_PACKETS]);
	e->counters.rx_bytes = nl_number(tb[GWLB_A_ENDPOINT_RX_BYTES]);
	e->counters.tx_packets = nl_number(tb[GWLB_A_ENDPOINT_TX_PACKETS]);
	e->counters.tx_bytes = nl_number(tb[GWLB_A_ENDPOINT_TX_BYTES]);
	e->drops = nl_number(tb[GWLB_A_ENDPOINT_DROPS]);
	e->seen = tb[GWLB_A_ENDPOINT_AGE];
	e->age_ms = nl_number(tb[GWLB_A_ENDPOINT_AGE]);
	e->idle_ms = nl_number(tb[GWLB_A_ENDPOINT_IDLE]);
}

static int compare(const void *a, const void *b)
{
	const struct endpoint *p = a, *q = b;

	if (p->ifindex != q->ifindex)
		return p->ifindex < q->ifindex ? -1 : 1;
	if (p->id.number != q->id.number)
		return p->id.number < q->id.number ? -1 : 1;
	if (p->id.vrf != q->id.vrf)
		return p->id.vrf < q->id.vrf ? -1 : 1;
	return memcmp(&p->id.gateway, &q->id.gateway, sizeof(p->id.gateway));
}

/* Of all links; a list that changed meanwhile may lack one or have it twice */
void endpoint_read(struct endpoints *list)
{
	struct nl_buf buf;
	size_t count = 0;
	int err;

	memset(list, 0, sizeof(*list));
	err = nl_talk(NETLINK_GENERIC, nl_gwlb(&buf, GWLB_CMD_ENDPOINT_GET, NLM_F_DUMP),
		      read_endpoint, list);
	if (err && err != EINTR)
		fail("cannot list the endpoints: %s", nl_reason(err));
	if (!list->count)
		return;
	qsort(list->all, list->count, sizeof(*list->all), compare);
	for (size_t i = 0; i < list->count; i++)
		if (!count || compare(&list->all[count - 1], &list->all[i]))
			list->all[count++] = list->all[i];
	list->count = count;
}

/* The endpoint of that name, of that link or with 0 of whichever. Returns how many
 * links have it; where one has given it to another, the other counts.
 */
size_t endpoint_find(struct endpoint *found, uint32_t ifindex, const char *name)
{
	struct endpoints list;
	size_t links = 0;
	bool any = false;

	endpoint_read(&list);
	for (size_t i = 0; i < list.count; i++) {
		const struct endpoint *e = &list.all[i];

		if (strcmp(e->name, name) || (ifindex && e->ifindex != ifindex))
			continue;
		if (any && !endpoint_same(&found->id, &e->id))
			fail("several endpoints have the name %s; say which by its id", name);
		if (!any || *found->child)
			*found = *e;
		links += !*e->child;
		any = true;
	}
	free(list.all);
	if (!any)
		fail("no endpoint has the name %s; gwlbctl endpoint lists them", name);
	return links;
}

/* The link to which the packets of an endpoint of a link go, or NULL */
const char *endpoint_child(uint32_t ifindex, const struct endpoint_id *id)
{
	static char child[IFNAMSIZ];
	struct endpoints list;

	*child = 0;
	endpoint_read(&list);
	for (size_t i = 0; i < list.count; i++)
		if (list.all[i].ifindex == ifindex && endpoint_same(&list.all[i].id, id))
			memcpy(child, list.all[i].child, sizeof(child));
	free(list.all);
	return *child ? child : NULL;
}

struct endpoint_text endpoint_mark(const struct endpoint *e)
{
	struct endpoint_text text = { "none" };

	if (e->mask == UINT32_MAX)
		snprintf(text.s, sizeof(text.s), "0x%x", e->mark);
	else if (e->mask)
		snprintf(text.s, sizeof(text.s), "0x%x/0x%x", e->mark, e->mask);
	return text;
}

bool endpoint_has_settings(const struct endpoint *e)
{
	return *e->name || e->mask || e->zone_mode != GWLB_ZONE_MODE_AUTO;
}

/* The line of a file; an index would be that of another device by and by, so
 * without its VRF it is a comment.
 */
void endpoint_write(FILE *f, const struct endpoint_id *id, const struct endpoint *e)
{
	bool gone = vrf_is_gone(id);

	fprintf(f, "%sendpoint %s", gone ? "# " : "", endpoint_print(id).s);
	if (e)
		endpoint_write_settings(f, e);
	fprintf(f, "%s\n", gone ? "	# its VRF is gone, this was the index" : "");
}

/* As the command takes them */
void endpoint_write_settings(FILE *f, const struct endpoint *e)
{
	if (*e->name)
		fprintf(f, " name %s", e->name);
	if (e->mask)
		fprintf(f, " mark %s", endpoint_mark(e).s);
	if (e->zone_mode == GWLB_ZONE_MODE_NONE)
		fprintf(f, " zone none");
	else if (e->zone_mode == GWLB_ZONE_MODE_FIXED)
		fprintf(f, " zone %u", e->zone);
}
