#!/bin/busybox sh
# The design that is measured beside bastion: a shell CGI that checks the token, takes the lock and runs sh -c.
# TOKEN, COMMAND and LOCK are put in by the bench.
if [ "$HTTP_AUTHORIZATION" != "Bearer @TOKEN@" ]; then
    printf 'Status: 401 Unauthorized\r\n\r\n'
    exit 0
fi
exec 9>"@LOCK@"
if ! flock -n 9; then
    printf 'Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nbusy\n'
    exit 0
fi
printf 'Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n'
sh -c '@COMMAND@' 2>&1
