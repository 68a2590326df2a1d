/* Tests of supervisor/servicestate.h: what happens in which state, a row a rule. */
#include <criterion/criterion.h>

#include "base/cleanup.h"
#include "supervisor/servicestate.h"

/* The defaults, but for what a row says. */
static struct gg_service_conf conf(void)
{
	return (struct gg_service_conf){ .restart = GG_RESTART_ALWAYS,
					 .backoff_ms = 500,
					 .backoff_max_ms = 30000,
					 .burst = 5,
					 .burst_window_ms = 60000,
					 .ready_timeout_ms = 30000,
					 .kill_after_ms = 10000 };
}

Test(service, moves)
{
	/* every state and event; what is not here changes nothing */
	static const struct {
		enum gg_svc_state from;
		enum gg_svc_event event;
		enum gg_svc_state to;
		enum gg_svc_act act;
		int64_t due; /* -1: no timer */
	} rows[] = {
		{ GG_SVC_WAITING, GG_SVC_GO, GG_SVC_STARTING, GG_SVC_SPAWN, 31000 },
		{ GG_SVC_WAITING, GG_SVC_STOP, GG_SVC_STOPPED, GG_SVC_NONE, -1 },
		{ GG_SVC_STARTING, GG_SVC_READY, GG_SVC_UP, GG_SVC_TELL_READY, -1 },
		{ GG_SVC_STARTING, GG_SVC_OK, GG_SVC_BACKOFF, GG_SVC_SLEEP, 1500 },
		{ GG_SVC_STARTING, GG_SVC_FAILED, GG_SVC_BACKOFF, GG_SVC_SLEEP, 1500 },
		{ GG_SVC_STARTING, GG_SVC_LACKED, GG_SVC_BACKOFF, GG_SVC_SLEEP, 1500 },
		{ GG_SVC_STARTING, GG_SVC_TIMER, GG_SVC_FAILING, GG_SVC_TOO_LATE, 11000 },
		{ GG_SVC_STARTING, GG_SVC_STOP, GG_SVC_STOPPING, GG_SVC_SIGNAL, 11000 },
		{ GG_SVC_UP, GG_SVC_OK, GG_SVC_BACKOFF, GG_SVC_SLEEP, 1500 },
		{ GG_SVC_UP, GG_SVC_FAILED, GG_SVC_BACKOFF, GG_SVC_SLEEP, 1500 },
		{ GG_SVC_UP, GG_SVC_STOP, GG_SVC_STOPPING, GG_SVC_SIGNAL, 11000 },
		{ GG_SVC_FAILING, GG_SVC_OK, GG_SVC_BACKOFF, GG_SVC_SLEEP, 1500 },
		{ GG_SVC_FAILING, GG_SVC_FAILED, GG_SVC_BACKOFF, GG_SVC_SLEEP, 1500 },
		{ GG_SVC_FAILING, GG_SVC_TIMER, GG_SVC_FAILING, GG_SVC_KILL, -1 },
		{ GG_SVC_FAILING, GG_SVC_STOP, GG_SVC_STOPPING, GG_SVC_NONE, 77 },
		{ GG_SVC_BACKOFF, GG_SVC_TIMER, GG_SVC_STARTING, GG_SVC_SPAWN, 31000 },
		{ GG_SVC_BACKOFF, GG_SVC_STOP, GG_SVC_STOPPED, GG_SVC_NONE, -1 },
		{ GG_SVC_STOPPING, GG_SVC_OK, GG_SVC_STOPPED, GG_SVC_END, -1 },
		{ GG_SVC_STOPPING, GG_SVC_FAILED, GG_SVC_STOPPED, GG_SVC_END, -1 },
		{ GG_SVC_STOPPING, GG_SVC_TIMER, GG_SVC_STOPPING, GG_SVC_KILL, -1 },
	};
	const struct gg_service_conf c = conf();

	for (enum gg_svc_state from = 0; from < GG_NSVC_STATES; from++) {
		for (enum gg_svc_event event = 0; event < GG_NSVC_EVENTS; event++) {
			struct gg_svc s = { .state = from, .timed = true, .due_ms = 77, .since_ms = 900 };
			enum gg_svc_act act = gg_svc_step(&s, &c, event, 1000, 0);
			size_t i = 0;

			while (i < GG_LEN(rows) && (rows[i].from != from || rows[i].event != event))
				i++;
			cr_assert_eq(s.state, i < GG_LEN(rows) ? rows[i].to : from, "%d %d: state %d", from,
				     event, s.state);
			cr_assert_eq(act, i < GG_LEN(rows) ? rows[i].act : GG_SVC_NONE, "%d %d: act %d", from,
				     event, act);
			cr_assert_eq(s.timed ? s.due_ms : -1, i < GG_LEN(rows) ? rows[i].due : 77,
				     "%d %d: %lld", from, event, (long long)s.due_ms);
		}
	}
}

