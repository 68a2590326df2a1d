/* Fuzz base/conf.h: whatever git might print. Errors stay printable; what is accepted is in range and can be
 * shown. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/conf.h"
#include "base/confkey.h"
#include "base/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_line(const char *s)
{
	for (size_t size = strlen(s), i = 0, len; i < size; i += len) {
		len = gg_utf8_len(s + i, size - i);
		if (!len || (unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			abort();
	}
}

static void check_services(const struct gg_reader *r)
{
	for (size_t i = 0; i < r->conf.nservice; i++) {
		const struct gg_service_conf *s = &r->conf.service[i];

		if (!gg_service_name_ok(s->name, strlen(s->name)) || gg_service_find(&r->conf, s->name) != i)
			abort();
		for (enum gg_service_key k = 0; k < GG_NSERVICE_KEYS; k++) {
			const struct gg_conf_key *key = &gg_service_keys[k];
			char text[512] = "";
			struct gg_buf b = GG_BUF(text);

			gg_key_value(&b, key, s, SIZE_MAX);
			check_line(text);
			if (key->kind <= GG_KIND_COUNT && (*GG_KEY_AT(const int64_t, key, s) < key->min ||
							   *GG_KEY_AT(const int64_t, key, s) > key->max))
				abort();
		}
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
		check_line(r.error[i]);
	for (enum gg_key k = 0; k < GG_NKEYS; k++) {
		const struct gg_conf_key *key = &gg_conf_keys[k];
		char text[512] = "";
		struct gg_buf b = GG_BUF(text);

		gg_conf_value(&b, &r.conf, k);
		check_line(text);
		if (key->kind > GG_KIND_COUNT)
			continue;
		if (*gg_conf_num(&r.conf, k) == GG_NEVER
			    ? !gg_conf_may_be_never(k)
			    : *gg_conf_num(&r.conf, k) < key->min || *gg_conf_num(&r.conf, k) > key->max)
			abort();
	}
	check_services(&r);
	gg_reader_free(&r);
	return 0;
}
