#include "base/outcome.h"

#include <sys/wait.h>

int
outcome_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
