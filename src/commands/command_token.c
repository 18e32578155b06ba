/* SPDX-License-Identifier: MIT
 *
 * command_token.c - `attach-gateway token`: a token of the local key for one user, or one that a
 * DID's own key signs. */
#include "auth/did_key.h"
#include "auth/mint.h"
#include "base/clock.h"
#include "commands/commands.h"

enum { token_lifetime_ms = 10 * 60 * 1000 };

struct token_arguments {
    const char *user;
    const char *did_file;
    const char *audience;
    const char *lifetime;
    const char *env_file;
    uint64_t lifetime_ms;
};

static enum status token_append_local(struct config *config, const struct token_arguments *given,
                                      struct slice audience, struct buffer *buffer,
                                      struct failure *reterr)
{
    struct slice directory;
    struct mint *mint = NULL;
    enum status status = config_data_directory(config, &directory, reterr);
    if (status == STATUS_OK) {
        status = mint_open(directory.data, &mint, reterr);
    }
    if (status == STATUS_OK) {
        status = mint_append_token(mint, slice_from_string(given->user), audience, clock_wall_s(),
                                   (int64_t)(given->lifetime_ms / 1000), buffer, reterr);
    }
    mint_free(mint);
    return status;
}

static enum status token_append_did(const struct token_arguments *given, struct slice audience,
                                    struct buffer *buffer, struct failure *reterr)
{
    struct did_key *key = NULL;
    enum status status = did_key_read(given->did_file, &key, reterr);
    if (status == STATUS_OK) {
        status = did_key_append_token(key, audience, clock_wall_s(),
                                      (int64_t)(given->lifetime_ms / 1000), buffer, reterr);
    }
    did_key_free(key);
    return status;
}

/* What a gateway with this configuration would expect. */
static struct slice token_audience(const struct config *config, const struct token_arguments *given)
{
    if (given->audience != NULL) {
        return slice_from_string(given->audience);
    }
    if (given->did_file != NULL && config->did_aud.count > 0) {
        return config->did_aud.items[0];
    }
    return config->oidc_aud.count > 0 ? config->oidc_aud.items[0] : SLICE(MINT_LOCAL_AUDIENCE);
}

static int token_print(struct config *config, const struct token_arguments *given)
{
    struct failure failure;
    struct buffer token;
    buffer_init(&token, 64 * 1024);
    struct slice audience = token_audience(config, given);
    enum status status = given->did_file != NULL
                             ? token_append_did(given, audience, &token, &failure)
                             : token_append_local(config, given, audience, &token, &failure);
    if (status != STATUS_OK) {
        command_complain("%s", failure.text);
        buffer_clear(&token);
        return EXIT_DENIED;
    }
    buffer_append_byte(&token, '\n');
    return command_print(&token) ? EXIT_DONE : EXIT_DENIED;
}

static bool token_arguments_are_sound(struct token_arguments *given)
{
    bool has_user = given->user != NULL && given->user[0] != '\0';
    bool has_file = given->did_file != NULL && given->did_file[0] != '\0';
    if (has_user == has_file) {
        command_complain("token needs either --user USER, who the token is for, or --did FILE, the "
                         "key of a DID that signs it");
        return false;
    }
    given->did_file = has_file ? given->did_file : NULL;
    if (given->lifetime != NULL &&
        (!config_parse_duration(slice_from_string(given->lifetime), &given->lifetime_ms) ||
         given->lifetime_ms < 1000 || given->lifetime_ms / 1000 > INT32_MAX)) {
        command_complain("--ttl: \"%s\" is not a duration of at least a second, such as 10m",
                         given->lifetime);
        return false;
    }
    return true;
}

int command_token(int count, char **arguments)
{
    struct token_arguments given = {.lifetime_ms = token_lifetime_ms};
    const struct argument own[] = {{.flag = "--user", .ret = &given.user},
                                   {.flag = "--did", .ret = &given.did_file},
                                   {.flag = "--aud", .ret = &given.audience},
                                   {.flag = "--ttl", .ret = &given.lifetime},
                                   {.flag = "--env-file", .ret = &given.env_file}};
    struct config config = {0};
    int left = arguments_take(count, arguments, own, sizeof(own) / sizeof(own[0]));
    if (left < 0 || !token_arguments_are_sound(&given)) {
        return EXIT_USAGE;
    }
    int code = EXIT_USAGE;
    if (arguments_load_config(&config, given.env_file, left, arguments)) {
        code = token_print(&config, &given);
    }
    config_clear(&config);
    return code;
}
