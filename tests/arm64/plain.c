/* Programs linked with this run on a CPU that has no extensions, as far as they can see. */
unsigned long __wrap_getauxval(unsigned long item);
unsigned long __real_getauxval(unsigned long item);

enum { AT_HWCAP = 16 };

unsigned long
__wrap_getauxval(unsigned long item)
{
	return item == AT_HWCAP ? 0 : __real_getauxval(item);
}
