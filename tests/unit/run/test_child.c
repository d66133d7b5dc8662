#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fd.h"
#include "run/child.h"

static struct signals signals;
static char folder[] = "/tmp/child-XXXXXX";
static char signal_lines[512]; /* of /proc/self/status before anything was changed */

static char path_usual[] = "PATH=/usr/bin:/bin";
static char *const env_usual[] = {path_usual, NULL};

static void
write_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
	char path[128];
	struct err err = {0};

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(fd_write_file(AT_FDCWD, path, bytes, len, mode, &err), 0);
}

static void
write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text), 0755);
}

static int
folder_fd(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Everything from both pipes, then the status. */
static int
finish(struct child *child, char *out, size_t out_room, char *error, size_t error_room)
{
	int fds[2] = {child->out_fd, child->err_fd};
	char *texts[2] = {out, error};
	size_t rooms[2] = {out_room, error_room};
	int status;

	for (int i = 0; i < 2; i++) {
		size_t len = 0;

		for (;;) {
			struct pollfd one = {.fd = fds[i], .events = POLLIN};
			ssize_t n;

			assert_true(poll(&one, 1, 20000) == 1);
			n = read(fds[i], texts[i] + len, rooms[i] - 1 - len);
			if (n <= 0) {
				break;
			}
			len += (size_t)n;
		}
		texts[i][len] = '\0';
	}
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	child_release(child);
	return status;
}

static int
run(char *const *argv, char *const *envp, int cwd_fd, char *out, size_t room)
{
	struct child_spec spec = {.argv = argv, .envp = envp, .cwd_fd = cwd_fd};
	struct child_stdio stdio = {.null_stdin = 1, .pipes = 1};
	struct child child;
	struct err err = {0};
	char error[4096];

	if (child_spawn(&spec, &stdio, &signals, &child, &err) < 0) {
		(void)snprintf(out, room, "%s", err.text);
		return -(int)err.kind;
	}
	return finish(&child, out, room, error, sizeof(error));
}

/* Runs 'name' in the folder: the negated kind of the refusal, and its words in 'out'. */
static int
refuse(const char *name, char *out, size_t room)
{
	CLEAN_FD fd = folder_fd();
	char word[64];
	char *argv[] = {word, NULL};

	(void)snprintf(word, sizeof(word), "%s", name);
	return run(argv, env_usual, fd, out, room);
}

static void
expect_refusal(const char *name, enum err_kind kind, const char *words)
{
	char text[ERR_TEXT_MAX] = "";

	assert_int_equal(refuse(name, text, sizeof(text)), -(int)kind);
	assert_non_null(strstr(text, name));
	if (strstr(text, words) == NULL) {
		fail_msg("'%s' does not say '%s'", text, words);
	}
}

#define ARGV(...) ((char *const[]){__VA_ARGS__, NULL})
#define WORD(text) ((char[]){text})

static void
child_has_its_folder_arguments_and_only_its_environment(void **state)
{
	CLEAN_FD fd = folder_fd();
	char out[4096], want[256];

	(void)state;
	assert_int_equal(
	    run(ARGV(WORD("sh"), WORD("-c"), WORD("pwd; echo \"$1|$A\"; exit 7"), WORD("x"), WORD("two  words")),
	        ARGV(WORD("PATH=/usr/bin:/bin"), WORD("A=b")), fd, out, sizeof(out)),
	    7 << 8);
	(void)snprintf(want, sizeof(want), "%s\ntwo  words|b\n", folder);
	assert_string_equal(out, want);
	assert_int_equal(
	    run(ARGV(WORD("env")), ARGV(WORD("PATH=/usr/bin:/bin"), WORD("A=b")), -1, out, sizeof(out)), 0);
	assert_string_equal(out, "PATH=/usr/bin:/bin\nA=b\n");
}

static void
child_has_separate_pipes_and_no_other_descriptor(void **state)
{
	struct child_spec spec = {
	    .argv = ARGV(WORD("sh"), WORD("-c"),
	        WORD(
	            "echo out; echo err >&2; for f in /proc/$$/fd/*; do if [ -e $f ]; then echo ${f##*/}; fi; done; cat")),
	    .envp = env_usual,
	    .cwd_fd = -1};
	struct child_stdio stdio = {.null_stdin = 1, .pipes = 1};
	struct child child;
	struct err err = {0};
	char out[4096], error[4096];

	(void)state;
	assert_int_equal(child_spawn(&spec, &stdio, &signals, &child, &err), 0);
	assert_int_equal(finish(&child, out, sizeof(out), error, sizeof(error)), 0);
	assert_string_equal(out, "out\n0\n1\n2\n");
	assert_string_equal(error, "err\n");
}

static void
child_leads_a_group_of_its_own(void **state)
{
	char out[4096];
	int pid, group;

	(void)state;
	assert_int_equal(
	    run(ARGV(WORD("sh"), WORD("-c"), WORD("cut -d' ' -f1,5 /proc/$$/stat")), env_usual, -1, out, sizeof(out)),
	    0);
	assert_int_equal(sscanf(out, "%d %d", &pid, &group), 2);
	assert_int_equal(pid, group);
}

static void
signal_status(char *text, size_t room)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	assert_non_null(file);
	text[0] = '\0';
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0) {
			(void)strncat(text, line, room - strlen(text) - 1);
		}
	}
	(void)fclose(file);
}

