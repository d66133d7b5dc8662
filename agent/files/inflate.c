#include "files/inflate.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { MIB = 1 << 20, WINDOW_SHARE = 4 /* a window may take a quarter of fetch-memory (product §5) */ };

struct inflate {
	struct source from;
	enum kind kind;
	uint64_t window_max;
	unsigned char *input;
	size_t at, len; /* unread bytes of 'input' */
	int from_ended;
	int done;

	struct inflate_state *gzip;
	int in_member; /* gzip: a member was begun and has not ended; zstd: a frame */
	int members;
	ZSTD_DCtx *zstd;
};

/* Makes sure that there is input, unless the lower source has ended. */
static int
refill(struct inflate *inflate, struct err *err)
{
	if (inflate->at < inflate->len || inflate->from_ended) {
		return 0;
	}
	ssize_t n = source_read(&inflate->from, inflate->input, INFLATE_INPUT, err);
	if (n < 0) {
		return -1;
	}
	inflate->at = 0;
	inflate->len = (size_t)n;
	inflate->from_ended = n == 0;
	return 0;
}

static int
have_input(const struct inflate *inflate)
{
	return inflate->at < inflate->len;
}

/* ---- gzip ---- */

/* Between members: the end, or the next member's first bytes. isa-l reads the header itself and refuses what is none. */
static int
begin_member(struct inflate *inflate)
{
	isal_inflate_reset(inflate->gzip);
	inflate->gzip->crc_flag = ISAL_GZIP;
	inflate->in_member = 1;
	inflate->members++;
	return 0;
}

static int
gzip_failed(const struct inflate *inflate, int code, struct err *err)
{
	switch (code) {
	case ISAL_INCORRECT_CHECKSUM:
		return err_set(err, ERR_ARCHIVE, 0, "the gzip checksum does not match: the archive is damaged");
	case ISAL_INVALID_WRAPPER:
	case ISAL_UNSUPPORTED_METHOD:
		return inflate->members > 1
		           ? err_set(err, ERR_ARCHIVE, 0, "something that is no gzip follows the gzip data")
		           : err_set(err, ERR_ARCHIVE, 0, "the gzip header is damaged");
	default:
		return err_set(err, ERR_ARCHIVE, 0, "the gzip data is damaged");
	}
}

static ssize_t
read_gzip(struct inflate *inflate, void *bytes, size_t len, struct err *err)
{
	struct inflate_state *gzip = inflate->gzip;
	uint32_t room = len > MIB ? MIB : (uint32_t)len;

	gzip->next_out = bytes;
	gzip->avail_out = room;
	while (gzip->avail_out == room) {
		if (refill(inflate, err) < 0) {
			return -1;
		}
		if (!inflate->in_member) {
			if (!have_input(inflate)) {
				return 0;
			}
			begin_member(inflate);
		}
		gzip->next_in = inflate->input + inflate->at;
		gzip->avail_in = (uint32_t)(inflate->len - inflate->at);
		uint32_t before_in = gzip->avail_in;
		uint32_t before_out = gzip->avail_out;
		int code = isal_inflate(gzip);
		inflate->at = inflate->len - gzip->avail_in;
		if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT) {
			return gzip_failed(inflate, code, err);
		}
		if (gzip->block_state == ISAL_BLOCK_FINISH) {
			inflate->in_member = 0;
		} else if (gzip->avail_in == before_in && gzip->avail_out == before_out && inflate->from_ended) {
			return err_set(err, ERR_ARCHIVE, 0, "the gzip data ends too early: the archive is cut");
		}
	}
	return (ssize_t)(room - gzip->avail_out);
}

/* ---- zstd ---- */

static int
zstd_failed(const struct inflate *inflate, size_t code, struct err *err)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge) {
		return err_set(err, ERR_ARCHIVE, 0,
		    "the zstd window is over %llu MiB: raise fetch-memory to at least %d times the window in MiB",
		    (unsigned long long)(inflate->window_max / MIB), (int)WINDOW_SHARE);
	}
	if (ZSTD_getErrorCode(code) == ZSTD_error_checksum_wrong) {
		return err_set(err, ERR_ARCHIVE, 0, "the zstd checksum does not match: the archive is damaged");
	}
	if (ZSTD_getErrorCode(code) == ZSTD_error_prefix_unknown && inflate->members > 0) {
		return err_set(err, ERR_ARCHIVE, 0, "something that is no zstd follows the zstd data");
	}
	return err_set(err, ERR_ARCHIVE, 0, "the zstd data is damaged (%s)", ZSTD_getErrorName(code));
}

