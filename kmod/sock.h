/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_SOCK_H
#define GWLB_SOCK_H

struct gwlb_conf;
struct gwlb_link;
struct netlink_ext_ack;
struct sock;

/**
 * struct gwlb_socks - the UDP sockets of a link
 * @v4: for IPv4 outer packets, or NULL
 * @v6: for IPv6 outer packets, or NULL
 */
struct gwlb_socks {
	struct sock *v4;
	struct sock *v6;
};

int gwlb_socks_open(struct gwlb_socks *socks, struct gwlb_link *link,
		    const struct gwlb_conf *conf,
		    struct netlink_ext_ack *extack);
void gwlb_socks_start(struct gwlb_socks *socks, struct gwlb_link *link);
void gwlb_socks_close(struct gwlb_socks *socks);

#endif /* GWLB_SOCK_H */
