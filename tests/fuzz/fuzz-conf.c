/* Fuzz base/conf.h: whatever git might print. Errors stay printable; what is accepted is in range and can be
 * shown. */
#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"
#include "tests/fuzz/fuzz.h"

/* Each kind of value is read by code of its own. */
static void kind_is_set(int kind)
{
#define KIND(k) \
	case k: \
		came_to(#k); \
		break
	switch (kind) {
		KIND(GG_KIND_MS);
		KIND(GG_KIND_SIZE);
		KIND(GG_KIND_COUNT);
		KIND(GG_KIND_FLAG);
		KIND(GG_KIND_PATH);
		KIND(GG_KIND_WORD);
		KIND(GG_KIND_PICK);
		KIND(GG_KIND_LIST_ADDR);
		KIND(GG_KIND_LIST_NET);
		KIND(GG_KIND_LIST_WHO);
		KIND(GG_KIND_LIST_WORD);
	}
#undef KIND
}

static void check_section(const struct gg_reader *r, enum gg_section s, size_t i)
{
	const struct gg_section_kind *kind = gg_section_kind(s);

	came_to("a section with a name");
	const void *one = gg_section_at(&r->conf, s, i);

	if (!kind->name_ok(gg_section_name(&r->conf, s, i), strlen(gg_section_name(&r->conf, s, i))) ||
	    gg_section_find(&r->conf, s, gg_section_name(&r->conf, s, i)) != i)
		abort();
	for (size_t k = 0; k < kind->nkeys; k++) {
		const struct gg_conf_key *key = &kind->keys[k];
		int64_t v = key->kind <= GG_KIND_COUNT ? *GG_KEY_AT(const int64_t, key, one) : key->min;
		char text[512] = "";
		struct gg_buf b = GG_BUF(text);

		gg_key_value(&b, key, one, SIZE_MAX);
		must_be_line(text);
		if ((v < key->min || v > key->max) && (v != GG_INHERIT || key->def != GG_INHERIT))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct gg_place place = { .root = true, .cwd = "/w" };
	struct gg_reader r;

	if (gg_reader_init(&r) < 0 || gg_reader_feed_git(&r, (const char *)data, n) < 0 ||
	    gg_reader_settle(&r, &place) < 0)
		abort();
	for (size_t i = 0; i < r.nerror; i++)
		must_be_line(r.error[i]);
	if (!r.nerror && n)
		came_to("settings without an error");
	for (enum gg_key k = 0; k < GG_NKEYS; k++) {
		const struct gg_conf_key *key = &gg_conf_keys[k];
		char text[512] = "";
		struct gg_buf b = GG_BUF(text);

		gg_conf_value(&b, &r.conf, k);
		must_be_line(text);
		if (strcmp(r.origin[k], "default"))
			kind_is_set(key->kind);
		if (key->kind > GG_KIND_COUNT)
			continue;
		if (*gg_conf_num(&r.conf, k) == GG_NEVER
			    ? !gg_key_may_be_never(&gg_conf_keys[k])
			    : *gg_conf_num(&r.conf, k) < key->min || *gg_conf_num(&r.conf, k) > key->max)
			abort();
	}
	for (enum gg_section s = 0; s < GG_NSECTIONS; s++)
		for (size_t i = 0; i < gg_section_count(&r.conf, s); i++)
			check_section(&r, s, i);
	gg_reader_free(&r);
	return 0;
}
