/* SPDX-License-Identifier: MIT
 *
 * command_verify.c - `attach-gateway verify`: would this token be accepted, and why not?
 *
 * With --jwks it works offline; otherwise it asks the issuers, or the host of a did:web, once,
 * exactly as the gateway would. Prints the verdict on standard output. */
#include "auth/did_allow.h"
#include "auth/did_web_cache.h"
#include "auth/issuer.h"
#include "auth/jws.h"
#include "auth/mint.h"
#include "auth/verify.h"
#include "base/clock.h"
#include "commands/commands.h"
#include "commands/did_fetch.h"
#include "http/uri.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    verify_fetches_max = 16,
    verify_issuers_max = 64,
    verify_dids_max = 256,
    verify_arena_bytes_max = 1024 * 1024,
};

struct verify_arguments {
    const char *jwks_file;
    const char *issuer;
    const char *audience;
    const char *did;
    const char *now;
    const char *env_file;
    bool local;
    bool jws_only;
    int64_t now_s;
};

/* What is believed, and where it came from. */
struct verify_trust {
    struct config config;
    struct trusted_issuer issuers[verify_issuers_max + 1];
    struct slice names[verify_issuers_max];
    struct slice audiences[2];
    struct trusted_dids dids;
    struct slice dids_allowed[verify_dids_max];
    struct trust trust;
    size_t remote_count; /* the first ones, whose keys are fetched */
    size_t answers;      /* how many of those have answered */
    struct issuers *fetching;
};

/* ---- what is believed ---- */

