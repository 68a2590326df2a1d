/* operate - git-gate reload, drain, resume: what changes how the gate goes on. */
#include <jansson.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/table.h"

static int ask(const struct gg_args *a, const char *cmd, json_t **ret_data)
{
	int code = gg_client_ask(a, json_pack("{s:s}", "cmd", cmd), JSON_OBJECT, ret_data);

	if (code == 0 && a->json)
		gg_table_json(*ret_data);
	return code;
}

/* Returns how many there are. */
static size_t print_keys(const json_t *keys, const char *what)
{
	for (size_t i = 0; i < json_array_size(keys); i++)
		printf("%s %s\n", json_string_value(json_array_get(keys, i)), what);
	return json_array_size(keys);
}

int gg_cmd_reload(const struct gg_args *a)
{
	json_t *data;
	int code = ask(a, "reload", &data);
	size_t n = 0;

	if (code == 0 && !a->json) {
		n += print_keys(json_object_get(data, "changed"), "changed");
		n += print_keys(json_object_get(data, "added"), "added");
		n += print_keys(json_object_get(data, "removed"), "removed");
		n += print_keys(json_object_get(data, "restart"), "needs a restart");
		if (!n)
			puts("nothing changed");
	}
	json_decref(data);
	return code;
}

int gg_cmd_drain(const struct gg_args *a)
{
	json_t *data;
	int code = ask(a, "drain", &data);

	if (code == 0 && !a->json) {
		char mem[32];
		struct gg_buf b = GG_BUF(mem);
		json_int_t lame_ms = json_integer_value(json_object_get(data, "lame_duck_ms"));

		gg_duration_add(&b, lame_ms);
		printf("no new client is served%s%s; %lld sessions may finish\n", lame_ms ? " after " : "",
		       lame_ms ? b.s : "", (long long)json_integer_value(json_object_get(data, "sessions")));
	}
	json_decref(data);
	return code;
}

int gg_cmd_resume(const struct gg_args *a)
{
	json_t *data;
	int code = ask(a, "resume", &data);

	if (code == 0 && !a->json)
		puts("new clients are served");
	json_decref(data);
	return code;
}
