/*
 * lg2 - what libgit2 does over the network, for tests: built by them with `cc lg2.c $(pkg-config --libs
 * libgit2)`. lg2 clone URL DIR lg2 push DIR REFSPEC     to the remote "origin" lg2 fetch DIR            from
 * it Exit status 0, or 1 after libgit2's words on stderr.
 */
#include <git2.h>
#include <stdio.h>
#include <string.h>

static int failed(const char *what)
{
	const git_error *e = git_error_last();

	fprintf(stderr, "lg2: %s: %s\n", what, e ? e->message : "unknown error");
	return 1;
}

static int clone(const char *url, const char *dir)
{
	git_repository *repo = NULL;
	int r = git_clone(&repo, url, dir, NULL);

	git_repository_free(repo);
	return r < 0 ? failed("clone") : 0;
}

/* A reference that the server did not take: libgit2 tells it here, and calls the push a success. */
static int on_reference(const char *name, const char *status, void *bad)
{
	if (status) {
		fprintf(stderr, "lg2: %s: %s\n", name, status);
		*(int *)bad = 1;
	}
	return 0;
}

static int with_origin(const char *dir, const char *refspec)
{
	git_push_options push;
	git_repository *repo = NULL;
	git_remote *origin = NULL;
	char *spec[] = { (char *)refspec };
	git_strarray specs = { spec, 1 };
	int bad = 0, r = git_push_options_init(&push, GIT_PUSH_OPTIONS_VERSION);

	r = r < 0 ? r : git_repository_open(&repo, dir);
	push.callbacks.push_update_reference = on_reference;
	push.callbacks.payload = &bad;
	r = r < 0 ? r : git_remote_lookup(&origin, repo, "origin");
	if (r == 0 && refspec)
		r = git_remote_push(origin, &specs, &push);
	else if (r == 0)
		r = git_remote_fetch(origin, NULL, NULL, NULL);
	git_remote_free(origin);
	git_repository_free(repo);
	return r < 0 ? failed(refspec ? "push" : "fetch") : bad;
}

int main(int argc, char **argv)
{
	int code = 1;

	git_libgit2_init();
	if (argc == 4 && !strcmp(argv[1], "clone"))
		code = clone(argv[2], argv[3]);
	else if (argc == 4 && !strcmp(argv[1], "push"))
		code = with_origin(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "fetch"))
		code = with_origin(argv[2], NULL);
	else
		fprintf(stderr, "usage: lg2 clone URL DIR | push DIR REFSPEC | fetch DIR\n");
	git_libgit2_shutdown();
	return code;
}
