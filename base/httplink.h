/*
 * httplink - what git-gate-http and the gate agree on: messages on its status socket, the descriptors of its
 * pipes to git, and the names of its thread, which say what it waits for and stand in /proc/PID/stat.
 */
#ifndef GG_BASE_HTTPLINK_H
#define GG_BASE_HTTPLINK_H

/*
 * Beside the report of a request (daemon-wrap/status.h) there are messages of one byte and perhaps a text.
 *   to the gate    GG_STATUS_IDLE  the reply is complete, nothing of the next request has come
 *                  GG_STATUS_HEAD  the first byte of a request has
 *                  GG_STATUS_LARGE the push of the present request was refused: limit.push, or repo.NAME.push
 *                  GG_STATUS_PUSHED it has come, and git's answer has gone to the client
 *   from the gate  GG_STATUS_END   text: why the session is about to be ended
 */
#define GG_STATUS_IDLE '\1'
#define GG_STATUS_HEAD '\2'
#define GG_STATUS_END '\3'
#define GG_STATUS_LARGE '\4'
#define GG_STATUS_PUSHED '\5'

/* Its ends of git's stdin and stdout. */
#define GG_HTTP_FD_BODY 10
#define GG_HTTP_FD_REPLY 11

#endif
