/* libsystemd - sd-daemon(3) and sd-journal(3). See libsystemd.h. */
#include "base/libsystemd.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* Its name is its ABI's: what we are built with and what we load are the same. */
#define LIBRARY "libsystemd.so.0"

static int fail(struct gg_buf *ret_err)
{
	const char *why = dlerror();

	gg_buf_add(ret_err, "%s; install libsystemd0", why ? why : LIBRARY " cannot be loaded");
	return -ELIBACC;
}

static bool find(void *handle, const char *name, void *ret, size_t size)
{
	void *at = dlsym(handle, name);

	memcpy(ret, &at, size); /* C has no conversion from an object's address to a function's */
	return at != NULL;
}

int gg_libsystemd_load(struct gg_libsystemd *ret, struct gg_buf *ret_err)
{
	bool all = true;

	*ret = (struct gg_libsystemd){ .handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) };
	if (!ret->handle)
		return fail(ret_err);
#define GG_FIND(name) all = all && find(ret->handle, #name, &ret->name, sizeof(ret->name));
	GG_LIBSYSTEMD_CALLS(GG_FIND)
#undef GG_FIND
	if (all)
		return 0;
	fail(ret_err);
	gg_libsystemd_unload(ret);
	return -ELIBACC;
}

void gg_libsystemd_unload(struct gg_libsystemd *l)
{
	if (l->handle)
		dlclose(l->handle);
	l->handle = NULL;
}
