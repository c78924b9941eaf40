// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "gwlbctl.h"
#include "json.h"

static const char * const modes[] = {
	[GWLB_ZONE_MODE_AUTO] = "auto",
	[GWLB_ZONE_MODE_NONE] = "none",
	[GWLB_ZONE_MODE_FIXED] = "fixed",
};

enum column { ENDPOINT, NAME, ZONE, MARK, FLOWS, COLUMNS };

struct row {
	char cells[COLUMNS][64];
};

static const struct row head = { { "endpoint", "name", "zone", "mark", "flows" } };

static void fill(struct row *row, const struct endpoint *e)
{
	const size_t size = sizeof(row->cells[0]);

	snprintf(row->cells[ENDPOINT], size, "%s", endpoint_print(&e->id).s);
	snprintf(row->cells[NAME], size, "%s", *e->name ? e->name : "-");
	snprintf(row->cells[ZONE], size, "none");
	if (e->zone)
		snprintf(row->cells[ZONE], size, "%u%s", e->zone, e->clash ? " clash" : "");
	snprintf(row->cells[MARK], size, "%s", endpoint_mark(e).s);
	snprintf(row->cells[FLOWS], size, "%u", e->flows);
}

static void widen(int width[COLUMNS], const struct row *row)
{
	for (int i = 0; i < COLUMNS; i++) {
		int len = strlen(row->cells[i]);

		if (width[i] < len)
			width[i] = len;
	}
}

/* What follows is in the last column */
static void print_row(const struct row *row, const int width[COLUMNS])
{
	printf("    ");
	for (int i = 0; i < COLUMNS; i++)
		printf("%*s  ", i == FLOWS ? width[i] : -width[i], row->cells[i]);
}

static void print_one(const struct endpoint *e, const int width[COLUMNS], bool statistics)
{
	struct row row;

	fill(&row, e);
	print_row(&row, width);
	if (e->seen)
		print_age(e->idle_ms);
	else
		printf("never");
	if (*e->child)
		printf(", goes to %s", e->child);
	printf("\n");
	if (!statistics)
		return;
	printf("      received %" PRIu64 " packets %" PRIu64 " bytes, sent back %" PRIu64
	       " packets %" PRIu64 " bytes, dropped %" PRIu64 " packets",
	       e->counters.rx_packets, e->counters.rx_bytes, e->counters.tx_packets,
	       e->counters.tx_bytes, e->drops);
	if (e->seen) {
		printf(", first seen ");
		print_age(e->age_ms);
	}
	printf("\n");
}

static json_t *number_or_null(bool is, uint64_t number)
{
	return is ? json_integer(number) : json_null();
}

static json_t *one(const struct link *link, const struct endpoint *e, bool statistics)
{
	json_t *json = json_checked(json_object());
	char id[20];

	snprintf(id, sizeof(id), "%016" PRIx64, e->id.number);
	json_object_set_new(json, "link", json_name(link->name));
	json_object_set_new(json, "endpoint", json_string(endpoint_print(&e->id).s));
	json_object_set_new(json, "id", e->id.number ? json_string(id) : json_null());
	json_object_set_new(json, "name", *e->name ? json_name(e->name) : json_null());
	json_object_set_new(json, "mark", number_or_null(e->mask, e->mark));
	json_object_set_new(json, "mask", number_or_null(e->mask, e->mask));
	json_object_set_new(json, "zone", number_or_null(e->zone, e->zone));
	json_object_set_new(json, "zone_mode", json_string(e->zone_mode < ARRAY_SIZE(modes) ?
							   modes[e->zone_mode] : "unknown"));
	json_object_set_new(json, "clash", json_boolean(e->clash));
	json_object_set_new(json, "child", *e->child ? json_name(e->child) : json_null());
	json_object_set_new(json, "flows", json_integer(e->flows));
	json_object_set_new(json, "age_ms", number_or_null(e->seen, e->age_ms));
	json_object_set_new(json, "idle_ms", number_or_null(e->seen, e->idle_ms));
	if (statistics) {
		json_object_set_new(json, "stats", json_counters(&e->counters));
		json_object_set_new(json, "dropped", json_integer(e->drops));
	}
	return json;
}

static void print_link(const struct link *link, const struct endpoints *list, bool statistics)
{
	int width[COLUMNS] = { 0 };
	struct row row;
	bool any = false;

	printf("%s:\n", link->name);
	widen(width, &head);
	for (size_t i = 0; i < list->count; i++) {
		if (list->all[i].ifindex != link->ifindex)
			continue;
		fill(&row, &list->all[i]);
		widen(width, &row);
	}
	for (size_t i = 0; i < list->count; i++) {
		if (list->all[i].ifindex != link->ifindex)
			continue;
		if (!any) {
			print_row(&head, width);
			printf("last seen\n");
		}
		any = true;
		print_one(&list->all[i], width, statistics);
	}
	if (!any)
		printf("    no endpoint seen yet\n");
}

/* Of the link of that name, or of all */
void endpoint_show(const char *name, bool statistics, bool json, bool pretty)
{
	json_t *array = json_checked(json_array());
	struct endpoints list;
	struct state state;

	state_read(&state, name);
	endpoint_read(&list);
	for (size_t i = 0; i < state.link_count; i++) {
		const struct link *link = &state.links[i];

		if (!json)
			print_link(link, &list, statistics);
		for (size_t j = 0; json && j < list.count; j++)
			if (list.all[j].ifindex == link->ifindex)
				json_array_append_new(array, one(link, &list.all[j], statistics));
	}
	if (json)
		json_write(array, pretty);
}
