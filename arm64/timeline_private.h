/* Between timeline_read.c and timeline.c. */
#ifndef ARM64_TIMELINE_PRIVATE_H
#define ARM64_TIMELINE_PRIVATE_H

#include "arm64/timeline.h"

/* Find the errors in tl->step[0..nsteps), which is in order of time, and what belongs to each. 0 or
 * -ENOMEM with `err`. */
int timeline_connect(struct timeline *tl, struct err *err) __attribute__((warn_unused_result));

/* Copy text with what is not printable ASCII replaced by "?", cut to fit. */
void timeline_copy_text(char *to, size_t size, const char *from);

#endif
