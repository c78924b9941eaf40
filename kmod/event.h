/* SPDX-License-Identifier: GPL-2.0 */
#ifndef GWLB_EVENT_H
#define GWLB_EVENT_H

#include <linux/types.h>
#include "drop.h"

struct gwlb_endpoint;
struct gwlb_link;

/**
 * struct gwlb_event_limit - how often one kind of event is told of a link
 * @begin: jiffies when the time began in which so many may be told
 * @told: how many were
 * @silent: how many were not, since the last one that was
 */
struct gwlb_event_limit {
	unsigned long begin;
	atomic_t told;
	atomic_t silent;
};

/**
 * struct gwlb_events - limits of the events that packets cause
 * @limit: by enum gwlb_event_kind
 */
struct gwlb_events {
	struct gwlb_event_limit limit[GWLB_EVENT_KIND_ENDPOINT_LIMIT + 1];
};

int gwlb_event_init(void);
void gwlb_event_exit(void);

void gwlb_events_init(struct gwlb_events *events);
void gwlb_event_changed(struct gwlb_link *link);
void gwlb_event_flows(struct gwlb_link *link, unsigned int max);
void gwlb_event_sender(struct gwlb_link *link,
		       const struct gwlb_address *sender);
void gwlb_event_endpoint(struct gwlb_link *link, enum gwlb_event_kind kind,
			 const struct gwlb_endpoint *ep);
void gwlb_event_endpoints(struct gwlb_link *link, unsigned int max);

#endif /* GWLB_EVENT_H */