Test(service, a_shortage_is_no_failure)
{
	/* of more than burst allows, however it is to be started again: it waits, and longer each time */
	struct gg_service_conf c = conf();
	struct gg_svc s = { .state = GG_SVC_WAITING };
	int64_t wait = 0;

	c.burst = 3;
	c.restart = GG_RESTART_NEVER;
	cr_assert_eq(gg_svc_step(&s, &c, GG_SVC_GO, 0, 0), GG_SVC_SPAWN);
	for (int i = 0; i < 200; i++) {
		cr_assert_eq(gg_svc_step(&s, &c, GG_SVC_LACKED, 1000, 0), GG_SVC_SLEEP);
		cr_assert_geq(s.due_ms - 1000, wait);
		wait = s.due_ms - 1000;
		cr_assert_eq(gg_svc_step(&s, &c, GG_SVC_TIMER, 1000, 0), GG_SVC_SPAWN);
	}
	cr_assert_eq(wait, c.backoff_max_ms);
	cr_assert_eq(s.nfailures, 0);
}

/* A run: ready at once, ended after 'ran' ms. */
static enum gg_svc_act run(struct gg_svc *s, const struct gg_service_conf *c, int64_t *now, int64_t ran,
			   enum gg_svc_event end)
{
	gg_svc_step(s, c, s->state == GG_SVC_WAITING ? GG_SVC_GO : GG_SVC_TIMER, *now, 0);
	cr_assert_eq(s->state, GG_SVC_STARTING);
	gg_svc_step(s, c, GG_SVC_READY, *now, 0);
	*now += ran;
	return gg_svc_step(s, c, end, *now, 0);
}

Test(service, restart_policies)
{
	static const struct {
		int restart;
		enum gg_svc_event end;
		enum gg_svc_state to;
		enum gg_svc_act act;
	} rows[] = {
		{ GG_RESTART_ALWAYS, GG_SVC_OK, GG_SVC_BACKOFF, GG_SVC_SLEEP },
		{ GG_RESTART_ALWAYS, GG_SVC_FAILED, GG_SVC_BACKOFF, GG_SVC_SLEEP },
		{ GG_RESTART_ON_FAILURE, GG_SVC_OK, GG_SVC_DONE, GG_SVC_FINISH },
		{ GG_RESTART_ON_FAILURE, GG_SVC_FAILED, GG_SVC_BACKOFF, GG_SVC_SLEEP },
		{ GG_RESTART_NEVER, GG_SVC_OK, GG_SVC_DONE, GG_SVC_FINISH },
		{ GG_RESTART_NEVER, GG_SVC_FAILED, GG_SVC_GAVE_UP, GG_SVC_GIVE_UP },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_service_conf c = conf();
		struct gg_svc s = { 0 };
		int64_t now = 1000;

		c.restart = rows[i].restart;
		cr_assert_eq(run(&s, &c, &now, 10, rows[i].end), rows[i].act, "row %zu", i);
		cr_assert_eq(s.state, rows[i].to, "row %zu", i);
		cr_assert_eq(gg_svc_over(&s), s.state != GG_SVC_BACKOFF, "row %zu", i);
	}
}

