/* status - git-gate health, metrics, kill, version: commands whose answer is one object, or a text. */
#include <jansson.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/table.h"

/* Not ready is no error of ours: it is said on stdout, and the exit status tells. */
static int print_ready(const json_t *data)
{
	const json_t *reasons = json_object_get(data, "reasons");

	if (json_is_true(json_object_get(data, "ready")))
		puts("ready");
	for (size_t i = 0; i < json_array_size(reasons); i++)
		printf("not ready: %s\n", json_string_value(json_array_get(reasons, i)));
	return json_is_true(json_object_get(data, "ready")) ? GG_EXIT_DONE : GG_EXIT_FAILED;
}

static int ready(const struct gg_args *a)
{
	json_t *data;
	int code = gg_client_ask(a, json_pack("{s:s}", "cmd", "ready"), JSON_OBJECT, &data);

	if (code == 0 && a->json) {
		gg_table_json(data);
		code = json_is_true(json_object_get(data, "ready")) ? GG_EXIT_DONE : GG_EXIT_FAILED;
	} else if (code == 0) {
		code = print_ready(data);
	}
	json_decref(data);
	return code;
}

int gg_cmd_metrics(const struct gg_args *a)
{
	json_t *data;
	int code = gg_client_ask(a, json_pack("{s:s}", "cmd", "metrics"), JSON_STRING, &data);

	if (code == 0)
		fputs(json_string_value(data), stdout);
	json_decref(data);
	return code;
}

int gg_cmd_health(const struct gg_args *a)
{
	json_t *data;
	int code;

	if (a->ready)
		return ready(a);
	code = gg_client_ask(a, json_pack("{s:s}", "cmd", "health"), JSON_OBJECT, &data);

	if (code == 0 && a->json)
		gg_table_json(data);
	else if (code == 0)
		puts("healthy");
	json_decref(data);
	return code;
}

int gg_cmd_kill(const struct gg_args *a)
{
	json_t *data, *request;
	int code;

	request = json_pack("{s:s, s:s, s:s*}", "cmd", "kill", "id", a->operand[0], "reason", a->reason);
	code = gg_client_ask(a, request, JSON_OBJECT, &data);

	if (code == 0 && a->json)
		gg_table_json(data);
	else if (code == 0)
		printf("session %s is being ended\n", a->operand[0]); /* the gate knows it, so it is an id */
	json_decref(data);
	return code;
}

int gg_cmd_version(const struct gg_args *a)
{
	if (a->json)
		printf("{\n  \"version\": \"%s\"\n}\n", GG_VERSION);
	else
		puts("git-gate " GG_VERSION);
	return GG_EXIT_DONE;
}
