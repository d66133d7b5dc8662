#include "run/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/course.h"
#include "run/proc.h"
#include "run/proc_tell.h"
#include "run/silence.h"
#include "run/terminal.h"

/* One step under way. */
struct step {
	struct supervisor *sup;
	struct outcome *out;
	struct child child;
	enum course_state state;
	int64_t due_ms;        /* when EVENT_DUE comes */
	int64_t end_by_ms;     /* after a KILL: when all must be over */
	int64_t settle_ms;     /* until when the watches are served although nothing lives */
	int64_t timeout_at_ms; /* DEADLINE_NEVER once it has been told */
	struct silence silence;
	struct proc_list strangers; /* children that were ours before the step: not its business */
	uint64_t taken;             /* bytes the log's readers had taken when last looked at */
	int signal;                 /* of the event at hand */
	int main_ended;
	int childless;        /* the kernel says that we have no child */
	int subreaper;        /* every orphan becomes our child */
	int final;            /* nothing runs after this: the log's reader may lose what it does not take */
	struct loan terminal; /* wanted with log=raw: the pipeline inherits it */
	int settled;          /* nothing can come through the watches any more: they are not looked at */
	int hurry;            /* the next turn does not wait */
};

static void
step_release(struct step *step)
{
	child_release(&step->child);
	proc_release(&step->strangers);
}
#define CLEAN_STEP CLEANUP(step_release) struct step

static void
notice(const struct step *step, enum supervisor_notice what, long value)
{
	if (step->sup->notice != NULL) {
		step->sup->notice(step->sup->notice_self, what, value);
	}
}

/* To the group while its leader is not reaped: only so long its number cannot be anybody else's. */
static void
signal_group(const struct step *step, int sig)
{
	if (!step->main_ended) {
		(void)kill(-step->child.pid, sig);
	}
}

static void
set_due(struct step *step, int64_t after_ms)
{
	step->due_ms = clock_earlier(clock_now_ms() + after_ms, step->end_by_ms);
}

/* The group's number for a walk: once its leader is reaped it may be given away, and where orphans come to us it tells nothing more. */
static pid_t
group_of(const struct step *step)
{
	return step->main_ended && step->subreaper ? 0 : step->child.pid;
}

/* Whom the step has: -1 when /proc cannot tell. */
static int
walk(const struct step *step, struct proc_list *list)
{
	return proc_walk(list, getpid(), group_of(step), &step->strangers);
}

/* Without a child there is nobody below us, where orphans come to us. Else, and with children of others, one must look. */
static int
is_anyone_left(const struct step *step)
{
	CLEAN_PROCS list = {0};

	if (step->childless && step->subreaper) {
		return 0;
	}
	if (!step->childless && step->strangers.count == 0) {
		return 1;
	}
	return walk(step, &list) == 0 && list.count > 0;
}

/* ---- actions ---- */

static void
act_none(struct step *step)
{
	(void)step;
}

/* Who is stopped hears no signal but KILL until it goes on. Only those who got one. */
static void
wake_group(const struct step *step)
{
	CLEAN_PROCS list = {0};
	size_t count = walk(step, &list) == 0 ? list.count : 0;

	for (size_t i = 0; i < count; i++) {
		if (list.items[i].state == 'T' && list.items[i].pgid == step->child.pid) {
			(void)proc_signal(&list.items[i], SIGCONT);
		}
	}
}

static void
begin_stop(struct step *step, enum ended_by why)
{
	step->out->ended_by = why;
	step->final = 1;
	signal_group(step, step->sup->stop_signal);
	wake_group(step);
	set_due(step, step->sup->grace_ms);
}

static void
act_request(struct step *step)
{
	begin_stop(step, ENDED_BY_STOP);
	step->out->stop_signal = step->signal;
	notice(step, NOTICE_STOP, step->signal);
}

static void
act_timeout(struct step *step)
{
	begin_stop(step, ENDED_BY_TIMEOUT);
	notice(step, NOTICE_TIMEOUT, 0);
}

static void
act_silence(struct step *step)
{
	begin_stop(step, ENDED_BY_SILENCE);
}

static void
act_hasten(struct step *step)
{
	int64_t now_ms = clock_now_ms();

	if (step->out->stop_signal == 0) {
		/* Time was up before: this is the first request, and the grace it would give runs already. */
		step->out->stop_signal = step->signal;
		return;
	}
	step->due_ms = clock_earlier(step->due_ms, now_ms + step->sup->second_stop_ms);
	notice(step, NOTICE_STOP_AGAIN, (long)(step->due_ms - now_ms));
}

static void
act_pass(struct step *step)
{
	signal_group(step, step->signal);
}

