/* mantext - the fixed prose of git-gate(8), as mdoc(7), in its order. Between two of them stands a list that
 * cli/manoperator.c makes from a table. */
#ifndef GG_CLI_MANTEXT_H
#define GG_CLI_MANTEXT_H

#include "supervisor/signals.h"

extern const char gg_mantext_intro[];	  /* up to the phases */
extern const char gg_mantext_ending[];	  /* up to the reasons */
extern const char gg_mantext_steps[];	  /* up to the steps */
extern const char gg_mantext_events[];	  /* after the steps */
extern const char gg_mantext_signals[];	  /* up to the signals */
extern const char gg_mantext_push[];	  /* what happens to a push, in cli/mantextpush.c */
extern const char gg_mantext_metrics[];	  /* up to the metrics, in cli/mantextadmin.c */
extern const char gg_mantext_operation[]; /* up to the exit status */
extern const char gg_mantext_end[];

/* What follows the names of the signals of each kind. */
extern const char *const gg_mantext_signal[GG_NSIGNAL_ACTS];

#endif
