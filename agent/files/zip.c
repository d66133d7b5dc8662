#include "files/zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files/zip_end.h"
#include "files/zip_member.h"

/* What must be kept of each member until all are known. The name lies in the directory's bytes. */
struct known {
	const unsigned char *name;
	int64_t begins, ends;
	uint32_t number;
	uint32_t name_len;
};

static int
refuse(const struct known *known, const char *why, struct err *err)
{
	const struct zip_member member = {.number = known->number, .name = known->name, .name_len = known->name_len};

	return zip_member_refuse(&member, why, err);
}

/* ---- one by one ---- */

static int64_t
sum(int64_t bytes, uint64_t more)
{
	return more > (uint64_t)(INT64_MAX - bytes) ? INT64_MAX : bytes + (int64_t)more;
}

static void
note(struct zip_facts *facts, const struct zip_member *member)
{
	static const char main_name[] = "__main__.py";
	const size_t main_len = sizeof(main_name) - 1;

	facts->entries++;
	facts->bytes = sum(facts->bytes, member->plain);
	facts->has_main |= member->name_len == main_len && memcmp(member->name, main_name, main_len) == 0;
	facts->prefix = member->begins < facts->prefix ? member->begins : facts->prefix;
}

/* Every member of the directory, checked and noted; 'known' has room for as many as the end record tells. */
static int
check_each(const struct zip_file *zip, const unsigned char *directory, struct known *known, struct zip_facts *facts,
    struct err *err)
{
	size_t len = (size_t)zip->directory_bytes;
	size_t at = 0;

	facts->prefix = zip->directory_at;
	while (at < len && facts->entries < zip->entries) {
		struct zip_member member = {.number = facts->entries + 1};

		if (zip_member_next(directory, len, &at, &member, err) < 0 || zip_member_check(zip, &member, err) < 0) {
			return -1;
		}
		known[facts->entries] = (struct known){
		    .name = member.name,
		    .begins = member.begins,
		    .ends = member.ends,
		    .number = (uint32_t)member.number,
		    .name_len = (uint32_t)member.name_len,
		};
		note(facts, &member);
	}
	if (at < len || facts->entries < zip->entries) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip's directory has not the %lld entries that its end tells",
		    (long long)zip->entries);
	}
	return 0;
}

/* ---- all together ---- */

static int
compare_names(const void *a, const void *b)
{
	const struct known *x = a;
	const struct known *y = b;
	int order = memcmp(x->name, y->name, x->name_len < y->name_len ? x->name_len : y->name_len);

	if (order == 0) {
		order = (x->name_len > y->name_len) - (x->name_len < y->name_len);
	}
	return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static int
check_names(struct known *known, size_t count, struct err *err)
{
	qsort(known, count, sizeof(*known), compare_names);
	for (size_t i = 1; i < count; i++) {
		if (known[i - 1].name_len == known[i].name_len &&
		    memcmp(known[i - 1].name, known[i].name, known[i].name_len) == 0) {
			return refuse(&known[i], "the name stands twice in the zip", err);
		}
	}
	return 0;
}

static int
compare_places(const void *a, const void *b)
{
	const struct known *x = a;
	const struct known *y = b;

	return (x->begins > y->begins) - (x->begins < y->begins);
}

/* Members that share bytes make a small zip large, and differ for a reader that goes from front to end. */
static int
check_places(struct known *known, size_t count, struct err *err)
{
	qsort(known, count, sizeof(*known), compare_places);
	for (size_t i = 1; i < count; i++) {
		if (known[i].begins < known[i - 1].ends) {
			return refuse(&known[i], "it overlaps with another member", err);
		}
	}
	return 0;
}

/* A few hundred bytes an entry, while they are looked at. */
static int
no_room(const struct zip_file *zip, struct err *err)
{
	return err_set(err, ERR_ARCHIVE, 0,
	    "the zip's directory of %lld entries does not fit into fetch-memory: raise it if that is right",
	    (long long)zip->entries);
}

static int
check_members(const struct zip_file *zip, struct budget *budget, const unsigned char *directory,
    struct zip_facts *facts, struct err *err)
{
	if (zip->entries > zip->directory_bytes / ZIP_CENTRAL_BYTES) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip's directory has not the %lld entries that its end tells",
		    (long long)zip->entries);
	}
	size_t count = (size_t)zip->entries;
	size_t len = (count + 1) * sizeof(struct known);
	struct known *known = budget_take(budget, len);
	if (known == NULL) {
		return no_room(zip, err);
	}
	memset(known, 0, len);
	int result = check_each(zip, directory, known, facts, err) < 0 || check_names(known, count, err) < 0 ||
	                     check_places(known, count, err) < 0
	                 ? -1
	                 : 0;
	budget_give(budget, known, len);
	return result;
}

int
zip_check(int fd, struct budget *budget, struct zip_facts *facts, struct err *err)
{
	struct zip_file zip = {.fd = fd};
	struct stat st;

	*facts = (struct zip_facts){0};
	if (fstat(fd, &st) < 0) {
		return err_set(err, ERR_IO, errno, "cannot read the spooled zip");
	}
	zip.size = st.st_size;
	if (zip_end_find(&zip, err) < 0) {
		return -1;
	}
	size_t len = (size_t)zip.directory_bytes;
	unsigned char *directory = budget_take(budget, len + 1);
	if (directory == NULL) {
		return no_room(&zip, err);
	}
	int result = zip_read_at(&zip, directory, len, zip.directory_at, err);
	result = result == 0 ? check_members(&zip, budget, directory, facts, err) : result;
	budget_give(budget, directory, len + 1);
	return result;
}
