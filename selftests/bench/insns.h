/* SPDX-License-Identifier: GPL-2.0 */
#ifndef INSNS_H
#define INSNS_H

#include <stddef.h>
#include <stdint.h>

/* What is used of QEMU's interface; its header is in no package */
typedef uint64_t plugin_id;
struct tb;
typedef void (*on_tb_exec)(unsigned int cpu, void *data);
typedef void (*on_tb_trans)(plugin_id id, struct tb *tb);
typedef void (*on_end)(plugin_id id, void *data);
size_t qemu_plugin_tb_n_insns(const struct tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct tb *tb);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, on_tb_trans cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct tb *tb, on_tb_exec cb,
					  int flags, void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, on_end cb, void *data);
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

#endif /* INSNS_H */
