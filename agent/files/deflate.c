#include "files/deflate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/check.h"

enum {
	OUTPUT = 1 << 17, /* bytes handed to the lower sink at once */
	PIECE = 1 << 30,  /* zlib counts in 32 bits */
	ZLIB_LEVEL = 6,   /* what everybody's gzip does */
	ZLIB_MEMORY = 8,
	ZSTD_LEVEL =
	    1, /* the release has only the fast strategy: with these tables it packs code as small as level 3 would */
	ZSTD_WINDOW = 21, /* a frame's content */
	ZSTD_HASH = 18,
	ZSTD_MATCH = 5,
	SEEK_ROW = 8,
	SEEK_FOOTER = 9,
	SEEK_TABLE_MAX = 64 << 20, /* of 16 TiB */
};

struct deflater {
	enum deflate_form form;
	struct sink to;
	unsigned char *output;
	int begun; /* something of this stream was passed on */
	struct deflated sums;
	z_stream zlib;
	int zlib_ready;
	ZSTD_CCtx *zstd;
	unsigned char *frame; /* the content of the frame that is being filled */
	size_t frame_len;
	struct buf seeks; /* a row for each frame of this stream, as the seek table has them */
};

_Static_assert(DEFLATE_FRAME == 1 << ZSTD_WINDOW, "a frame is its own window");

static int
pass_on(struct deflater *deflater, const void *bytes, size_t len, struct err *err)
{
	deflater->sums.packed += (int64_t)len;
	return len > 0 ? sink_write(&deflater->to, bytes, len, err) : 0;
}

/* ---- gzip and raw deflate ---- */

