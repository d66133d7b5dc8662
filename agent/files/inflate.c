#include "files/inflate.h"

#include <errno.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "files/zstd_context.h"

enum {
	MIB = 1 << 20,
	WINDOW_SHARE = 4,           /* a window may take a quarter of fetch-memory (product §5) */
	GZIP_MAGIC_BYTES = 2,       /* RFC 1952 */
	GZIP_RESERVED_FLAGS = 0xe0, /* a reader must refuse them */
	ZSTD_MAGIC_BYTES = 4,       /* RFC 8878 */
	ZSTD_HEADER_MAX = 18,
	SEAM_BYTES = ZSTD_HEADER_MAX, /* the most that has to lie in one piece */
	ZSTD_SINGLE_SEGMENT = 0x20,
};

/* Where we are: between two members (of gzip) or frames (of zstd), or inside one. */
enum place { BETWEEN, IN_HEADER, IN_BODY };

struct inflate {
	struct source from;
	enum kind kind;
	struct budget *budget;
	uint64_t window_max;
	const unsigned char *input; /* unread bytes: lent by 'from', or in 'seam' */
	size_t input_left;
	const unsigned char *behind; /* what was lent and comes behind the seam */
	size_t behind_left;
	unsigned char seam[SEAM_BYTES]; /* where a header that lies in two blocks is put together */
	unsigned char *scratch;         /* INFLATE_INPUT bytes, for a source that does not lend */
	int from_ended;
	int done;
	enum place place;
	int members; /* begun so far */

	struct inflate_state *gzip;
	struct isal_gzip_header header; /* kept, because it may come in two pieces */
	ZSTD_DCtx *zstd;
};

/* The next bytes of the lower source. What is unread of those before moves into the seam, for they were only lent. */
static int
lend_more(struct inflate *inflate, struct err *err)
{
	const void *bytes = NULL;

	if (inflate->input_left > 0) {
		memmove(inflate->seam, inflate->input, inflate->input_left);
		inflate->input = inflate->seam;
	}
	ssize_t n = source_lend(&inflate->from, inflate->scratch, INFLATE_INPUT, &bytes, err);
	if (n < 0) {
		return -1;
	}
	inflate->behind = bytes;
	inflate->behind_left = (size_t)n;
	inflate->from_ended = n == 0;
	return 0;
}

/* Goes on with what lies behind the seam; as long as something is unread in it, by putting so many more bytes to its end. */
static void
join(struct inflate *inflate, size_t more)
{
	size_t part = more < inflate->behind_left ? more : inflate->behind_left;

	if (inflate->input_left == 0) {
		inflate->input = inflate->behind;
		part = inflate->behind_left;
	} else {
		memmove(inflate->seam, inflate->input, inflate->input_left);
		memcpy(inflate->seam + inflate->input_left, inflate->behind, part);
		inflate->input = inflate->seam;
	}
	inflate->input_left += part;
	inflate->behind += part;
	inflate->behind_left -= part;
}

/* Makes sure that 'want' bytes are there in one piece, at most SEAM_BYTES, unless the lower source has ended. */
static int
fill(struct inflate *inflate, size_t want, struct err *err)
{
	while (inflate->input_left < want) {
		if (inflate->behind_left == 0 && !inflate->from_ended && lend_more(inflate, err) < 0) {
			return -1;
		}
		if (inflate->behind_left == 0) {
			return 0;
		}
		join(inflate, want - inflate->input_left);
	}
	return 0;
}

static void
use_up(struct inflate *inflate, size_t bytes)
{
	inflate->input += bytes;
	inflate->input_left -= bytes;
}

static int
is_cut(const char *what, struct err *err)
{
	return err_set(err, ERR_ARCHIVE, 0, "the %s data ends too early: the archive is cut", what);
}

/* What begins here is no further member: the first one was looked at before it came to us. */
static int
is_foreign(const struct inflate *inflate, const char *what, struct err *err)
{
	return inflate->members > 0
	           ? err_set(err, ERR_ARCHIVE, 0, "something that is no %s follows the %s data", what, what)
	           : err_set(err, ERR_ARCHIVE, 0, "the %s header is damaged", what);
}

