// SPDX-License-Identifier: GPL-2.0
/* gwlbctl: manage the links of the gwlb module. See gwlbctl(8). */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gwlbctl.h"

static const char help_text[] =
	"usage: gwlbctl add DEV [OPTION VALUE]...   make a link; ip link set DEV up starts it\n"
	"       gwlbctl set DEV OPTION VALUE...     change it, the rest stays as it is\n"
	"       gwlbctl del DEV                     delete it\n"
	"       gwlbctl show [DEV]                  configuration and load balancers seen\n"
	"       gwlbctl up DEV [FILE|-]             make and start it by /etc/gwlb/DEV.conf\n"
	"       gwlbctl down DEV                    delete it\n"
	"       gwlbctl save DEV [FILE|-]           write that file\n"
	"       gwlbctl check [DEV]                 what is wrong with this machine\n"
	"       gwlbctl endpoint [list] [link DEV]  endpoints seen, and their settings\n"
	"       gwlbctl endpoint set ID|NAME [link DEV] [name NAME] [mark MARK[/MASK]] [zone N|auto|none]\n"
	"       gwlbctl endpoint forget ID|NAME [link DEV]\n"
	"       gwlbctl flow [list] [FILTER VALUE]...  flows now\n"
	"       gwlbctl flow flush [FILTER VALUE]...   forget them\n"
	"       gwlbctl flow untrust [FILTER VALUE]... bounce them at once no longer\n"
	"       gwlbctl monitor [-j | --exec PROGRAM]  events, as they come\n"
	"       gwlbctl help | version\n"
	"\n"
	"options, and what add takes without them:\n"
	"  port N                  UDP port of the load balancer (6081)\n"
	"  local ADDRESS|any       address to receive on (any)\n"
	"  mode bump|route         what becomes of the packets (bump)\n"
	"  divert MARK[/MASK]|none packets with this mark are routed in mode bump (none)\n"
	"  allow PREFIX[,...]|any  permitted senders, replaced whole (any)\n"
	"  ttl N                   TTL of what is sent back (64)\n"
	"  tos N                   its ToS or traffic class (0)\n"
	"  critical drop|pass      on unknown critical options (drop)\n"
	"  max-flows N             flows kept at most (262144)\n"
	"  catch auto|early|socket take packets before or behind INPUT (auto)\n"
	"  trust MARK[/MASK]|none  mark of packets whose flows are bounced at once (none)\n"
	"  for SECONDS             how long they are (1)\n"
	"  timeout-tcp SECONDS     idle TCP flows are kept for (350)\n"
	"  timeout-other SECONDS   the same for other protocols (120)\n"
	"  max-endpoints N         endpoints listed at most (1024)\n"
	"  zones auto|off          a conntrack zone for each endpoint (auto)\n"
	"  zone-range LOW-HIGH     of these (1024-65535)\n"
	"  endpoint ID             take it of another link, which has the port; may be repeated\n"
	"  on DEV                  that link (the only one there is)\n"
	"\n"
	"one option more in the file of up:\n"
	"  last-resort yes|no      default routes that come after all others (yes)\n"
	"\n"
	"filters, all of which must fit:\n"
	"  link DEV                of that link\n"
	"  address ADDRESS|PREFIX  from or to it\n"
	"  port N                  from or to it; the id of an ICMP query\n"
	"  protocol NAME|N         of that protocol\n"
	"  endpoint ID|NAME        of that endpoint\n"
	"\n"
	"flags of show, check (not -s), endpoint list and flow list, anywhere:\n"
	"  -s, --statistics        traffic, and drops by cause; headers of flows\n"
	"  -j, --json              JSON\n"
	"  -p, --pretty            JSON with indentation\n"
	"\n"
	"gwlbctl(8) has it all.\n";

static void __attribute__((format(printf, 1, 0))) complain(const char *format, va_list ap)
{
	fprintf(stderr, "gwlbctl: %s", file_place());
	vfprintf(stderr, format, ap);
}

void fail_with(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain(format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

void usage(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	complain(format, ap);
	va_end(ap);
	fputs(*file_place() ? "\n" : "; try gwlbctl help\n", stderr);
	exit(2);
}

/* A flag with a name only */
#define EXEC	'\n'

static struct {
	char letter;
	const char *name;
	bool given;
} flags[] = {
	{ .letter = 's', .name = "statistics" },
	{ .letter = 'j', .name = "json" },
	{ .letter = 'p', .name = "pretty" },
	{ .letter = 'h', .name = "help" },
	{ .letter = 'V', .name = "version" },
	{ .letter = EXEC, .name = "exec" },
};

static bool flag(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].letter == letter)
			return flags[i].given;
	return false;
}

static void take_letters(const char *word)
{
	for (const char *c = word + 1; *c; c++) {
		size_t i = 0;

		while (i < ARRAY_SIZE(flags) && flags[i].letter != *c)
			i++;
		if (i == ARRAY_SIZE(flags))
			usage("unknown flag '%s'", word);
		flags[i].given = true;
	}
}

static void take_name(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcmp(flags[i].name, word + 2)) {
			flags[i].given = true;
			return;
		}
	usage("unknown flag '%s'", word);
}

/* Takes the flags out of the words, wherever they are; "--" ends them */
static void take_flags(char *words[])
{
	char **to = words;

	for (; *words; words++) {
		if (!strcmp(*words, "--")) {
			words++;
			break;
		}
		if (!strncmp(*words, "--", 2))
			take_name(*words);
		else if (**words == '-' && (*words)[1])
			take_letters(*words);
		else
			*to++ = *words;
	}
	while (*words)
		*to++ = *words++;
	*to = NULL;
}

