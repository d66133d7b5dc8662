/*
 * A pipeline without a C library of the image's: reads its channel, writes model, output and a metric, tells what it sees, and ends with the code of its first
 * argument. With "stay" it waits for the stop and ends with 7 then. Linked static it needs nothing; linked dynamic it shows that an image's loader works.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void
tell(const char *name)
{
	const char *value = getenv(name);

	(void)printf("%s=%s\n", name, value != NULL ? value : "(unset)");
}

static void
wait_for_the_stop(void)
{
	sigset_t set;
	int sig;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)puts("ready");
	(void)fflush(stdout);
	(void)sigwait(&set, &sig);
	put("output/stopped.txt", "stopped\n");
	exit(7);
}

int
main(int argc, char **argv)
{
	char folder[4096], line[256] = "nothing\n";
	FILE *data = fopen("data/training/training.csv", "r");

	if (data != NULL && fgets(line, sizeof(line), data) == NULL) {
		perror("data/training/training.csv");
	}
	(void)printf("in %s\nread %s", getcwd(folder, sizeof(folder)), line);
	tell("HOME");
	tell("TRAIN_HOST");
	(void)fflush(stdout);
	put("model/weights", "weights\n");
	put("output/report.txt", "report\n");
	put(getenv("TRAIN_METRICS"), "train:loss=0.25\n");
	if (argc > 1 && strcmp(argv[1], "stay") == 0) {
		wait_for_the_stop();
	}
	return argc > 1 ? atoi(argv[1]) : 0;
}