/* Everything the step has gets SIGKILL: by the tree where /proc shows it, by the group in any case. */
static int
kill_all(struct step *step)
{
	CLEAN_PROCS list = {0};
	int killed = proc_kill_tree(&list, getpid(), group_of(step), &step->strangers);

	signal_group(step, SIGKILL);
	step->end_by_ms = clock_earlier(step->end_by_ms, clock_now_ms() + SUPERVISOR_AFTER_KILL_MS);
	set_due(step, SUPERVISOR_KILLED_MS);
	return killed;
}

static void
act_kill(struct step *step)
{
	int killed = kill_all(step);

	step->out->killed_after_grace = 1;
	notice(step, NOTICE_KILL, killed > 0 ? killed : 1);
}

static void
act_clear(struct step *step)
{
	CLEAN_PROCS list = {0};

	set_due(step, SUPERVISOR_LEFTOVERS_MS);
	if (!is_anyone_left(step) || walk(step, &list) < 0 || list.count == 0) {
		return;
	}
	/* A second TERM may mean more than one: who got it with the group is not told again. */
	int told = step->out->ended_by != ENDED_BY_PIPELINE && step->sup->stop_signal == SIGTERM;

	for (size_t i = 0; i < list.count; i++) {
		if (!told || list.items[i].pgid != step->child.pid) {
			(void)proc_signal(&list.items[i], SIGTERM);
		}
	}
	step->out->leftovers = (int)list.count;
	notice(step, NOTICE_LEFTOVERS, (long)list.count);
}

static void
act_sweep(struct step *step)
{
	(void)kill_all(step);
}

static void
act_drain(struct step *step)
{
	/* A step that failed is the last one too. */
	step->final |= step->sup->last || step->out->status != 0;
	step->settle_ms = clock_now_ms() + (step->final && step->sup->watches.count > 0 ? SUPERVISOR_SETTLE_MS : 0);
	step->taken = relay_taken(step->sup->relay);
	step->hurry = 1;
	step->due_ms = step->end_by_ms;
	if (step->final) {
		set_due(step, RELAY_STALL_MS);
	}
}

static void
act_give_up(struct step *step)
{
	CLEAN_PROCS list = {0};

	if (walk(step, &list) == 0 && list.count > 0) {
		proc_names(&list, step->sup->survivors, sizeof(step->sup->survivors));
		step->out->unkillable = (int)list.count;
		notice(step, NOTICE_UNKILLABLE, (long)list.count);
	}
	if (!step->main_ended) {
		/* It will end by this, whenever the kernel lets it. */
		step->out->status = SIGKILL;
		step->out->ended_ms = clock_now_ms();
	}
	act_drain(step);
}

static void
act_keep(struct step *step)
{
	struct signals *signals = step->sup->signals;

	if (step->signal != 0 && signals->stop == 0) {
		signals->stop = step->signal;
	}
	if (!step->final) {
		step->final = 1;
		if (step->state == COURSE_DRAINING) {
			set_due(step, RELAY_STALL_MS);
		}
	}
}

static void
act_finish(struct step *step)
{
	relay_finish(step->sup->relay, 0, 0);
}

static void (*const actions[])(struct step *) = {
    [ACTION_NONE] = act_none,
    [ACTION_REQUEST] = act_request,
    [ACTION_TIMEOUT] = act_timeout,
    [ACTION_SILENCE] = act_silence,
    [ACTION_HASTEN] = act_hasten,
    [ACTION_PASS] = act_pass,
    [ACTION_KILL] = act_kill,
    [ACTION_CLEAR] = act_clear,
    [ACTION_SWEEP] = act_sweep,
    [ACTION_DRAIN] = act_drain,
    [ACTION_GIVE_UP] = act_give_up,
    [ACTION_KEEP] = act_keep,
    [ACTION_FINISH] = act_finish,
};

_Static_assert(ARRAY_LEN(actions) == COURSE_ACTIONS, "every action of the table is carried out");

static void
happen(struct step *step, enum course_event event, int signal)
{
	struct course_move move = course_next(step->state, event);

	step->signal = signal;
	step->state = move.next;
	actions[move.action](step);
}

/* ---- what is seen ---- */

/* Ctrl-Z: the pipeline first, then we; the shell's SIGCONT wakes us and is passed on like any other. */
static void
suspend(const struct step *step)
{
	signal_group(step, SIGTSTP);
	(void)raise(SIGSTOP);
}

/*
 * The pipeline was stopped by the terminal. If it has it, whoever started us must get it back, and us stopped, to take over; if it
 * wants it, we wait with it until we are in the foreground.
 */
static void
suspend_after_child(struct step *step)
{
	if (step->terminal.lent || !terminal_is_ours()) {
		loan_end(&step->terminal);
		(void)raise(SIGSTOP);
	}
	loan_begin(&step->terminal, step->child.pid);
	signal_group(step, SIGCONT);
}

