/* manmachine - of git-gate(8): what git-gate doctor looks at on the machine, from the table of its troubles.
 */
#include <stdio.h>
#include <string.h>

#include "cli/machine.h"
#include "cli/manpage.h"

static const char intro[] = ".Sh THE MACHINE\n"
			    ".Nm git\\-gate Cm doctor\n"
			    "without a name looks at the machine as well: it tries the system calls that a "
			    "gate uses, reads what it\n"
			    "reads of a process of its own, ends such processes in each way that it ends a "
			    "session, and looks at the\n"
			    "limits, places and programs.\n"
			    "A gate may see another machine than whoever runs\n"
			    ".Cm doctor :\n"
			    "its unit or container has namespaces and filters of its own.\n"
			    "The check\n"
			    ".Ic evidence\n"
			    "is what the running gate itself has met, and\n"
			    ".Ic descriptors\n"
			    "and\n"
			    ".Ic process limit\n"
			    "are of its process where that can be seen; in a container run\n"
			    ".Cm doctor\n"
			    "inside.\n"
			    "Each check, what can be wrong, and the cure:\n";

void gg_man_machine(void)
{
	const char *last = "";

	fputs(intro, stdout);
	puts(".Bl -tag -width Ds");
	for (enum gg_trouble t = GG_FINE + 1; t < GG_NTROUBLES; t++) {
		if (strcmp(last, gg_trouble_check(t))) {
			last = gg_trouble_check(t);
			fputs(".It Ic ", stdout);
			gg_page_word(last);
			putchar('\n');
		} else {
			puts(".Pp");
		}
		printf("%s\n", gg_trouble_is_warning(t) ? "(warn)" : "(failed)");
		gg_page_text(gg_trouble_means(t));
		puts(".br\nCure:");
		gg_page_text(gg_trouble_cure(t));
	}
	puts(".El");
}
