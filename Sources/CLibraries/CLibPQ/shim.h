#ifndef GATEWAY_CLIBPQ_SHIM_H
#define GATEWAY_CLIBPQ_SHIM_H

#include <string.h>

// Debian keeps libpq's headers in a folder of their own.
#if __has_include(<postgresql/libpq-fe.h>)
#include <postgresql/libpq-fe.h>
#else
#include <libpq-fe.h>
#endif

// The fields of an error have character constants for names, which Swift does not import.

static inline const char *gateway_result_state(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

static inline const char *gateway_result_constraint(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
}

// Whether the server ends the session with this error or notice.
static inline int gateway_result_is_fatal(const PGresult *result) {
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0);
}

#endif
