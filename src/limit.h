/* limit.h: every cap of bastion, with its unit and its reason.
 * A full buffer is refused, never cut silently: none of these grows at run time. */
#ifndef LIMIT_H
#define LIMIT_H

/* A cap that is a plain number as a text, for messages that name it. */
#define LIMIT_TEXT_OF(number) #number
#define LIMIT_TEXT(cap) LIMIT_TEXT_OF(cap)

/* The request's head (bastion(8), HTTP; RFC 9112, section 3 asks for 8000 octets of request line
 * at least). */
#define LIMIT_REQUEST_LINE 8192 /* bytes without the CRLF; 414 above */
#define LIMIT_HEAD 32768        /* bytes from the method to the empty line; 431 above */
#define LIMIT_FIELDS 100        /* field lines; 431 above */
#define LIMIT_HEAD_MS 10000     /* from accept or the first byte to the empty line; 408 after */
/* between two requests, as every answer says; a silent close after */
#define LIMIT_IDLE_MS 15000
/* a connection takes no further request after that: a credential that was taken away since
 * counts for as long as the connection */
#define LIMIT_CONNECTION_MS 60000

/* addresses of X-Forwarded-For that are looked at, from the last one on: nobody has so many
 * proxies in a row */
#define LIMIT_FORWARDED 16

/* The header of the PROXY protocol. */
/* How long a client of `bastion mux` may say nothing before it is taken for one of SSH that waits
 * for the server; and how long what it says may leave that open. Milliseconds */
#define LIMIT_MUX_SILENT_MS 3000
#define LIMIT_MUX_MS 10000
#define LIMIT_PROXY_MS 5000 /* from the connection's start to its end */
/* bytes of one of version 2: its additional values may hold a client's certificate */
#define LIMIT_PROXY_HEADER 16384
/* for a proxy that speaks for nobody to show that it has only looked whether somebody listens */
#define LIMIT_PROXY_CHECK_MS 100

/* The request's body. */
#define LIMIT_BODY_WINDOW 16384 /* bytes of a body in memory at a time */
/* bytes that a request may announce and the command not take; 413 above. A forge's delivery has
 * 25 MiB at most */
#define LIMIT_DROPPED_BODY (LIMIT_DROPPED_BODY_MIB * 1048576)
#define LIMIT_DROPPED_BODY_MIB 32
/* a body that is the command's input: between two of its bytes */
#define LIMIT_BODY_STALL_MS 60000
/* an answer waits so long for the rest of a body that nobody takes: most clients read nothing
 * before they have sent all, and the connection can go on; then it is sent, and the rest read
 * behind it */
#define LIMIT_BODY_WAIT_MS 2000
/* for the first byte, or the end, of a POST's body that the web server says nothing of */
#define LIMIT_CGI_BODY_MS 1000
/* bytes of a form that names a broker request: three for each of its bytes, and a little */
#define LIMIT_FORM 24640
/* bytes of chunk extensions in a body: they carry nothing for us */
#define LIMIT_CHUNK_EXTENSION 1024
#define LIMIT_TRAILERS 8192 /* bytes of trailer fields: read for the framing, then dropped */

/* The answer. */
/* bytes of output held for the status line, and the size of a chunk: a whole pipe's worth, so
 * that bulk output costs two calls per 64 KiB */
#define LIMIT_HELD 65536
/* seconds that a client may want to wait before it is told that its run goes on (Prefer: wait=N) */
#define LIMIT_PREFER_WAIT_S 3600
/* seconds, in the Retry-After of a 429: a quick command is over by then */
#define LIMIT_RETRY_AFTER_S 5
/* a client that takes nothing this long is gone; five minutes, since the kernel's buffers hide
 * the progress of one that reads 1 KB/s */
#define LIMIT_WRITE_STALL_MS 300000
/* where others want the lock of its run, one that has output to take is gone when it takes fewer
 * than these bytes in this time: 1 KiB/s. The time is long enough for the lumps in which a slow
 * reader lets its kernel acknowledge (tens of KiB; hundreds, once it has been fast: then 4 KiB/s
 * may look like a minute of nothing) */
