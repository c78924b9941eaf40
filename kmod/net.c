// SPDX-License-Identifier: GPL-2.0
#include <linux/rtnetlink.h>
#include <net/netns/generic.h>
#include "link.h"
#include "net.h"

static unsigned int net_id;

/**
 * gwlb_net() - our part of a namespace
 * @net: namespace
 *
 * Return: it.
 */
struct gwlb_net *gwlb_net(struct net *net)
{
	return net_generic(net, net_id);
}

static int __net_init net_start(struct net *net)
{
	INIT_LIST_HEAD(&gwlb_net(net)->links);
	INIT_LIST_HEAD(&gwlb_net(net)->caught);
	INIT_LIST_HEAD(&gwlb_net(net)->up);
	spin_lock_init(&gwlb_net(net)->fragments);
	return 0;
}

/* Links whose device is in the namespace go with it; those that only have
 * their sockets there go here.
 */
static void __net_exit net_stop(struct list_head *nets)
{
	struct gwlb_link *link, *next;
	LIST_HEAD(kill);
	struct net *net;

	rtnl_lock();
	list_for_each_entry(net, nets, exit_list)
		list_for_each_entry_safe(link, next, &gwlb_net(net)->links, list)
			gwlb_link_ops.dellink(link->dev, &kill);
	unregister_netdevice_many(&kill);
	rtnl_unlock();
	/* peers hold routes of the namespace: flows are freed by RCU, then
	 * their peers, then these routes
	 */
	rcu_barrier();
	rcu_barrier();
	rcu_barrier();
}

static struct pernet_operations net_ops = {
	.init = net_start,
	.exit_batch = net_stop,
	.id = &net_id,
	.size = sizeof(struct gwlb_net),
};

/**
 * gwlb_net_init() - be told of namespaces
 *
 * Return: 0 or a negative errno.
 */
int gwlb_net_init(void)
{
	return register_pernet_subsys(&net_ops);
}

/**
 * gwlb_net_exit() - the opposite
 */
void gwlb_net_exit(void)
{
	unregister_pernet_subsys(&net_ops);
}
