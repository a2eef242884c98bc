#define _POSIX_C_SOURCE 199309L
#include <time.h>

#include "cost.h"

void cost_start(void) {}

uint64_t cost_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cost_mark_stack(void) {}

uint32_t cost_stack(void) { return 0; }
