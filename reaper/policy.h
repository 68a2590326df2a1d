/*
 * policy - is this session stuck? Pure: snapshots in, verdict out, time is an input. Called by
 * reaper/reaper.c. Tested by tests/unit/policy.c, which also holds a policy that acts too early against the
 * same rows.
 *
 * The rules: only the client's turn counts against the client; it counts from the first look that shows it;
 * anything the kernel says the client did, and any CPU or I/O of the session's own processes in the pack
 * phase, starts it again; two looks must agree. When the evidence is poor the session is kept.
 */
#ifndef GG_REAPER_POLICY_H
#define GG_REAPER_POLICY_H

#include "reaper/classify.h"
#include "reaper/reason.h"

/* All in milliseconds, GG_NEVER for none; from the settings of the same names. */
struct gg_limits {
	int64_t init, commands, pack_start, idle, hook, work, session;
	int64_t grace;
	int64_t keep;	  /* an HTTP connection between requests: deadline.init, or the grace once we drain */
	int64_t rate_min; /* bytes a second, 0: off */
	int64_t rate_window;
	int64_t period; /* of the samples; gg_policy_period */
};

/* How often the sockets are looked at: an eighth of the shortest deadline, between 50 ms and 1 s. */
int64_t gg_policy_period(const struct gg_limits *lim);
/* The next sample after now: the same instant for all sessions, so that they share one wake-up. */
int64_t gg_policy_next_sample(const struct gg_limits *lim, int64_t now_ms);

#define GG_SLICES 8 /* rate.window is judged in this many equal slices */

/* What is remembered of a session between looks. Zeroed by gg_track_init. */
struct gg_track {
	int64_t accepted_ms;
	enum gg_phase phase; /* as of the last look at /proc; GG_PHASE_REQUEST before the first */
	bool client_turn;
	int64_t looked_ms; /* last look at /proc, -1: none */
	int64_t since_ms;  /* the first of the agreeing looks; -1: nothing to agree with */
	int64_t moved_ms;  /* when the client was last seen to do something */
	int64_t look_ms;   /* when the next look at /proc is due at the latest */
	int looks;	   /* that agree, since since_ms */
	int pauses;	   /* silences of this phase that were looked at and ended by themselves */
	bool reads;	   /* when it moved last, it took something */
	uint64_t received, acked, takes; /* at the last sample */
	uint32_t step;			 /* as of it, see struct gg_tcp */
	uint64_t cpu_ticks, io_chars;	 /* at the last look */
	pid_t hook_pid;
	uint64_t hook_tick;
	uint64_t request_bytes;	   /* length of the request packet: what arrived beyond it are commands */
	bool request_unknown;	   /* it will never be known: seen from outside */
	int64_t slice_ms;	   /* start of the slice of rate.window */
	uint64_t slice_bytes;	   /* received + acked at its start */
	int slices;		   /* in a row, each too slow in the client's turn, or no more than a burst */
	uint64_t moved[GG_SLICES]; /* in the last of them; a ring */
	bool slow_pending;	   /* a slice was too slow: whose turn it is must be looked up */
	int64_t probed_ms;    /* the first of the samples in a row that show unanswered probes; -1: none */
	bool maybe_limited;   /* the first of those probes may be one that a live kernel leaves out */
	enum gg_reason bound; /* whose limit the silence since since_ms counts against; NONE: nobody's */
	int64_t rate_from_ms; /* since when the bytes are counted that the next rate is made of; -1: not yet
			       */
	uint64_t rate_in_from, rate_out_from; /* received and acked by then */
	int64_t rate_in, rate_out; /* bytes a second, of about the last second; -1: not known yet */
};

void gg_track_init(struct gg_track *t, int64_t now_ms);
/*
 * The limits have changed: it is looked at when it is sampled next, which should be now, because the look
 * that the old ones asked for may come too late; and rate.window, whose parts may have another length, starts
 * again.
 */
void gg_track_new_limits(struct gg_track *t, int64_t now_ms);

/*
 * For lost_ms before now_ms nobody looked: the gate stood still, and perhaps the whole machine and its
 * clients with it. The session's clocks go on from where they stood.
 */
void gg_track_delay(struct gg_track *t, int64_t lost_ms, int64_t now_ms);

/*
 * For how long it has been silent by now, as its limits count, in ms, and whose limit that is: INIT,
 * COMMANDS, PACK_START, IDLE, NOT_READING, HOOK or WORK. NONE: no limit counts now.
 */
enum gg_reason gg_track_silence(const struct gg_track *t, int64_t now_ms, int64_t *ret_ms);

/*
 * The deadline that passes first if nothing happens: whose it is, how long it is, and how much of it is used.
 * NONE: none runs now. For people; nothing is decided by it.
 */
enum gg_reason gg_track_deadline(const struct gg_track *t, int64_t now_ms, const struct gg_limits *lim,
				 int64_t *ret_limit_ms, int64_t *ret_used_ms);

/*
 * One sample of the client's socket (snap->v is not used). Returns true when /proc should be looked at now,
 * after which gg_policy_look is called. ret_next_ms: monotonic time of the next useful sample.
 */
bool gg_policy_sample(struct gg_track *t, const struct gg_snap *snap, const struct gg_limits *lim,
		      int64_t *ret_next_ms);

struct gg_verdict {
	enum gg_reason reason; /* GG_REASON_NONE: keep */
	int64_t limit_ms;      /* the deadline that passed; for a trickle the window */
	int64_t quiet_ms;      /* how long by then; for deadline.init and .session the age */
	bool doubted;	 /* the deadline passed but the evidence was not certain, so it is kept: say so */
	const char *key; /* static; NULL: the reason's. For peer-gone the limit that passed first */
};

/* The setting that ended it, to be raised if the session was healthy; NULL for none. */
const char *gg_verdict_key(const struct gg_verdict *v);

/*
 * Does the client's kernel leave our probes or retransmissions unanswered, as of this sample? One that only
 * stopped its program, or does not read, answers them. A reader with a tiny window may drop what it has
 * acknowledged nothing of: retransmissions count only if nothing was heard for quiet_ms.
 */
bool gg_policy_unanswered(const struct gg_track *t, const struct gg_tcp *tcp, int64_t now_ms,
			  const struct gg_limits *lim, int64_t quiet_ms);
/* Has our kernel ended the connection because of that? ret: the verdict that it carried out. */
bool gg_policy_given_up(const struct gg_tcp *tcp, struct gg_verdict *ret);

/* One look at everything. The verdict is for now: the caller acts at once or not at all. */
struct gg_verdict gg_policy_look(struct gg_track *t, const struct gg_snap *snap, const struct gg_view *view,
				 const struct gg_limits *lim);

/*
 * Others wait for a session: may this one go early? Silent in commands or pack-start for longer than
 * deadline.idle, as of the last look; the caller looks once more. ret_quiet_ms: for how long. A connection
 * that is kept between requests goes before all of them, once it was idle for a grace: a client whose next
 * request is on its way is spared.
 */
bool gg_policy_pressed(const struct gg_track *t, int64_t now_ms, const struct gg_limits *lim,
		       int64_t *ret_quiet_ms);

#endif
