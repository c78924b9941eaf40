# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# An archive for apt in a guest that reaches none. Sourced.

archive=/var/lib/archive

# stand_in PACKAGE...: packages with nothing in them, of what the guest has anyway
# or has no need of
stand_in() {
	local p d
	for p; do
		d=$(mktemp -d)
		mkdir "$d/DEBIAN"
		printf '%s\n' "Package: $p" 'Version: 1' 'Architecture: amd64' \
			'Maintainer: nobody <nobody@localhost>' 'Description: stand-in' \
			>"$d/DEBIAN/control"
		dpkg-deb -b "$d" "$archive/${p}_1_amd64.deb" >/dev/null
		rm -rf "$d"
	done
}

# archive_of PACKAGE...: makes it the only one that apt knows
archive_of() {
	local f
	rm -rf $archive
	mkdir -p $archive /var/lib/apt/lists/partial /var/cache/apt/archives/partial
	stand_in "$@"
	for f in "$archive"/*.deb; do
		dpkg-deb -f "$f"
		echo "Filename: ./${f##*/}"
		echo "Size: $(stat -c %s "$f")"
		echo "SHA256: $(sha256sum "$f" | cut -d ' ' -f 1)"
		echo
	done >$archive/Packages
	rm -f /etc/apt/sources.list.d/*
	echo "deb [trusted=yes] file:$archive ./" >/etc/apt/sources.list
}
