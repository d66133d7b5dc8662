#include "run/proc_tell.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mask.h"
#include "base/text.h"

enum { PATH_ROOM = 40, PLACE_MAX = 64 };

/* ---- in what it waits ---- */

static const char *
word_of(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "waiting for a device or a file system";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	default:
		return "ending";
	}
}

/* The place in the kernel where its first thread waits; "" where it does not, or the kernel does not say. */
static void
read_place(const struct proc *proc, char place[PLACE_MAX])
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "/proc/%d/wchan", (int)proc->pid);

	CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : fd_read_full(fd, place, PLACE_MAX - 1);

	place[n > 0 ? n : 0] = '\0';
	place[strcspn(place, "\n")] = '\0';
	if (strcmp(place, "0") == 0) {
		place[0] = '\0';
	}
}

static int
waits_for_child(const char *place)
{
	return strcmp(place, "do_wait") == 0;
}

/* Whether one more "name (pid) waits in place" fitted. */
static int
add_wait(const struct proc *proc, const char *place, char *out, size_t room)
{
	size_t len = strlen(out);
	char one[PROC_NAME_MAX + PLACE_MAX + 64];
	int n = snprintf(one, sizeof(one), "%s%s (%d) %s%s", len > 0 ? ", " : "", proc->name, (int)proc->pid,
	    place[0] != '\0' ? "waits in " : "is ", place[0] != '\0' ? place : word_of(proc->state));

	if (n < 0 || len + (size_t)n >= room) {
		return 0;
	}
	for (char *c = one; *c != '\0'; c++) {
		*c = *c < 0x20 || *c > 0x7e ? '?' : *c;
	}
	memcpy(out + len, one, (size_t)n + 1);
	return 1;
}

void
proc_waits(const struct proc_list *list, char *out, size_t room)
{
	int fits = 1;

	out[0] = '\0';
	for (int parents = 0; parents < 2; parents++) {
		for (size_t i = 0; i < list->count && fits; i++) {
			char place[PLACE_MAX];

			read_place(&list->items[i], place);
			if (waits_for_child(place) == parents) {
				fits = add_wait(&list->items[i], place, out, room);
			}
		}
	}
}

/* ---- its command line ---- */

/* 1 when a thread of it waits uninterruptibly: it may hold the memory that its command line lies in. */
static int
holds_its_memory(const struct proc *proc)
{
	char path[PATH_ROOM];
	const struct dirent *entry;
	struct proc thread;
	int threads = 0, holds = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)proc->pid);
	dir = opendir(path);
	if (dir == NULL) {
		return 1;
	}
	while (!holds && (entry = readdir(dir)) != NULL) {
		holds = entry->d_name[0] != '.' &&
		        (threads++ == PROC_THREADS_MAX ||
		            (proc_read(dirfd(dir), entry->d_name, &thread) == 0 && thread.state == 'D'));
	}
	(void)closedir(dir);
	return holds;
}

static int
is_name_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' ||
	       c == '.';
}

/* How much of a word may be shown: up to and with the first "name=" of a secret's name. */
static size_t
harmless_part(const char *word)
{
	for (const char *equals = strchr(word, '='); equals != NULL; equals = strchr(equals + 1, '=')) {
		char name[PLACE_MAX];
		const char *begin = equals;

		while (begin > word && is_name_byte(begin[-1]) && equals - begin < PLACE_MAX - 1) {
			begin--;
		}
		(void)snprintf(name, sizeof(name), "%.*s", (int)(equals - begin), begin);
		if (mask_name_is_secret(name)) {
			return (size_t)(equals - word) + 1;
		}
	}
	return strlen(word);
}

/* The words, with blanks between them; the value of an argument with a secret's name is no word to show. */
static void
add_words(const char *bytes, size_t len, struct buf *out)
{
	int hidden = 0;

	for (size_t at = 0; at < len; at += strlen(bytes + at) + 1) {
		const char *word = bytes + at;
		size_t shown = harmless_part(word);

		buf_addc(out, ' ');
		buf_add(out, word, hidden ? 0 : shown);
		buf_adds(out, hidden || word[shown] != '\0' ? "***" : "");
		hidden = word[0] == '-' && strchr(word, '=') == NULL && mask_name_is_secret(word);
	}
}

/* Its words as far as they are whole, unmasked. */
static void
read_words(const struct proc *proc, struct buf *out)
{
	char path[PATH_ROOM];
	CLEAN_BUF bytes = {0};
	char block[4096];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)proc->pid);

	CLEAN_FD fd = holds_its_memory(proc) ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	buf_init(&bytes, PROC_CMDLINE_MAX);
	while (fd >= 0 && (n = fd_read_full(fd, block, sizeof(block))) > 0 && buf_add(&bytes, block, (size_t)n) == 0) {
	}
	if (bytes.len > 0) {
		const char *end = memrchr(bytes.data, '\0', bytes.len);

		add_words(bytes.data, bytes.full ? (end != NULL ? (size_t)(end - bytes.data) : 0) : bytes.len, out);
	}
}

void
proc_tell(const struct proc *proc, struct buf *out)
{
	double seconds = (double)proc->ticks / (double)sysconf(_SC_CLK_TCK);
	CLEAN_BUF words = {0};
	CLEAN_BUF masked = {0};
	char place[PLACE_MAX];
	size_t begin = out->len;

	buf_init(&words, 2 * PROC_CMDLINE_MAX);
	buf_init(&masked, 4 * PROC_CMDLINE_MAX);
	read_place(proc, place);
	read_words(proc, &words);
	mask_text(mask_global(), buf_text(&words), words.len, &masked);
	buf_printf(out, "%s (%d): state %c (%s)%s%s, %.2f s of CPU:", proc->name, (int)proc->pid, proc->state,
	    word_of(proc->state), place[0] != '\0' ? ", waits in " : "", place, seconds);
	buf_add(out, buf_text(&masked), utf8_cut(buf_text(&masked), masked.len, PROC_TELL_MAX - (out->len - begin)));
}
