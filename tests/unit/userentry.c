/* An entry for a uid that has none: when it is written, where, and what is in it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/readfile.h"
#include "base/userentry.h"

static char dir[] = "/tmp/userentry.XXXXXX";

static void enter(void)
{
	FILE *f;

	cr_assert(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
	f = fopen("users", "w");
	cr_assert(f);
	fputs("root:x:0:0::/:/bin/sh\n\nbroken line\ngit:x:9418:9418::/srv/git:/bin/false\n", f);
	fclose(f);
	cr_assert_eq(mkdir("run", 0755), 0);
}

static void leave(void)
{
	char command[64];

	cr_assert_eq(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}

static void link_to(const char *name)
{
	char target[64];

	snprintf(target, sizeof(target), "%s/run/%s", dir, name);
	cr_assert_eq(symlink(target, "more"), 0);
}

static void holds(const char *want)
{
	char text[256];

	cr_assert_eq(gg_read_file("run/users", text, sizeof(text), NULL), 0);
	cr_assert_str_eq(text, want);
}

Test(userentry, made, .init = enter, .fini = leave)
{
	struct stat before, after;

	link_to("users");
	cr_assert_eq(gg_user_entry("users", "more", 9418, "/srv/git"), 0);
	cr_assert_neq(access("run/users", F_OK), 0); /* it was not needed */
	cr_assert_eq(gg_user_entry("users", "more", 1000680000, "/srv/git"), 0);
	holds("git:x:1000680000:65534::/srv/git:/usr/sbin/nologin\n");
	cr_assert_eq(stat("run/users", &before), 0);
	cr_assert_eq(before.st_mode & 0133, 0);
	/* a restart leaves it alone; another uid on the same volume has its own */
	cr_assert_eq(gg_user_entry("users", "more", 1000680000, "/srv/git"), 0);
	cr_assert_eq(stat("run/users", &after), 0);
	cr_assert_eq(before.st_ino, after.st_ino);
	cr_assert_eq(gg_user_entry("users", "more", 4000000000, "/x"), 0);
	holds("git:x:4000000000:65534::/x:/usr/sbin/nologin\n");
}

Test(userentry, not_made, .init = enter, .fini = leave)
{
	cr_assert_eq(gg_user_entry("users", "more", 1000, "/srv/git"), 1);
	cr_assert_eq(gg_user_entry("nowhere", "more", 1000, "/srv/git"), 1);
	/* a file is somebody's own, and stays as it is */
	cr_assert_eq(gg_user_entry("nowhere", "users", 1000, "/srv/git"), 1);
	link_to("no/such");
	cr_assert_eq(gg_user_entry("users", "more", 1000, "/srv/git"), -ENOENT);
	cr_assert_eq(gg_user_entry("users", "more", 1000, "/srv:git"), -EINVAL);
	cr_assert_eq(gg_user_entry("users", "more", 1000, "/srv\ngit"), -EINVAL);
}
