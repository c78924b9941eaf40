// SPDX-License-Identifier: GPL-2.0
/* /etc/gwlb/DEV.conf: options of a link, and where in the file a word stands. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "gwlbctl.h"

static const char *file;
static char **words;
static unsigned int *lines;
static size_t count;
static char place[256];

/* What the next message is about, for those who read a file; NULL ends that */
void file_at(const char *word)
{
	*place = 0;
	for (size_t i = 0; word && i < count; i++)
		if (words[i] == word)
			snprintf(place, sizeof(place), "%s:%u: ", file, lines[i]);
}

const char *file_place(void)
{
	return place;
}

static void add_word(char *word, unsigned int line)
{
	words = reallocarray(words, count + 2, sizeof(*words));
	lines = reallocarray(lines, count + 1, sizeof(*lines));
	if (!words || !lines)
		fail("no memory");
	words[count] = word ? strdup(word) : NULL;
	if (word && !words[count])
		fail("no memory");
	words[count + 1] = NULL;
	lines[count++] = line;
}

/* All words but those of comments, with NULL behind them; "-" is standard input.
 * The array is the caller's to change, ours knows where each word stood.
 */
char **file_read(const char *path)
{
	static const char blanks[] = " \t\r\n";
	bool is_stdin = !strcmp(path, "-");
	FILE *f = is_stdin ? stdin : fopen(path, "r");
	char *text = NULL, *word, **copy;
	size_t size = 0;

	if (!f)
		fail("cannot read %s: %s", path, strerror(errno));
	file = is_stdin ? "standard input" : path;
	for (unsigned int line = 1; getline(&text, &size, f) >= 0; line++) {
		text[strcspn(text, "#")] = 0;
		for (word = strtok(text, blanks); word; word = strtok(NULL, blanks))
			add_word(word, line);
	}
	if (ferror(f))
		fail("cannot read %s: %s", path, strerror(errno));
	fclose(f);
	free(text);
	add_word(NULL, 0);
	copy = reallocarray(NULL, count, sizeof(*copy));
	if (!copy)
		fail("no memory");
	return memcpy(copy, words, count * sizeof(*copy));
}

static void print_outer(FILE *f, const struct conf *conf)
{
	fprintf(f, "port %u\nlocal %s\nallow ", conf->port,
		conf->local.len ? address_print(&conf->local).s : "any");
	for (size_t i = 0; i < conf->allow_count; i++)
		fprintf(f, "%s%s", i ? "," : "", prefix_print(&conf->allow[i]).s);
	fprintf(f, "%s\nttl %u\ntos %u\ncritical %s\ncatch %s\nmax-endpoints %u\n",
		conf->allow_count ? "" : "any", conf->ttl, conf->tos, conf_critical(conf),
		conf_catch(conf), conf->max_endpoints);
}

void file_print(FILE *f, const struct link *link)
{
	const struct conf *conf = &link->conf;

	fprintf(f, "# written by gwlbctl save; see gwlbctl(8)\n");
	if (link->parent_elsewhere)
		fprintf(f, "# on %s of another network namespace, link-netnsid %" PRId32
			": to be made there, and moved\n", link->parent, link->parent_netnsid);
	else if (*link->parent)
		fprintf(f, "on %s\n", link->parent);
	for (size_t i = 0; i < conf->claim_count; i++)
		endpoint_write(f, &conf->claims[i], NULL);
	if (!conf->claim_count)
		print_outer(f, conf);
	fprintf(f, "mode %s\nmax-flows %u\ntimeout-tcp %u\ntimeout-other %u\ndivert %s\n"
		"zones %s\nzone-range %u-%u\n", conf_mode(conf), conf->max_flows,
		conf->timeout_tcp, conf->timeout_other, conf_divert(conf).s, conf_zones(conf),
		conf->zone_low, conf->zone_high);
	if (conf->trust_mask)
		fprintf(f, "trust 0x%x/0x%x\n", conf->trust_mark, conf->trust_mask);
	fprintf(f, "for %u\n", conf->trust_seconds);
	/* a link that is down has no routes, wanted or not */
	if (link->up && !route_is_there(link->ifindex))
		fprintf(f, "last-resort no	# for it was up without them; see gwlbctl(8)\n");
}

static void print_endpoints(FILE *f, uint32_t ifindex)
{
	struct endpoints list;

	endpoint_read(&list);
	for (size_t i = 0; i < list.count; i++) {
		const struct endpoint *e = &list.all[i];

		if (e->ifindex == ifindex && endpoint_has_settings(e))
			endpoint_write(f, &e->id, e);
	}
	free(list.all);
}

static void print_all(FILE *f, const struct link *link)
{
	file_print(f, link);
	print_endpoints(f, link->ifindex);
}

/* Whoever reads it finds the old file or the new one, also after a crash; "-" is
 * standard output
 */
void file_save(const char *name, const char *path)
{
	char *temporary;
	struct state state;
	int fd, err = 0;
	FILE *f;

	state_read(&state, name);
	if (!strcmp(path, "-")) {
		print_all(stdout, state.links);
		return;
	}
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		fail("no memory");
	fd = mkstemp(temporary);
	if (fd < 0)
		fail("cannot write %s: %s", path, strerror(errno));
	f = fdopen(fd, "w");
	if (!f)
		fail("no memory");
	print_all(f, state.links);
	if (fflush(f) || fchmod(fd, 0644) || fsync(fd) || rename(temporary, path))
		err = errno;
	if (err) {
		unlink(temporary);
		fail("cannot write %s: %s", path, strerror(err));
	}
	fclose(f);
	free(temporary);
}
