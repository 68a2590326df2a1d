/* command - what main() hands to a sub-command, and the sub-commands. */
#ifndef GG_CLI_COMMAND_H
#define GG_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum gg_exit {
#define EXIT(ID, ...) GG_EXIT_##ID,
#include "cli/exit.def"
#undef EXIT
};

/* The command line after parsing. Texts are borrowed from argv; NULL: not given. */
struct gg_args {
	const char *config; /* that of --gate, when only this is given */
	const char *gate, *control, *reason, *base, *since, *scratch, *instance, *pid;
	const char *upstream, *identity, *known_hosts, *host;
	const char *watch, *repo, *lines, *journal; /* watch: "" without a value */
	bool json, all, strict, observe, local, missing, delete, ready, help;
	char *config_of_gate; /* owned */
	char **set;	      /* key=value of each -c; the array is owned */
	size_t nset;
	char **operand; /* borrowed */
	size_t noperand;
};

/* Options a command may take, as bits of its mask: 1u << GG_OPT_…; the table is in options.c. */
enum gg_opt {
	GG_OPT_JSON,
	GG_OPT_ALL,
	GG_OPT_REASON,
	GG_OPT_WATCH,
	GG_OPT_SINCE_WHEN,
	GG_OPT_REPO,
	GG_OPT_REASON_IS,
	GG_OPT_JOURNAL,
	GG_OPT_LINES,
	GG_OPT_BASE,
	GG_OPT_SINCE,
	GG_OPT_STRICT,
	GG_OPT_SCRATCH,
	GG_OPT_INSTANCE,
	GG_OPT_PID,
	GG_OPT_OBSERVE,
	GG_OPT_UPSTREAM,
	GG_OPT_IDENTITY,
	GG_OPT_KNOWN_HOSTS,
	GG_OPT_LOCAL,
	GG_OPT_MISSING,
	GG_OPT_HOST,
	GG_OPT_DELETE,
	GG_OPT_READY,
	GG_OPT_GATE,
	GG_OPT_CONTROL,
	GG_OPT_CONFIG,
	GG_OPT_SET,
	GG_OPT_HELP, /* every command has it */
	GG_NOPTS
};

struct gg_command {
	const char *name;
	const char *operands;		     /* for the synopsis and completion: "ID", "[REPO]..." */
	size_t least, most;		     /* operands */
	const char *help;		     /* one line */
	unsigned options;		     /* mask */
	bool settings;			     /* its help lists the settings of a gate */
	int (*run)(const struct gg_args *a); /* returns an exit code */
};

int gg_cmd_run(const struct gg_args *a);
int gg_cmd_watch(const struct gg_args *a);
int gg_cmd_check_config(const struct gg_args *a);
int gg_cmd_sessions(const struct gg_args *a);
int gg_cmd_reaped(const struct gg_args *a);
int gg_cmd_show(const struct gg_args *a);
int gg_cmd_kill(const struct gg_args *a);
int gg_cmd_status(const struct gg_args *a);
int gg_cmd_tail(const struct gg_args *a);
int gg_cmd_explain(const struct gg_args *a);
int gg_cmd_health(const struct gg_args *a);
int gg_cmd_report(const struct gg_args *a);
int gg_cmd_tune(const struct gg_args *a);
int gg_cmd_metrics(const struct gg_args *a);
int gg_cmd_reload(const struct gg_args *a);
int gg_cmd_drain(const struct gg_args *a);
int gg_cmd_resume(const struct gg_args *a);
int gg_cmd_cleanup(const struct gg_args *a);
int gg_cmd_add(const struct gg_args *a);
int gg_cmd_client(const struct gg_args *a);
int gg_cmd_remove(const struct gg_args *a);
int gg_cmd_token(const struct gg_args *a);
int gg_cmd_doctor(const struct gg_args *a);
int gg_cmd_version(const struct gg_args *a);

#endif