/* At a frame's beginning, where its header is whole in the buffer: names the window that is too large. */
static int
check_window(const struct inflate *inflate, struct err *err)
{
	unsigned long long window = 0;
	const unsigned char *bytes = inflate->input + inflate->at;
	size_t len = inflate->len - inflate->at;

	/* RFC 8878, 3.1.1.1: without the single-segment flag the byte behind the descriptor holds the window. */
	if (len < 6 || memcmp(bytes, "\x28\xb5\x2f\xfd", 4) != 0 || (bytes[4] & 0x20) != 0) {
		return 0;
	}
	window = 1ULL << (10 + (bytes[5] >> 3));
	window += window / 8 * (bytes[5] & 7);
	if (window <= inflate->window_max) {
		return 0;
	}
	return err_set(err, ERR_ARCHIVE, 0,
	    "the zstd window of %llu MiB is over a quarter of fetch-memory: set fetch-memory to %llu or more",
	    (window + MIB - 1) / MIB, (window + MIB - 1) / MIB * WINDOW_SHARE);
}

static ssize_t
read_zstd(struct inflate *inflate, void *bytes, size_t len, struct err *err)
{
	ZSTD_outBuffer out = {.dst = bytes, .size = len};

	while (out.pos == 0) {
		if (refill(inflate, err) < 0) {
			return -1;
		}
		if (!have_input(inflate) && !inflate->in_member) {
			return 0;
		}
		if (!inflate->in_member && check_window(inflate, err) < 0) {
			return -1;
		}
		ZSTD_inBuffer in = {.src = inflate->input + inflate->at, .size = inflate->len - inflate->at};
		size_t left = ZSTD_decompressStream(inflate->zstd, &out, &in);
		if (ZSTD_isError(left)) {
			return zstd_failed(inflate, left, err);
		}
		inflate->at += in.pos;
		inflate->members += left == 0;
		inflate->in_member = left != 0;
		if (in.pos == 0 && out.pos == 0 && inflate->from_ended) {
			return err_set(err, ERR_ARCHIVE, 0, "the zstd data ends too early: the archive is cut");
		}
	}
	return (ssize_t)out.pos;
}

/* ---- the source ---- */

static ssize_t
inflate_read(void *self, void *bytes, size_t len, struct err *err)
{
	struct inflate *inflate = self;

	if (inflate->done || len == 0) {
		return 0;
	}
	ssize_t n =
	    inflate->kind == KIND_TAR_GZ ? read_gzip(inflate, bytes, len, err) : read_zstd(inflate, bytes, len, err);
	inflate->done = n <= 0;
	return n;
}

struct inflate *
inflate_new(enum kind kind, const struct source *from, uint64_t window_max, struct err *err)
{
	struct inflate *inflate = calloc(1, sizeof(*inflate));

	if (inflate == NULL) {
		err_set(err, ERR_SYSTEM, ENOMEM, "cannot decompress");
		return NULL;
	}
	inflate->from = *from;
	inflate->kind = kind;
	inflate->window_max = window_max;
	inflate->input = malloc(INFLATE_INPUT);
	if (kind == KIND_TAR_GZ) {
		inflate->gzip = malloc(sizeof(*inflate->gzip));
		if (inflate->gzip != NULL) {
			isal_inflate_init(inflate->gzip);
		}
	} else {
		inflate->zstd = ZSTD_createDCtx();
	}
	if (inflate->input == NULL || (inflate->gzip == NULL && inflate->zstd == NULL)) {
		inflate_free(inflate);
		err_set(err, ERR_SYSTEM, ENOMEM, "cannot decompress");
		return NULL;
	}
	if (inflate->zstd != NULL) {
		/* The library's own bound is a power of two; check_window is exact and says more. */
		int log = 10;

		while (log < 31 && (1ULL << (log + 1)) <= window_max) {
			log++;
		}
		(void)ZSTD_DCtx_setParameter(inflate->zstd, ZSTD_d_windowLogMax, log + 1);
	}
	return inflate;
}

struct source
inflate_source(struct inflate *inflate)
{
	return (struct source){.read = inflate_read, .self = inflate};
}

void
inflate_free(struct inflate *inflate)
{
	if (inflate == NULL) {
		return;
	}
	free(inflate->input);
	free(inflate->gzip);
	ZSTD_freeDCtx(inflate->zstd);
	free(inflate);
}

void
inflate_clean(struct inflate **inflate)
{
	inflate_free(*inflate);
	*inflate = NULL;
}
