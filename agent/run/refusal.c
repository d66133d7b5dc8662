#include "run/refusal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#else
#error "the agent is built for x86-64 and arm64"
#endif

/* What the first bytes of a file say. */
struct head {
	char bytes[REFUSAL_HEAD_BYTES + 1];
	size_t len;
	char loader[REFUSAL_HEAD_BYTES]; /* of an ELF file that names one, else "" */
};

static const char *
machine_name(unsigned int machine)
{
	switch (machine) {
	case EM_X86_64:
		return "x86-64";
	case EM_AARCH64:
		return "arm64";
	case EM_386:
		return "32-bit x86";
	case EM_ARM:
		return "32-bit arm";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390x";
	case EM_RISCV:
		return "risc-v";
	default:
		return "another processor";
	}
}

static int
begins_with(const struct head *head, const char *magic, size_t len)
{
	return head->len >= len && memcmp(head->bytes, magic, len) == 0;
}

static int
is_elf(const struct head *head)
{
	return begins_with(head, ELFMAG, SELFMAG);
}

/* The loader that a dynamic program asks for. Damaged headers lead nowhere: every offset is only given to pread. */
static void
read_loader(int fd, struct head *head)
{
	Elf64_Ehdr elf;
	Elf64_Phdr part;

	if (head->len < sizeof(elf) || head->bytes[EI_CLASS] != ELFCLASS64) {
		return;
	}
	memcpy(&elf, head->bytes, sizeof(elf));
	for (unsigned int i = 0; i < elf.e_phnum && i < 64; i++) {
		off_t at = (off_t)(elf.e_phoff + i * sizeof(part));

		if (pread(fd, &part, sizeof(part), at) != (ssize_t)sizeof(part)) {
			return;
		}
		if (part.p_type == PT_INTERP) {
			ssize_t n = pread(fd, head->loader, sizeof(head->loader) - 1, (off_t)part.p_offset);

			head->loader[n > 0 ? n : 0] = '\0';
			return;
		}
	}
}

/* -1 when it cannot be read: then nobody can say more than the errno does. */
static int
read_head(int dir_fd, const char *path, struct head *head)
{
	CLEAN_FD fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : fd_read_full(fd, head->bytes, REFUSAL_HEAD_BYTES);

	if (n < 0) {
		return -1;
	}
	head->len = (size_t)n;
	head->bytes[n] = '\0';
	if (is_elf(head)) {
		read_loader(fd, head);
	}
	return 0;
}

/* The interpreter that the first line names, ended by a zero in place; NULL without one. '*crlf' when the line ends as on Windows. */
static const char *
interpreter(struct head *head, int *crlf)
{
	char *name = head->bytes + 2 + strspn(head->bytes + 2, " \t");
	size_t line = strcspn(name, "\n");

	*crlf = line > 0 && name[line - 1] == '\r';
	name[strcspn(name, " \t\r\n")] = '\0';
	return name;
}

static int
is_noexec(int dir_fd, const char *path)
{
	CLEAN_FD fd = openat(dir_fd, path, O_PATH | O_CLOEXEC);

	return fd >= 0 && sys_is_noexec(fd) == 1;
}

/* ENOENT of a file that exists. */
static int
explain_missing(struct head *head, const char *path, struct err *err)
{
	const char *name;
	int crlf;

	if (begins_with(head, "#!", 2)) {
		name = interpreter(head, &crlf);
		if (crlf) {
			return err_set(err, ERR_NOT_EXECUTABLE, 0,
			    "cannot run '%s': its first line ends in CR LF, so its interpreter is not found", path);
		}
		return err_set(
		    err, ERR_NOT_EXECUTABLE, 0, "cannot run '%s': its interpreter '%s' does not exist", path, name);
	}
	if (head->loader[0] != '\0') {
		return err_set(err, ERR_NOT_EXECUTABLE, 0,
		    "cannot run '%s': its loader '%s' does not exist (built for another system library: take an image that has it, or "
		    "link the program statically)",
		    path, head->loader);
	}
	return err_set(err, ERR_NOT_EXECUTABLE, ENOENT, "cannot run '%s', which exists", path);
}