static void
child_has_the_mask_and_dispositions_that_we_found(void **state)
{
	char out[4096], now[512];

	(void)state;
	signal_status(now, sizeof(now));
	assert_string_not_equal(now, signal_lines);
	assert_int_equal(run(ARGV(WORD("grep"), WORD("-E"), WORD("^Sig(Blk|Ign)"), WORD("/proc/self/status")),
	                     env_usual, -1, out, sizeof(out)),
	    0);
	assert_string_equal(out, signal_lines);
}

static void
child_is_taken_first_when_memory_ends(void **state)
{
	char out[64], ours[16] = "";
	CLEAN_FD fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	long want;

	(void)state;
	assert_true(fd_read_full(fd, ours, sizeof(ours) - 1) > 0);
	want = strtol(ours, NULL, 10) + CHILD_OOM_SCORE_ADD;
	assert_int_equal(run(ARGV(WORD("cat"), WORD("/proc/self/oom_score_adj")), env_usual, -1, out, sizeof(out)), 0);
	assert_int_equal(strtol(out, NULL, 10), want > CHILD_OOM_SCORE_MAX ? CHILD_OOM_SCORE_MAX : want);
}

static void
child_is_looked_up_in_its_own_path(void **state)
{
	CLEAN_FD fd = folder_fd();
	char path[128], out[4096];

	(void)state;
	write_text("mine", "#!/bin/sh\necho mine\n");
	(void)snprintf(path, sizeof(path), "PATH=/nowhere:/etc/passwd:%s:/bin", folder);
	assert_int_equal(run(ARGV(WORD("mine")), ARGV(path), -1, out, sizeof(out)), 0);
	assert_string_equal(out, "mine\n");
	/* An empty folder is the working one. */
	assert_int_equal(run(ARGV(WORD("mine")), ARGV(WORD("PATH=/bin:")), fd, out, sizeof(out)), 0);
	assert_int_equal(run(ARGV(WORD("mine")), ARGV(WORD("PATH=/bin")), fd, out, sizeof(out)), -(int)ERR_NO_COMMAND);
	assert_non_null(strstr(out, "no folder of PATH ('/bin') has it"));
	/* Without a PATH the usual folders serve. */
	assert_int_equal(run(ARGV(WORD("true")), ARGV(WORD("A=b")), -1, out, sizeof(out)), 0);
}

