/* A test to run on the device: 0 if it computes what asc-nas did; else what differs. */
#ifndef ASC_SELF_TEST_H
#define ASC_SELF_TEST_H

enum {
    ASC_SAME = 0,
    ASC_OTHER_LOG_MEL = 1, /* of noise: further than 2/128 dB from asc-nas */
    ASC_OTHER_LOGITS = 2   /* of a recording's log-mel: not the same integers */
};

int asc_self_test(void);

#endif
