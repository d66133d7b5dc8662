/* What is refused before anything is written, because the unpacker would refuse it. */
#include "unit/files/packing.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { NOBODY = 65534 };

static void
list_refuses_links_that_the_unpacker_refuses(void **state)
{
	static const char *const targets[] = {"/etc/passwd", "..", "../project/a", "deeper/../../a", "up/..", "circle"};
	static const char *const words[] = {"'bad': a link to an absolute name", "'bad': a link that leaves the folder",
	    "'bad': a link that leaves", "'bad': a link that leaves", "'bad': a link that leaves", "leads in a circle"};
	struct packing *packing = *state;

	packing_file(packing, "project/a", "a");
	packing_folder(packing, "project/deeper");
	packing_link(packing, "project/up", "deeper/..");
	packing_link(packing, "project/good", "deeper/../a");
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		packing_link(packing, "project/bad", strcmp(targets[i], "circle") == 0 ? "bad" : targets[i]);
		packing_assert_refused(packing, ERR_ARCHIVE, words[i]);
		assert_int_equal(unlink(packing_path(packing, "project/bad")), 0);
	}
	packing_assert_round_trip(packing, PACK_TIME);
}

/* What is left out is not there when the archive is unpacked: a link through it stays inside. */
static void
list_judges_links_by_what_is_packed(void **state)
{
	struct packing *packing = *state;

	packing_folder(packing, "project/data");
	packing_link(packing, "project/data/training", "/mnt/somewhere");
	packing_link(packing, "project/train.csv", "data/training/train.csv");
	for (int at = 0; at < PACKING_KINDS; at++) {
		const char *archive = packing_archives[at];
		packing_assert_packs(packing, archive);
		packing_unpack(packing, archive);
		assert_true(packing_has(packing, "back/train.csv"));
		assert_false(packing_has(packing, "back/data"));
	}
}

static void
list_refuses_a_fifo(void **state)
{
	struct packing *packing = *state;

	packing_folder(packing, "project/src");
	assert_int_equal(mkfifo(packing_path(packing, "project/src/pipe"), 0644), 0);
	packing_assert_refused(packing, ERR_ARCHIVE, "cannot pack 'project': 'src/pipe': a FIFO");
}

static void
list_refuses_a_socket(void **state)
{
	struct packing *packing = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEAN_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/project/door", packing->path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	packing_assert_refused(packing, ERR_ARCHIVE, "'door': a socket");
}

static void
list_refuses_a_device(void **state)
{
	struct packing *packing = *state;

	if (mknod(packing_path(packing, "project/null"), S_IFCHR | 0666, 0x103) < 0) {
		skip();
	}
	packing_assert_refused(packing, ERR_ARCHIVE, "'null': a device");
}

static void
list_refuses_what_is_no_utf8(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/gr\xfc\xdf", "x");
	packing_assert_refused(packing, ERR_ARCHIVE, "no UTF-8");
	assert_int_equal(unlink(packing_path(packing, "project/gr\xfc\xdf")), 0);
	packing_link(packing, "project/link", "gr\xfc\xdf");
	packing_assert_refused(packing, ERR_ARCHIVE, "'link': a link whose target is no UTF-8");
}

/* A tar keeps it; readers of zips turn it into a folder. */
static void
list_refuses_a_backslash_in_a_zip_only(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a\\b", "x");
	for (int i = 0; i < PACKING_KINDS - 1; i++) {
		packing_assert_packs(packing, packing_archives[i]);
		packing_unpack(packing, packing_archives[i]);
		packing_assert_same(packing, PACK_TIME);
	}
	assert_int_equal(packing_pack(packing, "out/code.zip"), -1);
	assert_int_equal(packing->err.kind, ERR_ARCHIVE);
	assert_non_null(strstr(packing->err.text, "'a\\b': a backslash"));
	assert_false(packing_has(packing, "out/code.zip"));
}

static void
list_refuses_folders_deeper_than_are_unpacked(void **state)
{
	struct packing *packing = *state;
	char path[PACKING_PATH] = "project";

	for (int i = 0; i < TREE_PARTS_MAX; i++) {
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
		packing_folder(packing, path);
	}
	packing_assert_round_trip(packing, PACK_TIME);
	for (int i = 0; i < PACKING_KINDS; i++) {
		assert_int_equal(unlink(packing_path(packing, packing_archives[i])), 0);
	}
	(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/e");
	packing_file(packing, path, "x");
	packing_assert_refused(packing, ERR_ARCHIVE, "more folders inside each other than are unpacked");
}

static void
list_refuses_a_folder_that_holds_nothing(void **state)
{
	struct packing *packing = *state;

	packing_assert_refused(packing, ERR_NOT_FOUND, "cannot pack 'project': it holds nothing");
	packing_folder(packing, "project/.git");
	packing_file(packing, "project/.git/config", "");
	packing_assert_refused(packing, ERR_NOT_FOUND, "it holds nothing but what is left out");
}

static void
list_names_the_file_that_cannot_be_read(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a", "a");
	packing_bytes(packing, "project/secret", "s", 1, 0);
	assert_int_equal(chmod(packing->path, 0755), 0);
	assert_int_equal(chmod(packing_path(packing, "out"), 0777), 0);
	int was_root = geteuid() == 0 && seteuid(NOBODY) == 0; /* root reads everything */
	packing_assert_refused(packing, ERR_IO, "cannot open 'secret': Permission denied");
	assert_true(!was_root || seteuid(0) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKING_TEST(list_refuses_links_that_the_unpacker_refuses),
	    PACKING_TEST(list_judges_links_by_what_is_packed),
	    PACKING_TEST(list_refuses_a_fifo),
	    PACKING_TEST(list_refuses_a_socket),
	    PACKING_TEST(list_refuses_a_device),
	    PACKING_TEST(list_refuses_what_is_no_utf8),
	    PACKING_TEST(list_refuses_a_backslash_in_a_zip_only),
	    PACKING_TEST(list_refuses_folders_deeper_than_are_unpacked),
	    PACKING_TEST(list_refuses_a_folder_that_holds_nothing),
	    PACKING_TEST(list_names_the_file_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