/* ---- gzip ---- */

static int
gzip_failed(int code, struct err *err)
{
	switch (code) {
	case ISAL_INCORRECT_CHECKSUM:
		return err_set(err, ERR_ARCHIVE, 0, "the gzip checksum does not match: the archive is damaged");
	case ISAL_INVALID_WRAPPER:
	case ISAL_UNSUPPORTED_METHOD:
		return err_set(err, ERR_ARCHIVE, 0, "the gzip header is damaged");
	default:
		return err_set(err, ERR_ARCHIVE, 0, "the gzip data is damaged");
	}
}

/* Between members. 1 when another one begins, 0 at the end, -1 with 'err'. */
static int
begin_member(struct inflate *inflate, struct err *err)
{
	if (fill(inflate, GZIP_MAGIC_BYTES, err) < 0) {
		return -1;
	}
	size_t len = inflate->input_left < GZIP_MAGIC_BYTES ? inflate->input_left : GZIP_MAGIC_BYTES;
	if (len == 0) {
		return 0;
	}
	if (memcmp(inflate->input, "\x1f\x8b", len) != 0) {
		return is_foreign(inflate, "gzip", err);
	}
	isal_inflate_reset(inflate->gzip);
	isal_gzip_header_init(&inflate->header);
	inflate->gzip->crc_flag = ISAL_GZIP_NO_HDR_VER;
	inflate->place = IN_HEADER;
	inflate->members++;
	return 1;
}

/* Gives isa-l what there is to read, as much as it can count. */
static void
offer(struct inflate *inflate)
{
	size_t len = inflate->input_left < UINT32_MAX ? inflate->input_left : UINT32_MAX;

	inflate->gzip->next_in = (uint8_t *)(uintptr_t)inflate->input; /* it only reads it */
	inflate->gzip->avail_in = (uint32_t)len;
}

/* And takes what it has left. */
static void
take_back(struct inflate *inflate)
{
	use_up(inflate, (size_t)(inflate->gzip->next_in - inflate->input));
}

/* isal_inflate could read the header itself, but forgets its flags when the header comes in two pieces. */
static int
read_header(struct inflate *inflate, struct err *err)
{
	struct inflate_state *gzip = inflate->gzip;
	int code = ISAL_END_INPUT;

	while (code == ISAL_END_INPUT) {
		if (fill(inflate, 1, err) < 0) {
			return -1;
		}
		if (inflate->input_left == 0) {
			return is_cut("gzip", err);
		}
		offer(inflate);
		code = isal_read_gzip_header(gzip, &inflate->header);
		take_back(inflate);
	}
	if (code != ISAL_DECOMP_OK) {
		return gzip_failed(code, err);
	}
	if ((inflate->header.flags & GZIP_RESERVED_FLAGS) != 0) {
		return gzip_failed(ISAL_INVALID_WRAPPER, err);
	}
	inflate->place = IN_BODY;
	return 0;
}

/* As much of the member as input and room allow. */
static int
read_body(struct inflate *inflate, struct err *err)
{
	struct inflate_state *gzip = inflate->gzip;

	if (fill(inflate, 1, err) < 0) {
		return -1;
	}
	offer(inflate);
	uint32_t before_in = gzip->avail_in;
	uint32_t before_out = gzip->avail_out;
	int code = isal_inflate(gzip);
	int unmoved = gzip->avail_in == before_in && gzip->avail_out == before_out;
	take_back(inflate);
	if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT) {
		return gzip_failed(code, err);
	}
	if (gzip->block_state == ISAL_BLOCK_FINISH) {
		inflate->place = BETWEEN;
	} else if (unmoved && inflate->from_ended) {
		return is_cut("gzip", err);
	}
	return 0;
}