static void
handle_signals(struct step *step)
{
	const struct signals *signals = step->sup->signals;
	int number;

	while ((number = signals_read(step->sup->signals)) != 0) {
		switch (signals_class(number, signals->terminal)) {
		case SIGNAL_STOP:
			happen(step, EVENT_STOP, number);
			break;
		case SIGNAL_PASS:
			/* After fg in a shell the terminal is ours, and so the pipeline's. */
			loan_begin(&step->terminal, step->child.pid);
			happen(step, EVENT_PASS, number);
			break;
		case SIGNAL_SUSPEND:
			suspend(step);
			break;
		case SIGNAL_CHILD:
		case SIGNAL_FOREIGN:
		case SIGNAL_CLASSES:
		default:
			/* Every turn reaps. */
			break;
		}
	}
}

static void
note_ended(struct step *step, pid_t pid, int status, const struct rusage *usage)
{
	int64_t peak = (int64_t)usage->ru_maxrss * 1024;

	step->out->peak_memory_bytes = peak > step->out->peak_memory_bytes ? peak : step->out->peak_memory_bytes;
	if (pid == step->child.pid) {
		step->main_ended = 1;
		step->out->status = status;
		step->out->ended_ms = clock_now_ms();
		loan_end(&step->terminal);
		step->terminal.wanted = 0;
	}
}

/* Until nobody is left to be reaped; orphans that came to us too. */
static void
reap_all(struct step *step)
{
	for (;;) {
		int status;
		struct rusage usage;
		pid_t pid = wait4(-1, &status, WNOHANG | (step->terminal.wanted ? WUNTRACED : 0), &usage);

		if (pid < 0 && errno == EINTR) {
			continue;
		}
		if (pid <= 0) {
			step->childless = pid < 0;
			return;
		}
		if (!WIFSTOPPED(status)) {
			note_ended(step, pid, status, &usage);
		} else if (pid == step->child.pid) {
			suspend_after_child(step);
		}
	}
}

/* SIGCHLD says only that something happened, and several become one: so every turn looks. */
static void
reap(struct step *step)
{
	int was_ended = step->main_ended;

	reap_all(step);
	if (step->main_ended && !was_ended) {
		happen(step, EVENT_MAIN_ENDED, 0);
	}
}

static void
check_times(struct step *step)
{
	int64_t now_ms = clock_now_ms();

	if (now_ms >= step->timeout_at_ms) {
		step->timeout_at_ms = DEADLINE_NEVER;
		happen(step, EVENT_TIMEOUT, 0);
	}
	if (now_ms >= step->due_ms) {
		step->due_ms = DEADLINE_NEVER;
		happen(step, EVENT_DUE, 0);
	}
}

/* The processes are looked at only when it may be silent; a pipeline that waits for the log's reader is not. */
static void
check_silence(struct step *step)
{
	CLEAN_PROCS list = {0};
	int64_t began_ms = clock_now_ms();

	if (step->state != COURSE_RUNNING || began_ms < step->silence.due_ms) {
		return;
	}
	silence_sign(&step->silence, relay_holds_up(step->sup->relay) ? began_ms : relay_heard_ms(step->sup->relay));
	if (!silence_wants_look(&step->silence, began_ms)) {
		return;
	}
	int seen = walk(step, &list) == 0;

	step->out->silent_ms = silence_judge(&step->silence, seen ? &list : NULL, began_ms, clock_now_ms());
	if (step->out->silent_ms > 0) {
		/* Before the signal: afterwards they no longer stand where they waited. */
		proc_waits(&list, step->out->waits, sizeof(step->out->waits));
		if (step->sup->silent != NULL) {
			step->sup->silent(step->sup->notice_self, &list, step->out->silent_ms);
		}
		happen(step, EVENT_SILENCE, 0);
	}
}

/* ---- the loop ---- */

enum { FDS_MAX = 1 + SUPERVISOR_WATCHES_MAX + RELAY_FDS_MAX };

