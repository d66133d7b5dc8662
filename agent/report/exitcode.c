#include "report/exitcode.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/check.h"
#include "report/evidence_text.h"
#include "report/sigword.h"

enum { PIPELINES_OWN = -1, CODES = 256, SIGNAL_BASE = 128, SIGNAL_LAST = 64 };

struct published {
	char text[18];
	short code; /* or PIPELINES_OWN */
};

/* Published: only ever append. tests/unit/report/test_exitcode.c holds a second copy of the words and codes. */
static const struct published reasons[] = {
    [REASON_NONE] = {"", 0},
    [REASON_USAGE] = {"usage", 64},
    [REASON_CODE_DIGEST] = {"code-digest", 65},
    [REASON_CODE_ARCHIVE] = {"code-archive", 65},
    [REASON_CODE_NOT_FOUND] = {"code-not-found", 66},
    [REASON_FETCH_FAILED] = {"fetch-failed", 69},
    [REASON_TAGS_FAILED] = {"tags-failed", 69},
    [REASON_AGENT_BUG] = {"agent-bug", 70},
    [REASON_SYSTEM] = {"system", 71},
    [REASON_DISK_FULL] = {"disk-full", 73},
    [REASON_OUTPUT_WRITE] = {"output-write", 73},
    [REASON_WORKSPACE] = {"workspace", 73},
    [REASON_IO] = {"io", 74},
    [REASON_FETCH_TIMEOUT] = {"fetch-timeout", 75},
    [REASON_CODE_DENIED] = {"code-denied", 77},
    [REASON_TAGS_DENIED] = {"tags-denied", 77},
    [REASON_CREDENTIALS] = {"credentials", 77},
    [REASON_SETTINGS] = {"settings", 78},
    [REASON_TIMEOUT] = {"timeout", EXIT_TIMEOUT},
    [REASON_COMMAND] = {"command", PIPELINES_OWN},
    [REASON_STOPPED] = {"stopped", PIPELINES_OWN},
    [REASON_EXIT] = {"exit-N", PIPELINES_OWN},
    [REASON_SIGNAL] = {"signal-NAME", PIPELINES_OWN},
    [REASON_AGENT_KILLED] = {"agent-killed", PIPELINES_OWN},
    [REASON_SILENCE] = {"silence", EXIT_TIMEOUT},
    [REASON_MEMORY_KILL] = {"memory-kill", PIPELINES_OWN},
    [REASON_PYTHON] = {"python-EXCEPTION", PIPELINES_OWN},
};

_Static_assert(ARRAY_LEN(reasons) == REASONS, "every reason has its row");

/* What to do about it. None where nothing is to be done, and for signals, whose causes stand in report/sigword.c. */
static const char *const advices[REASONS] = {
    [REASON_USAGE] = "See 'train help'.",
    [REASON_CODE_DIGEST] = "Publish the archive again, or give the digest that 'train pack' printed. Nothing was run.",
    [REASON_CODE_ARCHIVE] = "Pack the project again, best with 'train pack', and publish that. Nothing was run.",
    [REASON_CODE_NOT_FOUND] = "Check the address of the code letter by letter; nothing lies there.",
    [REASON_FETCH_FAILED] = "Start the job again later; in a VPC check the "
                            "route to the server (an S3 gateway endpoint, or a NAT); under network isolation "
                            "give the code as the channel 'code'.",
    [REASON_TAGS_FAILED] = "Start the job again later, in a VPC check its "
                           "sagemaker.api endpoint, or name the code in the request with TRAIN_CODE; "
                           "under network isolation give it as the channel 'code'.",
    [REASON_AGENT_BUG] = "This is a mistake in train itself: please report this text and the version.",
    [REASON_SYSTEM] = "Look at the container's limits (processes, open files, memory) and its seccomp profile.",
    [REASON_DISK_FULL] = "Give the job a larger volume, or write less.",
    [REASON_OUTPUT_WRITE] = "The output folder must be writable for the user that the image runs as.",
    [REASON_WORKSPACE] = "Set TRAIN_WORKSPACE to a writable folder that is not mounted noexec; "
                         "with docker run add --tmpfs /tmp:exec.",
    [REASON_IO] = "A disk or a mounted file system failed: start the job again, then look at that storage.",
    [REASON_FETCH_TIMEOUT] = "Raise TRAIN_FETCH_TIMEOUT (seconds), make the archive smaller, "
                             "or check the network to the place that holds it.",
    [REASON_CODE_DENIED] = "Let the job's role read the code (s3:GetObject, and kms:Decrypt of its key), "
                           "or correct what is named.",
    [REASON_TAGS_DENIED] =
        "Allow sagemaker:ListTags to the job's role, or name the code in the request with TRAIN_CODE.",
    [REASON_CREDENTIALS] =
        "Give the job a role; elsewhere set the AWS variables, for SSO and assumed roles by eval \"$(aws configure "
        "export-credentials --format env)\".",
    [REASON_SETTINGS] = "Correct what is named and start the job again; 'train help train' lists the settings.",
    [REASON_TIMEOUT] = "The pipeline ran longer than TRAIN_TIMEOUT allows: raise it, or make the work smaller.",
    [REASON_COMMAND] = "Check the command's name, that it lies in the archive or on PATH, its execute bit and #! line.",
    [REASON_EXIT] = "The pipeline's log says why.",
    [REASON_SILENCE] =
        "No output that train could see and no CPU use: the log names each process and what it waits in. Raise "
        "TRAIN_SILENCE_TIMEOUT if it may be quiet for so long.",
    [REASON_MEMORY_KILL] =
        "Use an instance with more memory, smaller batches or fewer workers, or read the data in parts.",
    [REASON_PYTHON] = "The exception is the pipeline's own; its log has the whole traceback.",
};

