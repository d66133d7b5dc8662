/* What a file is, by its first bytes and never by its name. */
#include "unit/files/makers.h"

#include "files/kind.h"

static void
tar_is_known_by_its_magic(void **state)
{
	CLEAN_BUF tar = {0};

	(void)state;
	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "a.zip", 0644, "x");
	tar_end(&tar);
	assert_int_equal(kind_of(tar.data, KIND_HEAD_BYTES), KIND_TAR);
	assert_int_equal(kind_of(tar.data, 512), KIND_TAR);
	assert_int_equal(kind_of(tar.data, 511), KIND_UNKNOWN);
}

static void
tar_is_one_whatever_its_first_name_looks_like(void **state)
{
	static const char *const names[] = {"#!run", "PK\3\4x", "\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "<html>"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_BUF tar = {0};

		buf_init(&tar, MAKER_BYTES_MAX);
		tar_file(&tar, names[i], 0644, "x");
		tar_end(&tar);
		assert_int_equal(kind_of(tar.data, 512), KIND_TAR);
	}
}

static void
tar_from_before_posix_is_known_by_its_checksum(void **state)
{
	struct tar_head head = tar_head("old", '\0', 0644, 0);
	CLEAN_BUF tar = {0};

	(void)state;
	buf_init(&tar, MAKER_BYTES_MAX);
	memset(head.bytes + 257, 0, 8);
	tar_put(&tar, &head, "", 0);
	assert_int_equal(kind_of(tar.data, 512), KIND_TAR);
	tar.data[0] ^= 1;
	assert_int_equal(kind_of(tar.data, 512), KIND_UNKNOWN);
}

static void
empty_tar_is_two_blocks_of_zeros(void **state)
{
	CLEAN_BUF tar = {0};

	(void)state;
	buf_init(&tar, MAKER_BYTES_MAX);
	tar_end(&tar);
	assert_int_equal(kind_of(tar.data, tar.len), KIND_TAR);
	assert_int_equal(kind_of(tar.data, 100), KIND_UNKNOWN);
}

static void
compressed_tars_and_zips_are_known(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum kind kind;
	} cases[] = {
	    {"\x1f\x8b\x08", 3, KIND_TAR_GZ},
	    {"\x1f", 1, KIND_UNKNOWN},
	    {"\x28\xb5\x2f\xfd", 4, KIND_TAR_ZST},
	    {"\x50\x2a\x4d\x18", 4, KIND_TAR_ZST},
	    {"\x5f\x2a\x4d\x18", 4, KIND_TAR_ZST},
	    {"\x60\x2a\x4d\x18", 4, KIND_UNKNOWN},
	    {"PK\x03\x04", 4, KIND_ZIP},
	    {"PK\x05\x06", 4, KIND_ZIP},
	    {"PK\x01\x02", 4, KIND_UNKNOWN},
	    {"#!/usr/bin/env python3\n", 23, KIND_SCRIPT},
	    {"#!", 2, KIND_SCRIPT},
	    {"#", 1, KIND_UNKNOWN},
	    {"", 0, KIND_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(kind_of(cases[i].bytes, cases[i].len), cases[i].kind);
	}
}

static void
every_kind_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(kind_name(KIND_TAR), "tar");
	assert_string_equal(kind_name(KIND_TAR_GZ), "tar.gz");
	assert_string_equal(kind_name(KIND_TAR_ZST), "tar.zst");
	assert_string_equal(kind_name(KIND_ZIP), "zip");
	assert_string_equal(kind_name(KIND_SCRIPT), "script");
	assert_string_equal(kind_name(KIND_UNKNOWN), "unknown");
}

/* What else it might be, each said in words that help. */
static void
unknown_kinds_are_named(void **state)
{
	static const struct {
		const char *bytes;
		size_t len; /* 0: the whole text */
		const char *says;
	} cases[] = {
	    {"\xfd\x37zXZ\x00\x00", 7, "xz"},
	    {"BZh91AY&SY", 0, "bzip2"},
	    {"\x04\x22\x4d\x18", 4, "lz4"},
	    {"\x1f\x9d\x90", 3, "compress"},
	    {"7z\xbc\xaf\x27\x1c", 6, "7z"},
	    {"Rar!\x1a\x07", 6, "rar"},
	    {"\x7f"
	     "ELF\x02",
	        5, "ELF"},
	    {"%PDF-1.7", 0, "PDF"},
	    {"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", 0, "Git LFS"},
	    {"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>", 0, "XML"},
	    {"\xef\xbb\xbf<?xml version=\"1.0\"?><Error/>", 0, "XML"},
	    {"<Error><Code>AccessDenied</Code></Error>", 0, "XML"},
	    {"<!DOCTYPE html><html>", 0, "HTML"},
	    {"\r\n  <!doctype HTML>", 0, "HTML"},
	    {"<!-- sorry --><html><head>", 0, "HTML"},
	    {"<HTML>", 0, "HTML"},
	    {"{\"message\": \"Unauthorized\"}", 0, "JSON"},
	    {"#!/bin/sh\necho\n", 0, "script"},
	    {"\x1f\x8b\x08", 3, "gzip"},
	    {"\x28\xb5\x2f\xfd", 4, "zstd"},
	    {"PK\x03\x04", 4, "zip"},
	    {"import os\n", 0, "nothing known"},
	};

	(void)state;
	assert_string_equal(kind_looks_like("", 0), "empty");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = cases[i].len > 0 ? cases[i].len : strlen(cases[i].bytes);
		const char *said = kind_looks_like(cases[i].bytes, len);

		if (strstr(said, cases[i].says) == NULL) {
			fail_msg("'%s' should say '%s'", said, cases[i].says);
		}
	}
}

/* Bytes of a test must end where their memory ends, so that the sanitizer sees a look beyond. */
static void
short_files_are_not_read_beyond_their_end(void **state)
{
	static const char *const texts[] = {"<", "<htm", "  ", "P", "PK\x03", "version https://git", "\xef\xbb", "7z"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t len = strlen(texts[i]);
		char *exact = malloc(len);

		assert_non_null(exact);
		memcpy(exact, texts[i], len);
		assert_int_equal(kind_of(exact, len), KIND_UNKNOWN);
		assert_string_equal(kind_looks_like(exact, len), "nothing known");
		free(exact);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tar_is_known_by_its_magic),
	    cmocka_unit_test(tar_is_one_whatever_its_first_name_looks_like),
	    cmocka_unit_test(tar_from_before_posix_is_known_by_its_checksum),
	    cmocka_unit_test(empty_tar_is_two_blocks_of_zeros),
	    cmocka_unit_test(compressed_tars_and_zips_are_known),
	    cmocka_unit_test(every_kind_has_its_name),
	    cmocka_unit_test(unknown_kinds_are_named),
	    cmocka_unit_test(short_files_are_not_read_beyond_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