static void
child_search_goes_on_behind_a_file_that_may_not_run(void **state)
{
	char path[256], first[128], out[4096];

	(void)state;
	(void)snprintf(first, sizeof(first), "%s/first", folder);
	assert_int_equal(mkdir(first, 0755), 0);
	write_file("first/both", "#!/bin/sh\necho first\n", 21, 0644);
	write_text("both", "#!/bin/sh\necho second\n");
	(void)snprintf(path, sizeof(path), "PATH=%s:%s", first, folder);
	assert_int_equal(run(ARGV(WORD("both")), ARGV(path), -1, out, sizeof(out)), 0);
	assert_string_equal(out, "second\n");
	(void)snprintf(path, sizeof(path), "PATH=%s:/bin", first);
	assert_int_equal(run(ARGV(WORD("both")), ARGV(path), -1, out, sizeof(out)), -(int)ERR_NOT_EXECUTABLE);
	assert_non_null(strstr(out, "first/both': it has no execute permission"));
}

static void
child_is_never_run_by_a_shell(void **state)
{
	(void)state;
	write_text("text", "echo this must not run\n");
	expect_refusal("./text", ERR_NOT_EXECUTABLE, "it has no '#!' line");
}

static void
child_refusals_say_why(void **state)
{
	(void)state;
	write_text("interpreter", "#! /no/such/python3 -u\n");
	expect_refusal("./interpreter", ERR_NOT_EXECUTABLE, "its interpreter '/no/such/python3' does not exist");
	write_text("windows", "#!/bin/sh\r\necho\r\n");
	expect_refusal("./windows", ERR_NOT_EXECUTABLE, "its first line ends in CR LF");
	write_text("empty", "");
	expect_refusal("./empty", ERR_NOT_EXECUTABLE, "it is empty");
	write_file("exe", "MZ\0\0", 4, 0755);
	expect_refusal("./exe", ERR_NOT_EXECUTABLE, "it is a Windows program");
	write_file("macho", "\xcf\xfa\xed\xfe\0\0", 6, 0755);
	expect_refusal("./macho", ERR_NOT_EXECUTABLE, "it is a macOS program");
	write_file("plain", "#!/bin/sh\n", 10, 0644);
	expect_refusal("./plain", ERR_NOT_EXECUTABLE, "it has no execute permission");
	write_file("data", "#!/plain\0", 9, 0755);
	expect_refusal("./missing", ERR_NO_COMMAND, "No such file");
	expect_refusal("./plain/below", ERR_NO_COMMAND, "Not a directory");
	expect_refusal("/tmp", ERR_NOT_EXECUTABLE, "it is a folder");
	expect_refusal("", ERR_NO_COMMAND, "No such file");
}

static void
child_refusals_know_programs_for_other_machines(void **state)
{
	Elf64_Ehdr elf = {.e_type = ET_DYN, .e_machine = EM_S390, .e_version = EV_CURRENT, .e_ehsize = sizeof(elf)};

	(void)state;
	memcpy(elf.e_ident, ELFMAG, SELFMAG);
	elf.e_ident[EI_CLASS] = ELFCLASS64;
	elf.e_ident[EI_DATA] = ELFDATA2LSB;
	elf.e_ident[EI_VERSION] = EV_CURRENT;
	write_file("foreign", &elf, sizeof(elf), 0755);
	expect_refusal("./foreign", ERR_NOT_EXECUTABLE, "it is built for s390x, this machine is ");
}

static void
child_refusals_know_a_missing_loader(void **state)
{
	static const char loader[] = "/lib/ld-missing.so.1";
	struct {
		Elf64_Ehdr elf;
		Elf64_Phdr part;
		char name[sizeof(loader)];
	} file = {
	    .part = {
	        .p_type = PT_INTERP, .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), .p_filesz = sizeof(loader)}};

	(void)state;
	memcpy(file.elf.e_ident, ELFMAG, SELFMAG);
	memcpy(file.name, loader, sizeof(loader));
	file.elf.e_ident[EI_CLASS] = ELFCLASS64;
	file.elf.e_ident[EI_DATA] = ELFDATA2LSB;
	file.elf.e_ident[EI_VERSION] = EV_CURRENT;
	file.elf.e_type = ET_DYN;
