/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_CATCH_H
#define GWLB_CATCH_H

struct gwlb_link;

int gwlb_catch_start(struct gwlb_link *link);
void gwlb_catch_stop(struct gwlb_link *link);

#endif /* GWLB_CATCH_H */
