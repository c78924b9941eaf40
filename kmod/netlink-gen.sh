#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# netlink-gen.sh [--check] YNL: writes uapi/gwlb.h and netlink_gen.[ch] from
# gwlb.yaml with the generator of the kernel source; YNL is the tools/net/ynl
# folder of a kernel source of 7.x, with ../../../Documentation/netlink in
# place. With --check nothing is written; a difference is an error.
set -eu

/usr/bin/python3 -c 'import yaml, jsonschema' 2>/dev/null || {
	echo "netlink-gen: installing python3-yaml python3-jsonschema" >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
		--no-install-recommends python3-yaml python3-jsonschema >/dev/null
}

check=
[ "${1:-}" = --check ] && { check=1; shift; }
ynl=$(realpath "${1:?usage: netlink-gen.sh [--check] YNL}")
dir=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The generator looks upwards for a file MAINTAINERS to find its root, and
# for the schema in the parent of the folder of the specification.
mkdir -p "$work/netlink/specs"
touch "$work/MAINTAINERS"
cp "$ynl"/../../../Documentation/netlink/genetlink*.yaml "$work/netlink/"
cp "$dir/gwlb.yaml" "$work/netlink/specs/"

gen() { # OUTPUT OPTION...
	out=$1
	shift
	(cd "$work" && timeout -s KILL 60 /usr/bin/python3 \
		"$ynl/pyynl/ynl_gen_c.py" --spec netlink/specs/gwlb.yaml \
		-o "$work/${out##*/}" "$@")
	# Relative to the project, not to the kernel tree.
	sed -i -e 's|netlink/specs/gwlb.yaml|kmod/gwlb.yaml|' \
		-e 's|<uapi/gwlb.h>|"uapi/gwlb.h"|' \
		"$work/${out##*/}"
	if [ -n "$check" ]; then
		diff -u "$dir/$out" "$work/${out##*/}"
	else
		mv "$work/${out##*/}" "$dir/$out"
	fi
}

gen uapi/gwlb.h --mode uapi --header
gen netlink_gen.h --mode kernel --header
gen netlink_gen.c --mode kernel --source
