/* Reads lines, an expression and a text with a tab between them; says 1 where the whole text is
 * matched, 0 where it is not, E where the expression is none. By this C library, or with OURS by
 * bastion. */
#include <stdio.h>
#include <string.h>

#ifdef OURS
#include "wire/ere.h"

static char ask(const char *expression, const char *text) {
    static _Alignas(16) char memory[ERE_MEMORY];
    static struct ere_work work;
    static struct ere_run run;
    struct ere e;
    struct ere_fault error;
    if (ere_compile(&e, (struct slice){expression, strlen(expression)}, false, memory,
                    sizeof memory, &work, &error)
        != ERE_GOOD)
        return 'E';
    return ere_match(&e, (struct slice){text, strlen(text)}, &run) ? '1' : '0';
}
#else
#include <locale.h>
#include <regex.h>

/* The library finds the leftmost match and of these the longest, so that one of the whole is found
 * if there is any. */
static char ask(const char *expression, const char *text) {
    regex_t compiled;
    regmatch_t match;
    setlocale(LC_CTYPE, "C.UTF-8");
    if (regcomp(&compiled, expression, REG_EXTENDED) != 0)
        return 'E';
    int missed = regexec(&compiled, text, 1, &match, 0);
    regfree(&compiled);
    return missed == 0 && match.rm_so == 0 && (size_t)match.rm_eo == strlen(text) ? '1' : '0';
}
#endif

int main(void) {
    static char line[1 << 16];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *text = line + strcspn(line, "\t");
        if (*text != '\t')
            return 1;
        *text++ = '\0';
        text[strcspn(text, "\n")] = '\0';
        putchar(ask(line, text));
        putchar('\n');
        fflush(stdout); /* what is known is known when the next takes for ever */
    }
    return 0;
}
