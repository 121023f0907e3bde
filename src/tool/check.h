/* check.h: bastion check, for people: are the settings valid, and what would happen to a
 * request? */
#ifndef TOOL_CHECK_H
#define TOOL_CHECK_H

/* Returns the exit status: 0, 64 usage, 78 for an error in the settings, 126 when the request would
 * be refused. */
int check_main(int argc, char **argv);

#endif
