// SPDX-License-Identifier: GPL-2.0
/*
 * unit: tests of kmod/geneve.c and kmod/inner.c, TAP on standard output
 * unit seeds DIR: writes what the fuzzer begins with into DIR
 */
#include "unit.h"

const __u8 capture[CAPTURE_LEN] = {
	/* 8 words of options, no flags, 0x0800, VNI 0 */
	0x08, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x08, 0x01, 0x02, 0x23, 0x56, 0xde, 0x92, 0xd3, 0x89, 0x83, 0x9c,
	0x01, 0x08, 0x02, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x08, 0x03, 0x01, 0x98, 0xef, 0x1b, 0x00,
	/* 10.1.21.101 > 54.230.62.60, TTL 254, DF */
	0x45, 0x00, 0x00, 0x1c, 0x12, 0x34, 0x40, 0x00, 0xfe, 0x01, 0x3c, 0xdd,
	0x0a, 0x01, 0x15, 0x65, 0x36, 0xe6, 0x3e, 0x3c,
	/* echo request, id 1591, sequence 370 */
	0x08, 0x00, 0xf0, 0x56, 0x06, 0x37, 0x01, 0x72,
};

static int number, failures, bad;

void failed(const char *file, int line, const char *what, unsigned long with)
{
	/* not a thousand lines from one loop */
	if (bad++ < 5)
		printf("# %s:%d: %s, with %lu (%#lx)\n", file, line, what, with, with);
}

void test(const char *name, void (*f)(void))
{
	bad = 0;
	f();
	failures += !!bad;
	printf("%sok %d - %s\n", bad ? "not " : "", ++number, name);
	fflush(stdout);
}

/* The fuzzer takes the first byte for flags, the second for a length */
static void seed(const char *dir, const char *name, const void *p, size_t len)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f || fwrite("\x00\xff", 2, 1, f) != 1 || fwrite(p, len, 1, f) != 1 || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void seeds(const char *dir)
{
	/* IPv6 with hop-by-hop options and a fragment header, UDP ports */
	__u8 six[8 + 40 + 8 + 8 + 8] = { [2] = 0x86, [3] = 0xdd, [6] = 42 };

	six[8] = 0x60;
	six[8 + 5] = 24;
	six[8 + 7] = 64;
	six[8 + 40] = 44;
	six[8 + 48] = 17;
	six[8 + 48 + 3] = 1;
	six[8 + 57] = 53;
	seed(dir, "six", six, sizeof(six));
	seed(dir, "capture", capture, sizeof(capture));
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "seeds")) {
		seeds(argv[2]);
		return 0;
	}
	printf("TAP version 13\n");
	test_geneve();
	test_inner();
	printf("1..%d\n", number);
	return !!failures;
}