static void print_version(void)
{
	FILE *f = fopen("/sys/module/gwlb/version", "r");
	char loaded[64];

	if (!f || !fgets(loaded, sizeof(loaded), f))
		strcpy(loaded, "not loaded\n");
	if (f)
		fclose(f);
	printf("gwlbctl " VERSION ", module %s", loaded);
}

static void show(const char *name)
{
	struct state state;

	state_read(&state, name);
	if (flag('j') || flag('p'))
		show_json(&state, flag('s'), flag('p'));
	else
		show_text(&state, flag('s'));
}

static int check_state(const char *name)
{
	struct state state;

	state_read(&state, name);
	return check_machine(&state, flag('j') || flag('p'), flag('p'));
}

static void check_name(const char *name)
{
	if (strlen(name) >= IFNAMSIZ)
		usage("device name '%s' is longer than %d characters", name, IFNAMSIZ - 1);
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") ||
	    strpbrk(name, "/: \t\n\v\f\r"))
		usage("'%s' cannot be the name of a device", name);
}

static void run_endpoint(char *words[])
{
	const char *verb = *words, *link = NULL;
	bool asks = flag('s') || flag('j') || flag('p');

	if (verb && (!strcmp(verb, "set") || !strcmp(verb, "forget"))) {
		if (asks)
			usage("endpoint %s takes none of the flags -s, -j and -p", verb);
		endpoint_change(verb, words + 1);
		return;
	}
	if (verb && !strcmp(verb, "list"))
		words++;
	if (*words && !strcmp(*words, "link")) {
		link = words[1];
		if (!link)
			usage("link needs the name of a device");
		check_name(link);
		words += 2;
	}
	if (*words)
		usage("endpoint takes list, set or forget, not '%s'", *words);
	endpoint_show(link, flag('s'), flag('j') || flag('p'), flag('p'));
}

static const struct {
	const char *name;
	enum { ONE_DEVICE, FILE_TOO, OPTIONS } takes;
} verbs[] = {
	{ "add",	OPTIONS },
	{ "set",	OPTIONS },
	{ "del",	ONE_DEVICE },
	{ "show",	ONE_DEVICE },
	{ "check",	ONE_DEVICE },
	{ "up",		FILE_TOO },
	{ "down",	ONE_DEVICE },
	{ "save",	FILE_TOO },
};

static void __attribute__((noreturn)) run_monitor(char *words[])
{
	const char *program = flag(EXEC) ? *words : NULL;

	if (flag('s') || flag('p'))
		usage("monitor takes none of the flags -s and -p");
	if (flag(EXEC) && !program)
		usage("--exec needs a program");
	if (flag(EXEC) && flag('j'))
		usage("monitor takes one of -j and --exec");
	words += !!program;
	if (*words)
		usage("monitor takes no '%s'", *words);
	monitor(flag('j'), program);
}

/* Exit status */
static int run(const char *verb, char *words[])
{
	bool is_check = !strcmp(verb, "check");
	bool is_show = !strcmp(verb, "show");
	char path[sizeof("/etc/gwlb/.conf") + IFNAMSIZ];
	size_t i = 0;

	if (flag(EXEC) && strcmp(verb, "monitor"))
		usage("%s does not take --exec", verb);
	if (!strcmp(verb, "monitor"))
		run_monitor(words);
	if (!strcmp(verb, "flow")) {
		flow_run(words, flag('s'), flag('j'), flag('p'));
		return 0;
	}
	while (i < ARRAY_SIZE(verbs) && strcmp(verbs[i].name, verb))
		i++;
	if (i == ARRAY_SIZE(verbs))
		usage("unknown command '%s'", verb);
	if (is_check && flag('s'))
		usage("check takes the flags -j and -p, not -s");
	if (!is_show && !is_check && (flag('s') || flag('j') || flag('p')))
		usage("%s takes none of the flags -s, -j and -p", verb);
	if (!*words && !is_show && !is_check)
		usage("%s needs the name of a device", verb);
	if (*words)
		check_name(*words);
	if (verbs[i].takes == ONE_DEVICE && *words && words[1])
		usage("%s takes one device, '%s' is too much", verb, words[1]);
	if (verbs[i].takes == FILE_TOO && words[1] && words[2])
		usage("%s takes a device and a file, '%s' is too much", verb, words[2]);
	if (verbs[i].takes == FILE_TOO)
		snprintf(path, sizeof(path), "/etc/gwlb/%s.conf", *words);

	if (is_check)
		return check_state(*words);
	if (is_show)
		show(*words);
	else if (!strcmp(verb, "del") || !strcmp(verb, "down"))
		link_del(*words);
	else if (!strcmp(verb, "add"))
		link_add(*words, words + 1);
	else if (!strcmp(verb, "set"))
		link_set(*words, words + 1);
	else if (!strcmp(verb, "up"))
		link_up(*words, file_read(words[1] ? words[1] : path));
	else
		file_save(*words, words[1] ? words[1] : path);
	return 0;
}

int main(int argc, char *argv[])
{
	const char *verb;
	int status = 0;

	(void)argc;
	/* a reader that went away is an error of writing like any other */
	signal(SIGPIPE, SIG_IGN);
	take_flags(argv + (argc > 0));
	verb = argv[argc > 0];

	if (flag('h') || (verb && !strcmp(verb, "help")))
		fputs(help_text, stdout);
	else if (flag('V') || (verb && !strcmp(verb, "version")))
		print_version();
	else if (!verb)
		usage("no command");
	else if (!strcmp(verb, "endpoint"))
		run_endpoint(argv + 2);
	else
		status = run(verb, argv + 2);

	if (ferror(stdout) || fclose(stdout))
		fail("cannot write: %s", strerror(errno));
	return status;
}
