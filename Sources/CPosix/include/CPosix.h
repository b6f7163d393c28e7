// What `import Glibc` does not show to Swift (Linux-only calls), as thin wrappers, and what must run in C
// between fork and exec. No logic beyond that.
// _GNU_SOURCE stands in the .c file: in a public header it changes how the module of Glibc is built.
#ifndef TOCSIN_CPOSIX_H
#define TOCSIN_CPOSIX_H

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

// Headers that Glibc's own module covers stay out: including them here would move their names to this module.
struct sockaddr;

int tocsin_accept4(int listener, struct sockaddr *address, unsigned int *length);
int tocsin_pipe2(int descriptors[2]);
/// Opens for reading; close-on-exec, non-blocking.
int tocsin_open_read(const char *path);
/// Bytes that malloc has handed out: from its arenas, and mapped one by one (mallinfo(3)).
size_t tocsin_heap_bytes(void);
/// Sets a thread's name as `ps` and `perf` show it; at most 15 bytes.
void tocsin_thread_name(const char *name);
/// Starts a program that gets `end_signal` when the calling thread ends, whatever ends it. No signal is blocked in it;
/// its standard input is empty. It keeps the descriptor `inherited` open, unless that is -1. Returns its pid, or -1 with
/// errno, also when the program cannot be executed.
int tocsin_spawn(const char *path, char *const arguments[], char *const environment[], int end_signal, int inherited);
/// Opens or creates a file and locks it for as long as the descriptor is open; -1 with EWOULDBLOCK if it is locked.
int tocsin_lock_file(const char *path);

#endif
