/*
 * text - small pure functions on strings: a bounded builder, quoting of outside text, units, likeness.
 * Nothing here allocates, logs or reads the clock. Tested by tests/unit/text.c.
 */
#ifndef GG_BASE_TEXT_H
#define GG_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A string under construction in the caller's memory. Always NUL-terminated. What does not fit is cut and
 * 'cut' is set; the text stays valid.
 */
struct gg_buf {
	char *s;
	size_t size, len;
	bool cut;
};

#define GG_BUF(array) ((struct gg_buf){ .s = ((array)[0] = 0, (array)), .size = sizeof(array) })

void gg_buf_add(struct gg_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gg_buf_vadd(struct gg_buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void gg_buf_put(struct gg_buf *b, const void *bytes, size_t n);

/* Bytes of the valid UTF-8 character that s begins with; 0: none there, or cut off by n. */
size_t gg_utf8_len(const char *s, size_t n);
/* The code point of a valid character of len bytes. */
uint32_t gg_utf8_code(const char *s, size_t len);
/*
 * Drives a terminal, or makes what stands around it look other than it is: controls, DEL, C1 controls; marks
 * and overrides of direction; the separators of lines and paragraphs.
 */
bool gg_is_control(uint32_t c);

/*
 * Append outside text so that it can forge nothing: one line, valid UTF-8, bounded.
 *   Controls (gg_is_control), invalid UTF-8, '"' and '\' become C escapes (\n, \x1b, \u202e, \", \\).
 *   At most max source bytes are taken; a cut is shown by a trailing "...".
 * gg_quote puts double quotes around the result; gg_escape does not.
 */
void gg_quote(struct gg_buf *b, const char *s, size_t n, size_t max);
void gg_escape(struct gg_buf *b, const char *s, size_t n, size_t max);

/*
 * Durations: "500ms", "15s", "2m", "1h", "1d" and "never". The unit is required (a bare "0" is accepted).
 * ret_ms: milliseconds, GG_NEVER for "never". Returns 0, -EINVAL (not a duration), -ERANGE (over 10 years).
 */
#define GG_NEVER INT64_MAX
int gg_duration_parse(const char *s, int64_t *ret_ms);
/* The shortest exact form: 15000 → "15s", 1500 → "1500ms", GG_NEVER → "never". */
void gg_duration_add(struct gg_buf *b, int64_t ms);
/* For people: "350ms", "1.5s", "2m03s", "1h02m", "3d04h", "never"; "-" when negative. Cut, not rounded. */
void gg_human_ms(struct gg_buf *b, int64_t ms);

/*
 * Sizes in bytes with git's suffixes: "1k", "16M", "2g" (powers of 1024) or a bare number.
 * Returns 0, -EINVAL, -ERANGE (negative or over INT64_MAX).
 */
int gg_size_parse(const char *s, int64_t *ret_bytes);
void gg_size_add(struct gg_buf *b, int64_t bytes);

/* For people: "0", "1023", "1.2K", "15M", "3.4G" (powers of 1024); "-" when negative. Cut, not rounded. */
void gg_human_size(struct gg_buf *b, int64_t bytes);

/* Whole number in [min, max], nothing around it. 0, -EINVAL, -ERANGE. */
int gg_int_parse(const char *s, int64_t min, int64_t max, int64_t *ret);

/* git's booleans: true yes on 1 / false no off 0 "" (any case); NULL (a key without '=') is true. 0 or
 * -EINVAL. */
int gg_bool_parse(const char *s, bool *ret);

/*
 * How unlike two words are (Damerau-Levenshtein, case-insensitive); words over 63 bytes are compared by their
 * first 63. Used to name the nearest valid key of an unknown one.
 */
int gg_distance(const char *a, const char *b);

#endif
