/*
 * libsystemd - sd-daemon(3) and sd-journal(3), loaded when something is asked of them. They bring six more
 * libraries along, which a gate without systemd, and a command that reads no journal, would start with for
 * nothing. Effect: loads libsystemd.so.0.
 */
#ifndef GG_BASE_LIBSYSTEMD_H
#define GG_BASE_LIBSYSTEMD_H

#include <systemd/sd-daemon.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "base/text.h"

/* What we use, all of it in version 229 and later. */
#define GG_LIBSYSTEMD_CALLS(CALL) \
	CALL(sd_listen_fds_with_names) \
	CALL(sd_is_socket) \
	CALL(sd_watchdog_enabled) \
	CALL(sd_id128_from_string) \
	CALL(sd_journal_open) \
	CALL(sd_journal_open_directory) \
	CALL(sd_journal_close) \
	CALL(sd_journal_has_runtime_files) \
	CALL(sd_journal_has_persistent_files) \
	CALL(sd_journal_add_match) \
	CALL(sd_journal_seek_tail) \
	CALL(sd_journal_previous) \
	CALL(sd_journal_get_data) \
	CALL(sd_journal_get_realtime_usec) \
	CALL(sd_journal_get_catalog_for_message_id)

struct gg_libsystemd {
	void *handle; /* NULL: not loaded */
#define GG_MEMBER(name) __typeof__(&name) name;
	GG_LIBSYSTEMD_CALLS(GG_MEMBER)
#undef GG_MEMBER
};

/* 0; -ELIBACC: it is not there, or lacks something, as ret_err says with the cure. */
int gg_libsystemd_load(struct gg_libsystemd *ret, struct gg_buf *ret_err);

/* Out of memory again. Not after a journal was open: what the library keeps for the next one would be lost.
 */
void gg_libsystemd_unload(struct gg_libsystemd *l);

#define AUTO_LIBSYSTEMD __attribute__((cleanup(gg_libsystemd_unload)))

#endif
