/*
 * What is written only while the program is put into place (tables of functions, the dynamic section) is read-only afterwards: full RELRO.
 *
 * The linker lays it out on pages of its own, and whoever relocates the program has to protect them. musl does so for what its loader loads, not
 * for a static-pie, which relocates itself: so the program does it.
 */
#ifndef TRAIN_BASE_RELRO_H
#define TRAIN_BASE_RELRO_H

/* Once, before anything from outside is read. Where the pages are protected already it changes nothing. */
void relro_protect(void);

#endif
