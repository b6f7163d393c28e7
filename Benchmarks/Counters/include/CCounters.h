#ifndef TOCSIN_COUNTERS_H
#define TOCSIN_COUNTERS_H

#include <stdint.h>

/// How often the calling thread has allocated so far.
uint64_t counters_allocations(void);

/// Runs `body` in a child of this process and counts the instructions of its thread.
///
/// The child is made to stop behind each instruction, so that no counter of the processor is needed, which virtual
/// machines do not have. What the kernel does for it is not counted, and what it changes in memory is lost.
/// - Returns: The count, or a negative error number where a process may not trace its child.
int64_t counters_instructions(void (*body)(void *context), void *context);

#endif
