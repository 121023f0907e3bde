/* Any text as a shell script: looking for its programs comes to an end, and what is told is a
 * name. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/shell_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *script = malloc(size + 1), word[SHELL_WORD];
    struct shell_words w;
    size_t found = 0;
    memcpy(script, data, size);
    script[size] = '\0';
    shell_words_start(&w, script);
    while (shell_words_next(&w, word)) {
        assert(word[0] != '\0' && memchr(word, '\0', sizeof word) != NULL);
        assert(++found <= size);
    }
    assert(w.count >= found && *w.at == '\0');
    free(script);
    return 0;
}