/* RFC 1952: no time, no name, made on Unix. */
static int
gzip_begin(struct deflater *deflater, struct err *err)
{
	static const unsigned char header[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

	if (deflater->form != DEFLATE_GZIP || deflater->begun) {
		return 0;
	}
	deflater->begun = 1;
	return pass_on(deflater, header, sizeof(header), err);
}

static int
gzip_end(struct deflater *deflater, struct err *err)
{
	unsigned char trailer[8];

	if (deflater->form != DEFLATE_GZIP) {
		return 0;
	}
	for (unsigned i = 0; i < 4; i++) {
		trailer[i] = (unsigned char)(deflater->sums.crc >> (8 * i));
		trailer[4 + i] = (unsigned char)((uint64_t)deflater->sums.plain >> (8 * i));
	}
	return pass_on(deflater, trailer, sizeof(trailer), err);
}

/* Compresses what zlib was given; with Z_FINISH to the stream's end. It fails only for arguments that we never give it. */
static int
run_zlib(struct deflater *deflater, int flush, struct err *err)
{
	z_stream *zlib = &deflater->zlib;
	int code = Z_OK;

	do {
		zlib->next_out = deflater->output;
		zlib->avail_out = OUTPUT;
		code = deflate(zlib, flush);
		CHECK(code != Z_STREAM_ERROR);
		if (pass_on(deflater, deflater->output, OUTPUT - zlib->avail_out, err) < 0) {
			return -1;
		}
	} while (zlib->avail_out == 0);
	CHECK(flush != Z_FINISH || code == Z_STREAM_END);
	return 0;
}

static int
write_zlib(struct deflater *deflater, const unsigned char *bytes, size_t len, struct err *err)
{
	if (gzip_begin(deflater, err) < 0) {
		return -1;
	}
	deflater->sums.crc = (uint32_t)crc32_z(deflater->sums.crc, bytes, len);
	while (len > 0) {
		size_t piece = len < PIECE ? len : PIECE;

		deflater->zlib.next_in = bytes;
		deflater->zlib.avail_in = (uInt)piece;
		if (run_zlib(deflater, Z_NO_FLUSH, err) < 0) {
			return -1;
		}
		bytes += piece;
		len -= piece;
	}
	return 0;
}

static int
end_zlib(struct deflater *deflater, struct err *err)
{
	deflater->zlib.avail_in = 0;
	if (gzip_begin(deflater, err) < 0 || run_zlib(deflater, Z_FINISH, err) < 0 || gzip_end(deflater, err) < 0) {
		return -1;
	}
	CHECK(deflateReset(&deflater->zlib) == Z_OK);
	return 0;
}

/* ---- zstd ---- */

static void
add_number(struct buf *buf, uint32_t number)
{
	const unsigned char bytes[] = {(unsigned char)number, (unsigned char)(number >> 8),
	    (unsigned char)(number >> 16), (unsigned char)(number >> 24)};

	buf_add(buf, bytes, sizeof(bytes));
}

/* Given at once, the content's size gets into the frame's header. */
static int
end_frame(struct deflater *deflater, struct err *err)
{
	ZSTD_inBuffer in = {.src = deflater->frame, .size = deflater->frame_len};
	int64_t before = deflater->sums.packed;
	size_t left = 1;

	while (left != 0) {
		ZSTD_outBuffer out = {.dst = deflater->output, .size = OUTPUT};

		left = ZSTD_compressStream2(deflater->zstd, &out, &in, ZSTD_e_end);
		if (ZSTD_isError(left)) {
			return err_set(err, ERR_SYSTEM, 0, "zstd cannot compress: %s", ZSTD_getErrorName(left));
		}
		if (pass_on(deflater, deflater->output, out.pos, err) < 0) {
			return -1;
		}
	}
	add_number(&deflater->seeks, (uint32_t)(deflater->sums.packed - before));
	add_number(&deflater->seeks, (uint32_t)deflater->frame_len);
	deflater->frame_len = 0;
	return 0;
}

static int
write_zstd(struct deflater *deflater, const unsigned char *bytes, size_t len, struct err *err)
{
	while (len > 0) {
		size_t room = DEFLATE_FRAME - deflater->frame_len;
		size_t piece = len < room ? len : room;

		memcpy(deflater->frame + deflater->frame_len, bytes, piece);
		deflater->frame_len += piece;
		bytes += piece;
		len -= piece;
		if (deflater->frame_len == DEFLATE_FRAME && end_frame(deflater, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* The last frame, and the seek table: zstd's contrib/seekable_format, a skippable frame whose rows have no checksums, for the frames have their own. */
static int
end_zstd(struct deflater *deflater, struct err *err)
{
	const size_t frames = deflater->seeks.len / SEEK_ROW;
	CLEAN_BUF table = {0};

	if ((deflater->frame_len > 0 || frames == 0) && end_frame(deflater, err) < 0) {
		return -1;
	}
	buf_init(&table, SEEK_TABLE_MAX);
	add_number(&table, 0x184d2a5e);
	add_number(&table, (uint32_t)(deflater->seeks.len + SEEK_FOOTER));
	buf_add(&table, buf_text(&deflater->seeks), deflater->seeks.len);
	add_number(&table, (uint32_t)(deflater->seeks.len / SEEK_ROW));
	buf_addc(&table, 0);
	add_number(&table, 0x8f92eab1);
	if (table.full || deflater->seeks.full) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot compress");
	}
	buf_reset(&deflater->seeks);
	return pass_on(deflater, table.data, table.len, err);
}

/* ---- both ---- */

static int
deflater_write(void *self, const void *bytes, size_t len, struct err *err)
{
	struct deflater *deflater = self;

	deflater->sums.plain += (int64_t)len;
	return deflater->form == DEFLATE_ZSTD ? write_zstd(deflater, bytes, len, err)
	                                      : write_zlib(deflater, bytes, len, err);
}

static int
make_zlib(struct deflater *deflater)
{
	/* Negative bits: raw deflate. The release's zlib has no gzip wrapper, and zip wants none. */
	deflater->zlib_ready =
	    deflateInit2(&deflater->zlib, ZLIB_LEVEL, Z_DEFLATED, -MAX_WBITS, ZLIB_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
	return deflater->zlib_ready ? 0 : -1;
}

static int
make_zstd(struct deflater *deflater)
{
	static const struct {
		ZSTD_cParameter name;
		int value;
	} wishes[] = {
	    {ZSTD_c_compressionLevel, ZSTD_LEVEL},
	    {ZSTD_c_strategy, ZSTD_fast},
	    {ZSTD_c_windowLog, ZSTD_WINDOW},
	    {ZSTD_c_hashLog, ZSTD_HASH},
	    {ZSTD_c_minMatch, ZSTD_MATCH},
	    {ZSTD_c_checksumFlag, 1},
	};

	buf_init(&deflater->seeks, SEEK_TABLE_MAX);
	deflater->frame = malloc(DEFLATE_FRAME);
	deflater->zstd = ZSTD_createCCtx();
	if (deflater->frame == NULL || deflater->zstd == NULL) {
		return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
		CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(deflater->zstd, wishes[i].name, wishes[i].value)));
	}
	return 0;
}

struct deflater *
deflater_new(enum deflate_form form, const struct sink *to, struct err *err)
{
	struct deflater *deflater = calloc(1, sizeof(*deflater));

	if (deflater != NULL) {
		deflater->form = form;
		deflater->to = *to;
		deflater->output = malloc(OUTPUT);
	}
	if (deflater == NULL || deflater->output == NULL ||
	    (form == DEFLATE_ZSTD ? make_zstd(deflater) : make_zlib(deflater)) < 0) {
		deflater_free(deflater);
		err_set(err, ERR_SYSTEM, ENOMEM, "cannot compress");
		return NULL;
	}
	return deflater;
}

struct sink
deflater_sink(struct deflater *deflater)
{
	return (struct sink){.write = deflater_write, .self = deflater};
}

int
deflater_end(struct deflater *deflater, struct deflated *done, struct err *err)
{
	int result = deflater->form == DEFLATE_ZSTD ? end_zstd(deflater, err) : end_zlib(deflater, err);

	if (done != NULL) {
		*done = deflater->sums;
	}
	deflater->sums = (struct deflated){0};
	deflater->begun = 0;
	return result;
}

void
deflater_free(struct deflater *deflater)
{
	if (deflater == NULL) {
		return;
	}
	if (deflater->zlib_ready) {
		(void)deflateEnd(&deflater->zlib);
	}
	ZSTD_freeCCtx(deflater->zstd);
	free(deflater->frame);
	buf_release(&deflater->seeks);
	free(deflater->output);
	free(deflater);
}

void
deflater_clean(struct deflater **deflater)
{
	deflater_free(*deflater);
	*deflater = NULL;
}

uint32_t
deflater_crc(const void *bytes, size_t len)
{
	return (uint32_t)crc32_z(0, bytes, len);
}