#define LIMIT_SLOW_MS 60000
#define LIMIT_SLOW_BYTES 61440
/* bytes in the kernel that a client's window has no room for, where a process stands between the
 * client and the front: it takes as many anew as the client has taken */
#define LIMIT_UNSENT 131072
/* by which clocks of the two kinds may differ after that time */
#define LIMIT_SLOW_SKEW_MS 1000
#define LIMIT_RESPONSE_HEAD 1024 /* bytes of status line and fields */
/* of a client whose network may be gone without a word: seconds of silence after which the kernel
 * asks it, seconds between two such questions, and how many of them without an answer end the
 * connection */
#define LIMIT_PROBE_IDLE_S 60
#define LIMIT_PROBE_S 10
#define LIMIT_PROBES 6
/* a client that closes its sending side this soon after its request still listens */
#define LIMIT_HALF_CLOSE_MS 1000
/* bytes read after the last answer, lest a reset destroys it: also of a client that sends 200 MB
 * before it reads that it may not */
#define LIMIT_DRAIN 268435456
#define LIMIT_DRAIN_MS 2000 /* ... and the time for that where nothing more is to come */
/* ... altogether, of a body whose request was refused, by whomever it came */
#define LIMIT_DRAIN_REFUSED_MS 30000
#define LIMIT_DRAIN_REFUSED_IDLE_MS 5000 /* ... between two of its bytes */
/* ... of a body whose command has run: what the answer says must arrive. 64 KB/s */
#define LIMIT_DRAIN_RAN_MS 600000
/* between two looks at whether the client's side has all of an answer */
#define LIMIT_TAKEN_LOOK_MS 5
/* between its having it and the end of an answer which was cut: a proxy passes it on meanwhile */
#define LIMIT_CUT_PAUSE_MS 200
/* the pause before a 401: slows a guesser down to one try a second */
#define LIMIT_DENIED_MS 1000

/* Settings. */
#define LIMIT_VALUE 65536     /* bytes of one setting: an allowlist of a thousand rules fits */
#define LIMIT_SETTINGS 262144 /* bytes of all settings that come from files */
/* bytes of a credential: half a request line, so that it always fits a head */
#define LIMIT_SECRET 4096
/* variables: Kubernetes adds seven for each service of a namespace */
#define LIMIT_ENVIRONMENT 4096
/* bytes of the variables that bastion adds: a home, two names, an address */
#define LIMIT_ENVIRONMENT_TEXT 2048
#define LIMIT_HOME 512     /* bytes of a home directory's path; a longer one is refused */
#define LIMIT_REQUEST 8192 /* bytes of a broker request */
#define LIMIT_USER 256     /* bytes of a user's name in log and environment */
#define LIMIT_PEER 64      /* bytes of an address: INET6_ADDRSTRLEN and a little */
#define LIMIT_VIA 160      /* bytes of the proxies on the way: three addresses and more */
#define LIMIT_PATH 4096    /* bytes of a path: Linux's PATH_MAX */
/* bytes of the text of an error, which may name a path */
#define LIMIT_ERROR (LIMIT_PATH + 256)

/* A run. */
/* bytes in the pipe of a command that writes much: the knee of the measured curve */
#define LIMIT_PIPE 262144
#define LIMIT_GRACE_MS 5000 /* between two signals to a command that is to end */
/* from fork to exec of a command; only one whose process another of its account has stopped takes
 * longer than some milliseconds */
#define LIMIT_START_MS 5000
/* bytes of stack that a process which begins to wait gives back: more than any call leaves, and
 * less than the gap that the kernel keeps below a stack (a megabyte) */
#define LIMIT_STACK_RELEASED 65536
/* bytes of stack that the command's process has until its exec: a path to look for it at, twice */
#define LIMIT_START_STACK 65536
/* for the front to say how much output there was, once the command has ended; a front that is
 * stopped or taken over does not, and the log's line is written without */
