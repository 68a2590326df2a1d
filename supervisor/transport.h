/* transport - how a client is served: its listener decides. */
#ifndef GG_SUPERVISOR_TRANSPORT_H
#define GG_SUPERVISOR_TRANSPORT_H

enum gg_transport { GG_GIT, GG_HTTP, GG_NTRANSPORTS };

/* As in events and reports, and as the FileDescriptorName= of a socket of systemd's. */
static inline const char *gg_transport_name(enum gg_transport t)
{
	return t == GG_HTTP ? "http" : "git";
}

#endif
