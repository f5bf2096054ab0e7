/* base/fault.h -- marks in the code for rare paths, so that a test can prove that it reaches them.
 *
 * Thread: any
 * Why:    MARK costs nothing in a release build; in a test build it counts by name
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

/* MARK -- name is a constant text, unique in the tree. */
#define MARK(name)                                                                                 \
    do {                                                                                           \
    } while (0)

#endif
