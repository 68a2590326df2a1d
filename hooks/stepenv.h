/*
 * stepenv - the environment of the operator's steps, made from a list: what is not on it is not there, above
 * all not where the gate's control socket, an agent's or an identity is. Tested by tests/unit/hooksteps.c.
 */
#ifndef GG_HOOKS_STEPENV_H
#define GG_HOOKS_STEPENV_H

/*
 * Taken from env, each if it is there: PATH, LC_ALL, GIT_DIR, the quarantine's (GIT_QUARANTINE_PATH,
 * GIT_OBJECT_DIRECTORY, GIT_ALTERNATE_OBJECT_DIRECTORIES), GIT_PUSH_OPTION_COUNT and _N, GIT_PUSH_CERT and
 * its _SIGNER, _KEY, _STATUS, _NONCE, _NONCE_STATUS, _NONCE_SLOP; REMOTE_ADDR, REMOTE_PORT, REMOTE_USER,
 * GIT_GATE_SESSION. Of git's settings in the environment only safe.directory, without which git refuses a
 * repository that is another user's; core.hooksPath in it would run our hook in a step's own pushes.
 * Added: GIT_GATE_REPO=repo, HOME=/nonexistent, GIT_NO_REPLACE_OBJECTS=1 (a pushed refs/replace/ hides
 * nothing from a step).
 * *ret: NULL-terminated, owned by the caller; gg_step_env_free. 0 or -ENOMEM.
 */
int gg_step_env(char *const *env, const char *repo, char ***ret);
void gg_step_env_free(char **env);

#endif
