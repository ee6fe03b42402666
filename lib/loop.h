/*
 * The main thread's event loop: file descriptors and what to do when they are ready. Timers are
 * timerfds, other threads wake it through an eventfd, signals come by signalfd: everything is a
 * descriptor. All functions belong to the thread that runs the loop.
 */
#ifndef LIB_LOOP_H
#define LIB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define LOOP_MAX_SOURCES 1024

struct loop_source {
	int fd;
	void (*fn)(void *arg, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR */
	void *arg;
};

struct loop {
	int epoll_fd;
	uint64_t round;                              /* of loop_once() */
	unsigned used;                               /* places of `source` that were ever taken */
	struct loop_source source[LOOP_MAX_SOURCES]; /* fd -1: free */
	/* The round in which each became free: it is not taken again before the next. */
	uint64_t removed[LOOP_MAX_SOURCES];
};

/* 0, or -errno with `err` written. */
int loop_init(struct loop *loop, struct err *err) __attribute__((warn_unused_result));
void loop_close(struct loop *loop);

/* Watch `fd` for `events`; 0 waits for nothing but errors. -EPERM: a regular file, which epoll does
 * not take and which never blocks. The fd stays the caller's. */
int loop_add(struct loop *loop, int fd, uint32_t events, void (*fn)(void *, uint32_t), void *arg)
	__attribute__((warn_unused_result));

/* Change what is watched; no effect if `fd` is not in the loop. */
void loop_modify(struct loop *loop, int fd, uint32_t events);

/* Stop watching; safe if `fd` is not in the loop. */
void loop_remove(struct loop *loop, int fd);

/* Wait for the next events, `timeout_ms` at most (-1: for ever, 0: not at all), and call their
 * functions once. 0 or -errno. */
int loop_once(struct loop *loop, int timeout_ms) __attribute__((warn_unused_result));

#endif
