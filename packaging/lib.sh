# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What deb and rpm share. Sourced at the top of the tree.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# copy_tree FOLDER: what belongs to the project, without what was built
copy_tree() {
	mkdir -p "$1"
	{ git -c safe.directory='*' ls-files -z -co --exclude-standard 2>/dev/null ||
		find . -type f -printf '%P\0'; } |
		while IFS= read -r -d '' f; do
			[ ! -e "$f" ] || printf '%s\0' "$f"
		done | tar --null -T - -cf - | tar -xf - -C "$1"
}
