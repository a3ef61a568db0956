#ifndef GATEWAY_CHIREDIS_SHIM_H
#define GATEWAY_CHIREDIS_SHIM_H

#include <fcntl.h>

#include <hiredis/hiredis.h>

// From here on reads and writes return at once; hiredis then leaves the waiting to its caller.
static inline int gateway_redis_unblock(redisContext *context) {
    int flags = fcntl(context->fd, F_GETFL, 0);
    if (flags < 0 || fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return REDIS_ERR;
    }
    context->flags &= ~REDIS_BLOCK;
    return REDIS_OK;
}

#endif
