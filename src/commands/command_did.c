/* SPDX-License-Identifier: MIT
 *
 * command_did.c - `attach-gateway did`: makes the key of a did:key, and shows the document of a
 * DID: what the gateway itself would believe of it. */
#include "auth/did_document.h"
#include "auth/did_key.h"
#include "auth/ed25519_key.h"
#include "auth/jwk.h"
#include "commands/commands.h"
#include "commands/did_fetch.h"

enum {
    did_arena_bytes_max = 256 * 1024,
    did_document_text_bytes_max = 128 * 1024,
};

static int did_failed(const struct failure *failure)
{
    command_complain("%s", failure->text);
    return EXIT_DENIED;
}

/* ---- did new ---- */

static int did_new(int count, char **arguments)
{
    const char *type = "ed25519";
    const char *file = NULL;
    const struct argument own[] = {{.flag = "--type", .ret = &type},
                                   {.flag = "--out", .ret = &file}};
    struct failure failure;
    struct did_key *key = NULL;
    struct buffer text;
    int left = arguments_take(count, arguments, own, sizeof(own) / sizeof(own[0]));
    if (left < 0) {
        return EXIT_USAGE;
    }
    if (left > 0) {
        command_complain("did new: \"%s\" is none of --type and --out", arguments[0]);
        return EXIT_USAGE;
    }
    if (file == NULL || file[0] == '\0') {
        command_complain("did new needs --out FILE: where the private key goes");
        return EXIT_USAGE;
    }
    enum status status = did_key_create(slice_from_string(type), &key, &failure);
    if (status == STATUS_INVALID) {
        command_complain("--type: \"%s\" is none of ed25519, p256 and secp256k1", type);
        return EXIT_USAGE;
    }
    if (status == STATUS_OK) {
        status = did_key_write(key, file, &failure);
    }
    if (status != STATUS_OK) {
        did_key_free(key);
        return did_failed(&failure);
    }
    buffer_init(&text, 4096);
    buffer_append(&text, did_key_did(key));
    buffer_append_byte(&text, '\n');
    did_key_free(key);
    return command_print(&text) ? EXIT_DONE : EXIT_DENIED;
}

/* ---- did resolve ---- */

/* DENY_UNDECIDED when the key of <did> can verify. An address is no key: nothing can be said. */
static enum deny_reason did_key_check(const struct did *did)
{
    struct jwk key = {0};
    if (did->kind == KEY_ETHEREUM) {
        return DENY_UNDECIDED;
    }
    enum deny_reason reason = did_import(did, &key);
    jwk_clear(&key);
    /* Half of all numbers are no point of Ed25519's curve, which OpenSSL does not say. */
    if (reason == DENY_UNDECIDED && did->method != DID_METHOD_JWK && did->kind == KEY_ED25519 &&
        !ed25519_key_is_point(did->key)) {
        reason = DENY_DID_KEY_NOT_A_POINT;
    }
    return reason;
}

static int did_print_document(const struct did *did, const struct config *config)
{
    struct failure failure;
    struct buffer text;
    enum deny_reason reason = DENY_UNDECIDED;
    enum status status = STATUS_OK;
    buffer_init(&text, did_document_text_bytes_max);
    if (did->method == DID_METHOD_WEB) {
        status = did_fetch(did->text, config, &text, NULL, &failure);
    } else if ((reason = did_key_check(did)) == DENY_UNDECIDED) {
        did_document_append(did, &text);
    } else {
        failure_set(&failure, "%s", deny_reason_text(reason));
        status = STATUS_INVALID;
    }
    if (status != STATUS_OK) {
        buffer_clear(&text);
        command_complain("cannot resolve %.*s: %s",
                         (int)(did->text.length > 200 ? 200 : did->text.length), did->text.data,
                         failure.text);
        return EXIT_DENIED;
    }
    if (text.length > 0 && text.data[text.length - 1] != '\n') {
        buffer_append_byte(&text, '\n');
    }
    return command_print(&text) ? EXIT_DONE : EXIT_DENIED;
}

static int did_resolve(int count, char **arguments)
{
    const char *env_file = NULL;
    const struct argument own[] = {{.flag = "--env-file", .ret = &env_file}};
    struct config config = {0};
    struct arena arena;
    struct did did;
    int code = EXIT_USAGE;
    if (count < 1 || arguments[0][0] == '-') {
        command_complain("did resolve needs a DID, such as did:web:example.com");
        return EXIT_USAGE;
    }
    int left = arguments_take(count - 1, arguments + 1, own, sizeof(own) / sizeof(own[0]));
    if (left < 0) {
        return EXIT_USAGE;
    }
    arena_init(&arena, did_arena_bytes_max);
    if (arguments_load_config(&config, env_file, left, arguments + 1)) {
        enum deny_reason reason = did_parse(slice_from_string(arguments[0]), &arena, &did);
        if (reason == DENY_UNDECIDED) {
            code = did_print_document(&did, &config);
        } else {
            command_complain("cannot resolve %.200s: %s", arguments[0], deny_reason_text(reason));
            code = EXIT_DENIED;
        }
    }
    config_clear(&config);
    arena_clear(&arena);
    return code;
}

static const struct did_action {
    const char *name;
    int (*run)(int count, char **arguments);
} did_actions[] = {
    {"new", did_new},
    {"resolve", did_resolve},
};

int command_did(int count, char **arguments)
{
    for (size_t i = 0; count > 0 && i < sizeof(did_actions) / sizeof(did_actions[0]); i++) {
        if (strcmp(arguments[0], did_actions[i].name) == 0) {
            return did_actions[i].run(count - 1, arguments + 1);
        }
    }
    command_complain("did needs one of: new resolve");
    return EXIT_USAGE;
}
