/*
 * The pipeline's end when the agent has crashed: nobody will relay its log, count it or end it any more, and whoever waits for the agent believes that it
 * is over. So it must not go on: not beside the next attempt in the same folders, not for ever.
 *
 * It is asked first, for it may have a checkpoint to write. Outside of PID 1 the kernel ends nobody for us; and where we are killed outright the
 * pipeline is asked by the kernel (run/child.h).
 */
#ifndef TRAIN_RUN_ABANDON_H
#define TRAIN_RUN_ABANDON_H

#include "run/supervisor.h"

enum {
	ABANDON_GRACE_MS = 5000, /* at most: what a second stop request leaves, too (product §9) */
	ABANDON_LOOK_MS = 10,    /* between two looks whether it has ended */
};

/*
 * Sends the stop signal to the group of the step under way, waits for its main process for the grace, and kills all that is left of what is the step's.
 * The group is killed even where the heap is broken; the walk needs it once more.
 */
void abandon(const struct supervisor *supervisor);

#endif
