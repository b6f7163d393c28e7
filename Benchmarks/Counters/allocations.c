// Counts what a process allocates: linked into a program, or preloaded, it stands in front of the C library's allocator.
//
// Linked, it counts for each thread. Preloaded, it also counts for whoever watches: the file named by TOCSIN_ALLOCATIONS
// is mapped and shared; `struct shared` is its layout, which Allocations/measure.py repeats. While the watcher has
// `recording` set, the stacks of the allocations are kept as well, so that each can be named by file and line.
#define _GNU_SOURCE
#include "CCounters.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FRAMES_MAX = 32, STACKS_MAX = 4096 };

struct stack {
    uint64_t byte_count;
    uint64_t frames[FRAMES_MAX];
};

struct shared {
    _Atomic uint64_t allocations;
    _Atomic uint64_t bytes;
    _Atomic uint64_t frees;
    // Set by the watcher.
    _Atomic uint64_t recording;
    _Atomic uint64_t stack_count;
    struct stack stacks[STACKS_MAX];
};

// glibc's own entrances, which stay reachable beside the ones defined here.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *pointer);

static struct shared *shared;
static _Thread_local int is_inside;
static _Thread_local uint64_t allocations_of_thread;

uint64_t counters_allocations(void) {
    return allocations_of_thread;
}

// Before main, so that no thread needs to be waited for.
__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("TOCSIN_ALLOCATIONS");
    if (path == NULL) return;
    // What this process starts is not counted.
    unsetenv("LD_PRELOAD");
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) return;
    // The first call loads the unwinder, which allocates.
    void *frame;
    backtrace(&frame, 1);
    shared = mapped;
}

static void record_stack(size_t size) {
    void *frames[FRAMES_MAX + 2];
    is_inside = 1;
    int count = backtrace(frames, FRAMES_MAX + 2);
    is_inside = 0;
    uint64_t index = atomic_fetch_add(&shared->stack_count, 1);
    if (index >= STACKS_MAX) return;
    struct stack *stack = &shared->stacks[index];
    // The first two are of this file.
    for (int frame = 2; frame < count; frame++) stack->frames[frame - 2] = (uint64_t)frames[frame];
    stack->byte_count = size;
}

static void note(size_t size) {
    allocations_of_thread += 1;
    if (shared == NULL || is_inside) return;
    atomic_fetch_add_explicit(&shared->allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared->bytes, size, memory_order_relaxed);
    if (atomic_load_explicit(&shared->recording, memory_order_relaxed)) record_stack(size);
}

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note(count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size) {
    note(size);
    return __libc_realloc(pointer, size);
}

void *memalign(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    note(size);
    void *pointer = __libc_memalign(alignment, size);
    if (pointer == NULL) return ENOMEM;
    *result = pointer;
    return 0;
}

void free(void *pointer) {
    if (shared != NULL && pointer != NULL) atomic_fetch_add_explicit(&shared->frees, 1, memory_order_relaxed);
    __libc_free(pointer);
}
