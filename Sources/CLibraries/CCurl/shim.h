#ifndef GATEWAY_CCURL_SHIM_H
#define GATEWAY_CCURL_SHIM_H

#include <curl/curl.h>

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or later is needed: it is the first that can be kept from sending a request twice"
#endif

// The variadic calls of libcurl, one wrapper for each type of argument.

typedef size_t (*gateway_data_callback)(char *data, size_t size, size_t count, void *context);
typedef int (*gateway_request_callback)(void *context, char *remote, char *local, int remote_port, int local_port);
typedef curl_socket_t (*gateway_open_callback)(void *context, curlsocktype purpose, struct curl_sockaddr *address);
typedef int (*gateway_socket_callback)(CURL *easy, curl_socket_t socket, int what, void *context, void *assigned);
typedef int (*gateway_timer_callback)(CURLM *multi, long timeout, void *context);

static inline CURLcode gateway_easy_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode gateway_easy_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode gateway_easy_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode gateway_easy_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode gateway_easy_set_data_callback(CURL *easy, CURLoption option, gateway_data_callback value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode gateway_easy_set_open_callback(CURL *easy, gateway_open_callback value) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, value);
}

// Called each time that the request is about to be handed to a connection.
static inline CURLcode gateway_easy_set_request_callback(CURL *easy, gateway_request_callback value) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, value);
}

// The body is copied.
static inline CURLcode gateway_easy_set_body(CURL *easy, const void *body, curl_off_t length) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, (const char *)body);
}

// Restricts a handle to http and https, by the option that this version of the library has for it.
static inline CURLcode gateway_easy_set_http_only(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

// Lets a transfer end while its name is still being resolved, instead of holding up all others until the resolver answers.
static inline CURLcode gateway_easy_set_detached_resolver(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy;
    return CURLE_OK;
#endif
}

static inline CURLcode gateway_easy_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}

static inline CURLMcode gateway_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode gateway_multi_set_callbacks(CURLM *multi, gateway_socket_callback socket, gateway_timer_callback timer, void *context) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket);
    if (code == CURLM_OK) code = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    if (code == CURLM_OK) code = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer);
    return code != CURLM_OK ? code : curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
}

// Takes the next finished transfer off a multi handle; NULL when there is none.
static inline CURL *gateway_multi_next_finished(CURLM *multi, CURLcode *result) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) continue;
        *result = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}

#endif
