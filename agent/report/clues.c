#include "report/clues.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

/* "No space left" is said of both, mostly without a path: which one it was the volumes tell. */
#define DISK_WAS_FULL "A disk was full: use a larger volume (VolumeSizeInGB), or keep fewer files."
#define SHM_WAS_FULL \
	"/dev/shm is too small for the data loader's workers: use fewer of them, or give the container more of it."

/*
 * An advice, then the words of which an error's line has one, then nothing; the more special ones come first. '@' is the name that stands behind the
 * words. One text, because pointers into it would cost as much as it does.
 */
static const char CLUES[] =
    "The package '@' is in neither the image nor the code: install it when the image is built.\0"
    "No module named \0"
    "no package called \0"
    "\0"
    "The job has no channel '@': add it to InputDataConfig, or correct the name in the code.\0"
    "SM_CHANNEL_\0"
    "No such file or directory: 'data/\0"
    "input/data/\0"
    "\0"
    "The GPU's own memory was used up: use smaller batches, gradient checkpointing or a larger GPU.\0"
    "CUDA out of memory\0"
    "_STATUS_ALLOC_FAILED\0"
    "CUDA_ERROR_OUT_OF_MEMORY\0"
    "OOM when allocating\0"
    "RESOURCE_EXHAUSTED\0"
    "\0" SHM_WAS_FULL "\0"
    "signal: Bus error\0"
    "out of shared memory\0"
    "on device: '/dev/shm\0"
    "\0" DISK_WAS_FULL "\0"
    "No space left on device\0"
    "Disk quota exceeded\0"
    "\0"
    "The limit on open files (ulimit -n) was hit: close files, or use fewer workers.\0"
    "Too many open files\0"
    "\0"
    "The limit on processes and threads was hit: use fewer workers, or threads in each (OMP_NUM_THREADS).\0"
    "Resource temporarily unavailable\0"
    "start new thread\0"
    "create native thread\0"
    "annot fork\0"
    "\0"
    "It was refused memory: use an instance with more, or read the data in parts.\0"
    "MemoryError\0"
    "annot allocate \0"
    "bad_alloc\0"
    "Java heap space\0"
    "\0"
    "A label or an index is out of range, most likely: CUDA_LAUNCH_BLOCKING=1 shows where.\0"
    "device-side assert\0"
    "\0"
    "GPU, driver and packages do not fit each other: use an image made for this instance type.\0"
    "no kernel image is\0"
    "driver version is\0"
    "NVIDIA driver\0"
    "\0"
    "Another process or host failed first: look for it in the logs of all hosts.\0"
    "NCCL error\0"
    "ollective operation timeout\0"
    "onnection closed by peer\0"
    "\0"
    "A rank ended all the others: its own lines say why.\0"
    "MPI_ABORT\0"
    "\0"
    "The job cannot find that host: look at its VPC's routes and endpoints; under network isolation there are none.\0"
    "ame resolution\0"
    "ame or service not known\0"
    "\0"
    "Native code damaged its memory: a bug, or libraries that do not fit each other.\0"
    "double free\0"
    "free(): \0"
    "malloc(): \0"
    "corrupted size\0"
    "stack smashing\0"
    "\0";

/* The name at 'at', which may stand in quotes: Python's, or R's of UTF-8. */
static struct span
name_at(struct span line, const char *at)
{
	const char *end = line.at + line.len;
	struct span name = {at, 0};

	while (name.at < end && (*name.at == '\'' || (*name.at & 0x80) != 0)) {
		name.at++;
	}
	while (name.at + name.len < end &&
	       (isalnum((unsigned char)name.at[name.len]) || strchr("_-", name.at[name.len]) != NULL)) {
		name.len++;
	}
	return name;
}

/* A folder's name ("validation" in data/validation/x.csv, not "x" in data/x.csv) or a variable's that no channel has. */
static int
is_missing(const char *const *channels, struct span line, struct span name)
{
	const char *end = name.at + name.len;

	for (; channels != NULL && *channels != NULL; channels++) {
		if (strncasecmp(*channels, name.at, name.len) == 0 && (*channels)[name.len] == '\0') {
			return 0;
		}
	}
	return channels != NULL && (end == line.at + line.len || strchr("/'\"", *end) != NULL);
}

/* The advice where 'words' stand in the line; NULL where they do not, or the name behind them does not fit. */
static const char *
advise(
    const char *advice, const char *words, struct span line, const char *const *channels, char made[CLUES_ADVICE_MAX])
{
	const char *at = span_find(line, words);
	const char *mark = strchr(advice, '@');

	if (at == NULL || mark == NULL) {
		return at != NULL ? advice : NULL;
	}
	struct span name = name_at(line, at + strlen(words));

	if (name.len == 0 || name.len > CLUES_ADVICE_MAX / 2 ||
	    (strstr(advice, "channel") != NULL && !is_missing(channels, line, name))) {
		return NULL;
	}
	(void)snprintf(
	    made, CLUES_ADVICE_MAX, "%.*s%.*s%s", (int)(mark - advice), advice, (int)name.len, name.at, mark + 1);
	return made;
}

static const char *
look_at(struct span line, const char *const *channels, char made[CLUES_ADVICE_MAX])
{
	for (const char *at = CLUES; *at != '\0'; at++) {
		const char *advice = at;

		for (at = span_next(at); *at != '\0'; at = span_next(at)) {
			const char *found = advise(advice, at, line, channels, made);

			if (found != NULL) {
				return found;
			}
		}
	}
	return NULL;
}

const char *
clues_find(
    const struct buf *text, const struct traceback *found, const char *const *channels, char made[CLUES_ADVICE_MAX])
{
	const struct span spans[] = {found->exception, found->error, found->cause};
	const char *advice = NULL;

	for (size_t i = 0; i < ARRAY_LEN(spans) && advice == NULL; i++) {
		advice = look_at(spans[i], channels, made);
	}
	for (size_t end = text->len; end > 0 && advice == NULL && found->exception.at == NULL;) {
		const char *before = memrchr(text->data, '\n', end - 1);

		end = before != NULL ? (size_t)(before - text->data) + 1 : 0;
		advice = look_at(span_line(text, end), channels, made);
	}
	return advice;
}

const char *
clues_of_volume(const char *advice, const char *full)
{
	int is_shm = full != NULL && strcmp(full, "/dev/shm") == 0;

	return is_shm && advice != NULL && strcmp(advice, DISK_WAS_FULL) == 0 ? SHM_WAS_FULL : advice;
}
