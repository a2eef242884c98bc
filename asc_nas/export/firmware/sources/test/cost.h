/* What work costs: instructions on the emulated chip, nanoseconds on a PC. */
#ifndef COST_H
#define COST_H

#include <stdint.h>

void cost_start(void);
uint64_t cost_now(void);
/* Mark the free stack, and return how many bytes of it were used since; 0 where it is not known. */
void cost_mark_stack(void);
uint32_t cost_stack(void);

#endif