#define LIMIT_COUNT_MS 2000
/* of these, before it is asked: it comes to the end of the output by itself, unless its client is
 * slow */
#define LIMIT_COUNT_UNASKED_MS 20
/* bytes of output that it may say: more than anybody can write, and a sum with it fits */
#define LIMIT_COUNT ((int64_t)1 << 60)
/* bytes of text in a message between front and monitor: a credential that is the whole head */
#define LIMIT_MESSAGE_TEXT LIMIT_HEAD
/* for a right credential to come by a connection, as its monitor counts: the front, which ends it
 * sooner, may have been taken over */
#define LIMIT_STRANGER_MS (LIMIT_CONNECTION_MS + 120000)
/* seconds for the front to end after it has said that it is done: the rest of a request, and a
 * client that takes nothing */
#define LIMIT_FRONT_END_S ((LIMIT_DRAIN_RAN_MS + LIMIT_WRITE_STALL_MS) / 1000)
#define LIMIT_REFUSAL_TEXT 256 /* bytes of why the front refused a request, for the log */
/* for descriptors under way to other processes to be taken, where there are too many */
#define LIMIT_PASSING_MS 2000
/* variables that a client may give the command */
#define LIMIT_CLIENT_VARIABLES 16
/* between two looks at whether anybody is left of the process group of such a command */
#define LIMIT_GROUP_LOOK_MS 20
#define LIMIT_GROUPS 64 /* supplementary groups of the account */
/* bytes of a line of passwd or group: a group of a thousand members */
#define LIMIT_ACCOUNT_LINE 16384
/* for whoever has just taken the lock to write down that he has */
#define LIMIT_LOCK_RECORD_MS 20
/* bytes of whose run it is, as those read who find the lock held: a longer name ends in "..." */
#define LIMIT_LOCK_USER 64
/* for finding the process that holds a lock which no run holds */
#define LIMIT_LOCK_LOOK_MS 200
/* the lock's number in the command is this or the next free one: far from the single digits that
 * shell scripts redirect by hand */
#define LIMIT_LOCK_FD 100
/* Runs that requests may share which are known (core/shared_run.h): whoever waits while as many of
 * other kinds begin gets a run of its own. Times 64 bytes it is a page. */
#define LIMIT_SHARED_RUNS 64

/* Runs that are kept (core/record.h). */
#define LIMIT_RUNS_KEEP 1000 /* of a role: what RUNS_KEEP may be */
/* beside these in a folder: of runs that begin at the same time */
#define LIMIT_RUNS_SPARE 64
#define LIMIT_RUN_OUTPUT_MIN 1024 /* bytes of output of one: what RUN_OUTPUT_MAX may be, from */
#define LIMIT_RUN_OUTPUT_MAX 1073741824 /* ... to */
/* that are told at once when there is more output; others look by themselves ... */
#define LIMIT_FOLLOWERS 64
#define LIMIT_FOLLOW_LOOK_MS 20 /* ... as often */
/* times that the head of a record is read anew, since it changes meanwhile */
#define LIMIT_RECORD_READS 1000
/* keepers that one connection may have under way, where it has to wait for them in the end */
#define LIMIT_CONNECTION_KEEPERS 64

/* Tokens. */
#define LIMIT_ROLES 1024   /* roles, of which each has a folder */
#define LIMIT_ROLE_NAME 32 /* bytes of a role's name */
#define LIMIT_COMMAND_ACCOUNTS                                                                     \
    64 /* accounts that commands run as: SSH_USER, and RUN_AS of roles                             \
        */
/* times that what a role says is read again, since its folder has changed meanwhile */
#define LIMIT_ROLE_READS 4
#define LIMIT_TOKENS 4096      /* secrets, of all identities */
#define LIMIT_TOKEN_FILE 65536 /* bytes of a file: two hundred secrets with their limits */
#define LIMIT_TOKEN_TEXT                                                                           \
    1048576                      /* bytes of the identities' names, of files' paths, of all from=  \
                                  */
#define LIMIT_TOKEN_ERRORS 16384 /* bytes of what is named as unusable */
/* bytes of the identity's name that is given to `bastion token`: room for what is put beside its
 * file while that is written */
