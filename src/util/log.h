/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <syslog.h>

#include "util/macro.h"

/* Logs to the journal with structured fields if stderr is connected to it, else as text to stderr.
 * Thread-safe. */

/* Message ids, explained in data/certwright.catalog. */
#define MESSAGE_CHAIN_CHANGED       "2d6857b3075244d1978bc750a880fcbe"
#define MESSAGE_REQUEST             "c718f9c132cc4ed69f3c2d6a1cfd5877"
#define MESSAGE_ROOT_MADE           "a62cbe8bcc224dc181842305e986f70f"
#define MESSAGE_CONFIG_ERROR        "f20dad6e31324078bc223d01d6fdbd9b"
#define MESSAGE_STORAGE_FAILED      "7c4e27d1465f4634a318ef7d3b5a6f14"
#define MESSAGE_EXPIRY_WARNING      "72b9c11318e241a4a1ce7c3afb89e00c"
#define MESSAGE_STARTED             "7cabef0879414f99a33f823988c8159e"
#define MESSAGE_SERVICE_VERIFIED    "737e2de1c4b94f9f917d63246de2a872"
#define MESSAGE_SERVICE_ROLLED_BACK "4382afe9b3e648a1b9b7874d991c7a25"
#define MESSAGE_SERVICE_FAILED      "d69f8c09a7cc4ec081b0e4ba6b8fff68"
#define MESSAGE_DEPLOYED            "7a63186f63e64de18dabd16bd4add78f"
#define MESSAGE_ROLLED_BACK         "f5894da5d16c4e70a43051da60af2c65"
#define MESSAGE_DEPLOYMENT_FAILED   "0519db2435c945b0b4f540f757caa044"
#define MESSAGE_JOB_DONE            "6e9956006fe84ec2a82610ed7c27d017"
#define MESSAGE_JOB_FAILED          "a4d529cb25604657b884390acd63defd"
#define MESSAGE_CALLS_REFUSED       "f8010e760b3b4d15bb497ef47013587a"
#define MESSAGE_FAILURE             "dce02f9315ac4c71bf0745e4ff759a95"
#define MESSAGE_ORDER_FAILED        "06a21121ad6b4ac992262a1ab21b864d"
#define MESSAGE_CHANGE_FAILED       "b229ab9c8fcf441d8cac6c9aafb79354"
#define MESSAGE_STORE_DAMAGED       "9fd14285e9b14e63ba5b278605a08bf9"
#define MESSAGE_OUTAGE              "a4a4b89b276e4e06860b70ced115848d"
#define MESSAGE_CLOCK_DOUBTED       "6118cdf5b9514cd5850d70ea61ef6e00"
#define MESSAGE_DNS_RECORD_LEFT     "537f2647e44440dda7cd19ecd12eb389"
#define MESSAGE_CANNOT_START        "fe572cb4c6414d7ab6ae9e06dbdd746c"
#define MESSAGE_BUS_LOST            "18b5b8e9ef6b43cdae3e64b116e97cc4"

/* Fields for log_fields(), each as { "NAME", value }; and the one of a certificate. */
#define FIELDS(...) ((const LogField[]){ __VA_ARGS__, {} })
#define ABOUT(name) FIELDS({ "NAME", (name) })

typedef struct LogField {
    const char *name;  /* without the prefix CERTWRIGHT_ */
    const char *value; /* NULL is "" */
} LogField;

void log_open(void);
/* Drops messages less important (numerically above) than priority. LOG_INFO by default. */
void log_set_max_level(int priority);
/* fields is terminated by a NULL name; fields and message_id may be NULL. The text is made plain
 * (text_is_plain()), so that quoted input cannot inject lines or control sequences. */
void log_fields(int priority, const char *message_id, const LogField *fields, const char *format, ...)
    _printf_(4, 5);

#define log_full(priority, ...) log_fields(priority, NULL, NULL, __VA_ARGS__)
#define log_debug(...)          log_full(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)           log_full(LOG_INFO, __VA_ARGS__)
#define log_notice(...)         log_full(LOG_NOTICE, __VA_ARGS__)
/* Failures that concern no certificate, module or authority; others go through log_fields(), which names it. */
#define log_warning(...) log_fields(LOG_WARNING, MESSAGE_FAILURE, NULL, __VA_ARGS__)
#define log_error(...)   log_fields(LOG_ERR, MESSAGE_FAILURE, NULL, __VA_ARGS__)
/* Appends ": " and the error message; evaluates to r, a negative errno. */
#define log_errno(priority, r, format, ...) \
    ({ \
        int _r_ = (r); \
        log_fields(priority, MESSAGE_FAILURE, NULL, format ": %s", ##__VA_ARGS__, strerror(-_r_)); \
        _r_; \
    })
#define log_error_errno(r, ...)   log_errno(LOG_ERR, r, __VA_ARGS__)
#define log_warning_errno(r, ...) log_errno(LOG_WARNING, r, __VA_ARGS__)
#define log_oom()                 log_error_errno(-ENOMEM, "Out of memory")