/* By kind; where the phase makes a difference, the phase of the tags does. */
struct kind_row {
	unsigned char anywhere; /* an enum reason, as the others */
	unsigned char in_tags;
	unsigned char in_fetch; /* fetch, verify and unpack: one stream, one deadline */
};

#define SAME(reason) \
	{ \
		reason, reason, reason \
	}

static const struct kind_row kinds[] = {
    [ERR_NONE] = SAME(REASON_AGENT_BUG),
    [ERR_USAGE] = SAME(REASON_USAGE),
    [ERR_SETTINGS] = SAME(REASON_SETTINGS),
    [ERR_DIGEST] = SAME(REASON_CODE_DIGEST),
    [ERR_ARCHIVE] = SAME(REASON_CODE_ARCHIVE),
    [ERR_NOT_FOUND] = {REASON_CODE_NOT_FOUND, REASON_TAGS_FAILED, REASON_CODE_NOT_FOUND},
    [ERR_DENIED] = {REASON_CODE_DENIED, REASON_TAGS_DENIED, REASON_CODE_DENIED},
    [ERR_UNTRUSTED] = {REASON_CODE_DENIED, REASON_TAGS_DENIED, REASON_CODE_DENIED},
    [ERR_CREDENTIALS] = SAME(REASON_CREDENTIALS),
    [ERR_UNAVAILABLE] = {REASON_FETCH_FAILED, REASON_TAGS_FAILED, REASON_FETCH_FAILED},
    [ERR_DEADLINE] = {REASON_IO, REASON_TAGS_FAILED, REASON_FETCH_TIMEOUT},
    [ERR_DISK_FULL] = SAME(REASON_DISK_FULL),
    [ERR_OUTPUT] = SAME(REASON_OUTPUT_WRITE),
    [ERR_WORKSPACE] = SAME(REASON_WORKSPACE),
    [ERR_IO] = SAME(REASON_IO),
    [ERR_NOT_EXECUTABLE] = SAME(REASON_COMMAND),
    [ERR_NO_COMMAND] = SAME(REASON_COMMAND),
    [ERR_STOPPED] = SAME(REASON_STOPPED),
    [ERR_SYSTEM] = SAME(REASON_SYSTEM),
    [ERR_BUG] = SAME(REASON_AGENT_BUG),
};

_Static_assert(ARRAY_LEN(kinds) == ERR_KINDS, "every kind of error has its row");

static void
fill(struct exitcode *out, enum reason reason, int code)
{
	*out = (struct exitcode){.code = code, .reason = reason};
	(void)snprintf(out->text, sizeof(out->text), "%s", reasons[reason].text);
}

