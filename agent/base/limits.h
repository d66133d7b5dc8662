/*
 * Every number that bounds something and is shared by two rooms, with its reason. Bounds of one room stand in that room's header.
 */
#ifndef TRAIN_BASE_LIMITS_H
#define TRAIN_BASE_LIMITS_H

enum {
	/* One description of a failure. Longer subjects are cut at a character border. */
	ERR_TEXT_MAX = 512,

	/* One line of the agent's own log, "train: " and newline included. Stays under PIPE_BUF, so it is one write. */
	LOG_LINE_MAX = 4096,

	/* A config file under /opt/ml. The largest real one (trainingjobconfig) has 3 kB; hyperparameters may reach 100 x 2,756. */
	CONFIG_FILE_MAX = 4 << 20,

	/* JSON nesting, and tokens in one document: a megabyte of "[[[[" must not take the stack or the memory. */
	JSON_DEPTH_MAX = 64,
	JSON_TOKENS_MAX = 200000,

	/* Names inside a job: C§1.5. */
	CHANNELS_MAX = 64,
	HOSTS_MAX = 1024,
	HYPERPARAMETERS_MAX = 1024,
	STEPS_MAX = 64,
	COMMAND_WORDS_MAX = 1024,

	/* A path we build ourselves; PATH_MAX of Linux. */
	PATH_BYTES_MAX = 4096,

	/* SigV4 and records want hex digests; 32 bytes, 64 digits and a zero. */
	SHA256_BYTES = 32,
	SHA256_HEX = 65,
};

#endif