#define LIMIT_TOKEN_NAME 200
#define LIMIT_TOKEN_DAYS 36500 /* until a token expires: a century */

/* Webhooks. */
#define LIMIT_HOOK_BODY 26214400 /* bytes of a delivery's body: GitHub sends no more */
/* for all of a body to come: senders give up after as long */
#define LIMIT_HOOK_BODY_MS 10000
/* until an answer says no more than that the command runs: below the ten seconds after which
 * forges hang up */
#define LIMIT_HOOK_HOLD_MS 8000
/* bytes of output in an answer to it: the rest is counted there */
#define LIMIT_HOOK_OUTPUT 32768
#define LIMIT_HOOK_SECRETS 8 /* lines of HOOK_SECRET: an old and a new one, for a few senders */
#define LIMIT_HOOK_LINES 16  /* lines of HOOK_WHEN, and of HOOK_PASS */
#define LIMIT_HOOK_RULES (2 * LIMIT_HOOK_LINES)
#define LIMIT_HOOK_PATH 512       /* bytes of a value's path, with its NUL */
#define LIMIT_HOOK_VARIABLE 64    /* bytes of a variable's name in HOOK_PASS */
#define LIMIT_HOOK_VALUES 65536   /* bytes of all variables that a delivery gives to the command */
#define LIMIT_HOOK_MEMORY 1048576 /* bytes of what an expression is compiled to */
/* signatures in one webhook-signature: one for each secret that the sender has */
#define LIMIT_HOOK_SIGNATURES 8
#define LIMIT_HOOK_ID 255    /* bytes of a delivery's identifier */
#define LIMIT_HOOK_EVENT 127 /* bytes of an event's name */
/* seconds between a webhook-timestamp and now, either way */
#define LIMIT_HOOK_AGE_S 300
/* deliveries that are remembered, 48 bytes each: a day of a busy forge, who repeats one within
 * hours */
#define LIMIT_DELIVERIES 1024

/* What is remembered of the folders of credentials. */
#define LIMIT_SNAPSHOT 2097152 /* bytes: 4096 tokens and their files' paths twice */
#define LIMIT_SNAPSHOT_FILES                                                                       \
    8192 /* files and directories: those of 1024 roles with two credentials */
#define LIMIT_SNAPSHOT_MOUNTS 8 /* mounts that these are on */
#define LIMIT_SNAPSHOT_LEAST 24 /* files: fewer are read as fast as they are looked at */
/* seconds for which they have been at rest: the coarsest clocks of file systems show whole ones */
#define LIMIT_SNAPSHOT_REST_S 2

/* What is closed to the command. */
/* for which a run relies on what its login has found about the owners of keys and tokens, and of
 * the directories on the way to them */
#define LIMIT_JUDGED_MS 1000
/* for which the list of the settings' directory counts, for the first request of a connection; and
 * bytes of the names in it: where there are more it is not kept */
#define LIMIT_LISTED_MS 100
#define LIMIT_LISTED 512
/* files and directories: every key and every setting with a link of its own, and the directories
 * above */
#define LIMIT_CLOSED_PATHS 2560
#define LIMIT_CLOSED_TEXT 262144 /* bytes of their paths */
/* entries beside them that stay open: each is a rule that the kernel keeps while the command
 * runs */
#define LIMIT_CLOSED_RULES 8192

/* bytes of what is remembered of replaced files: a dozen paths and more */
#define LIMIT_REPLACED 16384

/* The allowlist. */
#define LIMIT_RULES 2048                                 /* rules, of both sources */
#define LIMIT_RULES_TEXT (2 * LIMIT_VALUE + LIMIT_RULES) /* bytes of them, each with its NUL */
#define LIMIT_RULE_ERRORS 4096                           /* bytes of what is named as no rule */
/* bytes of what rules are compiled to for a connection: two thousand ordinary ones take a
 * quarter */
