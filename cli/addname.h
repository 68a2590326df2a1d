/* addname - may a repository of this name be made? Pure. Tested by tests/unit/clientlines.c. */
#ifndef GG_CLI_ADDNAME_H
#define GG_CLI_ADDNAME_H

/* NULL: it may. Else what is wrong with it: "begins with a slash". */
const char *gg_add_name_wrong(const char *name);

#endif