static bool verify_read_file(const char *path, FILE *file, struct buffer *buffer)
{
    char chunk[4096];
    size_t count;
    while ((count = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buffer_append(buffer, slice_make(chunk, count));
    }
    if (ferror(file)) {
        command_complain("cannot read %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static bool verify_load_jwks(const char *path, struct jwks **ret)
{
    struct failure failure;
    struct buffer text;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        command_complain("--jwks: cannot read %s: %s", path, strerror(errno));
        return false;
    }
    buffer_init(&text, jwks_bytes_max + 1);
    bool done = verify_read_file(path, file, &text);
    fclose(file);
    if (done && text.failed) {
        command_complain("--jwks: %s is longer than %d bytes", path, jwks_bytes_max);
        done = false;
    } else if (done && jwks_parse(buffer_slice(&text), ret, &failure) != STATUS_OK) {
        command_complain("--jwks: %s: %s", path, failure.text);
        done = false;
    }
    buffer_clear(&text);
    return done;
}

static bool verify_add_issuer(struct verify_trust *trust, struct slice name,
                              const struct slice_list *audiences)
{
    size_t index = trust->trust.issuers_count;
    if (index >= verify_issuers_max) {
        command_complain("OIDC_ISSUER: more than %d issuers", verify_issuers_max);
        return false;
    }
    trust->names[index] = name;
    trust->issuers[index] = (struct trusted_issuer){.issuer = name,
                                                    .proof = IDENTITY_OIDC,
                                                    .audiences = audiences->items,
                                                    .audiences_count = audiences->count};
    trust->trust.issuers_count++;
    return true;
}

/* The key of local mode, if this configuration uses it. */
static bool verify_add_local(struct verify_trust *trust, const struct slice_list *audiences)
{
    struct failure failure;
    struct slice directory;
    struct mint *mint = NULL;
    struct buffer json;
    struct trusted_issuer *local = &trust->issuers[trust->trust.issuers_count++];
    *local = (struct trusted_issuer){.issuer = SLICE(MINT_LOCAL_ISSUER),
                                     .proof = IDENTITY_LOCAL,
                                     .audiences = audiences->items,
                                     .audiences_count = audiences->count};
    enum status status = config_data_directory(&trust->config, &directory, &failure);
    if (status == STATUS_OK) {
        status = mint_open(directory.data, &mint, &failure);
    }
    if (status == STATUS_OK) {
        buffer_init(&json, jwks_bytes_max);
        mint_append_jwks(mint, &json);
        status = jwks_parse(buffer_slice(&json), &local->jwks, &failure);
        buffer_clear(&json);
    }
    mint_free(mint);
    if (status != STATUS_OK) {
        command_complain("%s", failure.text);
    }
    return status == STATUS_OK;
}

static bool verify_allow_did(struct verify_trust *trust, const char *where, struct slice entry)
{
    struct failure failure;
    struct slice *ret = &trust->dids_allowed[trust->dids.allow_count];
    if (trust->dids.allow_count == verify_dids_max) {
        command_complain("%s: more than %d entries", where, verify_dids_max);
        return false;
    }
    if (did_allow_normalize(entry, &trust->config.arena, ret, &failure) != STATUS_OK) {
        command_complain("%s: %s", where, failure.text);
        return false;
    }
    trust->dids.allow_count++;
    return true;
}

/* What sign-in messages call the gateway. */
static bool verify_add_public_url(struct verify_trust *trust)
{
    struct slice text = trust->config.public_url;
    struct failure failure;
    struct url url;
    if (text.length == 0) {
        return true;
    }
    if (url_parse(text, &url, &failure) != STATUS_OK) {
        command_complain("PUBLIC_URL: %s", failure.text);
        return false;
    }
    size_t before = (size_t)(url.authority.data - text.data);
    trust->dids.domain = url.authority;
    trust->dids.origin = slice_make(text.data, before + url.authority.length);
    return true;
}

/* From --did, or else DID_ALLOW; with neither, DID tokens are off as they are for the gateway. */
static bool verify_add_dids(struct verify_trust *trust, const struct verify_arguments *arguments,
                            const struct slice_list *audiences)
{
    const struct config *config = &trust->config;
    struct slice given = slice_from_string(arguments->did);
    struct slice entry;
    while (slice_next_item(&given, &entry)) {
        if (!verify_allow_did(trust, "--did", entry)) {
            return false;
        }
    }
    for (size_t i = 0; arguments->did == NULL && i < config->did_allow.count; i++) {
        if (!verify_allow_did(trust, "DID_ALLOW", config->did_allow.items[i])) {
            return false;
        }
    }
    trust->dids.allow = trust->dids_allowed;
    trust->dids.audiences = audiences->items;
    trust->dids.audiences_count = audiences->count;
    trust->dids.lifetime_max_s = (int64_t)(config->did_max_ttl_ms / 1000);
    trust->dids.web = did_web_cache_create(1);
    if (trust->dids.web == NULL) {
        command_complain("out of memory");
        return false;
    }
    trust->trust.dids = trust->dids.allow_count > 0 ? &trust->dids : NULL;
    return verify_add_public_url(trust);
}

/* From --jwks and --issuer, or, without either, what the gateway itself would believe. */
static bool verify_add_issuers(struct verify_trust *trust, const struct verify_arguments *arguments,
                               const struct slice_list *audiences)
{
    const struct config *config = &trust->config;
    if (arguments->jwks_file != NULL) {
        return verify_add_issuer(trust, slice_from_string(arguments->issuer), audiences) &&
               verify_load_jwks(arguments->jwks_file, &trust->issuers[0].jwks);
    }
    if (arguments->issuer != NULL) {
        trust->remote_count = 1;
        return verify_add_issuer(trust, slice_from_string(arguments->issuer), audiences);
    }
    for (size_t i = 0; i < config->oidc_issuer.count; i++) {
        if (!verify_add_issuer(trust, config->oidc_issuer.items[i], audiences)) {
            return false;
        }
    }
    trust->remote_count = config->oidc_issuer.count;
    return !(config->attach_local || arguments->local) || verify_add_local(trust, audiences);
}

/* Without --aud and OIDC_AUD, for DIDs DID_AUD, any audience will do: the question is then about
 * the rest. */
static bool verify_make_trust(struct verify_trust *trust, const struct verify_arguments *arguments)
{
    struct slice_list given = {.items = trust->audiences, .count = 1};
    struct slice_list audiences = trust->config.oidc_aud;
    trust->audiences[0] = slice_from_string(arguments->audience);
    trust->trust.issuers = trust->issuers;
    if (arguments->audience != NULL || audiences.count == 0) {
        audiences = given;
    }
    struct slice_list did_audiences = audiences;
    if (arguments->audience == NULL && trust->config.did_aud.count > 0) {
        did_audiences = trust->config.did_aud;
    }
    if (!verify_add_issuers(trust, arguments, &audiences) ||
        !verify_add_dids(trust, arguments, &did_audiences)) {
        return false;
    }
    if (trust->trust.issuers_count == 0 && (trust->trust.dids == NULL || arguments->jws_only)) {
        command_complain(
            "whose tokens are to be believed? give --jwks FILE, --issuer URL, --local or "
            "--did DIDS, or set OIDC_ISSUER, ATTACH_LOCAL or DID_ALLOW as for the gateway");
        return false;
    }
    return true;
}

/* ---- keys of remote issuers ---- */

static void verify_published(void *context, size_t worker_index, size_t issuer_index,
                             enum keys_outcome outcome, struct jwks *take_jwks, const char *reason)
{
    struct verify_trust *trust = context;
    (void)worker_index;
    if (outcome == KEYS_FRESH) {
        jwks_free(trust->issuers[issuer_index].jwks);
        trust->issuers[issuer_index].jwks = take_jwks;
    } else {
        command_complain("cannot get the keys of %.*s: %s",
                         SLICE_ARGS(trust->issuers[issuer_index].issuer), reason);
    }
    if (++trust->answers == trust->remote_count) {
        issuers_free(trust->fetching);
    }
}

/* Asks every issuer once. False when that could not even begin. */
static bool verify_fetch_keys(struct verify_trust *trust)
{
    struct failure failure;
    struct fetcher *fetcher = NULL;
    uv_loop_t loop;
    const struct issuers_settings settings = {
        .issuers = trust->names,
        .issuers_count = trust->remote_count,
        .workers_count = 1,
        .cooldown_ms = trust->config.jwks_cooldown_ms,
        .max_age_ms = trust->config.jwks_max_age_ms,
        .retry_ms = trust->config.jwks_max_age_ms,
        .timeout_ms = trust->config.jwks_timeout_ms,
        .publish = verify_published,
        .context = trust,
    };
    if (trust->remote_count == 0) {
        return true;
    }
    if (uv_loop_init(&loop) != 0) {
        command_complain("out of descriptors");
        return false;
    }
    enum status status = fetcher_create(&loop, verify_fetches_max, &fetcher, &failure);
    if (status == STATUS_OK) {
        status = issuers_create(&loop, fetcher, &settings, &trust->fetching, &failure);
    }
    if (status != STATUS_OK) {
        command_complain("%s", failure.text);
    }
    while (status == STATUS_OK && trust->answers < trust->remote_count) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    fetcher_free(fetcher);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return status == STATUS_OK;
}

/* ---- documents of did:web ---- */

/* verify(), and once more when the token's did:web has a document to fetch first. */
static struct verification verify_with_document(struct verify_trust *trust, struct slice token,
                                                int64_t now_s, struct arena *arena)
{
    struct failure failure;
    struct jwks *jwks = NULL;
    struct verification verification = verify(&trust->trust, token, now_s, arena);
    if (verification.verdict != VERDICT_NEEDS_KEYS || verification.did.length == 0) {
        return verification;
    }
    if (did_fetch(verification.did, &trust->config, NULL, &jwks, &failure) != STATUS_OK) {
        command_complain("cannot use the document of %.*s: %s", SLICE_ARGS(verification.did),
                         failure.text);
        return verification;
    }
    did_web_cache_insert(trust->dids.web, verification.did, jwks, 0, UINT64_MAX);
    return verify(&trust->trust, token, now_s, arena);
}

/* ---- the verdict ---- */

static int verify_print_denied(enum deny_reason reason)
{
    struct buffer text;
    buffer_init(&text, 4096);
    buffer_append_format(&text, "denied: %s\n  %s\n", deny_reason_name(reason),
                         deny_reason_text(reason));
    (void)command_print(&text);
    return EXIT_DENIED;
}

static int verify_print_accepted(const struct verification *verification)
{
    const struct identity *identity = &verification->identity;
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    buffer_append_string(&text, "accepted\n  user: ");
    buffer_append(&text, identity->user);
    buffer_append_string(&text, "\n  issuer: ");
    buffer_append_json_string(&text, identity->issuer);
    buffer_append_string(&text, "\n  subject: ");
    buffer_append_json_string(&text, identity->subject);
    buffer_append_string(&text, "\n  expires: ");
    log_append_time(&text, verification->expires_at_s * 1000000);
    buffer_append_byte(&text, '\n');
    return command_print(&text) ? EXIT_DONE : EXIT_USAGE;
}

static int verify_judge_signature(struct verify_trust *trust, struct slice token,
                                  struct arena *arena)
{
    enum deny_reason reason = DENY_UNDECIDED;
    enum deny_reason last = DENY_UNDECIDED;
    struct slice payload;
    for (size_t i = 0; i < trust->trust.issuers_count; i++) {
        if (jws_verify_signature(trust->issuers[i].jwks, token, arena, &payload, &reason) ==
            VERDICT_ACCEPTED) {
            struct buffer text;
            buffer_init(&text, 256);
            buffer_append_string(&text, "accepted: the signature holds; no claim was looked at\n");
            return command_print(&text) ? EXIT_DONE : EXIT_USAGE;
        }
        last = reason;
    }
    return verify_print_denied(last);
}

static int verify_judge(struct verify_trust *trust, const struct verify_arguments *arguments,
                        struct slice token)
{
    struct arena arena;
    int code;
    arena_init(&arena, verify_arena_bytes_max);
    if (token.length > token_bytes_max) {
        code = verify_print_denied(DENY_TOKEN_TOO_LONG);
    } else if (arguments->jws_only) {
        code = verify_judge_signature(trust, token, &arena);
    } else {
        struct verification verification =
            verify_with_document(trust, token, arguments->now_s, &arena);
        code = verification.verdict == VERDICT_ACCEPTED ? verify_print_accepted(&verification)
                                                        : verify_print_denied(verification.reason);
    }
    arena_clear(&arena);
    return code;
}

static bool verify_read_token(struct buffer *buffer)
{
    if (!verify_read_file("standard input", stdin, buffer)) {
        return false;
    }
    /* One line end is the shell's; anything else is the token's. */
    if (buffer->length > 0 && buffer->data[buffer->length - 1] == '\n') {
        buffer->length--;
    }
    if (buffer->length > 0 && buffer->data[buffer->length - 1] == '\r') {
        buffer->length--;
    }
    if (buffer->length == 0) {
        command_complain("verify reads a token from standard input; there was none");
        return false;
    }
    return true;
}

static bool verify_read_arguments(int count, char **arguments, struct verify_arguments *ret,
                                  int *ret_left)
{
    const struct argument own[] = {{.flag = "--jwks", .ret = &ret->jwks_file},
                                   {.flag = "--issuer", .ret = &ret->issuer},
                                   {.flag = "--aud", .ret = &ret->audience},
                                   {.flag = "--did", .ret = &ret->did},
                                   {.flag = "--now", .ret = &ret->now},
                                   {.flag = "--env-file", .ret = &ret->env_file},
                                   {.flag = "--local", .ret_is_there = &ret->local},
                                   {.flag = "--jws-only", .ret_is_there = &ret->jws_only}};
    uint64_t now_s = 0;
    *ret_left = arguments_take(count, arguments, own, sizeof(own) / sizeof(own[0]));
    if (*ret_left < 0) {
        return false;
    }
    ret->now_s = clock_wall_s();
    if (ret->now != NULL) {
        if (!slice_parse_uint(slice_from_string(ret->now), 1ULL << 53, &now_s)) {
            command_complain("--now: \"%s\" is not a number of seconds since 1970", ret->now);
            return false;
        }
        ret->now_s = (int64_t)now_s;
    }
    return true;
}

int command_verify(int count, char **arguments)
{
    struct verify_arguments given = {0};
    struct verify_trust *trust = calloc(1, sizeof(*trust));
    struct buffer token;
    int left = 0;
    int code = EXIT_USAGE;
    buffer_init(&token, 4 * token_bytes_max);
    if (trust == NULL) {
        command_complain("out of memory");
        return EXIT_USAGE;
    }
    if (verify_read_arguments(count, arguments, &given, &left) &&
        arguments_load_config(&trust->config, given.env_file, left, arguments) &&
        verify_make_trust(trust, &given) && verify_read_token(&token) && verify_fetch_keys(trust)) {
        struct slice text = buffer_slice(&token);
        if (token.failed) {
            text.length = token_bytes_max + 1; /* longer than we keep, and than any we accept */
        }
        code = verify_judge(trust, &given, text);
    }
    for (size_t i = 0; i < trust->trust.issuers_count; i++) {
        jwks_free(trust->issuers[i].jwks);
    }
    did_web_cache_free(trust->dids.web);
    buffer_clear(&token);
    config_clear(&trust->config);
    free(trust);
    return code;
}
