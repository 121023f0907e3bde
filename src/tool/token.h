/* token.h: `bastion token`: makes a token for HTTP, and takes one away. */
#ifndef TOOL_TOKEN_H
#define TOOL_TOKEN_H

/* The program `bastion token`. Returns the exit code. */
int token_main(int argc, char **argv);

#endif
