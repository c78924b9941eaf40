// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>
#include "gwlbctl.h"

bool address_scan(struct address *a, const char *text)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, a->bytes) == 1)
		a->len = 4;
	else if (inet_pton(AF_INET6, text, a->bytes) == 1)
		a->len = 16;
	return a->len;
}

bool address_is_zero(const struct address *a)
{
	static const uint8_t zero[sizeof(a->bytes)];

	return !memcmp(a->bytes, zero, a->len);
}

/* Zeroes what is behind the prefix of that length */
void address_mask(struct address *a, unsigned int length)
{
	for (unsigned int i = length; i < a->len * 8u; i++)
		a->bytes[i / 8] &= ~(0x80 >> i % 8);
}

void address_read(struct address *a, const struct nlattr *attr)
{
	size_t len = attr ? mnl_attr_get_payload_len(attr) : 0;

	memset(a, 0, sizeof(*a));
	if (len != 4 && len != 16)
		return;
	a->len = len;
	memcpy(a->bytes, mnl_attr_get_payload(attr), len);
}

struct address_text address_print(const struct address *a)
{
	struct address_text text = { "" };

	if (a->len)
		inet_ntop(a->len == 4 ? AF_INET : AF_INET6, a->bytes, text.s, sizeof(text.s));
	return text;
}

struct address_text prefix_print(const struct prefix *p)
{
	struct address_text text = address_print(&p->address);
	size_t len = strlen(text.s);

	snprintf(text.s + len, sizeof(text.s) - len, "/%u", p->length);
	return text;
}
