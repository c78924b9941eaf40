/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_NETLINK_H
#define GWLB_NETLINK_H

int gwlb_netlink_init(void);
void gwlb_netlink_exit(void);

#endif /* GWLB_NETLINK_H */
