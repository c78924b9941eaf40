// SPDX-License-Identifier: GPL-2.0
#include <linux/ipv6.h>
#include "compat.h"
#include "conf.h"
#include "gro.h"
#include "link.h"
#include "rx.h"
#include "sock.h"

/* Asked before the route to where the packet in an ICMP error went learns an
 * MTU from it: without, errors about what no socket has sent count for nothing.
 * Who may send them may as well about an echo, which the kernel always believes.
 */
static int err_lookup(struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

static struct sock *open_one(struct net *net, const struct gwlb_conf *conf,
			     u8 family)
{
	struct udp_tunnel_sock_cfg tunnel = {
		.encap_type = 1,
		.encap_rcv = gwlb_rx,
		.encap_err_lookup = err_lookup,
		.gro_receive = gwlb_gro_receive,
		.gro_complete = gwlb_gro_complete,
	};
	struct udp_port_cfg port = {
		.family = family,
		.local_udp_port = htons(conf->port),
		.ipv6_v6only = 1,
		/* RFC 6935: a tunnel may have zero checksums over IPv6 */
		.use_udp6_rx_checksums = 0,
	};
	struct socket *sock;
	int err;

	/* without IPv6, what the kernel says here is not always an error */
	if (family == AF_INET6 && !ipv6_mod_enabled())
		return ERR_PTR(-EAFNOSUPPORT);
	if (conf->local.len == 4)
		port.local_ip.s_addr = conf->local.a.s6_addr32[0];
	else if (conf->local.len == 16)
		gwlb_udp_port_local6(&port, &conf->local.a);

	err = udp_sock_create(net, &port, &sock);
	if (err)
		return ERR_PTR(err);
	sock->sk->sk_allocation = GFP_ATOMIC;
	setup_udp_tunnel_sock(net, gwlb_tunnel_sock(sock->sk), &tunnel);
	gwlb_accept_udp_gso(sock->sk);
	return sock->sk;
}

static void explain(int err, const struct gwlb_conf *conf,
		    struct netlink_ext_ack *extack)
{
	switch (err) {
	case -EADDRINUSE:
		NL_SET_ERR_MSG(extack,
			       "The UDP port is in use, by another tunnel or a program (ss -lun shows it); stop that or choose another port");
		break;
	case -EADDRNOTAVAIL:
		NL_SET_ERR_MSG(extack,
			       "The local address is not on this machine; add it to an interface first");
		break;
	case -EAFNOSUPPORT:
		NL_SET_ERR_MSG(extack,
			       "The local address is IPv6, which this kernel has switched off");
		break;
	default:
		NL_SET_ERR_MSG(extack, "The UDP socket could not be opened");
	}
}

/**
 * gwlb_socks_open() - take the port
 * @socks: filled
 * @link: for its namespace
 * @conf: port and local address
 * @extack: says why not
 *
 * What arrives is dropped until gwlb_socks_start().
 *
 * Return: 0 or a negative errno, with nothing left open.
 * Context: process, RTNL.
 */
int gwlb_socks_open(struct gwlb_socks *socks, struct gwlb_link *link,
		    const struct gwlb_conf *conf,
		    struct netlink_ext_ack *extack)
{
	struct sock *v4 = NULL, *v6 = NULL;
	int err = 0;

	if (conf->local.len != 16) {
		v4 = open_one(link->net, conf, AF_INET);
		if (IS_ERR(v4)) {
			err = PTR_ERR(v4);
			v4 = NULL;
		}
	}
	if (!err && conf->local.len != 4) {
		v6 = open_one(link->net, conf, AF_INET6);
		if (IS_ERR(v6)) {
			err = PTR_ERR(v6);
			v6 = NULL;
		}
		/* any address: IPv4 alone will do */
		if (err == -EAFNOSUPPORT && v4)
			err = 0;
	}

	socks->v4 = v4;
	socks->v6 = v6;
	if (err) {
		explain(err, conf, extack);
		gwlb_socks_close(socks);
	}
	return err;
}

/**
 * gwlb_socks_start() - let packets in
 * @socks: open
 * @link: that takes them; must outlive the sockets by an RCU grace period
 */
void gwlb_socks_start(struct gwlb_socks *socks, struct gwlb_link *link)
{
	if (socks->v4)
		rcu_assign_sk_user_data(socks->v4, link);
	if (socks->v6)
		rcu_assign_sk_user_data(socks->v6, link);
}

/**
 * gwlb_socks_close() - give the port back
 * @socks: open, or closed before
 *
 * Receivers may run on for an RCU grace period.
 *
 * Context: process.
 */
void gwlb_socks_close(struct gwlb_socks *socks)
{
	if (socks->v4)
		udp_tunnel_sock_release(gwlb_tunnel_sock(socks->v4));
	if (socks->v6)
		udp_tunnel_sock_release(gwlb_tunnel_sock(socks->v6));
	socks->v4 = NULL;
	socks->v6 = NULL;
}
