/* stepname - see stepname.h. */
#include "hooks/stepname.h"

#include <string.h>

bool gg_step_ignored(const char *name)
{
	size_t n = strlen(name);

	return *name == '.' || (n && name[n - 1] == '~') || (n >= 4 && strcmp(name + n - 4, ".bak") == 0) ||
	       strstr(name, ".dpkg-");
}