/* ENOEXEC: what the kernel does not know how to start. */
static int
explain_unknown(const struct head *head, const char *path, struct err *err)
{
	const char *what = "it has no '#!' line that names its interpreter";

	if (is_elf(head) && head->len >= sizeof(Elf64_Ehdr)) {
		unsigned int machine = (unsigned char)head->bytes[18] | (unsigned int)(unsigned char)head->bytes[19]
		                                                            << 8;

		if (machine != OUR_MACHINE) {
			return err_set(err, ERR_NOT_EXECUTABLE, 0,
			    "cannot run '%s': it is built for %s, this machine is %s", path, machine_name(machine),
			    machine_name(OUR_MACHINE));
		}
		what = "it is a damaged program";
	} else if (head->len == 0) {
		what = "it is empty";
	} else if (begins_with(head, "MZ", 2)) {
		what = "it is a Windows program";
	} else if (begins_with(head, "\xcf\xfa\xed\xfe", 4) || begins_with(head, "\xca\xfe\xba\xbe", 4)) {
		what = "it is a macOS program";
	} else if (is_elf(head) || memchr(head->bytes, '\0', head->len) != NULL) {
		what = "it is no program for this machine";
	}
	return err_set(err, ERR_NOT_EXECUTABLE, 0, "cannot run '%s': %s", path, what);
}

/* EACCES: of the file, of its mount, or of the interpreter. */
static int
explain_denied(int dir_fd, const char *path, const struct stat *st, struct err *err)
{
	struct head head = {.len = 0};
	int crlf;

	if ((st->st_mode & 0111) == 0) {
		return err_set(
		    err, ERR_NOT_EXECUTABLE, 0, "cannot run '%s': it has no execute permission (chmod +x)", path);
	}
	if (is_noexec(dir_fd, path)) {
		return err_set(err, ERR_NOT_EXECUTABLE, 0, "cannot run '%s': its file system is mounted noexec", path);
	}
	if (sys_may(dir_fd, path, X_OK) == 0 && read_head(dir_fd, path, &head) == 0 && begins_with(&head, "#!", 2)) {
		return err_set(err, ERR_NOT_EXECUTABLE, 0, "cannot run '%s': its interpreter '%s' may not be executed",
		    path, interpreter(&head, &crlf));
	}
	return err_set(
	    err, ERR_NOT_EXECUTABLE, 0, "cannot run '%s': user %u may not execute it", path, (unsigned int)geteuid());
}

int
refusal_explain(int dir_fd, const char *path, int sys, struct err *err)
{
	struct head head = {.len = 0};
	struct stat st;

	dir_fd = dir_fd < 0 ? AT_FDCWD : dir_fd;
	if (fstatat(dir_fd, path, &st, 0) < 0) {
		int missing = errno == ENOENT || errno == ENOTDIR;

		return err_set(err, missing ? ERR_NO_COMMAND : ERR_NOT_EXECUTABLE, errno, "cannot run '%s'", path);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, ERR_NOT_EXECUTABLE, 0, "cannot run '%s': it is %s", path,
		    S_ISDIR(st.st_mode) ? "a folder" : "no file");
	}
	if (sys == EACCES) {
		return explain_denied(dir_fd, path, &st, err);
	}
	if ((sys == ENOENT || sys == ENOEXEC) && read_head(dir_fd, path, &head) == 0) {
		return sys == ENOENT ? explain_missing(&head, path, err) : explain_unknown(&head, path, err);
	}
	if (sys == E2BIG) {
		return err_set(
		    err, ERR_NOT_EXECUTABLE, sys, "cannot run '%s': arguments and environment are too large", path);
	}
	return err_set(err, ERR_NOT_EXECUTABLE, sys, "cannot run '%s'", path);
}