static enum reason
reason_of(const struct err *err)
{
	const struct kind_row *row = &kinds[err->kind];

	if (err->phase == PHASE_TAGS) {
		return (enum reason)row->in_tags;
	}
	if (err->phase == PHASE_FETCH || err->phase == PHASE_VERIFY || err->phase == PHASE_UNPACK) {
		return (enum reason)row->in_fetch;
	}
	return (enum reason)row->anywhere;
}

void
exitcode_of_err(const struct err *err, struct exitcode *out)
{
	CHECK(err->kind >= ERR_NONE && err->kind < ERR_KINDS);
	enum reason reason = reason_of(err);
	int code = reasons[reason].code;

	if (reason == REASON_STOPPED) {
		code = SIGNAL_BASE + err->sys;
	} else if (reason == REASON_COMMAND) {
		code = err->kind == ERR_NOT_EXECUTABLE ? 126 : 127;
	}
	fill(out, reason, code);
	out->untrusted = err->kind == ERR_UNTRUSTED;
}

/* The pipeline ended by itself and nobody asked it to. */
static void
fill_own(struct exitcode *out, const struct outcome *outcome)
{
	int status = outcome->status;
	int code = outcome_exit_code(status);

	if (code == 0) {
		fill(out, REASON_NONE, 0);
		return;
	}
	if (WIFSIGNALED(status)) {
		char name[SIGWORD_NAME];

		fill(out, REASON_SIGNAL, code);
		out->sig = WTERMSIG(status);
		out->sent = out->sig == SIGKILL && outcome->counts.memory_kills == 0;
		sigword_name(name, out->sig);
		(void)snprintf(out->text, sizeof(out->text), "signal-%s", name);
		return;
	}
	fill(out, REASON_EXIT, code);
	(void)snprintf(out->text, sizeof(out->text), "exit-%d", code);
}

/* A pipeline that was asked to stop and then ended by itself was stopped all the same. */
static int
was_stopped(const struct outcome *outcome)
{
	return outcome->ended_by == ENDED_BY_STOP || outcome->stop_signal != 0;
}

/* A kernel before 4.13 does not count what it kills: then the limit was hit and somebody was killed. */
static int
was_memory_kill(const struct outcome *outcome)
{
	const struct kernel_counts *counts = &outcome->counts;

	return counts->memory_kills > 0 || (counts->memory_kills < 0 && counts->memory_refusals > 0 &&
	                                       outcome_exit_code(outcome->status) == SIGNAL_BASE + SIGKILL);
}

void
exitcode_of_outcome(const struct outcome *outcome, struct exitcode *out)
{
	if (!outcome->started) {
		if (outcome->stop_signal != 0) {
			fill(out, REASON_STOPPED, SIGNAL_BASE + outcome->stop_signal);
		} else {
			fill(out, REASON_AGENT_BUG, reasons[REASON_AGENT_BUG].code);
		}
		return;
	}
	if (outcome->ended_by == ENDED_BY_TIMEOUT) {
		fill(out, REASON_TIMEOUT, EXIT_TIMEOUT);
	} else if (outcome->ended_by == ENDED_BY_SILENCE) {
		fill(out, REASON_SILENCE, EXIT_TIMEOUT);
	} else if (was_stopped(outcome)) {
		fill(out, REASON_STOPPED,
		    outcome->killed_after_grace ? EXIT_KILLED_AFTER_GRACE : outcome_exit_code(outcome->status));
	} else if (was_memory_kill(outcome)) {
		fill(out, REASON_MEMORY_KILL, outcome_exit_code(outcome->status));
	} else {
		fill_own(out, outcome);
	}
}

void
exitcode_add_exception(struct exitcode *exitcode, char sentence[ERR_TEXT_MAX], const char *name)
{
	size_t len = strlen(sentence);

	fill(exitcode, REASON_PYTHON, exitcode->code);
	(void)snprintf(exitcode->text, sizeof(exitcode->text), "python-%s", name);
	(void)snprintf(sentence + len, ERR_TEXT_MAX - len, " because of the Python exception %s", name);
}

/* What an exit code says by custom; shells and runtimes turn a child's signal n into 128 + n. */
static const char *
advice_of_code(int code)
{
	switch (code) {
	case 126:
		return "By custom: a program in the pipeline is not executable.";
	case 127:
		return "By custom: a program in the pipeline was not found.";
	default:
		if (code > SIGNAL_BASE && code <= SIGNAL_BASE + SIGNAL_LAST) {
			return sigword_cause(code - SIGNAL_BASE);
		}
		return advices[REASON_EXIT];
	}
}

