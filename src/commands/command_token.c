/* SPDX-License-Identifier: MIT
 *
 * command_token.c - `attach-gateway token`: a token of the local key for one user. */
#include "auth/mint.h"
#include "base/clock.h"
#include "commands/commands.h"

enum { token_lifetime_ms = 10 * 60 * 1000 };

static bool token_append(struct config *config, const char *user, struct slice audience,
                         uint64_t lifetime_ms, struct buffer *buffer)
{
    struct failure failure;
    struct slice directory;
    struct mint *mint = NULL;
    enum status status = config_data_directory(config, &directory, &failure);
    if (status == STATUS_OK) {
        status = mint_open(directory.data, &mint, &failure);
    }
    if (status == STATUS_OK) {
        status = mint_append_token(mint, slice_from_string(user), audience, clock_wall_s(),
                                   (int64_t)(lifetime_ms / 1000), buffer, &failure);
    }
    mint_free(mint);
    if (status != STATUS_OK) {
        command_complain("%s", failure.text);
    }
    return status == STATUS_OK;
}

int command_token(int count, char **arguments)
{
    const char *user = NULL;
    const char *audience_text = NULL;
    const char *lifetime_text = NULL;
    const char *env_file = NULL;
    const struct argument own[] = {{.flag = "--user", .ret = &user},
                                   {.flag = "--aud", .ret = &audience_text},
                                   {.flag = "--ttl", .ret = &lifetime_text},
                                   {.flag = "--env-file", .ret = &env_file}};
    uint64_t lifetime_ms = token_lifetime_ms;
    struct config config = {0};
    struct buffer token;
    int left = arguments_take(count, arguments, own, sizeof(own) / sizeof(own[0]));
    if (left < 0) {
        return EXIT_USAGE;
    }
    if (user == NULL || user[0] == '\0') {
        command_complain("token needs --user USER: who the token is for");
        return EXIT_USAGE;
    }
    if (lifetime_text != NULL &&
        (!config_parse_duration(slice_from_string(lifetime_text), &lifetime_ms) ||
         lifetime_ms < 1000 || lifetime_ms / 1000 > INT32_MAX)) {
        command_complain("--ttl: \"%s\" is not a duration of at least a second, such as 10m",
                         lifetime_text);
        return EXIT_USAGE;
    }
    if (!arguments_load_config(&config, env_file, left, arguments)) {
        config_clear(&config);
        return EXIT_USAGE;
    }
    struct slice audience =
        config.oidc_aud.count > 0 ? config.oidc_aud.items[0] : SLICE(MINT_LOCAL_AUDIENCE);
    if (audience_text != NULL) {
        audience = slice_from_string(audience_text);
    }
    buffer_init(&token, 64 * 1024);
    bool done = token_append(&config, user, audience, lifetime_ms, &token);
    config_clear(&config);
    if (!done) {
        buffer_clear(&token);
        return EXIT_DENIED;
    }
    buffer_append_byte(&token, '\n');
    return command_print(&token) ? EXIT_DONE : EXIT_DENIED;
}
