#include "config/secrets.h"

#include <string.h>

#include "config/variables.h"

enum { VARIABLE_NAME_MAX = 513 /* C§1.4: 512 bytes and a zero */ };

static int
is_in(const char *name, size_t len, char *const *names)
{
	for (; names != NULL && *names != NULL; names++) {
		if (strlen(*names) == len && strncmp(*names, name, len) == 0) {
			return 1;
		}
	}
	return 0;
}

int
secrets_is_masked(const char *name, char *const *redact)
{
	return mask_name_is_secret(name) || is_in(name, strlen(name), redact);
}

static int
no_room(struct err *err)
{
	return err_set(err, ERR_SETTINGS, 0, "more than %d secret values to mask", (int)MASK_VALUES_MAX);
}

/* Two of our own names sound like secrets and hold none: a host and a path, which messages must be able to name. */
static int
is_known_harmless(const char *name)
{
	return strcmp(name, "TRAIN_CODE_TOKEN_HOST") == 0 || strcmp(name, "TRAIN_CODE_TOKEN_FILE") == 0;
}

static int
is_secret_variable(const char *entry, size_t len)
{
	char name[VARIABLE_NAME_MAX];

	if (len == 0 || len >= sizeof(name)) {
		return len > 0; /* too long a name to look at: masked rather than shown */
	}
	memcpy(name, entry, len);
	name[len] = '\0';
	return mask_name_is_secret(name) && !is_known_harmless(name);
}

/* The pipeline may print it in any spelling it was given: raw, as an argument, as a variable, and as JSON has it (SM_HPS). */
static int
add_spellings(struct mask *mask, const struct hyperparameter *hp)
{
	const char *const spellings[] = {hp->raw, hp->variable, hp->argument};
	size_t json_len = strlen(hp->json);

	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		if ((i == 0 || strcmp(spellings[i], spellings[i - 1]) != 0) &&
		    mask_add(mask, spellings[i], strlen(spellings[i])) < 0) {
			return -1;
		}
	}
	/* Of a string what stands between the quotes, where escapes make it another text. */
	if (hp->json[0] != '"' || strlen(hp->variable) == json_len - 2) {
		return 0;
	}
	return mask_add(mask, hp->json + 1, json_len - 2);
}

/* Adds what 'redact' names, and with 'by_name' what names give away. */
static int
collect(struct mask *mask, char *const *envp, const struct hyperparameters *hps, char *const *redact, int by_name,
    struct err *err)
{
	for (; *envp != NULL; envp++) {
		size_t len = variables_name_len(*envp);

		if (is_in(*envp, len, redact) || (by_name && is_secret_variable(*envp, len))) {
			if (mask_add(mask, *envp + len + 1, strlen(*envp + len + 1)) < 0) {
				return no_room(err);
			}
		}
	}
	for (size_t i = 0; i < hps->count; i++) {
		const struct hyperparameter *hp = &hps->list[i];

		if (!is_in(hp->name, strlen(hp->name), redact) && !(by_name && mask_name_is_secret(hp->name))) {
			continue;
		}
		if (add_spellings(mask, hp) < 0) {
			return no_room(err);
		}
	}
	return 0;
}

int
secrets_for_agent(
    struct mask *mask, char *const *envp, const struct hyperparameters *hps, char *const *redact, struct err *err)
{
	return collect(mask, envp, hps, redact, 1, err);
}

int
secrets_for_log(
    struct mask *mask, char *const *envp, const struct hyperparameters *hps, char *const *redact, struct err *err)
{
	return collect(mask, envp, hps, redact, 0, err);
}
