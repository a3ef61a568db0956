#ifndef GATEWAY_CEVENTFD_SHIM_H
#define GATEWAY_CEVENTFD_SHIM_H

#include <sys/eventfd.h>

// A descriptor that a thread can wait for and any other can make readable; the Glibc module has none.
static inline int gateway_open_wakeup(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

#endif
