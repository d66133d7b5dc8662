#include <curl/curl.h>
#include <string.h>
#include <openssl/ssl.h>