#define LIMIT_RULES_MEMORY 4194304
/* bytes of what AUDIT_MASK is compiled to, twice: some ten thousand characters */
#define LIMIT_MASK_MEMORY 1048576
/* of an expression: characters, a repetition being as many copies; thousands of alternatives */
#define LIMIT_ERE_POSITIONS 65536
#define LIMIT_ERE_REPEAT 255 /* in braces: POSIX's RE_DUP_MAX, as musl has it */
/* of groups in one another: a tree of all names of a kind has their length */
#define LIMIT_ERE_DEPTH 255
/* of a search of bastion check for an example: the longest request has half as many characters */
#define LIMIT_LINT_STATES 16384
#define LIMIT_LINT_MEMORY 16777216 /* bytes of the sets of positions in these */
/* sets of 64 positions that are a part of such a state: 20,000 positions and more */
#define LIMIT_LINT_NODES 640
#define LIMIT_LINT_WORK 10000000         /* such sets looked at for one rule: less than a second */
#define LIMIT_LINT_WORK_ALL 200000000    /* ... for all rules: some seconds */
#define LIMIT_LINT_RULES_MEMORY 33554432 /* bytes of what all rules are compiled to */
/* of prefix and request: as many as 8 KiB and a little can have */
#define LIMIT_WORDS 4352

/* SSH. */
/* keys that can log in: a line each in a file that tinysshd reads from the start */
#define LIMIT_KEYS 1024
#define LIMIT_KEY_FILE 262144 /* bytes of a file of keys */
/* bytes of a file beside the keys, to see whether it is one: the longest key has 1.5 KiB */
#define LIMIT_KEY_LOOK 4096
#define LIMIT_KEY_BLOB 8192    /* bytes of a key of any type: RSA with 16384 bits has 2 KiB */
#define LIMIT_KEY_OTHERS 64    /* such files that are looked at, at every login */
#define LIMIT_KEY_ERRORS 16384 /* bytes of what is named as unusable in the log */
/* bytes of all from="..." of keys */
#define LIMIT_KEY_CONDITIONS 65536

/* TLS. */
#define LIMIT_TLS_FILE 65536      /* bytes of a PEM file: a whole chain with its text forms */
#define LIMIT_TLS_CHAIN 32768     /* bytes of a chain's certificates */
#define LIMIT_TLS_CERTIFICATES 10 /* of a chain, as many as OpenSSL's clients follow */
/* a pair of files that does not match is read again after this long */
#define LIMIT_TLS_REPLACED_MS 200
#define LIMIT_TLS_CLIENT 8192 /* bytes of a client's certificate */
/* certificates in TLS_CLIENT_CA: their names are sent to every client */
#define LIMIT_TLS_CLIENT_CAS 16
/* that can be resumed, 112 bytes each: one every second for an hour */
#define LIMIT_TLS_SESSIONS 4096
/* that one can be resumed: whoever reads the file can read so much of the past */
#define LIMIT_TLS_SESSION_S 3600
#define LIMIT_TLS_HANDSHAKE_MS 10000 /* from the start to the end of the handshake */
/* from the end of a program's output to its exit code, which says whether that was all of it */
#define LIMIT_TLS_EXIT_MS 1000
/* bytes of address space of the process that speaks TLS: the static storage of all programs is most
 * of it, and never touched */
#define LIMIT_TLS_ADDRESS_SPACE 67108864
/* bytes of address space of a connection's front: the executable, mostly */
#define LIMIT_FRONT_ADDRESS_SPACE 67108864
#define LIMIT_TLS_TURN 16 /* records or pieces of one way before the other is looked at */

/* Process 1. */
#define LIMIT_LISTENERS 4
/* connections that the kernel keeps until they are accepted: a crowd waits milliseconds, and not
 * the second that a client takes to try again; the kernel's limit may be lower */
#define LIMIT_BACKLOG 4096
#define LIMIT_CONNECTIONS 65536 /* that are served at once, of all listeners: the most of one */
/* on top of each limit, from the loopback address: the health check */
#define LIMIT_SPARE_CONNECTIONS 4
/* processes that are ready for connections of one listener: a crowd needs no more than the
 * processors can start meanwhile */
