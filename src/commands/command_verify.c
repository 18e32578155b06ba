/* SPDX-License-Identifier: MIT
 *
 * command_verify.c - `attach-gateway verify`: would this token be accepted, and why not?
 *
 * With --jwks it works offline; otherwise it asks the issuers, once, exactly as the gateway would.
 * Prints the verdict on standard output. */
#include "auth/issuer.h"
#include "auth/jws.h"
#include "auth/mint.h"
#include "auth/verify.h"
#include "base/clock.h"
#include "commands/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    verify_fetches_max = 16,
    verify_issuers_max = 64,
    verify_arena_bytes_max = 1024 * 1024,
};

struct verify_arguments {
    const char *jwks_file;
    const char *issuer;
    const char *audience;
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

/* From --jwks and --issuer, or, without either, what the gateway itself would believe. Without
 * --aud and OIDC_AUD any audience will do: the question is then about the rest. */
static bool verify_make_trust(struct verify_trust *trust, const struct verify_arguments *arguments)
{
    const struct config *config = &trust->config;
    struct slice_list audiences = config->oidc_aud;
    trust->trust.issuers = trust->issuers;
    if (arguments->audience != NULL || audiences.count == 0) {
        trust->audiences[0] = slice_from_string(arguments->audience);
        audiences = (struct slice_list){.items = trust->audiences, .count = 1};
    }
    if (arguments->jwks_file != NULL) {
        return verify_add_issuer(trust, slice_from_string(arguments->issuer), &audiences) &&
               verify_load_jwks(arguments->jwks_file, &trust->issuers[0].jwks);
    }
    if (arguments->issuer != NULL) {
        trust->remote_count = 1;
        return verify_add_issuer(trust, slice_from_string(arguments->issuer), &audiences);
    }
    for (size_t i = 0; i < config->oidc_issuer.count; i++) {
        if (!verify_add_issuer(trust, config->oidc_issuer.items[i], &audiences)) {
            return false;
        }
    }
    trust->remote_count = config->oidc_issuer.count;
    if ((config->attach_local || arguments->local) && !verify_add_local(trust, &audiences)) {
        return false;
    }
    if (trust->trust.issuers_count == 0) {
        command_complain(
            "whose tokens are to be believed? give --jwks FILE, --issuer URL or --local, "
            "or set OIDC_ISSUER or ATTACH_LOCAL as for the gateway");
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
        struct verification verification = verify(&trust->trust, token, arguments->now_s, &arena);
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
    buffer_clear(&token);
    config_clear(&trust->config);
    free(trust);
    return code;
}
