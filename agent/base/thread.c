#include "base/thread.h"

int
thread_start(pthread_t *thread, void *(*run)(void *self), void *self, struct err *err)
{
	pthread_attr_t attr;
	int failed = pthread_attr_init(&attr);

	if (failed == 0) {
		failed = pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
		failed = failed != 0 ? failed : pthread_create(thread, &attr, run, self);
		(void)pthread_attr_destroy(&attr);
	}
	return failed == 0 ? 0 : err_set(err, ERR_SYSTEM, failed, "cannot start a thread");
}