#define LIMIT_SPARES 8
/* for which more of them than at rest are kept, once there were too few; before another is started
 * where one has ended by itself; and before files that have changed are watched again */
#define LIMIT_SPARE_MS 1000
/* files and directories that are watched, of which most are keys: more make for no such processes
 */
#define LIMIT_WATCHES 4096
#define LIMIT_ACCEPTS 64     /* connections taken from one listener in a row */
#define LIMIT_TURNED_AWAY 32 /* refused connections that may still have bytes on their way */
/* lines of the log, a second, on refused requests: of one connection, wrong credentials aside, and
 * of all connections of a listener */
#define LIMIT_DENIAL_LINES 5
/* for process 1 to answer one that serves a connection; who gets no answer goes on without */
#define LIMIT_LINK_MS 1000
/* between two looks at whether there is room for a client whom a proxy has named */
#define LIMIT_ROOM_LOOK_MS 100
/* descriptors that links leave to process 1 for all else: listeners, clients, files */
#define LIMIT_SPARE_DESCRIPTORS 64
#define LIMIT_LINK_ANSWERS 16 /* answers in a row, before anything else is looked at */
/* between two lines of the log on refused connections of a listener */
#define LIMIT_REFUSAL_NOTE_MS 1000
/* before a broken listener is opened again; doubled each time ... */
#define LIMIT_RETRY_FIRST_MS 100
#define LIMIT_RETRY_MS 30000 /* ... up to this */
/* without accepting, when memory, descriptors or processes are short */
#define LIMIT_SHORT_MS 200
/* between two lines of the log on that, and on signals that do not count */
#define LIMIT_SHORT_NOTE_MS 10000
#define LIMIT_STOP_MS 10000     /* for running commands, after SIGTERM */
#define LIMIT_STOP_TERM_MS 2000 /* between SIGTERM and SIGKILL to what runs then still */
/* for what got SIGKILL to be gone: commands, then all the rest */
#define LIMIT_STOP_KILL_MS 1000
/* between two looks at which connections have nothing to do any more */
#define LIMIT_STOP_LOOK_MS 100
/* processes looked at then: 2 MiB, of which as much is used as there are */
#define LIMIT_PROCESSES 65536
/* lines of /dev/log that are printed, a second, for each account that sends any ... */
#define LIMIT_SYSLOG_LINES 20
/* ... of so many at once; all others share one */
#define LIMIT_SYSLOG_ACCOUNTS 16
#define LIMIT_DRAINED_LINES 64 /* lines of /dev/log that are printed after the end */
/* for all listeners to answer: below the five seconds of the image's HEALTHCHECK */
#define LIMIT_HEALTH_MS 4000

/* Connections whose client has shown no right credential yet (init/unknown.h). */
/* from accept until process 1 ends one: over HTTP the time for the head, which a 408 ends; or the
 * longest wait before a refusal (of a wrong credential 1 s) after it; the end of that response; and
 * a second for the process to start */
#define LIMIT_UNKNOWN_HTTP_MS (LIMIT_HEAD_MS + LIMIT_BODY_WAIT_MS + LIMIT_DRAIN_MS + 1000)
/* ... over HTTPS with the handshake before that */
#define LIMIT_UNKNOWN_HTTPS_MS (LIMIT_TLS_HANDSHAKE_MS + LIMIT_UNKNOWN_HTTP_MS)
/* ... and more where a request was refused: its body is read, so that the response arrives */
#define LIMIT_UNKNOWN_REFUSED_MS LIMIT_DRAIN_REFUSED_MS
/* ... over SSH: somebody types the passphrase of a key */
#define LIMIT_UNKNOWN_SSH_MS 30000
/* from accept until such a connection may have to make room for another: a login takes less, also
 * over a slow network and in a crowd on a slow machine */
#define LIMIT_UNKNOWN_YOUNG_MS 3000
/* between two looks at the processes of those that are to be killed, and two signals to one that
 * stays */