static ssize_t
read_gzip(struct inflate *inflate, void *bytes, size_t len, struct err *err)
{
	uint32_t room = len > MIB ? MIB : (uint32_t)len;

	inflate->gzip->next_out = bytes;
	inflate->gzip->avail_out = room;
	while (inflate->gzip->avail_out == room) {
		if (inflate->place == BETWEEN) {
			int begun = begin_member(inflate, err);

			if (begun <= 0) {
				return begun;
			}
			inflate->gzip->next_out = bytes;
			inflate->gzip->avail_out = room;
		}
		if (inflate->place == IN_HEADER && read_header(inflate, err) < 0) {
			return -1;
		}
		if (read_body(inflate, err) < 0) {
			return -1;
		}
	}
	return (ssize_t)(room - inflate->gzip->avail_out);
}

/* ---- zstd ---- */

int
inflate_zstd_failed(size_t code, struct err *err)
{
	ZSTD_ErrorCode why = ZSTD_getErrorCode(code);

	if (why == ZSTD_error_checksum_wrong) {
		return err_set(err, ERR_ARCHIVE, 0, "the zstd checksum does not match: the archive is damaged");
	}
	if (why == ZSTD_error_dictionary_wrong) {
		return err_set(err, ERR_ARCHIVE, 0, "the zstd data needs a dictionary: compress it without one");
	}
	if (why == ZSTD_error_memory_allocation) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot decompress within fetch-memory");
	}
	return err_set(err, ERR_ARCHIVE, 0, "the zstd data is damaged (%s)", ZSTD_getErrorName(code));
}

static int
is_zstd_magic(const unsigned char *bytes, size_t len)
{
	size_t n = len < ZSTD_MAGIC_BYTES ? len : ZSTD_MAGIC_BYTES;

	return memcmp(bytes, "\x28\xb5\x2f\xfd", n) == 0 ||
	       ((bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, "\x2a\x4d\x18", n - 1) == 0);
}

/* The window that a frame needs, by its header (RFC 8878, 3.1.1.1); 0 for a skippable one, and for a header that is cut. */
static uint64_t
window_of(const unsigned char *bytes, size_t len)
{
	static const size_t dictionary_lens[] = {0, 1, 2, 4};
	static const size_t size_lens[] = {1, 2, 4, 8};
	uint64_t size = 0;

	if (len <= ZSTD_MAGIC_BYTES + 1 || bytes[0] != 0x28) {
		return 0;
	}
	unsigned descriptor = bytes[ZSTD_MAGIC_BYTES];
	if ((descriptor & ZSTD_SINGLE_SEGMENT) == 0) {
		uint64_t base = 1ULL << (10 + (bytes[ZSTD_MAGIC_BYTES + 1] >> 3));

		return base + base / 8 * (bytes[ZSTD_MAGIC_BYTES + 1] & 7);
	}
	/* A single segment: the window is the whole content, whose size is told. */
	size_t at = ZSTD_MAGIC_BYTES + 1 + dictionary_lens[descriptor & 3];
	size_t size_len = size_lens[descriptor >> 6];
	for (size_t i = size_len; i-- > 0 && at + size_len <= len;) {
		size = size << 8 | bytes[at + i];
	}
	return size_len == 2 ? size + 256 : size;
}

/* Between frames. 1 when another one begins, 0 at the end, -1 with 'err'. */
static int
begin_frame(struct inflate *inflate, struct err *err)
{
	if (fill(inflate, ZSTD_HEADER_MAX, err) < 0) {
		return -1;
	}
	const unsigned char *bytes = inflate->input;
	size_t len = inflate->input_left;
	if (len == 0) {
		return 0;
	}
	if (!is_zstd_magic(bytes, len)) {
		return is_foreign(inflate, "zstd", err);
	}
	uint64_t window = window_of(bytes, len);
	if (window > inflate->window_max) {
		uint64_t mib = window / MIB + (window % MIB != 0);

		return err_set(err, ERR_ARCHIVE, 0,
		    "the zstd window of %llu MiB is over a quarter of fetch-memory: set fetch-memory to %llu or more",
		    (unsigned long long)mib, (unsigned long long)mib * WINDOW_SHARE);
	}
	inflate->place = IN_BODY;
	inflate->members++;
	return 1;
}

