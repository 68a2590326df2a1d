/* status - git-gate status, health, kill, version: commands whose answer is one object. */
#include <jansson.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/table.h"

int gg_cmd_status(const struct gg_args *a)
{
	json_t *data;
	int code = gg_client_ask(a, json_pack("{s:s}", "cmd", "status"), JSON_OBJECT, &data);

	if (code == 0 && a->json)
		gg_table_json(data);
	else if (code == 0)
		gg_table_members(data, NULL);
	json_decref(data);
	return code;
}

int gg_cmd_health(const struct gg_args *a)
{
	json_t *data;
	int code = gg_client_ask(a, json_pack("{s:s}", "cmd", "health"), JSON_OBJECT, &data);

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
