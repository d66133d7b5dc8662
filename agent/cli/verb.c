#include "cli/verb.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/setting_table.h"

enum { VERBS_MAX = 16 };

const struct verb verbs[] = {
    {"train", "[train] [--set NAME=VALUE]... [-- CMD ARG...]",
        "the container's entrypoint: runs the SageMaker job it finds",
        "Reads /opt/ml, the environment and the job's tags, fetches and unpacks the code, links the channels,\n"
        "runs the pipeline and says how it ended. With '-- CMD' it runs CMD instead of the pipeline's own command.\n"
        "\n"
        "  --set NAME=VALUE   a setting; wins over hyperparameter train:NAME, variable TRAIN_NAME, tag and pipeline.json\n",
        verb_train},
    {"run", "[DIR or ARCHIVE] [--packed] [--set NAME=VALUE] [--hp K=V] [--channel NAME=PATH] [-- CMD ARG...]",
        "runs a project folder or an archive here as a job would",
        "The same phases as in a job, over a job root made in .train/runs/. Needs no AWS, container or root.\n"
        "\n"
        "  --packed             pack, verify and unpack first: what runs is what would be published\n"
        "  --set NAME=VALUE     a setting\n"
        "  --hp NAME=VALUE      a hyperparameter\n"
        "  --channel NAME=PATH  an input channel, besides the folders under data/\n",
        verb_run},
    {"pack", "DIR -o FILE", "writes the code archive, the same bytes every time",
        "The suffix of FILE chooses the kind: .tar.zst, .tar.gz, .tar or .zip. Prints on stdout the settings that pin it.\n"
        "\n"
        "Left out, each rule with a line on stderr:\n"
        "  /data/ /model/ /output/ /checkpoints/   unless a source file lies in it\n"
        "  /.train/ /.git/, __pycache__/ anywhere, FILE itself\n"
        "  what .gitignore says, in every folder\n"
        "  what .trainignore says: the same syntax, and the last word: '!/data/' takes a rule above back\n"
        "\n"
        "  -o FILE              where to write it\n"
        "  SOURCE_DATE_EPOCH    variable: the time of every entry, in seconds since 1970 [946684800]\n",
        verb_pack},
    {"metrics", "[DIR] [--agent] [--from RUN]", "prints MetricDefinitions for CreateTrainingJob",
        "Reads DIR/pipeline.json (the current folder without DIR) and prints a JSON array on stdout.\n"
        "\n"
        "  --agent              adds the agent's own metrics\n"
        "  --from RUN           what a run emitted: 'latest', its id, or a path of its folder, record or metric file\n",
        verb_metrics},
    {"install", "DEST", "copies this program to DEST, atomically, mode 0755",
        "DEST is a file name, or a folder that gets a file 'train'.\n", verb_install},
    {"version", "[--json]", "version, build, libraries, SHA-256 of this program",
        "  --json               the same as one JSON object\n", verb_version},
    {"help", "[VERB]", "this text, or one verb's", "", verb_help},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct verb *
verb_find(const char *name)
{
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		if (strcmp(verb->name, name) == 0) {
			return verb;
		}
	}
	return NULL;
}

const char *
verb_nearest(const char *name)
{
	const char *names[VERBS_MAX + 1] = {0};

	_Static_assert(ARRAY_LEN(verbs) <= VERBS_MAX, "every verb has a place in the list of names");
	for (size_t i = 0; verbs[i].name != NULL; i++) {
		names[i] = verbs[i].name;
	}
	return text_nearest(name, names, 2);
}

static const char *
unit_of(enum setting_kind kind)
{
	return kind == KIND_SECONDS ? " s" : kind == KIND_MEBIBYTES ? " MiB" : "";
}

/* What may be chosen, and the default. */
static void
print_values(const struct setting_row *row)
{
	static const char *const switches[] = {"on", "off", NULL};
	const char *const *choices = row->kind == KIND_SWITCH ? switches : row->choices;

	for (size_t i = 0; choices != NULL && choices[i] != NULL; i++) {
		(void)printf("%s%s%s", i == 0 ? " (" : ", ", choices[i], choices[i + 1] == NULL ? ")" : "");
	}
	if (row->fallback != NULL) {
		(void)printf(" [%s%s]", row->fallback, unit_of(row->kind));
	}
}

/* Each with the letters of the sources that may set it, in the order in which they win. */
static void
print_settings(void)
{
	static const struct {
		char letter;
		unsigned bit;
	} sources[] = {{'C', FROM_C}, {'H', FROM_H}, {'E', FROM_E}, {'T', FROM_T}, {'P', FROM_P}};

	(void)printf(
	    "\nSettings, and who may set them: C command line, H hyperparameter, E environment, T job tag, P pipeline.json\n");
	for (int i = 0; i < SETTINGS; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		char from[ARRAY_LEN(sources) + 1] = "";
		size_t len = 0;

		for (size_t at = 0; at < ARRAY_LEN(sources); at++) {
			if ((row->from & sources[at].bit) != 0) {
				from[len++] = sources[at].letter;
			}
		}
		(void)printf("  %-18s  %-4s  %s", row->name, from, row->meaning);
		print_values(row);
		(void)printf("\n");
	}
}

static void
print_page(const struct verb *verb)
{
	int is_train = strcmp(verb->name, "train") == 0;

	(void)printf("train%s%s%s%s\n%s.\n\n%s", is_train ? "" : " ", is_train ? "" : verb->name,
	    verb->usage[0] != '\0' ? " " : "", verb->usage, verb->summary, verb->help);
	if (is_train) {
		print_settings();
	}
}

static void
print_overview(void)
{
	(void)printf("train: runs the same project on a laptop, under docker and as a SageMaker training job\n\n");
	for (const struct verb *each = verbs; each->name != NULL; each++) {
		(void)printf("  train %-8s %s\n", each->name, each->summary);
	}
	(void)printf("\n'train help VERB' says more about one; 'train help train' lists the settings.\n");
}

int
verb_print_help(const struct verb *verb, struct err *err)
{
	if (verb != NULL) {
		print_page(verb);
	} else {
		print_overview();
	}
	return fflush(stdout) == 0 ? 0 : err_set(err, ERR_IO, 0, "cannot write to stdout");
}

int
verb_help(char *const *argv, char *const *envp, struct err *err)
{
	(void)envp;
	const struct verb *verb = argv[1] != NULL ? verb_find(argv[1]) : NULL;

	if (argv[1] != NULL && argv[2] != NULL) {
		return err_set(err, ERR_USAGE, 0, "'%s': one verb at a time: train help [VERB]", argv[2]);
	}
	if (argv[1] != NULL && verb == NULL) {
		const char *nearest = verb_nearest(argv[1]);

		return err_set(err, ERR_USAGE, 0, "no verb '%s'%s%s%s", argv[1],
		    nearest != NULL ? ": did you mean '" : "", nearest != NULL ? nearest : "",
		    nearest != NULL ? "'?" : "");
	}
	return verb_print_help(verb, err);
}
