/* SPDX-License-Identifier: MIT
 *
 * target.h - what each fuzz_<name>.c defines, for libFuzzer and for replay.c. */
#ifndef AG_FUZZ_TARGET_H
#define AG_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* Reads one input; a broken promise ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many inputs were accepted so far as what they claim to be. A corpus of which none is tests
 * the refusals alone, and replay.c fails it. */
extern size_t inputs_accepted;

#endif
