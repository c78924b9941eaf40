# SPDX-License-Identifier: GPL-2.0
"""The BPF program of an appliance made of geneve external: sends a packet back
to where its tunnel key says that it came from, with the same options. In
machine code, for there is no compiler for BPF in a guest."""
import ctypes
import os
import platform
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
PROG_LOAD, OBJ_PIN, SCHED_CLS = 5, 6, 3
# helpers
GET_KEY, SET_KEY, REDIRECT, GET_OPT, SET_OPT = 20, 21, 23, 29, 30
KEY, KEY_LEN = -48, 28      # up to local_ipv4, which the route decides
OPT, OPT_LEN = -80, 32


def bpf(command, attributes):
    number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
    got = LIBC.syscall(number, command, attributes, len(attributes))
    if got < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return got


def insn(code, dst=0, src=0, immediate=0):
    return struct.pack("<BBhi", code, src << 4 | dst, 0, immediate)


def mov(dst, immediate):
    return insn(0xb7, dst, 0, immediate)


def copy(dst, src):
    return insn(0xbf, dst, src)


def call(helper, at, length):
    """helper(skb, stack + at, length, 0)"""
    return (copy(1, 6) + copy(2, 10) + insn(0x07, 2, 0, at) + mov(3, length) +
            mov(4, 0) + insn(0x85, immediate=helper))


def bounce(ifindex, path):
    """Pins the program for the device of that index as PATH"""
    code = (copy(6, 1) + call(GET_KEY, KEY, KEY_LEN) +
            call(GET_OPT, OPT, OPT_LEN) + call(SET_KEY, KEY, KEY_LEN) +
            call(SET_OPT, OPT, OPT_LEN) +
            mov(1, ifindex) + mov(2, 0) + insn(0x85, immediate=REDIRECT) +
            insn(0x95))
    code = ctypes.create_string_buffer(code, len(code))
    license_ = ctypes.create_string_buffer(b"GPL")
    name = ctypes.create_string_buffer(path.encode())
    prog = bpf(PROG_LOAD, struct.pack("<IIQQ", SCHED_CLS, len(code) // 8,
                                      ctypes.addressof(code),
                                      ctypes.addressof(license_)) + bytes(96))
    try:
        bpf(OBJ_PIN, struct.pack("<QI", ctypes.addressof(name), prog) + bytes(4))
    finally:
        os.close(prog)
