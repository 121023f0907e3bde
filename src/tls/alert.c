#include "tls/alert.h"

#include <bearssl_ssl.h>
#include <stddef.h>
#include <stdio.h>

static const struct alert {
    int error;
    int alert; /* 0 where the engine has sent one: its own number is 512 less than the error */
    const char *text;
} failures[] = {
    {BR_ERR_BAD_PARAM, 50, "a message that is malformed"},
    {BR_ERR_UNSUPPORTED_VERSION, 70, "a protocol that is not TLS"},
    {BR_ERR_BAD_VERSION, 70, "a record of another version"},
    {BR_ERR_BAD_LENGTH, 22, "a record of a length that can't be"},
    {BR_ERR_TOO_LARGE, 22, "a record that is too large"},
    {BR_ERR_BAD_MAC, 20, "a record that is not authentic"},
    {BR_ERR_UNEXPECTED, 10, "a message that has no place there"},
    {BR_ERR_BAD_CCS, 10, "a message that has no place there"},
    {BR_ERR_BAD_HANDSHAKE, 50, "a message that is malformed"},
    {BR_ERR_OVERSIZED_ID, 50, "a message that is malformed"},
    {BR_ERR_BAD_FRAGLEN, 47, "a message that is malformed"},
    {BR_ERR_BAD_SECRENEG, 40, "a renegotiation that is not secure"},
    {BR_ERR_LIMIT_EXCEEDED, 50, "a message that is too long"},
    {BR_ERR_BAD_FINISHED, 51, "a handshake that was tampered with"},
    {BR_ERR_INVALID_ALGORITHM, 40, "an algorithm that is not known here"},
    {BR_ERR_BAD_SIGNATURE, 51, "a signature that is wrong"},
    {BR_ERR_WRONG_KEY_USAGE, ALERT_BAD_CERTIFICATE, "a certificate that is not for this"},
    {BR_ERR_NO_CLIENT_AUTH, 40, "the client sent no certificate"},
    {BR_ERR_X509_EXPIRED, 45, "the client's certificate is expired, or not valid yet"},
    {BR_ERR_X509_FORBIDDEN_KEY_USAGE, 43, "the client's certificate is for another purpose"},
    {BR_ERR_X509_NOT_TRUSTED, 48, "the client's certificate is from no authority in TLS_CLIENT_CA"},
    {BR_ERR_SEND_FATAL_ALERT + 40, 0, "no cipher suite, group or signature algorithm in common"},
    {BR_ERR_SEND_FATAL_ALERT + 70, 0, "a version of TLS below 1.2"},
    {BR_ERR_SEND_FATAL_ALERT + 86, 0, "a version of TLS below what the client could do"},
    {BR_ERR_SEND_FATAL_ALERT + 120, 0, "no application protocol in common"},
};

static const struct alert *alert_of(int error) {
    static const struct alert certificate = {0, ALERT_BAD_CERTIFICATE,
                                             "the client's certificate can't be used"};
    static const struct alert other = {0, ALERT_INTERNAL, NULL};
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (failures[i].error == error)
            return &failures[i];
    return error > BR_ERR_X509_OK && error < 64 ? &certificate : &other;
}

int alert_number(int error) {
    return error > BR_ERR_OK && error < BR_ERR_RECV_FATAL_ALERT ? alert_of(error)->alert : 0;
}

const char *alert_text(char text[ALERT_TEXT], int error) {
    const char *known = alert_of(error)->text;
    if (error == BR_ERR_OK)
        return NULL;
    if (error >= BR_ERR_RECV_FATAL_ALERT && error < BR_ERR_SEND_FATAL_ALERT)
        snprintf(text, ALERT_TEXT, "TLS: the client sent alert %d",
                 error - BR_ERR_RECV_FATAL_ALERT);
    else if (known != NULL)
        snprintf(text, ALERT_TEXT, "TLS: %s", known);
    else
        snprintf(text, ALERT_TEXT, "TLS: error %d", error);
    return text;
}
