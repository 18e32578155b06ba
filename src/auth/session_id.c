/* SPDX-License-Identifier: MIT
 *
 * session_id.c - the X-Attach-Session value. The hash is fetched from OpenSSL once for the whole
 * process: a fetch for each call costs more than the hash. */
#include "auth/session_id.h"

#include <openssl/evp.h>
#include <pthread.h>

static EVP_MD *sha256; /* never freed: it lives as long as the process */
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void sha256_fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static bool hash_pair(struct slice user, struct slice agent, unsigned char *ret_hash)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_done = context != NULL && EVP_DigestInit_ex2(context, sha256, NULL) == 1 &&
                   EVP_DigestUpdate(context, user.data, user.length) == 1 &&
                   EVP_DigestUpdate(context, ":", 1) == 1 &&
                   EVP_DigestUpdate(context, agent.data, agent.length) == 1 &&
                   EVP_DigestFinal_ex(context, ret_hash, NULL) == 1;
    EVP_MD_CTX_free(context);
    return is_done;
}

bool session_id_make(struct slice user, struct slice agent, char ret_digits[session_id_length])
{
    pthread_once(&sha256_once, sha256_fetch);
    unsigned char hash[EVP_MAX_MD_SIZE];
    if (sha256 == NULL || !hash_pair(user, agent, hash)) {
        return false;
    }
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < session_id_length / 2; i++) {
        ret_digits[2 * i] = digits[hash[i] >> 4];
        ret_digits[2 * i + 1] = digits[hash[i] & 15];
    }
    return true;
}
