/* SPDX-License-Identifier: GPL-2.0 */
#ifndef UNIT_H
#define UNIT_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "geneve.h"
#include "inner.h"

/* The UDP payload of the capture: three options, an ICMP echo request */
#define CAPTURE_LEN	(8 + 32 + 28)
extern const __u8 capture[CAPTURE_LEN];

void test(const char *name, void (*f)(void));
void failed(const char *file, int line, const char *what, unsigned long with);

/* WITH tells which turn of a loop it was */
#define check(cond, with) \
	do { \
		if (!(cond)) \
			failed(__FILE__, __LINE__, #cond, with); \
	} while (0)

/* A copy of exactly its length, so that ASan sees the first byte too many */
static inline __u8 *exact(const void *bytes, size_t len)
{
	__u8 *p = malloc(len);

	if (!p && len)
		abort();
	if (len)
		memcpy(p, bytes, len);
	return p;
}

void test_geneve(void);
void test_inner(void);

#endif /* UNIT_H */
