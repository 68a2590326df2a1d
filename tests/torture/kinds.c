/* kinds - the list of clients: every behaviour is a row, raw.c and relay.c are its interpreters. */
#include "tests/torture/torture.h"

#include "base/cleanup.h"

#define JUNK(bytes) .junk = (bytes), .njunk = sizeof(bytes) - 1
#define PUSH .request = GG_REQ_PUSH
#define COMMANDS PUSH, .commands = GG_CMD_ALL
#define HALF(size) COMMANDS, .pack = GG_PACK_##size, .part = GG_PART_HALF
#define CLONE .request = GG_REQ_FETCH, .wants = GG_WANT_PACK
#define WHOLE(size) COMMANDS, .pack = GG_PACK_##size, .part = GG_PART_ALL

#define HTTP .over = GG_OVER_HTTP
#define LENGTH .length = true
#define POST \
	"POST /r.git/git-receive-pack HTTP/1.1\r\nHost: localhost\r\n" \
	"Content-Type: application/x-git-receive-pack-request\r\n"

/* a TLS 1.2 ClientHello: record and handshake header, version, random, no session, two suites */
#define TLS_HELLO \
	"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03" \
	"torture-torture-torture-torture-" \
	"\x00\x00\x04\xc0\x2f\x00\x9c\x01\x00"

#define HUNDRED \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

