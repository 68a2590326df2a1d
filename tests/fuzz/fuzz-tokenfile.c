/* Fuzz base/tokenfile.h: whatever the file holds, what is taken of it has a name and a hash, no name twice,
 * and each line is taken, told or says nothing. */
#include "base/cleanup.h"
#include "base/tokenfile.h"
#include "tests/fuzz/fuzz.h"

static int count_bad(void *arg, size_t line, const char *what)
{
	size_t *last = arg;

	came_to("a line that is none");
	must(line > *last && *what);
	*last = line;
	return 0;
}

/* It reads what it would write. */
static void write_again(const struct gg_token *t)
{
	char line[GG_USER_MAX + 2 * GG_HASH_SIZE + 16], hex[2 * GG_HASH_SIZE + 1];
	struct gg_tokens again;
	size_t bad = 0;

	gg_hash_hex(t->hash, hex);
	snprintf(line, sizeof(line), "%s:sha256:%s\n", t->name, hex);
	must(gg_tokenfile_parse(line, strlen(line), &again, count_bad, &bad) == 0 && !bad && again.n == 1);
	must(!strcmp(again.v[0].name, t->name) && !memcmp(again.v[0].hash, t->hash, GG_HASH_SIZE));
	gg_tokens_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_FREE char *text = malloc(n ? n : 1); /* not NUL-terminated */
	struct gg_tokens t;
	size_t bad = 0;

	memcpy(text, data, n);
	must(gg_tokenfile_parse(text, n, &t, count_bad, &bad) == 0);
	must(t.n <= GG_TOKENS_MAX && t.n <= n / (2 * GG_HASH_SIZE + 8));
	for (size_t i = 0; i < t.n; i++) {
		must(gg_who_is_name(t.v[i].name, strlen(t.v[i].name)));
		must(gg_tokens_named(&t, t.v[i].name) == &t.v[i]);
	}
	if (t.n > 1)
		came_to("two tokens");
	if (t.n)
		write_again(&t.v[t.n - 1]);
	gg_tokens_free(&t);
	return 0;
}
