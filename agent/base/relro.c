#include "base/relro.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

/* The first object is the program itself. */
static int
protect_first(struct dl_phdr_info *program, size_t size, void *unused)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)size;
	(void)unused;
	for (size_t i = 0; i < program->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &program->dlpi_phdr[i];
		uintptr_t begin = program->dlpi_addr + part->p_vaddr;
		uintptr_t end = (begin + part->p_memsz) & ~(page - 1);

		begin &= ~(page - 1);
		if (part->p_type == PT_GNU_RELRO && begin < end) {
			CHECK(mprotect((void *)begin, end - begin, PROT_READ) == 0);
		}
	}
	return 1;
}

void
relro_protect(void)
{
	(void)dl_iterate_phdr(protect_first, NULL);
}
