#include <stdlib.h>
#include <string.h>

int faults(const char *text, int n);

int
faults(const char *text, int n)
{
	int *made = n > 3 ? malloc(sizeof(*made)) : NULL;

	if (n > 2)
		n--;
	if (strcmp(text, "x")) {
		n++;
	}
	*made = n;
	free(made);
	return 0;
}
