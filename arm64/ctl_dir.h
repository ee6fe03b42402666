/*
 * Where the control sockets of named guests are: $XDG_RUNTIME_DIR/rasvm, else .rasvm/run in the home. A guest
 * uses the first that can be used; a client looks into both, as it may have been started in other
 * surroundings than the guest.
 *
 * Beside NAME.sock there is NAME.lock, which the guest keeps locked while it lives: whoever gets that lock
 * knows that the socket is left over from one that was killed.
 *
 * Source: XDG Base Directory Specification 0.8 (a runtime directory that is not absolute, not the user's own,
 * or open to others is not used).
 */
#ifndef ARM64_CTL_DIR_H
#define ARM64_CTL_DIR_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

#define CTL_NAME_BYTES 64 /* longest name, with its final 0 */
#define CTL_PATH_BYTES 4096

/* What the place depends on. */
struct ctl_env {
	const char *runtime_dir; /* XDG_RUNTIME_DIR or NULL */
	const char *home;        /* HOME or NULL */
	const char *passwd;      /* the user database, for a user without HOME */
	uid_t uid;
};

enum ctl_dir_kind { CTL_DIR_RUNTIME, CTL_DIR_HOME, CTL_NR_DIRS };

struct ctl_dir {
	int fd; /* -1: none */
	char path[CTL_PATH_BYTES];
};

/* The place of a guest that runs. */
struct ctl_place {
	struct ctl_dir dir;
	int lock_fd;   /* -1: not taken */
	int listen_fd; /* non-blocking */
	char name[CTL_NAME_BYTES];
};

/* This process's. The texts belong to its environment. */
struct ctl_env ctl_env_now(void);

/* 0, or -EINVAL with `err`: letters, digits, ".", "_", "-", not beginning with a dot. */
int ctl_name_check(const char *name, struct err *err) __attribute__((warn_unused_result));

/* Open one of the places, if it is there; `create`: make it. 0, or -errno with `err` a sentence: -ENOENT, there
 * is none; -EPERM, it is not ours alone; -ENXIO, nothing says where the home is. */
int ctl_dir_open(struct ctl_dir *dir, const struct ctl_env *env, enum ctl_dir_kind kind,
		 bool create, struct err *err) __attribute__((warn_unused_result));
void ctl_dir_close(struct ctl_dir *dir);

/* Take the name and listen. 0, or -errno with `err`: -EADDRINUSE, a guest of that name runs. Call
 * ctl_place_leave() in both cases. */
int ctl_place_take(struct ctl_place *place, const struct ctl_env *env, const char *name,
		   struct err *err) __attribute__((warn_unused_result));

/* Stop listening, take socket and lock away. After ctl_place_take(), whatever that returned. */
void ctl_place_leave(struct ctl_place *place);

/* Connect to a guest in an open directory. A descriptor that does not block; or -ENOENT, -ECONNREFUSED (nobody
 * listens), -EAGAIN (too many wait already) or another -errno. */
int ctl_dir_connect(const struct ctl_dir *dir, const char *name)
	__attribute__((warn_unused_result));

/* Nobody listened: remove what a killed guest left behind. False: its lock is held, it is just starting. */
bool ctl_dir_clean(const struct ctl_dir *dir, const char *name);

#endif