/* Before it was ready, exit status 0 is no success under any policy. */
Test(service, not_ready_is_no_success)
{
	struct gg_service_conf c = conf();
	struct gg_svc s = { 0 };

	c.restart = GG_RESTART_ON_FAILURE;
	gg_svc_step(&s, &c, GG_SVC_GO, 0, 0);
	cr_assert_eq(gg_svc_step(&s, &c, GG_SVC_OK, 10, 0), GG_SVC_SLEEP);
	gg_svc_step(&s, &c, GG_SVC_TIMER, 1000, 0);
	gg_svc_step(&s, &c, GG_SVC_TIMER, 31000, 0);
	cr_assert_eq(s.state, GG_SVC_FAILING);
	cr_assert_eq(gg_svc_step(&s, &c, GG_SVC_OK, 31010, 0), GG_SVC_SLEEP);
}

Test(service, backoff)
{
	static const struct {
		int64_t first, most;
		unsigned attempt;
		uint32_t random;
		int64_t want;
	} rows[] = {
		{ 500, 30000, 0, 0, 500 },
		{ 500, 30000, 1, 0, 1000 },
		{ 500, 30000, 5, 0, 16000 },
		{ 500, 30000, 6, 0, 30000 },
		{ 500, 30000, 4000000000u, 0, 30000 },
		{ 500, 30000, 0, 999, 376 },
		{ 500, 30000, 6, 500, 26250 },
		{ 500, 100, 0, 0, 100 },
		{ 3600000, 86400000, 20, 0, 86400000 },
	};
	struct gg_service_conf c = conf();

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		int64_t got;

		c.backoff_ms = rows[i].first;
		c.backoff_max_ms = rows[i].most;
		got = gg_svc_backoff(&c, rows[i].attempt, rows[i].random);
		cr_assert_eq(got, rows[i].want, "row %zu: %lld", i, (long long)got);
	}
	/* whatever the chance, it grows, and is never over the maximum */
	c = conf();
	for (unsigned a = 0; a < 6; a++)
		cr_assert_lt(gg_svc_backoff(&c, a, 0), gg_svc_backoff(&c, a + 1, 999));
	cr_assert_eq(gg_svc_backoff(&c, 7, UINT32_MAX) <= 30000, 1);
}

Test(service, a_healthy_run_resets_the_backoff)
{
	static const struct {
		int64_t most, ran, delay; /* delay before the restart after two short runs and this one */
	} rows[] = {
		{ 30000, 29999, 2000 }, { 30000, 30000, 0 }, { 120000, 59999, 2000 }, { 120000, 60000, 0 },
		{ 5000, 5000, 0 },	{ 100, 999, 100 },   { 100, 1000, 0 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_service_conf c = conf();
		struct gg_svc s = { 0 };
		int64_t now = 1000;

		c.backoff_max_ms = rows[i].most;
		run(&s, &c, &now, 5, GG_SVC_FAILED);
		run(&s, &c, &now, 5, GG_SVC_FAILED);
		run(&s, &c, &now, rows[i].ran, GG_SVC_FAILED);
		cr_assert_eq(s.due_ms - now, rows[i].delay, "row %zu: %lld", i, (long long)(s.due_ms - now));
		run(&s, &c, &now, 5, GG_SVC_FAILED);
		if (!rows[i].delay)
			cr_assert_eq(s.due_ms - now, rows[i].most < 500 ? rows[i].most : 500,
				     "row %zu: the next", i);
	}
}

/* Time spent on getting ready does not count as health. */
Test(service, a_long_start_is_not_healthy)
{
	const struct gg_service_conf c = conf();
	struct gg_svc s = { 0 };

	gg_svc_step(&s, &c, GG_SVC_GO, 0, 0);
	gg_svc_step(&s, &c, GG_SVC_READY, 29000, 0);
	gg_svc_step(&s, &c, GG_SVC_FAILED, 31000, 0);
	cr_assert_eq(s.due_ms, 31500);
}

Test(service, burst)
{
	static const struct {
		int64_t burst, window, every;
		int gives_up_at; /* number of the failure; 0: never, of 300 */
	} rows[] = {
		{ 5, 60000, 10, 5 },	   { 5, 60000, 15000, 5 },  { 5, 60000, 15001, 0 },
		{ 1, 1000, 100000, 1 },	   { 2, 1000, 1000, 2 },    { 2, 1000, 1001, 0 },
		{ 100, 86400000, 1, 100 }, { 100, 99000, 1001, 0 }, { 100, 99000, 1000, 100 },
	};

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_service_conf c = conf();
		struct gg_svc s = { 0 };
		int64_t now = 1000;
		int n = 0;

		c.burst = rows[i].burst;
		c.burst_window_ms = rows[i].window;
		while (n < 300 && s.state != GG_SVC_GAVE_UP) {
			int64_t begun = now;

			run(&s, &c, &now, 0, GG_SVC_FAILED);
			now = begun + rows[i].every;
			n++;
		}
		cr_assert_eq(s.state == GG_SVC_GAVE_UP ? n : 0, rows[i].gives_up_at, "row %zu: %d", i, n);
	}
}

