/* Start of a program on the emulated Arm MPS2 boards, and its cost in instructions.
 *
 * QEMU with -icount shift=0 lets a nanosecond pass with each instruction, and the boards' SysTick
 * counts at 25 MHz: one tick is 40 instructions. Input and output go through semihosting.
 */
#include <stdint.h>
#include <stdlib.h>

#include "cost.h"

enum { INSTRUCTIONS_PER_TICK = 40, RELOAD = 0xffffff };
enum { MARKED_WORDS = 16384, SPARED_WORDS = 16, MARK = 0x5a5a5a5a };

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;
extern int main(void);
extern void initialise_monitor_handles(void);
void reset(void);

static volatile uint32_t *const control = (volatile uint32_t *)0xe000e010;
static volatile uint32_t *const reload = (volatile uint32_t *)0xe000e014;
static volatile uint32_t *const count = (volatile uint32_t *)0xe000e018;
static volatile uint32_t wraps;

static void fault(void) { _Exit(99); }

static void tick(void) { wraps++; }

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))(uintptr_t)&stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0,
    fault, fault, 0, fault, tick};

void reset(void) {
    *(volatile uint32_t *)0xe000ed88 |= 0xfu << 20; /* the floating-point unit */
    uint32_t *from = &data_load;
    for (uint32_t *to = &data_start; to < &data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &bss_start; to < &bss_end;) {
        *to++ = 0;
    }
    initialise_monitor_handles();
    exit(main());
}

void cost_start(void) {
    *reload = RELOAD;
    *count = 0;
    *control = 7; /* the processor's clock, with an interrupt at each wrap */
}

uint64_t cost_now(void) {
    uint32_t before, now;
    do { /* no wrap in between */
        before = wraps;
        now = *count;
    } while (before != wraps);
    return ((uint64_t)before * (RELOAD + 1u) + (RELOAD - now)) * INSTRUCTIONS_PER_TICK;
}

static uint32_t *marked; /* the top of the marked stack */

__attribute__((noinline)) void cost_mark_stack(void) {
    marked = (uint32_t *)__builtin_frame_address(0) - SPARED_WORDS;
    for (volatile uint32_t *word = marked - MARKED_WORDS; word < marked; word++) {
        *word = MARK;
    }
}

__attribute__((noinline)) uint32_t cost_stack(void) {
    const uint32_t *word = marked - MARKED_WORDS;
    while (word < marked && *word == MARK) {
        word++;
    }
    return (uint32_t)(marked + SPARED_WORDS - word) * sizeof *word;
}

void _init(void) {}
void _fini(void) {}
