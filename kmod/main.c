// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <net/genetlink.h>
#include <net/rtnetlink.h>
#include "event.h"
#include "flow.h"
#include "link.h"
#include "net.h"
#include "netlink.h"
#include "outer.h"
#include "zone.h"

static int __init gwlb_init(void)
{
	int err;

	gwlb_outer_init();
	err = gwlb_flow_init();
	if (err)
		return err;
	err = gwlb_zone_init();
	if (err)
		goto flow;
	err = gwlb_net_init();
	if (err)
		goto zone;
	err = gwlb_netlink_init();
	if (err)
		goto net;
	err = gwlb_event_init();
	if (err)
		goto netlink;
	/* links find all that they use */
	err = rtnl_link_register(&gwlb_link_ops);
	if (err)
		goto event;
	return 0;

event:
	gwlb_event_exit();
netlink:
	gwlb_netlink_exit();
net:
	gwlb_net_exit();
zone:
	gwlb_zone_exit();
flow:
	gwlb_flow_exit();
	return err;
}

static void __exit gwlb_exit(void)
{
	rtnl_link_unregister(&gwlb_link_ops);
	gwlb_event_exit();
	gwlb_netlink_exit();
	gwlb_net_exit();
	gwlb_flow_exit();
	gwlb_zone_exit();
}

module_init(gwlb_init);
module_exit(gwlb_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("GENEVE bump in the wire behind a gateway load balancer");
MODULE_VERSION("0.1.0");
MODULE_ALIAS_RTNL_LINK("gwlb");
MODULE_ALIAS_GENL_FAMILY("gwlb");
