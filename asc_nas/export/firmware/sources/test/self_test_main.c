#include <stdio.h>

#include "self_test.h"

int main(void) {
    int found = asc_self_test();
    puts(found == ASC_SAME ? "the same as asc-nas" : "DIFFERS from asc-nas");
    return found;
}
