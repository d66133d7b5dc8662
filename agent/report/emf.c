#include "report/emf.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/text.h"
#include "report/metric_line.h"

enum {
	FRAME_BYTES = 160,        /* what emf_end writes around names and members, the namespace apart */
	METRIC_BYTES = 64,        /* what stands around a name and a unit, and a number */
	PAST_S = 14 * 86400 - 60, /* CloudWatch takes values of the last two weeks and the next two hours */
	FUTURE_S = 2 * 3600 - 60,
	MS_PER_S = 1000,
};

/* The members that are ours. Labels are no metrics' names. */
static const char *const own_members[] = {"_aws", "Host", "TrainingJobName"};

int
emf_takes(const char *name, double value)
{
	for (size_t i = 0; i < ARRAY_LEN(own_members); i++) {
		if (strcmp(name, own_members[i]) == 0) {
			return 0;
		}
	}
	return fabs(value) <= 0x1p360;
}

static void
add_text(struct json_writer *writer, const char *key, const char *text)
{
	if (text != NULL) {
		json_add_bytes(writer, key, text, utf8_cut(text, strlen(text), EMF_TEXT_MAX));
	}
}

void
emf_begin(struct emf *emf, const struct metrics_setup *setup, const struct metric *metric)
{
	struct json_writer writer;

	emf->setup = setup;
	emf->time = metric->time;
	emf->count = 0;
	buf_reset(&emf->metrics);
	buf_reset(&emf->members);
	emf->metrics.max = emf->members.max = EMF_BYTES_MAX;
	json_writer_init(&writer, &emf->members, 0);
	json_open_object(&writer, NULL);
	add_text(&writer, "Host", setup->host);
	add_text(&writer, "TrainingJobName", setup->job);
	for (int i = 0; i < LABEL_TIME; i++) {
		if (metric->labels.given[i]) {
			json_add_double(&writer, metric_label_name((enum metric_label)i), metric->labels.value[i]);
		}
	}
}

int
emf_add(struct emf *emf, const struct metric *metric)
{
	const char *unit = emf->setup->unit_of != NULL ? emf->setup->unit_of(emf->setup->units, metric->name) : NULL;
	char number[NUMBER_TEXT];
	size_t bytes = 2 * strlen(metric->name) + (unit != NULL ? strlen(unit) : 0) + METRIC_BYTES;

	if (emf->count == EMF_METRICS_MAX ||
	    FRAME_BYTES + strlen(emf->setup->emf_namespace) + emf->metrics.len + emf->members.len + bytes >
	        EMF_BYTES_MAX) {
		return 0;
	}
	number_format(number, metric->last);
	/* No letter of a metric's name or of a unit needs an escape. */
	buf_printf(&emf->metrics, "%s{\"Name\":\"%s\"", emf->count++ > 0 ? "," : "", metric->name);
	if (unit != NULL) {
		buf_printf(&emf->metrics, ",\"Unit\":\"%s\"", unit);
	}
	buf_addc(&emf->metrics, '}');
	buf_printf(&emf->members, ",\"%s\":%s", metric->name, number);
	return 1;
}

/* What CloudWatch would throw away for its time counts as of now. */
static int64_t
timestamp_ms(double time)
{
	double now = clock_wall();

	return (int64_t)((time > now - PAST_S && time < now + FUTURE_S ? time : now) * MS_PER_S);
}

int
emf_end(struct emf *emf, struct buf *out)
{
	if (emf->metrics.full || emf->members.full) {
		return -1;
	}
	return buf_printf(out,
	    "{\"_aws\":{\"Timestamp\":%" PRId64 ",\"CloudWatchMetrics\":[{\"Namespace\":\"%s\","
	    "\"Dimensions\":[[\"Host\"]],\"Metrics\":[%s]}]},%s}\n",
	    timestamp_ms(emf->time), emf->setup->emf_namespace, buf_text(&emf->metrics), buf_text(&emf->members) + 1);
}

void
emf_release(struct emf *emf)
{
	buf_release(&emf->metrics);
	buf_release(&emf->members);
}
