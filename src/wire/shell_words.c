#include "wire/shell_words.h"

#include <string.h>

void shell_words_start(struct shell_words *w, const char *script) {
    *w = (struct shell_words){.at = script};
}

static bool is_one_of(const char *word, const char *const *list) {
    for (; *list != NULL; list++)
        if (strcmp(word, *list) == 0)
            return true;
    return false;
}

static bool is_end_of_word(char c) { return c == '\0' || strchr(" \t\r\n;&|()<>", c) != NULL; }

/* Behind them stands a command, as at the script's beginning. */
static const char *const before_command[] = {"if", "then", "elif", "else", "while", "until",
                                             "do", "!",    "{",    "exec", NULL};
/* Behind them does not; what they do is the shell's. */
static const char *const of_the_shell[] = {
    ".",    ":",     "[",       "alias",    "bg",      "break",  "cd",     "continue", "done",
    "echo", "esac",  "eval",    "exit",     "export",  "false",  "fg",     "fi",       "hash",
    "jobs", "kill",  "local",   "printf",   "pwd",     "read",   "return", "set",      "shift",
    "test", "times", "trap",    "true",     "type",    "ulimit", "umask",  "unalias",  "unset",
    "wait", "}",     "getopts", "readonly", "command", NULL};
/* Words of a syntax that is not followed any further. */
static const char *const too_much[] = {"case", "for", "function", "select", "time", "[[", NULL};

/* Reads a word: its letters to `word`. False where they are not to be had, or it is too long. */
static bool read_word(struct shell_words *w, char word[SHELL_WORD], bool *quoted) {
    size_t n = 0;
    char quote = '\0';
    *quoted = false;
    for (; quote != '\0' || !is_end_of_word(*w->at); w->at++) {
        char c = *w->at;
        if (c == '\0' || n == SHELL_WORD - 1)
            return false;
        if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
            *quoted = true;
        } else if (c == quote) {
            quote = '\0';
        } else if (quote != '\'' && (c == '$' || c == '`')) {
            return false;
        } else if (quote == '\0' && strchr("*?[~", c) != NULL
                   && !(c == '[' && (n == 0 || w->at[-1] == '['))) {
            return false;
        } else if (quote != '\'' && c == '\\') {
            if (*++w->at == '\0')
                return false;
            word[n++] = *w->at;
        } else {
            word[n++] = c;
        }
    }
    word[n] = '\0';
    return true;
}

/* Goes on to where the next command begins. A word's letters do not matter here, but where it ends
 * does. */
static bool skip_arguments(struct shell_words *w) {
    while (*w->at != '\0' && strchr(";&|\n()", *w->at) == NULL) {
        if (strncmp(w->at, "<<", 2) == 0 || *w->at == '`' || strncmp(w->at, "$(", 2) == 0)
            return false;
        if (*w->at == '\'') {
            if ((w->at = strchr(w->at + 1, '\'')) == NULL)
                return false;
        } else if (*w->at == '"') {
            while (*++w->at != '"')
                if (*w->at == '\0' || *w->at == '`' || strncmp(w->at, "$(", 2) == 0
                    || (*w->at == '\\' && *++w->at == '\0'))
                    return false;
        } else if (*w->at == '\\' && w->at[1] != '\0') {
            w->at++;
        } else if ((*w->at == '<' || *w->at == '>') && (w->at[1] == '&' || w->at[1] == '|')) {
            w->at++; /* 2>&1, >|file */
        } else if (*w->at == '#' && (w->at[-1] == ' ' || w->at[-1] == '\t')) {
            w->at += strcspn(w->at, "\n");
            continue;
        }
        w->at++;
    }
    return true;
}

static bool is_assignment(const char *word) {
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return n > 0 && word[n] == '=';
}

static bool give_up(struct shell_words *w) {
    w->unclear = true;
    w->at = "";
    return false;
}

/* Goes past an assignment, whose value does not matter unless it is PATH's. False where its end
 * can't be told. */
static bool skip_assignment(struct shell_words *w) {
    char value[SHELL_WORD];
    bool quoted;
    const char *at = w->at;
    if (strncmp(at, "PATH=", 5) == 0)
        return false;
    while (!is_end_of_word(*at) && strchr("'\"\\`", *at) == NULL && strncmp(at, "$(", 2) != 0)
        at++;
    if (!is_end_of_word(*at))
        return read_word(w, value, &quoted);
    w->at = at;
    return true;
}

bool shell_words_next(struct shell_words *w, char word[SHELL_WORD]) {
    for (;;) {
        bool quoted;
        w->at += strspn(w->at, " \t\r\n;&|()");
        if (*w->at == '#') {
            w->at += strcspn(w->at, "\n");
            continue;
        }
        if (*w->at == '\0')
            return false;
        if (is_assignment(w->at)) {
            if (!skip_assignment(w))
                return give_up(w);
            continue;
        }
        if (*w->at == '<' || *w->at == '>' || !read_word(w, word, &quoted))
            return give_up(w);
        if (is_one_of(word, too_much) || *w->at == '(') /* or a function */
            return give_up(w);
        if (!quoted && is_one_of(word, before_command))
            continue;
        w->count++;
        bool is_program = quoted || !is_one_of(word, of_the_shell);
        if (strcmp(word, ".") == 0 || strcmp(word, "eval") == 0 || strcmp(word, "alias") == 0)
            return give_up(w); /* may define anything */
        if (!skip_arguments(w)) {
            w->unclear = true;
            w->at = "";
        }
        if (is_program && word[0] != '\0')
            return true;
    }
}
