#include "base/ucspi.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/env.h"
#include "base/ip.h"

static void print_unmapped(char out[LIMIT_PEER], struct ip *ip) {
    ip_unmap(ip);
    ip_print(out, ip);
}

bool ucspi_address(char out[LIMIT_PEER], const char *text) {
    char host[LIMIT_PEER];
    struct ip ip;
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
    if (!ip_read(&ip, host))
        return false;
    print_unmapped(out, &ip);
    return true;
}

static bool peer_of_socket(char out[LIMIT_PEER], int fd) {
    struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
    socklen_t n = sizeof ss;
    struct ip ip;
    unsigned port;
    if (getpeername(fd, (struct sockaddr *)&ss, &n) == -1)
        return false;
    if (ss.ss_family == AF_UNIX) {
        snprintf(out, LIMIT_PEER, "local");
        return true;
    }
    if (!ip_of_socket(&ip, &port, &ss))
        return false;
    print_unmapped(out, &ip);
    return true;
}

void ucspi_peer(char out[LIMIT_PEER], char *const *environment, int fd) {
    static const char *const names[] = {"TCPREMOTEIP", "TCPREMOTEADDR", "REMOTE_ADDR"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = env_get(environment, names[i]);
        if (text != NULL && ucspi_address(out, text))
            return;
    }
    if (!peer_of_socket(out, fd))
        snprintf(out, LIMIT_PEER, "unknown");
}

void ucspi_via(char out[LIMIT_VIA], char *const *environment) {
    const char *text = env_get(environment, "BASTION_VIA");
    bool is_list = text != NULL && strlen(text) < LIMIT_VIA
                   && text[strspn(text, "0123456789abcdef.:,")] == '\0';
    snprintf(out, LIMIT_VIA, "%s", is_list ? text : "");
}

void ucspi_add_via(char out[LIMIT_VIA], const char *nearest, const char *others) {
    bool fits = others[0] != '\0' && strlen(nearest) + 1 + strlen(others) < LIMIT_VIA;
    snprintf(out, LIMIT_VIA, "%s%s%s", nearest, fits ? "," : "", fits ? others : "");
}

bool ucspi_is_loopback(const char *peer) {
    struct ip ip;
    return ip_read(&ip, peer) && ip_is_loopback(&ip);
}

bool ucspi_owns(const char *name, size_t n) {
    static const char *const whole[] = {
        "PROTO",      "TCPCONCURRENCY", "REMOTE_ADDR",           "REMOTE_PORT", "REMOTE_HOST",
        "LISTEN_FDS", "LISTEN_PID",     "BASTION_VIA",           "HTTPS",       "SSL_PROTOCOL",
        "SSL_CIPHER", "LISTEN_FDNAMES", "SSL_TLS_SNI_SERVERNAME"};
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
