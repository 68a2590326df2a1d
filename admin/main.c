/*
 * git-gate-admin CONTROL ADDRESS... [-- NET...] - metrics, health and a page for people, over HTTP. Started
 * by the gate as a service (supervisor/adminservice.h); it ends with the gate, and the gate does not depend
 * on it. It can read what the control socket tells; what else it could do is given up before the first client
 * is served.
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/server.h"
#include "admin/source.h"
#include "base/cleanup.h"
#include "base/jsonmem.h"

enum { NOBODY = 65534, FILES = 512, EXIT_CANNOT = 1, EXIT_USAGE = 2 };

/* The directory becomes ours, so that the way to it need not be open to the user that we become. */
static int go_to(const char *control, const char **ret_name)
{
	const char *slash = strrchr(control, '/');
	AUTO_FREE char *dir = slash ? strndup(control, (size_t)(slash - control)) : NULL;

	*ret_name = slash ? slash + 1 : control;
	if (!slash)
		return 0;
	if (!dir)
		return -ENOMEM;
	return chdir(*dir ? dir : "/") < 0 ? -errno : 0;
}

/* Root becomes nobody, with the socket's group, which may ask. 0 or -errno; -EACCES: it could not ask then.
 */
static int become_nobody(const char *name)
{
	struct stat dir, sock;

	if (geteuid() != 0)
		return 0;
	if (stat(".", &dir) < 0 || stat(name, &sock) < 0)
		return -errno;
	if (!(dir.st_mode & S_IXOTH) && !(dir.st_gid == sock.st_gid && dir.st_mode & S_IXGRP))
		return -EACCES;
	if (setgroups(0, NULL) < 0 || setresgid(sock.st_gid, sock.st_gid, sock.st_gid) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	return 0;
}

static int limit(int resource, rlim_t most)
{
	struct rlimit l = { most, most }, now;

	if (getrlimit((__rlimit_resource_t)resource, &now) == 0 && now.rlim_max < most)
		l.rlim_cur = l.rlim_max = now.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &l) < 0 ? -errno : 0;
}

static int give_up_privileges(const char *name)
{
	int r = become_nobody(name);

	if (r < 0)
		printf("cannot become user %d: %s; going on as root\n", NOBODY, strerror(-r));
	/* after the change of user, which takes it away */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	r = limit(RLIMIT_CORE, 0);
	r = r ? r : limit(RLIMIT_FSIZE, 0);
	r = r ? r : limit(RLIMIT_NPROC, 0);
	return r ? r : limit(RLIMIT_NOFILE, FILES);
}

/* What the gate waits for: base/service.def, ready = fd. */
static void tell_ready(void)
{
	const char *text = getenv("READY_FD");
	int fd = text ? atoi(text) : -1;

	if (fd < 0)
		return;
	(void)!write(fd, "\n", 1);
	close(fd);
}

static int serve(struct gg_server *s, const char *name, char *const *address)
{
	char err_mem[400], where_mem[80];
	struct gg_buf err = GG_BUF(err_mem);
	int r = 0;

	for (; *address && r == 0; address++) {
		struct gg_buf where = GG_BUF(where_mem);

		r = gg_server_listen(s, *address, &where, &err);
		if (r == 0)
			printf("listening on http://%s/\n", where.s);
	}
	if (r == 0) {
		r = give_up_privileges(name);
		if (r < 0)
			gg_buf_add(&err, "cannot give up privileges: %s", strerror(-r));
	}
	fflush(stdout);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.s);
		return EXIT_CANNOT;
	}
	tell_ready();
	r = gg_server_run(s);
	fprintf(stderr, "cannot go on: %s\n", strerror(-r));
	return EXIT_CANNOT;
}

/* Ends the addresses at a "--"; what follows it are nets. */
static char **split(char **argv)
{
	while (*argv && strcmp(*argv, "--") != 0)
		argv++;
	if (*argv)
		*argv++ = NULL;
	return argv;
}

int main(int argc, char **argv)
{
	struct gg_source *source;
	struct gg_server *server;
	const char *name;
	char **net;
	int r;

	if (argc < 3) {
		fputs("usage: git-gate-admin CONTROL ADDRESS... [-- NET...]\n"
		      "The gate starts it, when listen.admin is set: see git-gate.conf(5).\n",
		      stderr);
		return EXIT_USAGE;
	}
	gg_jsonmem_open();
	signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* without the gate it is nobody's */
		return EXIT_CANNOT;
	r = go_to(argv[1], &name);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
		return EXIT_CANNOT;
	}
	source = gg_source_new(name);
	server = source ? gg_server_new(source) : NULL;
	if (!server)
		fprintf(stderr, "%s\n", strerror(ENOMEM));
	net = split(argv + 2);
	if (server)
		gg_server_allow(server, net, (size_t)(argv + argc - net));
	r = server ? serve(server, name, argv + 2) : EXIT_CANNOT;
	gg_server_free(server);
	gg_source_free(source);
	return r;
}
