/* SPDX-License-Identifier: GPL-2.0 */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include "gwlbctl.h"

json_t *json_checked(json_t *json);
json_t *json_counters(const struct counters *c);
json_t *json_name(const char *text);
void json_write(json_t *json, bool pretty);

#endif
