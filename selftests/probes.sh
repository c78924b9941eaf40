#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# probes.sh: what a kernel has is told by its headers, not by its version. On those
# of the default kernel, with interfaces changed as if ported back or left out by a
# vendor, the probes find just that, and the module builds. Headers that do not
# compile are an error, not an old kernel. And it builds for kernels that are
# configured without conntrack, nf_tables or IPv6, whose symbols it then does not
# want.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${1:-}" = inside ] || exec selftests/vm/chroot -- selftests/probes.sh inside
# shellcheck source=selftests/tap.sh
. selftests/tap.sh

: "${rel:?}"
include=$(echo /usr/src/linux-headers-*-common/include)
defines() { sed -n 's/^#define HAVE_//p' kmod/compat_probed.h | sort; }
probe() {
	rm -f kmod/compat_probed.h kmod/.compat_probed.h.cmd
	make -s -C "/lib/modules/$rel/build" M=/src kmod/geneve.o 2>/tmp/probe.log
}
# change FILE SED: fails if that changes nothing
change() {
	cp "$include/$1" /tmp/unchanged
	sed -i "$2" "$include/$1"
	! cmp -s "$include/$1" /tmp/unchanged
}
# renamed NAME: in all headers, as if it were not there
renamed() { grep -rlw "$1" "$include" | xargs sed -i "s/\<$1\>/no_$1/"; }
found() { # LINE...: of diff, gone and come
	diff <(printf '%s\n' "$@") <(diff /tmp/before <(defines) | grep '^[<>]')
}

build() { # what is exported is known for the kernel as it is, so this only warns
	make -k -s -j"${jobs:-1}" -C "/lib/modules/$rel/build" M=/src \
		KBUILD_MODPOST_WARN=1 W=1 KCFLAGS=-Werror modules
}

# ---- configurations

config=/usr/src/linux-headers-$rel/include/generated/autoconf.h
cp "$config" /tmp/autoconf.h
without() { # PATTERN of options
	sed -E "/^#define CONFIG_($1)[A-Z0-9_]* /d" /tmp/autoconf.h >"$config"
	make -s -C "/lib/modules/$rel/build" M=/src clean
	build
}
# what the kernel has in any case does no harm
wants_none() {
	! nm -u gwlb.ko | grep -vwE '__ipv6_addr_type|csum_ipv6_magic|ipv6_stub|nf_ipv6_ops' |
		grep -E "$1"
}
check "without conntrack" without "NF_CONNTRACK|NF_NAT|NF_CT|NF_DEFRAG|NFT_CT|NETFILTER_CONNCOUNT"
check "without conntrack: wants nothing of it" wants_none 'nf_(ct|conntrack|nat)_'
check "without nf_tables" without "NF_TABLES|NFT_"
check "without nf_tables: wants nothing of it" wants_none 'nft_'
check "without IPv6" without IPV6
check "without IPv6: wants nothing of it" wants_none 'ip6_|ipv6|in6_dev|udp_tunnel6|udp_sock_create6'
cp /tmp/autoconf.h "$config"
make -s -C "/lib/modules/$rel/build" M=/src clean

# ---- interfaces

check "headers as they are" probe
defines >/tmp/before
check "something is found" grep . /tmp/before

# as in 7.x
check "a socket is a sock" change net/udp_tunnel.h \
	'/^void setup_udp_tunnel_sock/s/struct socket/struct sock/; s/^\(void udp_tunnel_sock_release(struct sock\)et/\1/'
check "dst_alloc() without initial_ref" change net/dst.h \
	'/^void \*dst_alloc(/s/, int initial_ref//'
# as in 5.10
check "no skb_clear_tstamp()" renamed skb_clear_tstamp
check "no kfree_skb_reason()" renamed kfree_skb_reason
check "probes of the mixture" probe
check "they find just that" found '< DROP_REASON' '> DST_ALLOC_WITHOUT_REF' \
	'< SKB_CLEAR_TSTAMP' '> UDP_TUNNEL_SOCK_IS_SOCK'
check "the module builds for it" build

check "broken headers" change linux/netdevice.h '1i#error broken'
check "are an error" fails probe
check "which is shown" grep -q 'error broken' /tmp/probe.log
check "and leave no result" fails test -e kmod/compat_probed.h
finish