const char *
exitcode_advice(const struct exitcode *exitcode)
{
	if (exitcode->reason == REASON_SIGNAL) {
		return exitcode->sent
		           ? "Something inside or outside of the container sent it; it was not for want of memory, as the kernel counts."
		           : sigword_cause(exitcode->sig);
	}
	if (exitcode->untrusted) {
		return "For an authority of your own set AWS_CA_BUNDLE to a file in the image with its certificate (PEM), or add it to the "
		       "image's ca-certificates; a certificate that has expired or has another name is its server's to mend.";
	}
	if (exitcode->reason == REASON_EXIT) {
		return advice_of_code(exitcode->code);
	}
	return advices[exitcode->reason];
}

/* "was killed by SIGKILL (signal 9)" or "ended with exit code 3". */
static void
describe_end(char *out, size_t size, int status)
{
	char name[SIGWORD_NAME];

	if (WIFSIGNALED(status)) {
		sigword_name(name, WTERMSIG(status));
		(void)snprintf(out, size, "was killed by %s (signal %d)", name, WTERMSIG(status));
	} else {
		int code = outcome_exit_code(status);

		(void)snprintf(out, size, "ended with exit code %d", code);
		if (code > SIGNAL_BASE && code <= SIGNAL_BASE + SIGNAL_LAST) {
			size_t len = strlen(out);

			sigword_name(name, code - SIGNAL_BASE);
			(void)snprintf(out + len, size - len, ", by custom: killed by %s", name);
		}
	}
}

static void
describe_memory_kill(char out[ERR_TEXT_MAX], const struct outcome *outcome, const char *who, const char *end)
{
	char limit[64] = "", bytes[EVIDENCE_BYTES];

	if (outcome->counts.memory_limit > 0) {
		evidence_bytes(bytes, (uint64_t)outcome->counts.memory_limit);
		(void)snprintf(limit, sizeof(limit), " (the container's limit is %s)", bytes);
	}
	if (WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGKILL) {
		(void)snprintf(out, ERR_TEXT_MAX, "%s was killed by the kernel for want of memory%s", who, limit);
	} else {
		(void)snprintf(out, ERR_TEXT_MAX,
		    "the kernel killed a process of %.140s for want of memory%s; %.140s then %s", who, limit, who, end);
	}
}

void
exitcode_sentence(char out[ERR_TEXT_MAX], const struct outcome *outcome, const char *step)
{
	char who[160], end[80], stop[SIGWORD_NAME];

	if (step != NULL) {
		(void)snprintf(who, sizeof(who), "step '%.128s'", step);
	} else {
		(void)snprintf(who, sizeof(who), "the pipeline");
	}
	describe_end(end, sizeof(end), outcome->status);
	sigword_name(stop, outcome->stop_signal);
	if (!outcome->started) {
		(void)snprintf(out, ERR_TEXT_MAX, "a stop was asked for by %s before %s began", stop, who);
	} else if (outcome->ended_by == ENDED_BY_TIMEOUT) {
		(void)snprintf(out, ERR_TEXT_MAX, "%s ran into the timeout of %lld s and %s", who,
		    (long long)outcome->timeout_ms / 1000, end);
	} else if (outcome->ended_by == ENDED_BY_SILENCE) {
		(void)snprintf(out, ERR_TEXT_MAX, "%s was silent for %lld s (%s) and %s", who,
		    (long long)outcome->silent_ms / 1000, outcome->waits, end);
	} else if (!was_stopped(outcome) && was_memory_kill(outcome)) {
		describe_memory_kill(out, outcome, who, end);
	} else if (!was_stopped(outcome)) {
		(void)snprintf(out, ERR_TEXT_MAX, "%s %s", who, end);
	} else if (outcome->killed_after_grace) {
		(void)snprintf(
		    out, ERR_TEXT_MAX, "a stop was asked for by %s and %s had to be killed after the grace", stop, who);
	} else {
		(void)snprintf(out, ERR_TEXT_MAX, "a stop was asked for by %s and %s %s", stop, who, end);
	}
}

const char *
exitcode_reason(enum reason reason, int *code)
{
	CHECK(reason >= REASON_NONE && reason < REASONS);
	*code = reasons[reason].code;
	return reasons[reason].text;
}
