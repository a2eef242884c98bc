/* Measures the layers and networks of this folder and prints latency.json.
 *
 * The clock is yours: cost_start and cost_now of cost.h, and ASC_TICKS_PER_MS, how far it goes in a
 * millisecond. Each is computed until the clock went on for 2 ms; its time is the least of three
 * such passes. Weights and activations are not those of a trained network, which costs the same.
 */
#include <stdio.h>

#include "asc_layers.h"
#include "cost.h"

#ifndef ASC_TICKS_PER_MS
#error "define ASC_TICKS_PER_MS: how far cost_now() goes in a millisecond"
#endif
#ifndef ASC_DEVICE
#define ASC_DEVICE "unknown"
#endif
#if defined(__arm__) || defined(__aarch64__)
#define ASC_MACHINE "arm"
#elif defined(__x86_64__) || defined(__i386__)
#define ASC_MACHINE "x86"
#elif defined(__xtensa__)
#define ASC_MACHINE "xtensa"
#elif defined(__riscv)
#define ASC_MACHINE "riscv"
#else
#define ASC_MACHINE "unknown"
#endif

enum { PASSES = 3, LEAST_MS = 2 };

static void print_ms(const asc_work *work) {
    uint64_t least = UINT64_MAX;
    for (int pass = 0; pass < PASSES; pass++) {
        const uint64_t start = cost_now();
        uint32_t passed = 0, runs = 0; /* of 32 bits, as the cycle counter of a chip is */
        while (passed < (uint32_t)LEAST_MS * (uint32_t)(ASC_TICKS_PER_MS)) {
            work->compute();
            runs++;
            passed = (uint32_t)(cost_now() - start);
        }
        const uint64_t ticks = (uint64_t)(ASC_TICKS_PER_MS) * runs;
        const uint64_t nanoseconds = (uint64_t)passed * 1000000u / ticks;
        least = nanoseconds < least ? nanoseconds : least;
    }
    printf("%lu.%06lu", (unsigned long)(least / 1000000u), (unsigned long)(least % 1000000u));
}

int main(void) {
#ifdef ASC_FILE /* where nobody reads what is printed, such as on an emulated chip */
    if (freopen(ASC_FILE, "w", stdout) == NULL) {
        return 2;
    }
#endif
    cost_start();
    printf("{\n  \"format\": \"asc-nas/latency/2\",\n");
    printf("  \"device\": {\"name\": \"%s\", \"machine\": \"%s\", ", ASC_DEVICE, ASC_MACHINE);
    printf("\"system\": \"C\", \"cores\": 1},\n");
    printf("  \"runtime\": \"%s\",\n  \"threads\": 1,\n  \"overhead_ms\": 0,\n", asc_program);
    printf("  \"layers\": {");
    for (int i = 0; i < asc_layer_count; i++) {
        printf("%s\n    \"%s\": ", i ? "," : "", asc_layers[i].name);
        print_ms(&asc_layers[i]);
    }
    printf("\n  },\n  \"networks\": [");
    for (int i = 0; i < asc_network_count; i++) {
        const asc_work *network = &asc_networks[i];
        printf("%s\n    {\"genotype\": \"%s\", \"layers\": [%s], \"ms\": ", i ? "," : "",
               network->name, network->layers);
        print_ms(network);
        printf("}");
    }
    printf("\n  ]\n}\n");
    return fflush(stdout) == 0 ? 0 : 3;
}
