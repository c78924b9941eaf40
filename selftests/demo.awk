# SPDX-License-Identifier: GPL-2.0
# Reads what tcpdump -x printed of eth0 and then of gwlb0, as two files, and
# compares bytes. Of the variables, lb and app are the outer addresses, header
# is GENEVE header and options, blocked the number of packets that a rule
# dropped, whose TCP port is port; all but the number in hexadecimal.
#
# What goes back under swapped addresses differs in nothing else behind the
# outer IP header, the UDP checksum included: it is the same sum. Between two
# CPUs the order may change, so what came is a heap from which what went is taken.

function fault(text) {
	if (++faults <= 8)
		print "  " substr(text, 1, 240)
}

function outer(bytes,    ends, udp) {
	ends = substr(bytes, 25, 16)
	udp = substr(bytes, 41)
	if (substr(bytes, 1, 2) != "45" || substr(bytes, 13, 4) != "0000")
		fault("outer header with options, or a fragment, or DF: " bytes)
	if (substr(udp, 17, length(header)) != header)
		fault("GENEVE header and options differ: " substr(udp, 17, 80))
	if (ends == lb app) {
		came++
		heap[udp]++
	} else if (ends == app lb) {
		went++
		heap[udp]--
	} else {
		fault("neither to nor from the load balancer: " bytes)
	}
	inner[substr(udp, 17 + length(header))]++
}

function packet() {
	if (hex == "")
		return
	if (file == 1)
		outer(hex)
	else
		inner[hex]--
	hex = ""
}

FNR == 1 { packet(); file++ }
/^\t0x0000:/ { packet() }
/^\t0x/ { sub(/.*:/, ""); gsub(/ /, ""); hex = hex $0 }

END {
	packet()
	for (udp in heap) {
		if (heap[udp] < 0)
			fault("went back other than it came: " udp)
		if (heap[udp] <= 0)
			continue
		if (substr(udp, 17 + length(header) + 44, 4) == port)
			stopped += heap[udp]
		else
			fault("came and did not go back: " udp)
	}
	for (bytes in inner)
		if (inner[bytes])
			fault("inner packet not the same on eth0 and gwlb0: " bytes)
	if (stopped + 0 != blocked)
		fault(stopped + 0 " packets stopped, but the rule counted " blocked)
	if (!came || file != 2)
		fault("nothing was captured")
	printf "  %d packets came, %d went back, %d were stopped by the rule\n", came, went, stopped
	exit faults > 0
}