const struct gg_kind gg_kinds[] = {
	{ "silent", "connects, says nothing", .request = GG_REQ_NONE },
	{ "partial-request", "sends half of the request line", .request = GG_REQ_HALF },
	{ "trickled-request", "a byte of the request every 200 ms, never all of it",
	  .request = GG_REQ_TRICKLE },
	{ "after-advert", "asks to push, reads the advertisement, then silence", .over = GG_OVER_GIT, PUSH },
	{ "partial-commands", "half a command packet, then silence", PUSH, .commands = GG_CMD_HALF },
	{ "no-pack", "commands and flush, side-band-64k, no pack", COMMANDS },
	{ "no-pack-plain", "commands and flush, no side-band, no pack", COMMANDS, .plain = true },
	{ "mid-pack-small", "half of a pack of few objects (unpack-objects)", HALF(SMALL) },
	{ "mid-pack-large", "half of a pack of many objects (index-pack)", HALF(LARGE) },
	{ "report-unread", "a push whose report, some MB, is never read", .request = GG_REQ_PUSH,
	  .commands = GG_CMD_MANY, .pack = GG_PACK_SMALL, .then = GG_THEN_UNREAD, .after = "/..-" },
	{ "half-close", "a whole push, then SHUT_WR: healthy", WHOLE(SMALL), .then = GG_THEN_HALF_CLOSE },
	{ "cut-half-close", "half a pack, then SHUT_WR", HALF(LARGE), .then = GG_THEN_HALF_CLOSE },
	{ "fin", "half a pack, then close", HALF(LARGE), .then = GG_THEN_FIN },
	{ "rst", "half a pack, then reset", HALF(LARGE), .then = GG_THEN_RST },
	{ "trickled-pack", "the pack's header, then a byte every 300 ms", COMMANDS, .pack = GG_PACK_LARGE,
	  .part = GG_PART_HEADER, .then = GG_THEN_TRICKLE },
	{ "slow-pack", "a pack at 8 KB a second for 6 s, then the rest: healthy", COMMANDS,
	  .pack = GG_PACK_LARGE, .part = GG_PART_HEADER, .then = GG_THEN_SLOW },
	{ "tls-hello", "a TLS ClientHello instead of a request", .request = GG_REQ_JUNK, JUNK(TLS_HELLO) },
	{ "http-get", "an HTTP request", .over = GG_OVER_GIT, .request = GG_REQ_JUNK,
	  JUNK("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") },
	{ "ssh-banner", "an SSH banner", .request = GG_REQ_JUNK, JUNK("SSH-2.0-torture\r\n") },
	{ "nuls", "eight NUL bytes", .request = GG_REQ_JUNK, JUNK("\0\0\0\0\0\0\0\0") },
	{ "ffff", "a packet length of 65535", .request = GG_REQ_JUNK, JUNK("ffff") },
	{ "bad-pkt-0003", "length 0003 instead of commands", PUSH, .commands = GG_CMD_JUNK, JUNK("0003") },
	{ "bad-pkt-fff1", "length fff1 and 100 bytes", PUSH, .commands = GG_CMD_JUNK, JUNK("fff1" HUNDRED) },
	{ "bad-pack-version", "a pack of version 0", COMMANDS, .pack = GG_PACK_JUNK,
	  JUNK("PACK\0\0\0\0\0\0\0\1") },
	{ "bad-ref", "a reference that climbs out, with a whole pack", WHOLE(SMALL), .before = "../../" },
	{ "newline-ref", "a reference with a line feed, with a whole pack", WHOLE(SMALL),
	  .after = "\nforged line" },
	{ "upload-silent", "asks to fetch, reads the advertisement, then silence", .over = GG_OVER_GIT,
	  .request = GG_REQ_FETCH },
	{ "upload-silent-v2", "the same with protocol version 2", .over = GG_OVER_GIT,
	  .request = GG_REQ_FETCH_V2 },
	{ "upload-silent-refs-v2", "the same, silent between ls-refs and fetch", .over = GG_OVER_GIT,
	  .request = GG_REQ_FETCH_V2, .wants = GG_WANT_REFS },
	{ "advert-unread", "asks to fetch, never reads; for a repository with some MB of references",
	  .request = GG_REQ_FETCH, .then = GG_THEN_UNREAD },
	{ "clone-unread", "a clone that is never read", CLONE, .then = GG_THEN_UNREAD },
	{ "clone-unread-v2", "the same with protocol version 2", .request = GG_REQ_FETCH_V2,
	  .wants = GG_WANT_PACK, .then = GG_THEN_UNREAD },
	{ "archive-unread", "git archive --remote, never read", .over = GG_OVER_GIT,
	  .request = GG_REQ_ARCHIVE, .wants = GG_WANT_PACK, .then = GG_THEN_UNREAD },
	{ "trickled-clone", "a clone, read at 900 bytes a second", CLONE, .then = GG_THEN_SIP },
	{ "slow-clone", "a clone, read at 16 KB a second for 6 s, then the rest: healthy", CLONE,
	  .then = GG_THEN_SLOW_READ },
	{ "paused-clone", "a clone that stops reading for --pause, three times: healthy", CLONE,
	  .then = GG_THEN_PAUSE },
	{ "idle", "asks to push, reads the advertisement, keeps the connection", HTTP, PUSH },
	{ "body-none", "a POST without a byte of its body", HTTP, PUSH, .commands = GG_CMD_HEAD },
	{ "fetch-body-cut", "half of what it wants, then silence", HTTP, CLONE, .part = GG_PART_HALF },
	{ "partial-commands-length", "half a command packet of a body with a length", HTTP, LENGTH, PUSH,
	  .commands = GG_CMD_HALF },
	{ "mid-pack-length", "half of a pack of many objects in a body with a length", HTTP, LENGTH,
	  HALF(LARGE) },
	{ "half-close-length", "the same, then SHUT_WR", HTTP, LENGTH, HALF(LARGE),
	  .then = GG_THEN_HALF_CLOSE },
	{ "fin-length", "the same, then close", HTTP, LENGTH, HALF(LARGE), .then = GG_THEN_FIN },
	{ "rst-length", "the same, then reset", HTTP, LENGTH, HALF(LARGE), .then = GG_THEN_RST },
	{ "fin-probe", "a flush in a body with a length, then close", HTTP, LENGTH, PUSH,
	  .commands = GG_CMD_JUNK, JUNK("0000"), .then = GG_THEN_FIN },
	{ "pipelined-junk", "a request with junk right behind it", HTTP, .request = GG_REQ_PIPELINED,
	  JUNK("\1\2\3 no request\r\n\r\n") },
	{ "two-lengths", "a body with two lengths", HTTP, .request = GG_REQ_JUNK,
	  JUNK(POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\n00000") },
	{ "length-and-chunked", "a body with a length and chunks", HTTP, .request = GG_REQ_JUNK,
	  JUNK(POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0000\r\n0\r\n\r\n") },
	{ "bad-chunk-size", "a chunk size with a sign", HTTP, PUSH, .commands = GG_CMD_RAW,
	  JUNK("+4\r\n0000\r\n0\r\n\r\n") },
	{ "relay-0", "git push; the relay passes only its request", .stall = GG_STALL_REQUEST },
	{ "relay-commands", "git push; the relay passes no pack", .stall = GG_STALL_COMMANDS },
	{ "relay-pack", "git push; the relay stalls inside the pack", .stall = GG_STALL_PACK },
	{ "git-stopped", "git push, all of it stopped inside the pack", .stall = GG_STOP_PUSH },
	{ "pack-objects-stopped", "git push, only pack-objects stopped", .stall = GG_STOP_PACK_OBJECTS },
};

const size_t gg_nkinds = GG_LEN(gg_kinds);
