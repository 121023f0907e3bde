#include "base/ucspi.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/env.h"

static bool canonical(char out[LIMIT_PEER], const char *text) {
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, text, &four) == 1)
        return inet_ntop(AF_INET, &four, out, LIMIT_PEER) != NULL;
    if (inet_pton(AF_INET6, text, &six) != 1)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&six))
        return inet_ntop(AF_INET, &six.s6_addr[12], out, LIMIT_PEER) != NULL;
    return inet_ntop(AF_INET6, &six, out, LIMIT_PEER) != NULL;
}

bool ucspi_address(char out[LIMIT_PEER], const char *text) {
    char host[LIMIT_PEER];
    bool bracketed = text[0] == '[';
    const char *from = text + bracketed, *colon = strchr(from, ':');
    size_t n = strcspn(from, bracketed ? "]" : "%");
    if (!bracketed && colon != NULL && strchr(colon + 1, ':') == NULL)
        n = (size_t)(colon - from); /* 192.0.2.1:80; an address with two colons and no brackets has
                                       no port */
    if (n >= sizeof host)
        return false;
    memcpy(host, from, n);
    host[n] = '\0';
    host[strcspn(host, "%")] = '\0';
    return canonical(out, host);
}

static bool of_socket(char out[LIMIT_PEER], int fd) {
    struct sockaddr_storage ss;
    socklen_t n = sizeof ss;
    char text[LIMIT_PEER];
    if (getpeername(fd, (struct sockaddr *)&ss, &n) == -1)
        return false;
    if (ss.ss_family == AF_UNIX) {
        snprintf(out, LIMIT_PEER, "local");
        return true;
    }
    const void *address = ss.ss_family == AF_INET
                              ? (const void *)&((struct sockaddr_in *)&ss)->sin_addr
                              : (const void *)&((struct sockaddr_in6 *)&ss)->sin6_addr;
    return inet_ntop(ss.ss_family, address, text, sizeof text) != NULL && canonical(out, text);
}

void ucspi_peer(char out[LIMIT_PEER], char *const *environment, int fd) {
    static const char *const names[] = {"TCPREMOTEIP", "TCPREMOTEADDR", "REMOTE_ADDR"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = env_get(environment, names[i]);
        if (text != NULL && ucspi_address(out, text))
            return;
    }
    if (!of_socket(out, fd))
        snprintf(out, LIMIT_PEER, "unknown");
}

bool ucspi_is_loopback(const char *peer) {
    return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

bool ucspi_owns(const char *name, size_t n) {
    static const char *const whole[] = {"PROTO",       "TCPCONCURRENCY", "REMOTE_ADDR",
                                        "REMOTE_PORT", "REMOTE_HOST",    "LISTEN_FDS",
                                        "LISTEN_PID",  "HTTPS",          "SSL_PROTOCOL",
                                        "SSL_CIPHER",  "LISTEN_FDNAMES", "SSL_TLS_SNI_SERVERNAME"};
    static const char *const prefix[] = {"TCPLOCAL",  "TCPREMOTE",  "TCPORIGDST",
                                         "UNIXLOCAL", "UNIXREMOTE", "SSL_CLIENT_"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strlen(whole[i]) == n && memcmp(whole[i], name, n) == 0)
            return true;
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
        if (n >= strlen(prefix[i]) && memcmp(prefix[i], name, strlen(prefix[i])) == 0)
            return true;
    return false;
}
