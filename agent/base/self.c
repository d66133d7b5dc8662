#include "base/self.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/hash.h"

int
self_digest(char hex[SHA256_HEX], struct err *err)
{
	CLEAN_FD fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	unsigned char sum[SHA256_BYTES];
	unsigned char bytes[16384];
	struct sha256 hash;
	ssize_t got = 1;

	if (fd < 0) {
		return err_set(err, ERR_IO, errno, "cannot open '/proc/self/exe'");
	}
	sha256_init(&hash);
	while (got > 0) {
		got = fd_read_full(fd, bytes, sizeof(bytes));
		if (got < 0) {
			return err_set(err, ERR_IO, errno, "cannot read '/proc/self/exe'");
		}
		sha256_add(&hash, bytes, (size_t)got);
	}
	sha256_end(&hash, sum);
	hex_encode(hex, sum, sizeof(sum));
	return 0;
}
