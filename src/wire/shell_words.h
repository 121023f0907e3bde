/* shell_words.h: which programs a shell script starts, as far as that can be told by looking at it
 * (POSIX.1-2017, Shell Command Language, 2.9). */
#ifndef WIRE_SHELL_WORDS_H
#define WIRE_SHELL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { SHELL_WORD = 256 }; /* bytes of a program's name; longer ones are not told */

struct shell_words {
    const char *at; /* set by shell_words_start; where reading goes on */
    size_t count;   /* commands so far, those of the shell itself included */
    /* reading has ended at something that says nothing without being executed: a variable, a
     * substitution, ... */
    bool unclear;
};

void shell_words_start(struct shell_words *w, const char *script);

/* The next program that is started by its name, in its letters (without quotes); what the shell
 * does itself (cd, if, ...) is left out. False at the end, and where nothing more can be told: then
 * w->unclear. */
bool shell_words_next(struct shell_words *w, char word[SHELL_WORD]);

#endif
