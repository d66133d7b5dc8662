#include "config/variables.h"

#include <string.h>

size_t
variables_name_len(const char *entry)
{
	const char *equals = strchr(entry, '=');

	return equals != NULL ? (size_t)(equals - entry) : 0;
}

const char *
variables_get(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp != NULL; envp++) {
		if (variables_name_len(*envp) == len && strncmp(*envp, name, len) == 0) {
			return *envp + len + 1;
		}
	}
	return NULL;
}

const char *
variables_given(char *const *envp, const char *name)
{
	const char *value = variables_get(envp, name);

	return value != NULL && *value != '\0' ? value : NULL;
}