/* Failures count towards the burst even when each run was healthy. */
Test(service, burst_of_healthy_runs)
{
	struct gg_service_conf c = conf();
	struct gg_svc s = { 0 };
	int64_t now = 0;

	c.backoff_max_ms = 1000;
	for (int i = 0; i < 4; i++)
		cr_assert_eq(run(&s, &c, &now, 2000, GG_SVC_FAILED), GG_SVC_SLEEP);
	cr_assert_eq(run(&s, &c, &now, 2000, GG_SVC_FAILED), GG_SVC_GIVE_UP);
}

Test(service, settled)
{
	static const struct {
		bool essential;
		enum gg_svc_event event[4]; /* after GO; GO ends the list */
		bool want;
	} rows[] = {
		{ false, { GG_SVC_GO }, false },
		{ false, { GG_SVC_READY }, true },
		{ false, { GG_SVC_FAILED }, true },
		{ false, { GG_SVC_TIMER }, false },
		{ false, { GG_SVC_TIMER, GG_SVC_FAILED }, true },
		{ true, { GG_SVC_FAILED }, false },
		{ true, { GG_SVC_FAILED, GG_SVC_TIMER, GG_SVC_READY }, true },
		{ true, { GG_SVC_READY, GG_SVC_FAILED, GG_SVC_TIMER }, true },
		{ true, { GG_SVC_STOP, GG_SVC_OK }, true },
	};
	struct gg_svc fresh = { 0 };

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		struct gg_service_conf c = conf();
		struct gg_svc s = { 0 };

		c.essential = rows[i].essential;
		gg_svc_step(&s, &c, GG_SVC_GO, 0, 0);
		for (size_t k = 0; k < 4 && rows[i].event[k] != GG_SVC_GO; k++)
			gg_svc_step(&s, &c, rows[i].event[k], 1000, 0);
		cr_assert_eq(gg_svc_settled(&s, &c), rows[i].want, "row %zu", i);
	}
	cr_assert_not(gg_svc_settled(&fresh, &(struct gg_service_conf){ 0 }));
}

Test(service, hurry)
{
	struct gg_svc s = { .state = GG_SVC_STOPPING, .timed = true, .due_ms = 1000 };

	gg_svc_hurry(&s, 2000);
	cr_assert_eq(s.due_ms, 1000);
	gg_svc_hurry(&s, 500);
	cr_assert_eq(s.due_ms, 500);
	s.timed = false;
	gg_svc_hurry(&s, 100);
	cr_assert_eq(s.due_ms, 500);
	s = (struct gg_svc){ .state = GG_SVC_UP, .timed = true, .due_ms = 1000 };
	gg_svc_hurry(&s, 500);
	cr_assert_eq(s.due_ms, 1000);
}

Test(service, state_names)
{
	for (enum gg_svc_state i = 0; i < GG_NSVC_STATES; i++)
		for (enum gg_svc_state j = 0; j < i; j++)
			cr_assert_str_neq(gg_svc_state_name(i), gg_svc_state_name(j));
}