#ifdef __aarch64__
	file.elf.e_machine = EM_AARCH64;
#else
	file.elf.e_machine = EM_X86_64;
#endif
	file.elf.e_phoff = sizeof(file.elf);
	file.elf.e_phentsize = sizeof(file.part);
	file.elf.e_phnum = 1;
	write_file("dynamic", &file, sizeof(file), 0755);
	expect_refusal("./dynamic", ERR_NOT_EXECUTABLE, "its loader '/lib/ld-missing.so.1' does not exist");
}

static void
child_refusals_know_too_long_arguments(void **state)
{
	char *long_word = malloc((1 << 20) + 1);
	char out[4096];

	(void)state;
	assert_non_null(long_word);
	memset(long_word, 'x', 1 << 20);
	long_word[1 << 20] = '\0';
	assert_int_equal(
	    run(ARGV(WORD("/bin/true"), long_word), env_usual, -1, out, sizeof(out)), -(int)ERR_NOT_EXECUTABLE);
	assert_non_null(strstr(out, "arguments and environment are too large"));
	free(long_word);
}

/* In a mount namespace of its own, where that is allowed. */
static int
refused_on_noexec(void)
{
	char mount_point[128], name[160], out[4096] = "";
	struct err err = {0};

	(void)snprintf(mount_point, sizeof(mount_point), "%s/first", folder);
	(void)snprintf(name, sizeof(name), "%s/script", mount_point);
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", mount_point, "tmpfs", MS_NOEXEC, NULL) < 0) {
		return 77;
	}
	if (fd_write_file(AT_FDCWD, name, "#!/bin/sh\n", 10, 0755, &err) < 0) {
		return 1;
	}
	return run(ARGV(name), env_usual, -1, out, sizeof(out)) == -(int)ERR_NOT_EXECUTABLE &&
	               strstr(out, "mounted noexec") != NULL
	           ? 0
	           : 1;
}

static void
child_refusals_know_noexec_mounts(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		_exit(refused_on_noexec());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status == 77 << 8) {
		skip();
	}
	assert_int_equal(status, 0);
}

static void
child_that_cannot_start_leaves_no_process(void **state)
{
	char out[4096];

	(void)state;
	assert_int_equal(run(ARGV(WORD("/no/such/thing")), env_usual, -1, out, sizeof(out)), -(int)ERR_NO_COMMAND);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(child_has_its_folder_arguments_and_only_its_environment),
	    cmocka_unit_test(child_has_separate_pipes_and_no_other_descriptor),
	    cmocka_unit_test(child_leads_a_group_of_its_own),
	    cmocka_unit_test(child_has_the_mask_and_dispositions_that_we_found),
	    cmocka_unit_test(child_is_taken_first_when_memory_ends),
	    cmocka_unit_test(child_is_looked_up_in_its_own_path),
	    cmocka_unit_test(child_search_goes_on_behind_a_file_that_may_not_run),
	    cmocka_unit_test(child_is_never_run_by_a_shell),
	    cmocka_unit_test(child_refusals_say_why),
	    cmocka_unit_test(child_refusals_know_programs_for_other_machines),
	    cmocka_unit_test(child_refusals_know_a_missing_loader),
	    cmocka_unit_test(child_refusals_know_too_long_arguments),
	    cmocka_unit_test(child_refusals_know_noexec_mounts),
	    cmocka_unit_test(child_that_cannot_start_leaves_no_process),
	};
	struct err err = {0};
	int failed;

	/* What the runner of the tests left open is none of the child's business either. */
	for (int fd = 3; fd < 256; fd++) {
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	signal_status(signal_lines, sizeof(signal_lines));
	if (mkdtemp(folder) == NULL || signals_open(&signals, &err) < 0) {
		return 1;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	signals_close(&signals);
	return failed;
}
