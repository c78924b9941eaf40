/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_EVENT_H
#define GWLB_EVENT_H

#include <linux/types.h>
#include "drop.h"

struct gwlb_link;

/**
 * struct gwlb_event_limit - how often one kind of event is told of a link
 * @last: jiffies when it was told last
 * @silent: how often it happened since
 */
struct gwlb_event_limit {
	unsigned long last;
	atomic_t silent;
};

/**
 * struct gwlb_events - limits of the events that packets cause
 * @flows: the limit of flows was reached
 * @sender: one that is not allowed sent something
 */
struct gwlb_events {
	struct gwlb_event_limit flows;
	struct gwlb_event_limit sender;
};

int gwlb_event_init(void);
void gwlb_event_exit(void);

void gwlb_events_init(struct gwlb_events *events);
void gwlb_event_changed(struct gwlb_link *link);
void gwlb_event_flows(struct gwlb_link *link, unsigned int max);
void gwlb_event_sender(struct gwlb_link *link,
		       const struct gwlb_address *sender);

#endif /* GWLB_EVENT_H */
