/*
 * The firmware lock. PSCI, SDEI and error delivery share it, because one decision often needs two
 * of them. Functions that need it take a `struct fw_locked` by value: the token exists only between
 * fw_lock() and fw_unlock(), so a missing lock does not compile.
 *
 * Order: vm > fw > device leaf locks. Never held across KVM_RUN.
 */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

#include <pthread.h>

struct fw_lock {
	pthread_mutex_t mutex;
};

struct fw_locked {
	struct fw_lock *lock;
};

static inline struct fw_locked fw_lock(struct fw_lock *l)
{
	pthread_mutex_lock(&l->mutex);
	return (struct fw_locked){ l };
}

static inline void fw_unlock(struct fw_locked t)
{
	pthread_mutex_unlock(&t.lock->mutex);
}

#endif
