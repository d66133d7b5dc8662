#include "config/machine.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"

/* More than any machine has: no limit at all. */
static const unsigned long long UNLIMITED = 1ULL << 60;

static const char ONLINE_CPUS[] = "/sys/devices/system/cpu/online";

enum {
	CPUS_MAX = 1 << 20,     /* far above any kernel's own limit */
	CPU_LIST_MAX = 4096,    /* a page, which is the most such a file has */
	ARGS_RESERVE = 8192,    /* the path of the program, auxiliary words, a wrapper's own additions */
	ARGS_MIN = 131072,      /* the kernel grants this much whatever the stack limit (execve(2)) */
	ARGS_CEILING = 6 << 20, /* and never more than three quarters of 8 MiB */
	PASSWD_LINE_MAX = 4096,
	PASSWD_FIELDS = 7,
};

/* A number below CPUS_MAX at '*rest', which then stands behind it; -1 when there is none. */
static int
take_number(const char **rest)
{
	char *end = NULL;

	if (!isdigit((unsigned char)**rest)) {
		return -1;
	}
	unsigned long number = strtoul(*rest, &end, 10);
	*rest = end;
	return number < CPUS_MAX ? (int)number : -1;
}

int
machine_count_list(const char *list)
{
	int count = 0;

	for (const char *rest = list;; rest++) {
		int first = take_number(&rest);
		int last = first;

		if (first >= 0 && *rest == '-') {
			rest++;
			last = take_number(&rest);
		}
		if (first < 0 || last < first || strchr(",\n", *rest) == NULL) {
			return 0;
		}
		count += last - first + 1;
		if (*rest != ',') {
			return count < CPUS_MAX ? count : 0;
		}
	}
}

int
machine_cpus(void)
{
	CLEAN_BUF text;
	struct err err = {0};
	int count = 0;

	/* From the kernel and not by sysconf, whose answer differs: musl counts what this process may use. */
	buf_init(&text, CPU_LIST_MAX);
	if (fd_read_file(AT_FDCWD, ONLINE_CPUS, &text, &err) == 0) {
		count = machine_count_list(buf_text(&text));
	}
	if (count == 0) {
		count = (int)sysconf(_SC_NPROCESSORS_ONLN);
	}
	return count > 0 ? count : 1;
}

static int
is_gpu(const char *name)
{
	static const char prefix[] = "nvidia";
	const char *digits = name + strlen(prefix);

	return strncmp(name, prefix, strlen(prefix)) == 0 && *digits != '\0' &&
	       strspn(digits, "0123456789") == strlen(digits);
}

int
machine_gpus(const char *dev)
{
	DIR *dir = opendir(dev);
	int count = 0;

	if (dir == NULL) {
		return 0;
	}
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		count += is_gpu(entry->d_name);
	}
	(void)closedir(dir);
	return count;
}

/* Cuts a line of passwd(5) at its colons; the number of fields. */
static int
cut_fields(char *line, char *fields[PASSWD_FIELDS])
{
	int count = 0;

	line[strcspn(line, "\n")] = '\0';
	for (char *rest = line; rest != NULL && count < PASSWD_FIELDS;) {
		fields[count++] = strsep(&rest, ":");
	}
	return count;
}

static int
is_writable_folder(const char *path)
{
	struct stat seen;

	return path[0] == '/' && path[1] != '\0' && stat(path, &seen) == 0 && S_ISDIR(seen.st_mode) &&
	       access(path, W_OK | X_OK) == 0;
}

int
machine_home(uid_t uid, const char *passwd, char out[PATH_BYTES_MAX])
{
	/* By hand: a static binary's getpwuid may load plug-ins or ask a service that the image does not have. */
	FILE *file = fopen(passwd, "re");
	char line[PASSWD_LINE_MAX];
	char wanted[32];
	int found = 0;

	if (file == NULL) {
		return 0;
	}
	(void)snprintf(wanted, sizeof(wanted), "%lu", (unsigned long)uid);
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		char *fields[PASSWD_FIELDS] = {NULL};

		if (cut_fields(line, fields) == PASSWD_FIELDS && strcmp(fields[2], wanted) == 0) {
			found = 1;
			(void)snprintf(out, PATH_BYTES_MAX, "%s", fields[5]);
		}
	}
	(void)fclose(file);
	return found && is_writable_folder(out);
}

size_t
machine_args_max(void)
{
	struct rlimit stack = {0};
	size_t room = ARGS_CEILING;

	if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur / 4 < ARGS_CEILING) {
		room = (size_t)stack.rlim_cur / 4;
	}
	room = room < ARGS_MIN ? ARGS_MIN : room;
	return room - ARGS_RESERVE;
}

/* The number in the file; 0 when there is none ("max"), and for v1's way to say so: the largest number of whole pages. */
static uint64_t
limit_in(const char *cgroup, const char *name)
{
	CLEAN_TEXT *path = text_format("%s/%s", cgroup, name);
	CLEAN_FD fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char text[32];
	ssize_t n = fd >= 0 ? fd_read_full(fd, text, sizeof(text) - 1) : -1;

	if (n <= 0) {
		return 0;
	}
	text[n] = '\0';
	uint64_t limit = strtoull(text, NULL, 10); /* what is no number is 0, what is too large the largest */
	return limit < UNLIMITED ? limit : 0;
}

uint64_t
machine_memory_limit(const char *cgroup)
{
	uint64_t limit = limit_in(cgroup, "memory.max");

	return limit > 0 ? limit : limit_in(cgroup, "memory/memory.limit_in_bytes");
}
