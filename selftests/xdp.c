// SPDX-License-Identifier: GPL-2.0
/*
 * An XDP program without compiler or library for it:
 *
 *	xdp drop|pass FILE	load it, pin it to FILE and its map to FILE_map
 *	xdp count FILE		packets it has seen
 *
 * It counts and drops, or counts and passes, what begins with an IPv4 header
 * and passes the rest. FILE is on a bpf file system.
 */
#include <linux/bpf.h>
#include <err.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int bpf(int cmd, union bpf_attr *attr, const char *what)
{
	int ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

#define INSN(op, dst, src, offset, value) ((struct bpf_insn) { \
	.code = op, .dst_reg = dst, .src_reg = src, .off = offset, .imm = value })

static int load(int map, int action)
{
	const struct bpf_insn prog[] = {
		/* r2 = data, r3 = data_end; is there an IPv4 header? */
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, data), 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 3, 1, offsetof(struct xdp_md, data_end), 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 20),
		INSN(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 13, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_B, 5, 2, 0, 0),
		INSN(BPF_ALU64 | BPF_RSH | BPF_K, 5, 0, 0, 4),
		INSN(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 10, 4),
		/* count it */
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_XADD | BPF_DW, 0, 1, 0, 0),
		INSN(BPF_JMP | BPF_JA, 0, 0, 2, 0),
		/* what is no IPv4 packet */
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, action),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	static char log[65536];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)prog,
		.insn_cnt = sizeof(prog) / sizeof(*prog),
		.license = (uintptr_t)"GPL",
		.log_buf = (uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int fd = syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		err(1, "program: %s", log);
	return fd;
}

static void pin(int fd, const char *path)
{
	union bpf_attr attr = { .pathname = (uintptr_t)path, .bpf_fd = fd };

	bpf(BPF_OBJ_PIN, &attr, path);
}

static int map_new(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 1,
	};

	return bpf(BPF_MAP_CREATE, &attr, "map");
}

static void count(const char *path)
{
	union bpf_attr file = { .pathname = (uintptr_t)path };
	uint64_t value = 0;
	uint32_t key = 0;
	union bpf_attr attr = {
		.map_fd = bpf(BPF_OBJ_GET, &file, path),
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&value,
	};

	bpf(BPF_MAP_LOOKUP_ELEM, &attr, path);
	printf("%llu\n", (unsigned long long)value);
}

int main(int argc, char **argv)
{
	char map_path[256];
	int map;

	if (argc != 3)
		errx(2, "usage: xdp drop|pass|count FILE");
	snprintf(map_path, sizeof(map_path), "%s_map", argv[2]);
	if (!strcmp(argv[1], "count")) {
		count(map_path);
		return 0;
	}
	map = map_new();
	pin(load(map, strcmp(argv[1], "drop") ? XDP_PASS : XDP_DROP), argv[2]);
	pin(map, map_path);
	return 0;
}