/* Waits for the next thing to happen. The watches' entries come after the signals' one. */
static void
wait_for_event(struct step *step, struct pollfd fds[FDS_MAX])
{
	const struct supervisor *sup = step->sup;
	int64_t look_ms = step->state == COURSE_RUNNING ? step->silence.due_ms : DEADLINE_NEVER;
	int64_t until_ms = clock_earlier(clock_earlier(step->due_ms, step->timeout_at_ms), look_ms);
	nfds_t count = 0;

	fds[count++] = (struct pollfd){.fd = sup->signals->fd, .events = POLLIN};
	watches_add(&sup->watches, step->settled, fds + count, &until_ms);
	count += sup->watches.count;
	count += relay_watch(sup->relay, fds + count, &until_ms);
	if (step->state == COURSE_CLEARING || step->state == COURSE_SWEEPING) {
		until_ms = clock_earlier(until_ms, clock_now_ms() + SUPERVISOR_REAP_MS);
	}
	if (step->state == COURSE_DRAINING && step->settle_ms > clock_now_ms()) {
		until_ms = clock_earlier(until_ms, step->settle_ms);
	}
	until_ms = step->hurry ? 0 : until_ms;
	step->hurry = 0;
	/* EINTR can only be SIGSTOP and SIGCONT; what was asked for is looked at anew anyway. */
	if (poll(fds, count, clock_poll_ms(until_ms)) < 0) {
		for (nfds_t i = 0; i < count; i++) {
			fds[i].revents = 0;
		}
	}
}

/* Log and watches once nothing lives: the end comes when both are empty, or the log's reader has taken nothing for too long. */
static void
check_drained(struct step *step, int busy)
{
	uint64_t taken = relay_taken(step->sup->relay);

	if (step->final && !step->settled) {
		step->settled = watches_have_ended(&step->sup->watches);
	}
	if (!busy && (step->settled || clock_now_ms() >= step->settle_ms)) {
		happen(step, EVENT_DRAINED, 0);
	} else if (taken != step->taken && step->final) {
		step->taken = taken;
		set_due(step, RELAY_STALL_MS);
	}
}

static void
take_turn(struct step *step)
{
	struct pollfd fds[FDS_MAX];
	int busy;

	wait_for_event(step, fds);
	handle_signals(step);
	reap(step);
	check_times(step);
	check_silence(step);
	busy = watches_serve(&step->sup->watches, fds + 1);
	if (busy) {
		silence_sign(&step->silence, clock_now_ms());
	}
	busy |= relay_pump(step->sup->relay, step->state == COURSE_DRAINING);
	if (step->state == COURSE_DRAINING) {
		check_drained(step, busy);
	} else if (step->main_ended && !is_anyone_left(step)) {
		happen(step, EVENT_ALL_ENDED, 0);
	}
}

/* ---- a step ---- */

static int
start(struct step *step, const struct child_spec *spec, struct err *err)
{
	struct supervisor *sup = step->sup;
	int terminal = sup->signals->terminal;
	struct child_stdio stdio = {
	    .null_stdin = terminal && !sup->raw, .pipes = !sup->raw, .terminal = sup->raw && terminal_is_ours()};
	int stop = signals_stop_pending(sup->signals);

	if (stop != 0) {
		return err_set(err, ERR_STOPPED, stop, "a stop request came before '%s' was started", spec->argv[0]);
	}
	step->subreaper = getpid() == 1 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
	/* Who is our child already is not the step's: exec may have put the agent where somebody else's children hang. */
	if (proc_children(&step->strangers) < 0) {
		return err_set(err, ERR_SYSTEM, errno, "cannot read '/proc'");
	}
	if (child_spawn(spec, &stdio, sup->signals, &step->child, err) < 0) {
		if (stdio.terminal) {
			terminal_take_back();
		}
		return -1;
	}
	step->terminal = (struct loan){.wanted = terminal && sup->raw, .lent = stdio.terminal};
	step->out->started = 1;
	step->out->started_ms = clock_now_ms();
	silence_begin(&step->silence, sup->silence_ms, step->out->started_ms);
	relay_attach(sup->relay, step->child.out_fd, step->child.err_fd);
	step->child.out_fd = step->child.err_fd = -1;
	sup->strangers = &step->strangers;
	sup->pid = step->child.pid;
	notice(step, NOTICE_STARTED, (long)step->child.pid);
	return 0;
}

int
supervisor_run(struct supervisor *supervisor, const struct child_spec *spec, struct outcome *outcome, struct err *err)
{
	CLEAN_STEP step = {.sup = supervisor,
	    .out = outcome,
	    .child = CHILD_NONE,
	    .state = COURSE_RUNNING,
	    .due_ms = DEADLINE_NEVER,
	    .end_by_ms = DEADLINE_NEVER,
	    .timeout_at_ms = supervisor->timeout_at_ms};
	int result;

	memset(outcome, 0, sizeof(*outcome));
	supervisor->survivors[0] = '\0';
	if (supervisor->watches.count > SUPERVISOR_WATCHES_MAX) {
		return err_set(
		    err, ERR_BUG, 0, "%zu watches are more than the loop has places for", supervisor->watches.count);
	}
	result = start(&step, spec, err);
	while (result == 0 && step.state != COURSE_DONE) {
		take_turn(&step);
	}
	supervisor->pid = 0;
	return result;
}
