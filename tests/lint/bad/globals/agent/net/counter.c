static const char *const words[] = {"one", "two"};
static int count;
_Thread_local int last = 1;
const char *name = "train";

const char *counter_next(void);

const char *
counter_next(void)
{
	static int turns;

	last = ++count;
	return words[turns++ % 2];
}
