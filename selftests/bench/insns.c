// SPDX-License-Identifier: GPL-2.0
/*
 * Plugin of QEMU: counts the instructions of the guest's kernel by address of
 * the translated block, from each odd call of a program to the address MARK to
 * the next, and writes lines "NUMBER ADDRESS COUNT" to out=. One CPU only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "insns.h"

int qemu_plugin_version = 4;

#define MARK	0x12340000
#define SPANS	16

struct block {
	struct block *next;
	uint64_t at, insns, count[SPANS];
};

static struct block *blocks;
static unsigned int marks;
static char *name;

static void executed(unsigned int cpu, void *data)
{
	struct block *b = data;

	if (marks % 2)
		b->count[marks / 2 % SPANS]++;
}

static void marked(unsigned int cpu, void *data)
{
	marks++;
}

static void translated(plugin_id id, struct tb *tb)
{
	uint64_t at = qemu_plugin_tb_vaddr(tb);
	struct block *b;

	if (at == MARK)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, marked, 0, NULL);
	if (at >> 63 == 0)
		return;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->at = at;
	b->insns = qemu_plugin_tb_n_insns(tb);
	b->next = blocks;
	blocks = b;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, b);
}

static void ended(plugin_id id, void *data)
{
	FILE *f = fopen(name, "w");

	if (!f)
		return;
	for (struct block *b = blocks; b; b = b->next)
		for (int i = 0; i < SPANS; i++)
			if (b->count[i])
				fprintf(f, "%d %" PRIx64 " %" PRIu64 "\n", i,
					b->at, b->count[i] * b->insns);
	fclose(f);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			name = strdup(argv[i] + 4);
	if (!name)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
