// SPDX-License-Identifier: GPL-2.0
/*
 * A tc program without compiler or library for it:
 *
 *	redirect IFINDEX ingress|egress FILE	load it, pin it to FILE
 *
 * It sends every packet to the device. FILE is on a bpf file system.
 */
#include <linux/bpf.h>
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INSN(op, dst, value) ((struct bpf_insn) { \
	.code = op, .dst_reg = dst, .imm = value })

static int bpf(int cmd, union bpf_attr *attr, const char *what)
{
	int ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	if (ret < 0)
		err(1, "%s", what);
	return ret;
}

int main(int argc, char **argv)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SCHED_CLS };

	if (argc != 4)
		errx(2, "usage: redirect IFINDEX ingress|egress FILE");
	const struct bpf_insn prog[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, atoi(argv[1])),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2,
		     strcmp(argv[2], "ingress") ? 0 : BPF_F_INGRESS),
		INSN(BPF_JMP | BPF_CALL, 0, BPF_FUNC_redirect),
		INSN(BPF_JMP | BPF_EXIT, 0, 0),
	};

	attr.insns = (uintptr_t)prog;
	attr.insn_cnt = sizeof(prog) / sizeof(*prog);
	attr.license = (uintptr_t)"GPL";
	const int fd = bpf(BPF_PROG_LOAD, &attr, "load");

	memset(&attr, 0, sizeof(attr));
	attr.bpf_fd = fd;
	attr.pathname = (uintptr_t)argv[3];
	bpf(BPF_OBJ_PIN, &attr, "pin");
	return 0;
}