static ssize_t
read_zstd(struct inflate *inflate, void *bytes, size_t len, struct err *err)
{
	ZSTD_outBuffer out = {.dst = bytes, .size = len};

	while (out.pos == 0) {
		if (inflate->place == BETWEEN) {
			int begun = begin_frame(inflate, err);

			if (begun <= 0) {
				return begun;
			}
		}
		if (fill(inflate, 1, err) < 0) {
			return -1;
		}
		ZSTD_inBuffer in = {.src = inflate->input, .size = inflate->input_left};
		size_t left = ZSTD_decompressStream(inflate->zstd, &out, &in);
		if (ZSTD_isError(left)) {
			return inflate_zstd_failed(left, err);
		}
		use_up(inflate, in.pos);
		inflate->place = left == 0 ? BETWEEN : IN_BODY;
		if (in.pos == 0 && out.pos == 0 && inflate->from_ended) {
			return is_cut("zstd", err);
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

/* 0, or -1 when there is not enough memory. */
static int
make_gzip(struct inflate *inflate)
{
	inflate->gzip = budget_take(inflate->budget, sizeof(*inflate->gzip));
	if (inflate->gzip == NULL) {
		return -1;
	}
	isal_inflate_init(inflate->gzip);
	return 0;
}

static int
make_zstd(struct inflate *inflate)
{
	/* The library's own bound is a power of two, the next one; begin_frame is exact and says more. */
	int log = 10;

	inflate->zstd = zstd_context_new(inflate->budget);
	while (log < 31 && (1ULL << log) < inflate->window_max) {
		log++;
	}
	return inflate->zstd != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(inflate->zstd, ZSTD_d_windowLogMax, log))
	           ? 0
	           : -1;
}

struct inflate *
inflate_new(enum kind kind, const struct source *from, struct budget *budget, uint64_t window_max, struct err *err)
{
	struct inflate *inflate = calloc(1, sizeof(*inflate));

	if (inflate != NULL) {
		*inflate = (struct inflate){.from = *from, .kind = kind, .budget = budget, .window_max = window_max};
		inflate->scratch = from->lend == NULL ? budget_take(budget, INFLATE_INPUT) : NULL;
	}
	if (inflate == NULL || (inflate->scratch == NULL && from->lend == NULL) ||
	    (kind == KIND_TAR_GZ ? make_gzip(inflate) : make_zstd(inflate)) < 0) {
		inflate_free(inflate);
		err_set(err, ERR_SYSTEM, ENOMEM, "cannot decompress within fetch-memory");
		return NULL;
	}
	return inflate;
}

struct source
inflate_source(struct inflate *inflate)
{
	return (struct source){.read = inflate_read, .self = inflate};
}

void
inflate_follows(struct inflate *inflate)
{
	inflate->members = 1;
}

void
inflate_free(struct inflate *inflate)
{
	if (inflate == NULL) {
		return;
	}
	budget_give(inflate->budget, inflate->scratch, INFLATE_INPUT);
	budget_give(inflate->budget, inflate->gzip, sizeof(*inflate->gzip));
	(void)ZSTD_freeDCtx(inflate->zstd);
	free(inflate);
}

void
inflate_clean(struct inflate **inflate)
{
	inflate_free(*inflate);
	*inflate = NULL;
}

/* ---- in memory ---- */

int
inflate_raw(const void *packed, size_t packed_len, void *plain, size_t plain_len)
{
	struct inflate_state *state = malloc(sizeof(*state));
	unsigned char none = 0;

	if (state == NULL || packed_len > UINT32_MAX || plain_len > UINT32_MAX) {
		free(state);
		return -1;
	}
	isal_inflate_init(state);
	state->next_in = (uint8_t *)(uintptr_t)packed; /* isa-l only reads it */
	state->avail_in = (uint32_t)packed_len;
	state->next_out = plain_len > 0 ? plain : &none;
	state->avail_out = (uint32_t)plain_len;
	int code = isal_inflate_stateless(state);
	int whole = code == ISAL_DECOMP_OK && state->avail_in == 0 && state->avail_out == 0;
	free(state);
	return whole ? 0 : -1;
}

uint32_t
inflate_crc32(const void *bytes, size_t len)
{
	return crc32_gzip_refl(0, bytes, len);
}