#define LIMIT_UNKNOWN_LOOK_MS 20
#define LIMIT_UNKNOWN_KILL_MS 1000
/* connections that wait until there is room, or until a penalty is over: of all, and of one
 * client */
#define LIMIT_WAITING 64
#define LIMIT_WAITING_OF_CLIENT 32
/* for room: longer than the youngest of those are young who may have to make it */
#define LIMIT_WAITING_MS 5000

/* What a source owes for a connection that has failed (init/penalty.h). */
#define LIMIT_PENALTY_REFUSED_MS 5000  /* a wrong credential, or another request that is refused */
#define LIMIT_PENALTY_OVERDUE_MS 10000 /* one that process 1 had to end */
#define LIMIT_PENALTY_CRASH_MS 30000   /* one whose process was ended by an error of its own */
/* that may be owed without a wait: people type a credential wrong three times; twice and four times
 * as much for the networks of 56 and 48 bits */
#define LIMIT_PENALTY_TOLERATED_MS 15000
#define LIMIT_PENALTY_MOST_MS 30000 /* that can be owed beyond: forgiven in less than a minute */
/* that is waited for at least, and a tenth of what is owed beyond in addition: four seconds in all,
 * as long as every client of webhooks waits */
#define LIMIT_PENALTY_WAIT_MS 1000
#define LIMIT_DEBTORS 1024 /* sources that are remembered, 40 bytes each */

/* tinysshd's words. */
/* bytes of a complaint: what a client offers to negotiate, of which it tells 512 */
#define LIMIT_TROUBLE 768
/* bytes: type and fingerprint of a dozen keys, or whose some of them are and why they do not hold
 */
#define LIMIT_REFUSED_KEYS 1024

/* The log. */
/* bytes: PIPE_BUF, so that lines of many processes never mix in a pipe */
#define LIMIT_LOG_LINE 4096
/* bytes of one quoted text in a line; longer ones end in "..." */
#define LIMIT_LOG_TEXT 2048
/* for a log that does not take a line; then the line has failed */
#define LIMIT_LOG_MS 2000

/* JSON, and the Docker client. */
/* of containers in containers; what the engine sends has about ten */
#define LIMIT_JSON_DEPTH 64
/* bytes of a member's name that is looked for, and of a value compared with a word */
#define LIMIT_JSON_NAME 256
/* bytes of a value that is kept of a text which comes in pieces: a name, an address, a message */
#define LIMIT_JSON_VALUE 4096
#define LIMIT_DOCKER_LIST 1024    /* values of an option that can be repeated, such as -e */
#define LIMIT_DOCKER_STREAM 65536 /* bytes of a stream in memory, each direction */
/* bytes of a request's path and query: a filter for every container of a host */
#define LIMIT_DOCKER_PATH 16384
/* bytes of a request's body: all that a command line can hold (execve(2): 2 MiB), escaped */
#define LIMIT_DOCKER_BODY 16777216
/* bytes of NAME=VALUE: twice what Linux gives to a program */
#define LIMIT_DOCKER_VARIABLE 262144
/* bytes of a response that is read as a whole: ps on a host of ten thousand containers */
#define LIMIT_DOCKER_RESPONSE 67108864
#define LIMIT_DOCKER_MESSAGE 8192 /* bytes of an error's text */
/* bytes of a container's or task's row: the labels of a whole stack, twice */
#define LIMIT_DOCKER_ROW 1048576
#define LIMIT_DOCKER_COLUMNS 64 /* of a table that are aligned; more are not */
#define LIMIT_DOCKER_PORTS 512  /* of a container that ps shows; more are left out */
#define LIMIT_DOCKER_TASKS 4096 /* of a service that ps shows; more are left out */
/* actions that a template carries out: a list in a list in a list of hundreds */
#define LIMIT_DOCKER_TEMPLATE_STEPS 200000
/* for the engine to say how a command ended whose output has ended */
#define LIMIT_DOCKER_EXIT_MS 10000
/* for a command to be there, so that its terminal can have a size */
#define LIMIT_DOCKER_RESIZE_MS 10000

#endif
